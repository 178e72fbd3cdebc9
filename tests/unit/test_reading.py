"""What providers say of when to come back is believed within reason, and by their own clocks."""

import pytest

from gateway.providers.reading import MAX_RETRY_AFTER, retry_after

NOW = 1_792_567_680.0  # Wed, 21 Oct 2026 07:28:00 GMT
DAY = 86_400.0


def told(value: str | None, date: str | None = None, ms: str | None = None, clock: float = NOW) -> float | None:
    given = {"retry-after": value, "date": date, "retry-after-ms": ms}
    return retry_after({name: text for name, text in given.items() if text is not None}, lambda: clock)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0), ("0", 0.0), ("1.5", 1.5), ("3600", 3600.0),
        ("3601", MAX_RETRY_AFTER), ("1000000000", MAX_RETRY_AFTER), ("1e9", MAX_RETRY_AFTER), ("9" * 20, MAX_RETRY_AFTER),
        (None, None), ("", None), ("-1", None), ("soon", None), ("7 s", None), ("NaN", None), ("inf", None), ("1e999", None),
        ("9" * 400, None), ("\xb2", None), ("0x10", None),
    ],
)  # fmt: skip
def test_seconds_are_taken_up_to_an_hour_and_nonsense_is_not_taken(value: str | None, seconds: float | None) -> None:
    assert told(value) == seconds


def test_milliseconds_go_before_seconds() -> None:
    assert told("7", ms="1500") == 1.5
    assert told("7", ms="soon") == 7


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2026 07:27:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("Wed, 21 Oct 0001 07:28:00 GMT", None),
        ("Wed, 99 Oct 2026 07:28:00 GMT", None),
        ("Wednesday", None),
    ],
)
def test_a_date_is_measured_from_now_and_a_past_one_says_nothing(date: str, seconds: float | None) -> None:
    assert told(date) == seconds


@pytest.mark.parametrize("off", [-DAY, DAY, 0.0])
def test_a_date_is_measured_by_the_provider_s_own_clock_however_wrong_that_is(off: float) -> None:
    found = told("Wed, 21 Oct 2026 07:28:30 GMT", date="Wed, 21 Oct 2026 07:28:00 GMT", clock=NOW + off)
    assert found == 30


def test_a_provider_s_time_that_is_none_is_not_used() -> None:
    assert told("Wed, 21 Oct 2026 07:28:30 GMT", date="now") == 30
