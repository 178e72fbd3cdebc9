"""Lists of requests, newest first, and single ones, as their key's owner and admins see them."""

import dataclasses
import heapq
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway import cursors, dynamodb
from gateway.errors import InvalidRequest, NotFound
from gateway.keys import checksum
from gateway.periods import Range, iso, read_moment, ulid_from
from gateway.pricing import dollars
from gateway.query import Parameters
from gateway.request_log import RequestRow
from gateway.request_rows import Row, Tables, for_each, owners, query

Json = dict[str, Any]
Position = tuple[str, str]
"""A ULID and a key's id: where a row is in the list of all keys' rows."""

PARAMETERS = ("key", "model", "provider", "status", "error_code", "from", "to", "limit", "cursor", "format")
MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MOST_EXAMINED = 2000
"""Rows that are looked at for one page; then it ends, filled or not."""
READ_AT_ONCE, LEAST_AT_ONCE = 250, 25
REQUEST_ID = re.compile(r"req_([0-9A-Za-z]{12})_([0-7][0-9A-HJKMNP-TV-Z]{25})", re.ASCII)
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)
KEY = re.compile(r"[0-9A-Za-z]{12}", re.ASCII)
LAST = "7" + "Z" * 25
FIELDS = tuple(field.name for field in dataclasses.fields(RequestRow) if field.name not in ("owner", "request_id"))
COLUMNS = ("id", "key", *FIELDS)


@dataclass(frozen=True)
class Listing:
    """Which requests are asked for.

    Attributes:
        key: whose; None for all keys'.
        first, last: the bounds of their ULIDs.
        filters: values of attributes that a row must have.
        before: the position of the last row that was seen.
    """

    key: str | None
    first: str
    last: str
    filters: dict[str, Any]
    limit: int
    before: Position | None


@dataclass(frozen=True)
class Page:
    """Some requests; those after them are behind the cursor, None if there are none."""

    rows: list[Json]
    next_cursor: str | None


def listing(given: Parameters, key: str | None, now: int) -> Listing:
    """What is asked for, out of the parameters.

    Args:
        key: whose requests; None for all keys'.
        now: in milliseconds since the epoch.
    Raises:
        InvalidRequest: a parameter is wrong.
    """
    span = _span(given, now)
    texts = {name: given.text(name) for name in ("model", "provider", "error_code")}
    filters = {name: value for name, value in (texts | {"status": given.whole("status", 100, 599)}).items() if value}
    cursor = given.text("cursor")
    before = _position(cursor, key) if cursor is not None else None
    limit = given.whole("limit", 1, MAX_LIMIT, DEFAULT_LIMIT) or DEFAULT_LIMIT
    first, last = (ulid_from(span.start), ulid_from(span.end - 1)[:10] + "Z" * 16) if span else ("0" * 26, LAST)
    return Listing(key, first, min(last, before[0]) if before else last, filters, limit, before)


def page(tables: Tables, asked: Listing, now: int) -> Page:
    """The next requests. There may be fewer than the limit, and still more behind.

    Args:
        now: in milliseconds since the epoch.
    """
    found: list[Row] = []
    last: Row = {}
    for number, row in enumerate(_newest_first(tables, asked)):
        if number >= MOST_EXAMINED:
            return _page(found, last, asked)
        if _matches(row, asked, now):
            if len(found) == asked.limit:
                return _page(found, found[-1], asked)
            found.append(row)
        last = row
    return Page([describe(row) for row in found], None)


def find(tables: Tables, request_id: str, own: str | None, now: int) -> Json:
    """One request.

    Args:
        own: the key whose it has to be; None for any.
        now: in milliseconds since the epoch.
    Raises:
        NotFound: there is none, or it is another key's.
    """
    parsed = REQUEST_ID.fullmatch(request_id)
    item = None
    if parsed and own in (None, parsed[1]):
        item = dynamodb.get(tables.requests, {"owner": parsed[1], "request_id": request_id}, tables.db)
    if not item or _is_over(item, now):
        raise NotFound(f"There is no request '{request_id[:100]}'.", param="id")
    return describe(item)


def describe(row: Row) -> Json:
    """A request as JSON: what is not known is null, the cost a text."""
    cost = row.get("cost_usd")
    told = {name: dynamodb.to_json_value(row.get(name)) for name in FIELDS} | {
        "created_at": iso(int(row["created_at"])),
        "cost_usd": None if cost is None else dollars(cost),
        "cost_estimated": row.get("cost_estimated") is True,
        "model": row.get("model") or None,
    }
    return {"object": "request", "id": row["request_id"], "key": row["owner"], **told}


def _span(given: Parameters, now: int) -> Range | None:
    start, end = given.text("from"), given.text("to")
    if start is None and end is None:
        return None
    begins = 0 if start is None else read_moment(start, "from")
    ends = max(now + 1, begins) if end is None else read_moment(end, "to")
    if begins > ends:
        raise InvalidRequest("to: must not be before `from`.", param="to")
    return Range(begins, ends)


def _newest_first(tables: Tables, asked: Listing) -> Iterator[Row]:
    """The rows of one key or of all, those only that are after the position."""
    names = [asked.key] if asked.key else owners(tables)
    at_once = min(READ_AT_ONCE, max(LEAST_AT_ONCE, MOST_EXAMINED // max(len(names), 1)))
    limit = at_once if asked.filters else asked.limit + 2  # one at the position, one beyond the page
    streams = for_each(names, lambda owner: _started(_of_owner(tables, asked, owner, limit)))
    for row in heapq.merge(*streams, key=_position_of, reverse=True):
        if asked.before is None or _position_of(row) < asked.before:
            yield row


def _of_owner(tables: Tables, asked: Listing, owner: str, limit: int) -> Iterator[Row]:
    between = (f"req_{owner}_{asked.first}", f"req_{owner}_{asked.last}")
    return query(tables.db, tables.requests, "request_id", owner, between, limit=limit, newest_first=True)


def _started(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows, once the first page of them is there."""
    first = list(itertools.islice(rows, 1))
    return itertools.chain(first, rows)


def _position_of(row: Row) -> Position:
    return row["request_id"].rpartition("_")[2], row["owner"]


def _matches(row: Row, asked: Listing, now: int) -> bool:
    return not _is_over(row, now) and all(row.get(name) == value for name, value in asked.filters.items())


def _is_over(row: Row, now: int) -> bool:
    """DynamoDB deletes late."""
    return "expires_at" in row and int(row["expires_at"]) * 1000 <= now


def _page(found: list[Row], last: Row, asked: Listing) -> Page:
    ulid, owner = _position_of(last)
    whose = {} if asked.key else {"key": owner}
    return Page([describe(row) for row in found], cursors.encode({"before": ulid, "of": _list_of(asked.key), **whose}))


def _position(cursor: str, key: str | None) -> Position:
    """The position that a cursor tells, of this key's list or of that of all."""
    told = cursors.decode(cursor, "cursor")
    ulid, owner = told.get("before"), key or told.get("key")
    names = {"before", "of"} if key else {"before", "of", "key"}
    if set(told) != names or told["of"] != _list_of(key) or not (isinstance(ulid, str) and isinstance(owner, str)):
        raise cursors.wrong("cursor")
    if not ULID.fullmatch(ulid) or not KEY.fullmatch(owner):
        raise cursors.wrong("cursor")
    return ulid, owner


def _list_of(key: str | None) -> str:
    """Tells cursors of different lists apart."""
    return checksum(f"requests of {key or 'all keys'}")
