"""Builds the search index from the Products table, and puts it in the place of the one before if it is good."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from gateway import dynamodb
from gateway.observability import logger
from gateway.products.parts import PRODUCT, STATE_KEY, Item
from gateway.search import files
from gateway.search.build import build
from gateway.search.files import IndexFiles
from gateway.search.index import FORMAT, Index
from gateway.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

UNSETTLED_SECONDS = 900
"""How long after its last batch an import that has not ended is taken for one that is under way."""
MAX_BUILDS = 3
"""The build that was quicker may have been of older products: then another is due."""
SCANNED = ("id", "title", "description", "brand", "categories", "gtins", "mpn", "attributes", "rating", "released", "images",
           "link", "currency", "price_low", "price_high", "availability", "offer_count")  # fmt: skip
"""What the index is made from."""


def run() -> dict[str, Any]:
    """Build the index of the running stack if it is not of the present products.

    Returns:
        What was done, in words and numbers: `outcome` is "built", "unchanged", or "superseded" by builds that were quicker.
    """
    began = time.time()
    db, target = _patient(), IndexFiles(files.client(), settings().search_bucket)
    for _ in range(MAX_BUILDS):
        done = publish(db, settings().products_table, target, time.time())
        if done["outcome"] != "superseded":
            break
    told = done | {"seconds": round(time.time() - began, 1)}
    logger.info("search index", extra=told)
    return told


def publish(db: "DynamoDBClient", table: str, target: IndexFiles, now: float) -> dict[str, Any]:
    """Build the index if it is not of the present products. Nothing is replaced before the new one was read and is whole.

    The revision is read before the products: whatever changes after that leaves another one behind, and so another build.

    Args:
        now: seconds since the epoch.
    Raises:
        ServiceUnavailable: the table does not answer.
        IndexUnusable: what was built is not good.
        BotoCoreError, ClientError: S3 refused, or did not answer.
    """
    before = target.published()
    state = dynamodb.get(table, STATE_KEY, db, consistent=True) or {}
    revision = int(state.get("revision", 0))
    if before and (before.format, before.revision) == (FORMAT, revision) and not _is_changing(state, now):
        return {"outcome": "unchanged", "revision": revision}
    with tempfile.TemporaryDirectory(prefix="search-") as folder:
        path = Path(folder) / files.KEY
        about = build(path, _products(db, table), revision, round(now * 1000))
        with closing(Index.open(path)) as index:
            index.check()
        is_new = target.put(path, before, format=FORMAT, revision=revision)
        size = path.stat().st_size
    return {
        "outcome": "built" if is_new else "superseded",
        "revision": revision,
        "products": about.products,
        "bytes": size,
    }


def _patient() -> "DynamoDBClient":
    """A client for pages of a megabyte, which nobody waits for."""
    config = Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 8, "mode": "standard"})
    return boto3.client("dynamodb", config=config)


def _is_changing(state: Item, now: float) -> bool:
    """Whether the last batch of an import may have come after its revision was read: one that was killed tells of no end."""
    return bool(state.get("unfinished")) and now - float(state["changed_at"]) < UNSETTLED_SECONDS


def _products(db: "DynamoDBClient", table: str) -> Iterator[Item]:
    """All products, as they are now."""
    names = {f"#{name}": name for name in (*SCANNED, "part")}
    asked: dict[str, Any] = {
        "TableName": table,
        "ConsistentRead": True,
        "FilterExpression": "#part = :part",
        "ProjectionExpression": ", ".join(f"#{name}" for name in SCANNED),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": dynamodb.to_item({":part": PRODUCT}),
    }
    while True:
        with dynamodb.available(table):
            scanned = db.scan(**asked)
        yield from map(dynamodb.from_item, scanned["Items"])
        if not scanned.get("LastEvaluatedKey"):
            return
        asked["ExclusiveStartKey"] = scanned["LastEvaluatedKey"]
