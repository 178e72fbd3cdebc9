"""Costs are exact, never negative, never more for what is cached, and unknown rather than wrong."""

import json
import time as clock
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway import pricing
from gateway.pricing import QUANTUM, Price, RateCard, Rates, cost, dollars, parse
from gateway.usage import Usage

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
"""Of a Tuesday."""

RATE = st.decimals(0, 1000, places=6)
TOKENS = st.integers(0, 10**8)
SHIPPED = st.sampled_from(sorted(pricing.list_prices().items())).map(lambda entry: entry[1])


@st.composite
def rates(draw: st.DrawFn) -> Rates:
    """Rates as parse lets them pass: what is cached costs no more than what is not."""
    dear = draw(RATE)
    read = draw(st.none() | st.decimals(0, dear, places=6))
    return Rates(dear, draw(RATE), read, draw(st.none() | RATE), draw(st.none() | RATE))


@st.composite
def prices(draw: st.DrawFn) -> Price:
    steps = sorted(draw(st.sets(st.integers(1, 10**8), max_size=3)))
    return Price((RateCard(draw(rates()), tuple((step, draw(rates())) for step in steps)),))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    written = draw(st.none() | TOKENS)
    kept = draw(st.none() | st.integers(0, written or 0))
    return Usage(draw(TOKENS), draw(st.none() | TOKENS), written, draw(TOKENS), cache_write_1h_tokens=kept)


ANY_PRICE = SHIPPED | prices()
ANY_TIME = st.datetimes(datetime(2026, 11, 23), datetime(2027, 12, 31)).map(
    lambda at: at.replace(tzinfo=UTC).timestamp()
)


def written_out(rates: Rates) -> dict[str, str]:
    named = {name: getattr(rates, name) for name in pricing.BUCKETS}
    return {name: dollars(rate) for name, rate in named.items() if rate is not None}


@given(ANY_PRICE, usages(), ANY_TIME, st.data())
def test_a_larger_cached_share_never_costs_more(price: Price, usage: Usage, at: float, data: st.DataObject) -> None:
    assert usage.input_tokens is not None
    moved = data.draw(st.integers(0, usage.input_tokens))
    cached = replace(
        usage, input_tokens=usage.input_tokens - moved, cache_read_tokens=(usage.cache_read_tokens or 0) + moved
    )
    before, after = cost(usage, price, at), cost(cached, price, at)
    assert (before is None) == (after is None)
    assert before is None or after is None or after <= before


@given(ANY_PRICE, usages(), ANY_TIME)
def test_a_cost_is_never_negative_and_has_no_more_digits_than_are_kept(price: Price, usage: Usage, at: float) -> None:
    amount = cost(usage, price, at)
    assert amount is None or (amount >= 0 and amount == amount.quantize(QUANTUM) and amount.is_finite())


@given(rates(), usages())
def test_a_cost_is_the_sum_of_its_buckets_to_the_last_digit(rates: Rates, usage: Usage) -> None:
    amount = cost(usage, Price((RateCard(rates),)), NOON)
    kept = usage.cache_write_1h_tokens or 0
    assume(rates.cache_write_1h is not None or not kept)
    read, write = (rates.input if rate is None else rate for rate in (rates.cache_read, rates.cache_write))
    paid = [
        (usage.input_tokens, rates.input),
        (usage.cache_read_tokens, read),
        ((usage.cache_write_tokens or 0) - kept, write),
        (kept, rates.cache_write_1h),
        (usage.output_tokens, rates.output),
    ]
    exact = sum((Fraction(tokens or 0) * Fraction(rate or 0) for tokens, rate in paid), Fraction(0)) / 10**6
    assert amount is not None
    assert abs(Fraction(amount) - exact) <= Fraction(QUANTUM) / 2


@given(rates(), usages(), usages())
def test_two_usages_cost_together_what_they_cost_apart(rates: Rates, one: Usage, other: Usage) -> None:
    price = Price((RateCard(rates),))
    amounts = [amount for usage in (one, other, one + other) if (amount := cost(usage, price, NOON)) is not None]
    assume(len(amounts) == 3)
    assert abs(amounts[0] + amounts[1] - amounts[2]) <= QUANTUM * 3 / 2


