"""Roll-ups of usage: sums by hour and by day, recomputed from the Requests rows and overwritten, so that nothing counts twice.

Each sum is written twice: under its key's id, and, with the key in front, under the owner "*", so that a report on all keys is
one query. An item under "*" is put first and deleted last: all that there is, is found there. Slots are

    2026-11-27T10#<model>#<provider>#<team>        an hour of a key; in all keys' list, 2026-11-27T10#<key>#<model>#…
    day#2026-11-27#<model>#<provider>#<team>       a day; apart from the hours, so that nobody reads those in between
    rolled                                         under "*": `until`, the hour before which all is rolled up
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from gateway import dynamodb
from gateway.errors import ServiceUnavailable
from gateway.periods import DAY_HOURS, HOUR_MS, Range, day_label, first_hour, hour_label, hour_of
from gateway.request_rows import Row, Tables, created, for_each, of_range, oldest, owners, query
from gateway.sums import Sorts, Sums, sort_of

ALL = "*"
MARKER = "rolled"
DETAILS = ("model", "provider", "team")
SETTLED_MS = 120_000
"""A request that came at an hour's end has its row by then."""
AGAIN_HOURS = 3
"""So many complete hours are summed again each time, for rows that came late."""
AT_ONCE_HOURS = DAY_HOURS
MOST_HOURS = 7 * DAY_HOURS
"""How far one run goes on from where the last one stopped."""
BATCH = 25
MOST_TRIES = 8
MAX_SLOT = 900
"""Bytes of a slot as it is; DynamoDB takes 1,024."""

Item = dict[str, Any]
Groups = Mapping[Sorts, Sums]


class TooOld(ValueError):
    """Rows of the hour may be gone, so that summing it again would erase what they were summed to."""


@dataclass(frozen=True)
class Rolled:
    """What a run did: hours from and until (exclusive), how many sums of them there are, and whether it got as far as it should."""

    start: int
    until: int
    sums: int
    done: bool


def rolled_until(tables: Tables) -> int | None:
    """The hour before which all is rolled up; None if nothing is."""
    item = dynamodb.get(tables.usage, _marker(), tables.db, consistent=True)
    return int(item["until"]) if item else None


def complete_until(now: int) -> int:
    """The hour that is not over yet, or just so that rows may be missing; all before it are complete.

    Args:
        now: in milliseconds since the epoch.
    """
    return hour_of(now - SETTLED_MS)


