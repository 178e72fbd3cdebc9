"""Lists of keys and teams, page by page. The order is DynamoDB's own, the same every time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway import cursors, dynamodb
from gateway.accounts import Item, completed
from gateway.keys import checksum

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

IDS = {"key": re.compile(r"[0-9A-Za-z]{12}"), "team": re.compile(r"team_[0-9A-Za-z]{12}")}
MAX_LIMIT = 100
DEFAULT_LIMIT = 20
SCANNED_AT_ONCE = 500
MOST_SCANS = 20
"""Beyond so many a page ends, filled or not."""


@dataclass(frozen=True)
class Page:
    """Some of the keys or teams; those after them are behind the cursor, None if there are none."""

    items: list[Item]
    next_cursor: str | None


def page(
    db: "DynamoDBClient", table: str, kind: str, *, limit: int, cursor: str | None = None, team: str | None = None
) -> Page:
    """The next keys or teams, without those that are deleted. There may be fewer than the limit, and still more behind.

    Args:
        kind: "key" or "team".
        limit: how many, at most.
        cursor: of the page before.
        team: only keys of this team.
    Raises:
        InvalidRequest: the cursor is not one of this list's.
    """
    found: list[Item] = []
    start = _position(kind, cursor) if cursor is not None else None
    if team is not None and not IDS["team"].fullmatch(team):
        return Page(found, None)
    for _ in range(MOST_SCANS):
        scanned = db.scan(TableName=table, **_scan(kind, team, start))
        found += map(completed, map(dynamodb.from_item, scanned["Items"]))
        if len(found) > limit:
            return Page(found[:limit], _cursor(kind, found[limit - 1]["id"]))
        last = scanned.get("LastEvaluatedKey")
        if not last:
            return Page(found, None)
        start = dynamodb.from_item(last)["id"]
    return Page(found, _cursor(kind, str(start)))


def pages(db: "DynamoDBClient", table: str, kind: str, *, team: str | None = None) -> Iterator[Item]:
    """All keys or teams, of all pages."""
    cursor = None
    while True:
        found = page(db, table, kind, limit=MAX_LIMIT, cursor=cursor, team=team)
        yield from found.items
        cursor = found.next_cursor
        if cursor is None:
            return


def _scan(kind: str, team: str | None, start: str | None) -> dict[str, Any]:
    names = {"#kind": "kind", "#status": "key_status"} | ({"#team": "team"} if team is not None else {})
    values = {":kind": kind, ":deleted": "deleted"} | ({":team": team} if team is not None else {})
    also = " AND #team = :team" if team is not None else ""
    return {
        "FilterExpression": f"#kind = :kind AND #status <> :deleted{also}",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": dynamodb.to_item(values),
        "ConsistentRead": True,
        "Limit": SCANNED_AT_ONCE,
    } | ({"ExclusiveStartKey": dynamodb.to_item({"id": start})} if start is not None else {})


def _cursor(kind: str, position: str) -> str:
    return f"{position}.{checksum(f'{kind} after {position}')}"


def _position(kind: str, cursor: str) -> str:
    position = cursor.rpartition(".")[0]
    if not position or not cursor.isascii() or cursor != _cursor(kind, position):
        raise cursors.wrong("cursor")
    return position
