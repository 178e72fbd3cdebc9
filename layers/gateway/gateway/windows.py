"""The windows that limits are counted in: minutes, days and months in UTC, all told by minutes since the epoch."""

from datetime import UTC, datetime

MINUTE_SECONDS = 60
DAY_MINUTES = 1440

Span = tuple[int, int]
"""The first minute of a window, and its last."""


def minute_of(seconds: float) -> int:
    """The minute of a moment, given in seconds since the epoch."""
    return int(seconds // MINUTE_SECONDS)


def day_of(minute: int) -> Span:
    """The day that a minute is in."""
    first = minute - minute % DAY_MINUTES
    return first, first + DAY_MINUTES - 1


def month_of(minute: int) -> Span:
    """The month that a minute is in."""
    first = datetime.fromtimestamp(minute * MINUTE_SECONDS, UTC).replace(day=1, hour=0, minute=0)
    year, month = (first.year + 1, 1) if first.month == 12 else (first.year, first.month + 1)
    return _minute(first), _minute(first.replace(year=year, month=month)) - 1


def _minute(moment: datetime) -> int:
    return minute_of(moment.timestamp())