@given(ANY_PRICE, usages(), ANY_TIME, st.sampled_from(["input_tokens", "output_tokens"]))
def test_without_a_count_there_is_no_cost(price: Price, usage: Usage, at: float, name: str) -> None:
    assert cost(replace(usage, **{name: None}), price, at) is None


@given(ANY_PRICE, usages(), ANY_TIME)
def test_what_list_prices_do_not_cover_has_no_cost(price: Price, usage: Usage, at: float) -> None:
    assert cost(replace(usage, special="audio tokens"), price, at) is None


def test_nothing_used_costs_nothing() -> None:
    assert cost(Usage(0, 0, 0, 0), parse("p", {"input": "1", "output": "1"}), NOON) == 0


@pytest.mark.parametrize("price", [None, Price(())])
def test_without_a_price_there_is_no_cost_rather_than_none(price: Price | None) -> None:
    assert cost(Usage(0, None, None, 0), price, NOON) is None


@pytest.mark.parametrize(
    ("price", "usage"),
    [
        ({"input": "1"}, Usage(1, None, None, 1)),
        ({"output": "1"}, Usage(1, None, None, 1)),
        ({"output": "1"}, Usage(0, 1, None, 1)),
        ({"output": "1"}, Usage(0, None, 1, 1)),
        ({"input": "1", "output": "1", "cache_write": "1"}, Usage(0, None, 5, 1, cache_write_1h_tokens=1)),
    ],
)
def test_a_bucket_without_a_price_makes_the_cost_unknown(price: Any, usage: Usage) -> None:
    assert cost(usage, parse("p", price), NOON) is None


@pytest.mark.parametrize(
    ("price", "usage", "expected"),
    [
        ({"input": "0.13"}, Usage(8, None, None, 0), "0.00000104"),
        ({"input": "2", "output": "1"}, Usage(1, 2, 3, 4), "0.000016"),
        ({"input": "2", "output": "1", "cache_read": "0"}, Usage(1, 2, None, 4), "0.000006"),
        (
            {"input": "2", "output": "1", "cache_write_1h": "9"},
            Usage(0, None, 3, 0, cache_write_1h_tokens=3),
            "0.000027",
        ),
        ({"input": "1", "output": "1"}, Usage(0, None, 3, 0, cache_write_1h_tokens=0), "0.000003"),
        ({"input": "1", "cache_write_1h": "9"}, Usage(0, None, 3, 0, cache_write_1h_tokens=5), "0.000027"),
        ({"input": "0E+999"}, Usage(9, None, None, 0), "0"),
        ({"input": "0.000000000001"}, Usage(10**6, None, None, 0), "0.000000000001"),
        ({"input": "999999.999999"}, Usage(10**12 - 1, None, None, 0), "999999999998.000000000001"),
        ({"input": "1", "above": {"999999999": {"input": "2"}}}, Usage(10**9, None, None, 0), "2000"),
        ({"input": 0.1, "output": 0.2}, Usage(3, None, None, 3), "0.0000009"),
        ({"input": "0.08333333333333334"}, Usage(1, None, None, 0), "0.000000083333"),
        ({"input": "0.0000005"}, Usage(1, None, None, 0), "0"),
        ({"input": "0.0000015"}, Usage(1, None, None, 0), "0.000000000002"),
    ],
)
def test_a_cost_by_hand(price: Any, usage: Usage, expected: str) -> None:
    amount = cost(usage, parse("p", price), NOON)
    assert amount is not None
    assert dollars(amount) == expected


def test_a_long_prompt_costs_more_for_all_of_its_tokens_by_the_highest_step_that_it_passes() -> None:
    price = parse(
        "p", {"input": "1", "output": "1", "above": {"200": {"input": "3", "output": "5"}, "100": {"input": "2"}}}
    )
    costs = [
        cost(Usage(tokens, read, None, 0), price, NOON) for tokens, read in ((100, 0), (101, 0), (1, 200), (200, 0))
    ]
    assert costs == [Decimal(micros) / 10**6 for micros in (100, 202, 603, 400)]
    assert cost(Usage(101, None, None, 1), price, NOON) is None
    assert cost(Usage(101, None, 100, 1), price, NOON) == Decimal("0.000608")


