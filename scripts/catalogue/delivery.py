"""Shipping as Google Merchant's feeds have it: country:region:service:price, then days of handling and of transit."""

import re
from collections.abc import Iterator, Sequence

from catalogue.feed import WrongRow
from catalogue.money import NotMoney, money

NEXT = re.compile(r",\s*(?=[A-Za-z]{2}:)")
"""Between several in one cell."""
FIELD = "shipping"
PRICE = 3
"""Where the price is; without a region or a service it is the last part."""


def cheapest(values: Sequence[str], currency: str) -> int | None:
    """The cheapest way to the first country that is named; others are not for the same buyers.

    Args:
        currency: the price's; shipping in another cannot be added to it.
    Returns:
        Minor units; None if there is none.
    Raises:
        WrongRow: a value has no price.
    """
    ways = [way for way in _ways(values) if way[2] == currency]
    prices = [amount for country, amount, _, _ in ways if country == ways[0][0]]
    return min(prices, default=None)


def days(values: Sequence[str]) -> dict[str, int] | None:
    """How long the first way takes, if it says so."""
    for _, _, _, times in _ways(values):
        if len(times) == 4:
            return {"min_days": times[0] + times[2], "max_days": times[1] + times[3]}
    return None


def _ways(values: Sequence[str]) -> Iterator[tuple[str, int, str, list[int]]]:
    """Country, amount, currency, and days: handling at least and at most, transit at least and at most."""
    for value in values:
        for way in NEXT.split(value):
            parts = [part.strip() for part in way.split(":")]
            at = min(len(parts) - 1, PRICE)
            try:
                amount, currency = money(parts[at])
            except NotMoney as error:
                raise WrongRow(FIELD, f"{error}: it is written DE::Standard:4.95 EUR") from None
            times = [int(part) for part in parts[PRICE + 1 :] if re.fullmatch("[0-9]{1,3}", part, re.ASCII)]
            yield parts[0].upper() if at else "", amount, currency, times
