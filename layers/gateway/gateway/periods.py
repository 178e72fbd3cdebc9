"""Hours, days and months in UTC, as usage is summed by them, and the ranges that are asked for.

An hour is told by its number since the epoch, a moment by its milliseconds.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.errors import InvalidRequest

HOUR_MS = 3_600_000
DAY_HOURS = 24
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9000, 1, 1, tzinfo=UTC)
MAX_DAYS = {"hour": 31, "day": 800, "month": 800}
"""How long a report may be, by its buckets."""
BUCKETS = tuple(MAX_DAYS)

_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d(?P<time>T\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+ -]\d\d:\d\d))?", re.ASCII | re.IGNORECASE
)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class Range:
    """A span of time, in milliseconds since the epoch: with its start, without its end."""

    start: int
    end: int


@dataclass(frozen=True)
class Parts:
    """Where the sums of a range come from: rows before and after, hours next to them, days in the middle.

    Each is a span, in milliseconds (rows) or hours (the others); empty ones are left out.
    """

    rows: tuple[Range, ...]
    hours: tuple[Range, ...]
    days: tuple[Range, ...]


def hour_of(milliseconds: int) -> int:
    """The hour of a moment."""
    return milliseconds // HOUR_MS


def moment_of(milliseconds: int) -> datetime:
    """A moment in UTC."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def iso(milliseconds: int) -> str:
    """A moment as a text such as "2026-11-27T10:00:00Z", with milliseconds if it has any."""
    precision = "milliseconds" if milliseconds % 1000 else "seconds"
    return moment_of(milliseconds).isoformat(timespec=precision).replace("+00:00", "Z")


def hour_label(hour: int) -> str:
    """An hour as roll-ups name it, such as "2026-11-27T10"."""
    return f"{moment_of(hour * HOUR_MS):%Y-%m-%dT%H}"


def day_label(hour: int) -> str:
    """The day of an hour as roll-ups name it, such as "2026-11-27"."""
    return f"{moment_of(hour * HOUR_MS):%Y-%m-%d}"


def first_hour(bucket: str, hour: int) -> int:
    """The first hour of the hour, the day or the month that an hour is in."""
    if bucket == "hour":
        return hour
    if bucket == "day":
        return hour - hour % DAY_HOURS
    month = moment_of(hour * HOUR_MS).replace(day=1, hour=0)
    return (month - EPOCH) // timedelta(hours=1)


def ulid_from(milliseconds: int) -> str:
    """The least ULID of a moment: it sorts before all others of it, and after all of those before."""
    digits = ""
    for _ in range(10):
        milliseconds, digit = divmod(milliseconds, 32)
        digits = _CROCKFORD[digit] + digits
    return digits + "0" * 16


def read_moment(text: str, param: str) -> int:
    """A date (its start in UTC), or a time with offset.

    Args:
        param: the parameter that it came in, for errors.
    Raises:
        InvalidRequest: it is neither.
    """
    found = _MOMENT.fullmatch(text)
    try:
        # A plus that was not encoded arrives as a space.
        moment = datetime.fromisoformat(text.upper().replace(" ", "+")) if found else EPOCH - timedelta(1)
    except ValueError:
        moment = EPOCH - timedelta(1)
    if found and not found["time"]:
        moment = moment.replace(tzinfo=UTC)
    if not EPOCH <= moment < END:
        raise InvalidRequest(
            f'{param}: must be a date such as "2026-11-27" or a time with offset such as "2026-11-27T10:00:00Z".',
            param=param,
        )
    return -((EPOCH - moment) // timedelta(milliseconds=1))


def read_range(start: str | None, end: str | None, bucket: str, now: int) -> Range:
    """The range of a report: by default from the start of the month until now.

    Args:
        now: in milliseconds since the epoch.
    Raises:
        InvalidRequest: one of them is no moment, they are upside-down, or too far apart for the buckets.
    """
    ends = now if end is None else read_moment(end, "to")
    begins = read_moment(start, "from") if start is not None else month_before(ends if end is None else ends - 1)
    if begins > ends:
        raise InvalidRequest("to: must not be before `from`.", param="from" if end is None else "to")
    if ends - begins > MAX_DAYS[bucket] * DAY_HOURS * HOUR_MS:
        raise InvalidRequest(f"from: must be at most {MAX_DAYS[bucket]} days before `to`, by {bucket}.", param="from")
    return Range(begins, ends)


def month_before(milliseconds: int) -> int:
    """The start of the month that a moment is in."""
    return first_hour("month", hour_of(max(milliseconds, 0))) * HOUR_MS


def parts(asked: Range, rolled_until: int | None, *, by_days: bool) -> Parts:
    """Where the sums of a range come from: from roll-ups all that is complete, from rows the rest.

    Args:
        rolled_until: the hour until which, exclusively, all is rolled up; None if nothing is.
        by_days: whether sums of days will do.
    """
    begin, end = -(-asked.start // HOUR_MS), min(asked.end // HOUR_MS, rolled_until or 0)
    if begin >= end:
        return Parts(_some(asked), (), ())
    rows = (*_some(Range(asked.start, begin * HOUR_MS)), *_some(Range(end * HOUR_MS, asked.end)))
    first, last = -(-begin // DAY_HOURS) * DAY_HOURS, end - end % DAY_HOURS
    if not by_days or first >= last:
        return Parts(rows, (Range(begin, end),), ())
    return Parts(rows, (*_some(Range(begin, first)), *_some(Range(last, end))), (Range(first, last),))


def _some(span: Range) -> tuple[Range, ...]:
    return (span,) if span.start < span.end else ()