def oldest_hour(now: int, retention_days: int) -> int:
    """The first hour of which all rows are still there."""
    return -(-(now - retention_days * DAY_HOURS * HOUR_MS) // HOUR_MS)


def roll_up(tables: Tables, now: int, retention_days: int, has_time: Callable[[], bool] = lambda: True) -> Rolled:
    """Sum the last complete hours again, and those since the last time; then move the marker.

    Without a marker it begins with the first row that there is.

    Args:
        now: in milliseconds since the epoch.
        has_time: whether another day can be summed; the next run goes on from where this one stops.
    """
    names = owners(tables)
    complete = complete_until(now)
    marker = rolled_until(tables)
    if marker is None:
        marker = _first_row_hour(tables, names, complete)
    start = max(min(marker, complete - AGAIN_HOURS), oldest_hour(now, retention_days))
    end = min(complete, max(marker, start) + MOST_HOURS)
    at, sums = start, 0
    while at < end and (at == start or has_time()):
        until = min(at + AT_ONCE_HOURS, end)
        sums += recompute(tables, Range(at, until), names, now, retention_days)
        _move_marker(tables, until)
        at = until
    return Rolled(start, at, sums, done=at >= complete)


def recompute(tables: Tables, hours: Range, names: Iterable[str], now: int, retention_days: int) -> int:
    """Sum hours and their days again, for these keys and all that have been summed there before.

    Args:
        hours: the first, and the one after the last.
        now: in milliseconds since the epoch.
    Returns:
        How many sums there are of these hours now.
    Raises:
        TooOld: the rows' retention is over for some of it.
    """
    if hours.start < oldest_hour(now, retention_days):
        raise TooOld(f"Rows of {hour_label(hours.start)} may be gone: they are kept for {retention_days} days.")
    there = _by_owner(tables, hours)
    everyone = sorted({*names, *there})
    return sum(for_each(everyone, lambda owner: _recompute_one(tables, hours, owner, there.get(owner, []))))


def _recompute_one(tables: Tables, hours: Range, owner: str, there: Sequence[Item]) -> int:
    rows = of_range(tables, owner, Range(hours.start * HOUR_MS, hours.end * HOUR_MS))
    by_hour = _summed(rows, lambda row: hour_of(created(row)))
    if not by_hour and not there:
        return 0
    labels = {hour_label(hour): hour for hour in range(hours.start, hours.end)}
    written = _replace(tables, owner, labels, by_hour, there)
    days = {day_label(hour): first_hour("day", hour) for hour in labels.values()}
    items = (item for day in days for item in items_of(tables, owner, f"{day}T", f"{day}T~", consistent=True))
    by_day = _summed(items, lambda item: first_hour("day", int(item["hour"])))
    _replace(tables, owner, {f"day#{day}": hour for day, hour in days.items()}, by_day, there)
    return written


def items_of(tables: Tables, owner: str, first: str, last: str, *, consistent: bool = False) -> Iterator[Item]:
    """An owner's roll-ups whose slots are between two."""
    return query(tables.db, tables.usage, "slot", owner, (first, last), consistent=consistent)


def _summed(entries: Iterable[Row], hour_of_entry: Callable[[Row], int]) -> dict[int, Groups]:
    """Sums of rows, or of roll-ups, by hour, and by what they are told apart by."""
    found: dict[int, dict[Sorts, Sums]] = defaultdict(lambda: defaultdict(Sums))
    for entry in entries:
        sums = found[hour_of_entry(entry)][sort_of(entry, DETAILS)]
        (sums.add_item if "slot" in entry else sums.add_row)(entry)
    return {hour: dict(groups) for hour, groups in found.items()}


def _replace(
    tables: Tables, owner: str, labels: Mapping[str, int], sums: Mapping[int, Groups], there: Sequence[Item]
) -> int:
    """Write an owner's sums, each labelled hour's, and delete what is not among them any more."""
    items = [
        _item(owner, label, hour, sort, one)
        for label, hour in labels.items()
        for sort, one in sums.get(hour, {}).items()
    ]
    everyones = [_for_all(item) for item in items]
    slots = {item["slot"] for item in everyones}
    gone = [item for item in there if item["label"] in labels and item["slot"] not in slots]
    own = [{"owner": owner, "slot": _slot(item["label"], sort_of(item, DETAILS))} for item in gone]
    for put in (everyones, items):
        _write(tables, [{"PutRequest": {"Item": dynamodb.to_item(item)}} for item in put])
    for keys in (own, [{"owner": ALL, "slot": item["slot"]} for item in gone]):
        _write(tables, [{"DeleteRequest": {"Key": dynamodb.to_item(key)}} for key in keys])
    return len(items)


def _item(owner: str, label: str, hour: int, sort: Sorts, sums: Sums) -> Item:
    details = dict(zip(DETAILS, sort, strict=True))
    slot = _slot(label, sort)
    return {"owner": owner, "slot": slot, "label": label, "hour": hour, "key": owner, **details, **sums.values()}


def _for_all(item: Item) -> Item:
    return item | {"owner": ALL, "slot": _slot(item["label"], (item["key"], *sort_of(item, DETAILS)))}


def _slot(label: str, parts: Sequence[str]) -> str:
    """A sort key in which no name, whatever is in it, can be taken for another."""
    names = "#".join(part.replace("%", "%25").replace("#", "%23") for part in parts)
    slot = f"{label}#{names}"
    return slot if len(slot.encode()) <= MAX_SLOT else f"{label}#{hashlib.sha256(names.encode()).hexdigest()}"


def _by_owner(tables: Tables, hours: Range) -> dict[str, list[Item]]:
    """What has been summed before, of these hours and their days, by key."""
    found: dict[str, list[Item]] = defaultdict(list)
    last = hours.end - 1
    for first, end in (
        (hour_label(hours.start), f"{hour_label(last)}$"),
        (f"day#{day_label(hours.start)}", f"day#{day_label(last)}$"),
    ):
        for item in items_of(tables, ALL, first, end, consistent=True):
            found[item["key"]].append(item)
    return found


def _write(tables: Tables, requests: Sequence[Any]) -> None:
    """Write in batches, again what DynamoDB leaves undone: a repeat changes nothing."""
    for start in range(0, len(requests), BATCH):
        left = list(requests[start : start + BATCH])
        for number in range(MOST_TRIES):
            answer = tables.db.batch_write_item(RequestItems={tables.usage: left})
            left = list(answer.get("UnprocessedItems", {}).get(tables.usage, []))
            if not left:
                break
            time.sleep(0.05 * 2**number)
        else:
            raise ServiceUnavailable("The Usage table takes no more writes for now; try again.", retry_after=1)


def _first_row_hour(tables: Tables, names: Sequence[str], complete: int) -> int:
    moments = [moment for moment in for_each(names, lambda owner: oldest(tables, owner)) if moment is not None]
    return min([complete, *map(hour_of, moments)])


def _move_marker(tables: Tables, until: int) -> None:
    """Move the marker forward, never back."""
    try:
        tables.db.put_item(
            TableName=tables.usage,
            Item=dynamodb.to_item(_marker() | {"until": until, "until_hour": hour_label(until)}),
            ConditionExpression="attribute_not_exists(#slot) OR #until < :until",
            ExpressionAttributeNames={"#slot": "slot", "#until": "until"},
            ExpressionAttributeValues=dynamodb.to_item({":until": until}),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def _marker() -> Item:
    return {"owner": ALL, "slot": MARKER}