def at(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "rate"),
    [
        ("2026-11-30T23:59:59", 1),
        ("2026-12-01T00:00:00", 3),
        ("2026-12-01T01:00:00", 2),
        ("2026-12-01T22:59:59", 2),
        ("2026-12-01T23:00:00", 3),
        ("2026-12-02T00:59:59", 3),
        ("2026-12-02T01:00:00", 2),
        ("2026-12-05T12:00:00", 2),
        ("2026-12-04T12:00:00", 4),
    ],
)
def test_the_last_rate_card_that_applies_counts(moment: str, rate: int) -> None:
    cards: list[dict[str, Any]] = [
        {"input": "1"},
        {"input": "2", "since": "2026-12-01"},
        {"input": "3", "since": "2026-12-01", "daily": ["23:00", "01:00"]},
        {"input": "4", "since": "2026-12-01", "daily": ["12:00", "13:00"], "weekdays": True},
    ]
    assert cost(Usage(1, None, None, 0), parse("p", cards), at(moment)) == Decimal(rate) / 10**6


@pytest.mark.parametrize(
    ("price", "covered"),
    [
        ({"input": "1", "output": "0"}, True),
        ({"input": "0", "output": "1", "since": "2026-12-01"}, True),
        ({"input": "1"}, False),
        ({"output": "1", "cache_read": "1"}, False),
        ({"input": "1", "output": "1", "above": {"5": {"input": "1"}}}, False),
        ({"input": "1", "output": "1", "since": "2026-12-02"}, False),
        ([{"input": "1", "output": "1"}, {"input": "1", "daily": ["11:00", "13:00"]}], False),
        ([{"input": "1", "output": "1"}, {"input": "1", "daily": ["12:01", "13:00"]}], True),
    ],
)
def test_a_price_covers_what_it_has_rates_for_at_the_moment_however_long_the_input(price: Any, covered: bool) -> None:
    assert parse("p", price).covers(at("2026-12-01T12:00:00"), "input", "output") is covered


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_hours_and_days_are_those_of_utc_wherever_the_gateway_runs(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    cards = [{"input": "1", "output": "1"}, {"input": "2", "since": "2026-12-01", "daily": ["10:00", "12:00"]}]
    monkeypatch.setenv("TZ", zone)
    clock.tzset()
    moments = [at(f"2026-{moment}") for moment in ("12-01T09:59:59", "12-01T10:00:00", "12-01T12:00:00")]
    costs = [cost(Usage(10**6, None, None, 0), parse("p", cards), moment) for moment in moments]
    monkeypatch.undo()
    clock.tzset()
    assert costs == [1, 2, 1]


def test_before_the_first_rate_card_the_price_is_unknown() -> None:
    price = parse("p", {"input": "1", "since": "2026-12-01"})
    assert cost(Usage(1, None, None, 0), price, at("2026-11-30T23:59:59")) is None


@given(rates(), st.none() | st.dates(), st.none() | st.tuples(st.times(), st.times()), st.booleans())
def test_a_price_is_read_as_it_was_written(
    rates: Rates, since: date | None, daily: tuple[time, time] | None, weekdays: bool
) -> None:
    assume(daily is None or f"{daily[0]:%H:%M}" != f"{daily[1]:%H:%M}")
    hours = daily and (daily[0].replace(second=0, microsecond=0), daily[1].replace(second=0, microsecond=0))
    said = {"above": {"5": written_out(rates)}, "since": since and since.isoformat(), "weekdays": weekdays}
    data = written_out(rates) | said | {"daily": hours and [f"{hour:%H:%M}" for hour in hours]}
    expected = RateCard(rates, ((5, rates),), since, hours, weekdays)
    assert parse("p", json.loads(json.dumps(data))) == Price((expected,))


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0"), ("0E-12", "0"), ("1.50", "1.5"), ("1E+3", "1000"), ("0.000000000001", "0.000000000001"), ("10", "10")],
)
def test_amounts_are_written_without_exponent_or_idle_zeros(amount: str, text: str) -> None:
    assert dollars(Decimal(amount)) == text
