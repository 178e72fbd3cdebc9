"""Hours, days and months in UTC, and where the sums of a range come from."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from gateway.errors import InvalidRequest
from gateway.periods import (
    DAY_HOURS,
    HOUR_MS,
    Range,
    day_label,
    first_hour,
    hour_label,
    hour_of,
    iso,
    parts,
    read_moment,
    read_range,
    ulid_from,
)
from tests.unit.builders import caught_from


def ms(*parts_: int) -> int:
    return round(datetime(*parts_, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


NOW = ms(2026, 11, 27, 12, 30)


@pytest.mark.parametrize(
    ("moment", "hour", "day", "month"),
    [
        (ms(2026, 11, 27, 10, 59, 59) + 999, "2026-11-27T10", "2026-11-27", "2026-11-01T00"),
        (ms(2026, 11, 1), "2026-11-01T00", "2026-11-01", "2026-11-01T00"),
        (ms(2028, 2, 29, 23, 59), "2028-02-29T23", "2028-02-29", "2028-02-01T00"),
        (ms(2026, 12, 31, 23), "2026-12-31T23", "2026-12-31", "2026-12-01T00"),
        (0, "1970-01-01T00", "1970-01-01", "1970-01-01T00"),
    ],
)
def test_a_moment_is_in_an_hour_a_day_and_a_month(moment: int, hour: str, day: str, month: str) -> None:
    found = hour_of(moment)
    assert (hour_label(found), day_label(found)) == (hour, day)
    assert hour_label(first_hour("hour", found)) == hour
    assert hour_label(first_hour("day", found)) == f"{day}T00"
    assert hour_label(first_hour("month", found)) == month


def test_a_moment_is_told_with_milliseconds_if_it_has_any() -> None:
    assert iso(ms(2026, 11, 27, 10)) == "2026-11-27T10:00:00Z"
    assert iso(ms(2026, 11, 27, 10) + 50) == "2026-11-27T10:00:00.050Z"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-27", ms(2026, 11, 27)),
        ("2026-11-27T10:00Z", ms(2026, 11, 27, 10)),
        ("2026-11-27t10:00:00z", ms(2026, 11, 27, 10)),
        ("2026-11-27T10:00:00+01:00", ms(2026, 11, 27, 9)),
        ("2026-11-27T10:00:00-05:30", ms(2026, 11, 27, 15, 30)),
        ("2026-11-27T10:00:00.5Z", ms(2026, 11, 27, 10) + 500),
        ("2026-11-27T10:00:00.0001Z", ms(2026, 11, 27, 10) + 1),  # the first millisecond that is not before it
        ("1970-01-01", 0),
    ],
)
def test_a_date_or_a_time_with_offset_is_a_moment(text: str, moment: int) -> None:
    assert read_moment(text, "from") == moment


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?"))
def test_any_text_is_a_moment_or_refused_by_name(text: str) -> None:
    try:
        assert iso(read_moment(text, "from"))
    except InvalidRequest as error:
        assert error.param == "from"  # noqa: PT017 - either is right


def test_a_range_is_from_the_months_start_until_now() -> None:
    assert read_range(None, None, "day", NOW) == Range(ms(2026, 11, 1), NOW)
    assert read_range(None, None, "day", ms(2026, 11, 1)) == Range(ms(2026, 11, 1), ms(2026, 11, 1))
    assert read_range(None, "2026-11-01", "day", NOW) == Range(ms(2026, 10, 1), ms(2026, 11, 1))
    assert read_range("2026-10-15", None, "day", NOW) == Range(ms(2026, 10, 15), NOW)


@pytest.mark.parametrize(("bucket", "days"), [("hour", 31), ("day", 800), ("month", 800)])
def test_a_range_has_its_greatest_length(bucket: str, days: int) -> None:
    end = iso(days * DAY_HOURS * HOUR_MS)
    assert read_range("1970-01-01", end, bucket, NOW).start == 0
    longer = iso(days * DAY_HOURS * HOUR_MS + 1)
    assert caught_from(lambda: read_range("1970-01-01", longer, bucket, NOW), InvalidRequest).param == "from"


def test_the_least_ulid_of_a_moment_is_between_those_before_and_its_own() -> None:
    moment = ms(2026, 11, 27, 10)
    assert ulid_from(moment) <= str(ULID.from_timestamp(moment)) < ulid_from(moment + 1)
    assert ULID.from_str(ulid_from(moment)).milliseconds == moment


@given(st.integers(0, 100 * HOUR_MS), st.integers(0, 100 * HOUR_MS), st.none() | st.integers(0, 120), st.booleans())
def test_the_parts_of_a_range_are_the_range_and_nothing_twice(
    start: int, length: int, rolled: int | None, by_days: bool
) -> None:
    asked = Range(start, start + length)
    found = parts(asked, rolled, by_days=by_days)
    hours = [Range(one.start * HOUR_MS, one.end * HOUR_MS) for one in (*found.hours, *found.days)]
    spans = sorted((*found.rows, *hours), key=lambda span: span.start)
    assert all(span.start < span.end for span in spans)
    assert all(one.end == other.start for one, other in itertools.pairwise(spans))
    assert (spans[0].start, spans[-1].end) == (asked.start, asked.end) if length else not spans
    assert all(span.end <= (rolled or 0) * HOUR_MS for span in hours)
    assert all(one.start % DAY_HOURS == one.end % DAY_HOURS == 0 for one in found.days)
    assert by_days or not found.days


def test_days_are_read_as_days_and_no_more_rows_than_needed() -> None:
    asked = Range(ms(2026, 11, 1), NOW)
    found = parts(asked, hour_of(NOW), by_days=True)
    assert found.days == (Range(hour_of(ms(2026, 11, 1)), hour_of(ms(2026, 11, 27))),)
    assert found.hours == (Range(hour_of(ms(2026, 11, 27)), hour_of(NOW)),)
    assert found.rows == (Range(ms(2026, 11, 27, 12), NOW),)
