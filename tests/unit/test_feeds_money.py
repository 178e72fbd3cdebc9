"""Prices as merchants write them become minor units, or a reason why not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue.money import EXPONENTS, NotMoney, money


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("12.99 EUR", 1299, "EUR"),
        ("EUR 12.99", 1299, "EUR"),
        ("12,99 eur", 1299, "EUR"),
        ("12.99EUR", 1299, "EUR"),
        ("12.9 EUR", 1290, "EUR"),
        ("12.9900 EUR", 1299, "EUR"),
        ("0 EUR", 0, "EUR"),
        ("1.299,00 EUR", 129900, "EUR"),
        ("1,299.00 USD", 129900, "USD"),
        ("1.299.000 EUR", 129900000, "EUR"),
        ("1'299.50 CHF", 129950, "CHF"),
        ("1\u202f299,00 EUR", 129900, "EUR"),
        ("1500 JPY", 1500, "JPY"),
        ("1,500 JPY", 1500, "JPY"),
        ("1500.00 JPY", 1500, "JPY"),
        ("1.299 KWD", 1299, "KWD"),
        ("12.5 KWD", 12500, "KWD"),
        ("1.299,000 KWD", 1299000, "KWD"),
    ],
)
def test_a_price_is_read_as_merchants_write_it(text: str, amount: int, currency: str) -> None:
    assert money(text) == (amount, currency)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.299 EUR", "is ambiguous"),
        ("1,299 EUR", "is ambiguous"),
        ("1,299 KWD", "is ambiguous"),
        ("12.995 EUR", "is ambiguous"),
        ("0.995 EUR", "more than the 2 decimals of EUR"),
        ("12.9955 EUR", "more than the 2 decimals of EUR"),
        ("12.50 JPY", "more than the 0 decimals of JPY"),
        ("-5.00 EUR", "must not be negative"),
        ("EUR -5.00", "must not be negative"),
        ("12.99 XYZ", "XYZ is not a currency"),
        ("12.99 XAU", "XAU is not a currency"),
        ("12.99", "with its currency"),
        ("€12.99", "with its currency"),
        ("free", "with its currency"),
        ("1..2 EUR", "is not a number"),
        ("1,2,3 EUR", "is not a number"),
        ("1,299,00 EUR", "is not a number"),
        ("1e5 EUR", "is not a number"),
        ("1" * 60 + " EUR", "at most 40 characters"),
    ],
)
def test_a_price_that_is_none_or_may_be_several_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NotMoney, match=reason):
        money(text)


def test_a_currency_may_stand_beside_the_amount() -> None:
    assert money("12,99", "EUR") == (1299, "EUR")


def test_codes_without_minor_units_are_no_currencies() -> None:
    assert "XXX" not in EXPONENTS
    assert (EXPONENTS["EUR"], EXPONENTS["JPY"], EXPONENTS["KWD"]) == (2, 0, 3)


@given(st.integers(0, 10**10), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_every_amount_survives_being_written_with_a_point(amount: int, currency: str) -> None:
    digits = EXPONENTS[currency]
    whole, rest = divmod(amount, 10**digits)
    assert money(f"{whole}.{rest:0{digits}d} {currency}" if digits else f"{whole} {currency}") == (amount, currency)


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    try:
        amount, currency = money(text)
    except NotMoney:
        return
    assert amount >= 0
    assert currency in EXPONENTS
