"""Finishes requests that were killed and whose keys nobody uses any more: else their holds and missing rows would stay."""

from typing import TYPE_CHECKING

from gateway import dynamodb
from gateway.errors import ServiceUnavailable
from gateway.ledger import Ledger
from gateway.observability import logger
from gateway.request_log import Rows
from gateway.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def run() -> None:
    """Sweep this stack's accounts, as the scheduled function does, and log how many had something left."""
    rows = Rows(settings().requests_table, settings().request_retention_days)
    table = settings().keys_table
    with dynamodb.available("keys"):
        logger.info("swept", accounts=sweep(dynamodb.client(), table, Ledger(table, rows)))


def sweep(db: "DynamoDBClient", table: str, ledger: Ledger) -> int:
    """Reap every account that has holds past their deadline; deleted ones, too.

    Args:
        table: the Keys table.
        ledger: knows the time.
    Returns:
        How many accounts had some.
    """
    pages = db.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="size(#holds) > :none",
        ExpressionAttributeNames={"#holds": "holds"},
        ExpressionAttributeValues={":none": {"N": "0"}},
        ConsistentRead=True,
    )
    reaped = 0
    for page in pages:
        for item in map(dynamodb.from_item, page["Items"]):
            try:
                before = len(item["holds"])
                reaped += len(ledger.reap(item)["holds"]) < before
            except ServiceUnavailable:
                logger.warning("not swept", account=item["id"])
    return reaped
