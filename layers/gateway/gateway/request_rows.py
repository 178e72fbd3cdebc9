"""Reads the Requests table: a key's rows by time, and whose rows there are."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ulid import ULID

from gateway import dynamodb
from gateway.periods import Range, ulid_from
from gateway.usage import COUNTS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Row = dict[str, Any]
Result = TypeVar("Result")

AT_ONCE = 8
"""Keys that are asked about at the same time."""
SUMMED = ("owner", "request_id", "status", "model", "provider", "team", "cost_usd", *COUNTS)


@dataclass(frozen=True)
class Tables:
    """A gateway's tables, by a client that reaches them."""

    db: "DynamoDBClient"
    keys: str
    requests: str
    usage: str


def owners(tables: Tables) -> list[str]:
    """The ids of all keys, those too that were deleted a moment ago."""
    found: list[str] = []
    start: dict[str, Any] = {}
    while True:
        page = tables.db.scan(
            TableName=tables.keys,
            ProjectionExpression="#id, #kind",
            ExpressionAttributeNames={"#id": "id", "#kind": "kind"},
            **start,
        )
        found += [item["id"] for item in map(dynamodb.from_item, page["Items"]) if item.get("kind", "key") == "key"]
        if not page.get("LastEvaluatedKey"):
            return sorted(found)
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def for_each(names: Sequence[str], ask: Callable[[str], Result]) -> Iterator[Result]:
    """Ask about several keys at the same time; the answers come in the keys' order."""
    if len(names) < 2:
        yield from map(ask, names)
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(ask, names)


def oldest(tables: Tables, owner: str) -> int | None:
    """When a key's first row came, in milliseconds since the epoch; None if there is none."""
    rows = query(tables.db, tables.requests, "request_id", owner, ("req_", "req_~"), limit=1)
    return next((created(row) for row in rows), None)


def of_range(tables: Tables, owner: str, span: Range) -> Iterator[Row]:
    """A key's rows of a span of time, with what is summed; all that are written by now."""
    keys = (_request_id(owner, span.start), _request_id(owner, span.end - 1, last=True))
    return query(tables.db, tables.requests, "request_id", owner, keys, names=SUMMED, consistent=True)


def created(row: Row) -> int:
    """When a request came, by its id, in milliseconds since the epoch."""
    return int(ULID.from_str(row["request_id"].rpartition("_")[2]).milliseconds)


def _request_id(owner: str, milliseconds: int, *, last: bool = False) -> str:
    ulid = ulid_from(milliseconds)
    return f"req_{owner}_{ulid[:10] + 'Z' * 16 if last else ulid}"


def query(
    db: "DynamoDBClient",
    table: str,
    sort_key: str,
    owner: str,
    between: tuple[str, str],
    *,
    names: Sequence[str] = (),
    limit: int | None = None,
    newest_first: bool = False,
    consistent: bool = False,
) -> Iterator[Row]:
    """An owner's items whose sort key is between two, both inclusive, page by page.

    Args:
        names: attributes to read; all, if there are none.
        limit: how many to read at once.
    """
    asked: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": "#owner = :owner AND #sort BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#owner": "owner", "#sort": sort_key} | {f"#{name}": name for name in names},
        "ExpressionAttributeValues": dynamodb.to_item({":owner": owner, ":first": between[0], ":last": between[1]}),
        "ScanIndexForward": not newest_first,
        "ConsistentRead": consistent,
        **({"ProjectionExpression": ", ".join(f"#{name}" for name in names)} if names else {}),
        **({"Limit": limit} if limit else {}),
    }
    if between[0] > between[1]:
        return
    while True:
        page = db.query(**asked)
        yield from map(dynamodb.from_item, page["Items"])
        if not page.get("LastEvaluatedKey"):
            return
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]
