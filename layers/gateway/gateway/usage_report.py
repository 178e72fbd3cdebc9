"""Reports of usage: what is complete from the roll-ups, the rest from the rows, so that a report is exact to the moment."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway import rollups
from gateway.errors import InvalidRequest, ServiceUnavailable
from gateway.periods import BUCKETS, HOUR_MS, Range, day_label, first_hour, hour_label, hour_of, iso, parts, read_range
from gateway.query import Parameters
from gateway.request_rows import Row, Tables, created, for_each, of_range, owners
from gateway.sums import BY, COUNTS, Sorts, Sums, sort_of

Json = dict[str, Any]

PARAMETERS = ("from", "to", "bucket", "group_by", "key", "team", "model", "provider", "format")
FILTERS = ("team", "model", "provider")
MOST_LINES = 10_000
CHECKED_EVERY = 1000
"""Rows, or roll-ups, between two looks at the clock."""


@dataclass(frozen=True)
class Question:
    """What a report is about.

    Attributes:
        key: whose usage; None for all keys'.
        filters: values of some of FILTERS that are alone counted.
    """

    span: Range
    bucket: str
    group_by: tuple[str, ...]
    key: str | None
    filters: dict[str, str]


def question(given: Parameters, key: str | None, now: int) -> Question:
    """A report's question out of its parameters.

    Args:
        key: whose usage; None for all keys'.
        now: in milliseconds since the epoch.
    Raises:
        InvalidRequest: a parameter is wrong.
    """
    bucket = given.choice("bucket", ("day", *(name for name in BUCKETS if name != "day")))
    span = read_range(given.text("from"), given.text("to"), bucket, now)
    asked = {name: given.text(name) for name in FILTERS}
    filters = {name: value for name, value in asked.items() if value is not None}
    return Question(span, bucket, given.choices("group_by", BY), key, filters)


def report(
    tables: Tables, asked: Question, now: int, retention_days: int, has_time: Callable[[], bool] = lambda: True
) -> Json:
    """The report, with a line for each bucket and group that has any requests, and the sums of them all.

    Args:
        now: in milliseconds since the epoch.
        has_time: whether more rows may be summed.
    Raises:
        InvalidRequest: part of an hour is asked for whose rows are gone; or there would be too many lines.
        ServiceUnavailable: there was not enough time.
    """
    groups: dict[tuple[int, Sorts], Sums] = defaultdict(Sums)
    total = Sums()
    for number, (hour, entry) in enumerate(_entries(tables, asked, now, retention_days, has_time)):
        _check_time(number, has_time)
        for sums in (groups[first_hour(asked.bucket, hour), sort_of(entry, asked.group_by)], total):
            sums.add_item(entry)
        if len(groups) > MOST_LINES:
            raise InvalidRequest(
                f"group_by: the report has more than {MOST_LINES:,} lines; narrow it.", param="group_by"
            )
    lines = [
        {"start": iso(hour * HOUR_MS), **_names(asked.group_by, sort), **sums.told()}
        for (hour, sort), sums in sorted(groups.items(), key=lambda group: group[0])
    ]
    span = {"from": iso(asked.span.start), "to": iso(asked.span.end)}
    return {"object": "list", **span, "bucket": asked.bucket, "data": lines, "total": total.told()}


def columns(asked: Question) -> tuple[str, ...]:
    """A line's fields."""
    return ("start", *asked.group_by, *COUNTS, "cost_usd")


def _names(names: tuple[str, ...], sort: tuple[str, ...]) -> dict[str, str | None]:
    return {name: value or None for name, value in zip(names, sort, strict=True)}


def _entries(
    tables: Tables, asked: Question, now: int, retention_days: int, has_time: Callable[[], bool]
) -> Iterator[tuple[int, Row]]:
    """All that is to be summed, each with its hour: roll-ups, and sums of rows like them."""
    rolled = rollups.rolled_until(tables)
    sources = parts(asked.span, rolled, by_days=asked.bucket != "hour")
    for span in sources.rows:
        _check_retention(span, asked.span, rolled, rollups.oldest_hour(now, retention_days))
    owner = asked.key or rollups.ALL
    between = [(f"day#{day_label(one.start)}", f"day#{day_label(one.end - 1)}$") for one in sources.days]
    between += [(hour_label(one.start), f"{hour_label(one.end - 1)}$") for one in sources.hours]
    for first, last in between:
        for item in rollups.items_of(tables, owner, first, last):
            if _wanted(item, asked):
                yield int(item["hour"]), item
    for span in sources.rows:
        yield from _rows(tables, asked, span, has_time)


def _rows(tables: Tables, asked: Question, span: Range, has_time: Callable[[], bool]) -> Iterator[tuple[int, Row]]:
    names = [asked.key] if asked.key else owners(tables)

    def read(owner: str) -> dict[tuple[int, Sorts], Sums]:
        found: dict[tuple[int, Sorts], Sums] = defaultdict(Sums)
        for number, row in enumerate(of_range(tables, owner, span)):
            _check_time(number, has_time)
            if _wanted(row, asked):
                found[hour_of(created(row)), sort_of(row, BY)].add_row(row)
        return found

    for groups in for_each(names, read):
        for (hour, sort), sums in groups.items():
            yield hour, dict(zip(BY, sort, strict=True)) | sums.values()


def _check_time(number: int, has_time: Callable[[], bool]) -> None:
    if number % CHECKED_EVERY == 0 and not has_time():
        raise ServiceUnavailable("There is too much to sum up; ask for less, or try again later.", retry_after=60)


def _wanted(entry: Row, asked: Question) -> bool:
    return all((entry.get(name) or "") == value for name, value in asked.filters.items())


def _check_retention(span: Range, asked: Range, rolled: int | None, oldest: int) -> None:
    """Part of an hour can only be told by its rows."""
    if rolled is not None and hour_of(span.start) < min(rolled, oldest):
        param = "from" if span.start == asked.start else "to"
        raise InvalidRequest(f"{param}: must be a whole hour there; the rows of that time are gone.", param=param)
