"""Minutes, days and months in UTC."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.windows import day_of, minute_of, month_of


def minute(text: str) -> int:
    return minute_of(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("moment", "first", "last"),
    [
        ("2026-12-31T23:59:59", "2026-12-01T00:00", "2026-12-31T23:59"),
        ("2027-01-01T00:00:00", "2027-01-01T00:00", "2027-01-31T23:59"),
        ("2028-02-29T12:00:00", "2028-02-01T00:00", "2028-02-29T23:59"),
        ("2027-02-28T23:59:59", "2027-02-01T00:00", "2027-02-28T23:59"),
    ],
)
def test_a_month_is_the_calendar_s(moment: str, first: str, last: str) -> None:
    assert month_of(minute(moment)) == (minute(first), minute(last))


def test_a_day_ends_at_midnight() -> None:
    assert day_of(minute("2026-12-31T23:59:59")) == (minute("2026-12-31T00:00"), minute("2026-12-31T23:59"))


@given(st.integers(0, 10**8))
def test_windows_lie_beside_each_other_and_within_each_other(now: int) -> None:
    day, month = day_of(now), month_of(now)
    assert month[0] <= day[0] <= now <= day[1] <= month[1]
    for window, of in ((day, day_of), (month, month_of)):
        assert of(window[0]) == of(window[1]) == window
        assert of(window[1] + 1)[0] == window[1] + 1
