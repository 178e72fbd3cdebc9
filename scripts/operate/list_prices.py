"""List prices out of genai-prices, in the form of prices.json."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from genai_prices.data import providers
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from gateway import pricing

Json = dict[str, Any]

SOURCE = f"genai-prices {version('genai-prices')}"

PROVIDERS = {"gemini": "google", "bedrock": "aws", "xai": "x-ai"}
"""Providers of models.json that genai-prices calls otherwise."""

WEEKDAYS = ("deepseek",)
"""Providers whose prices by the hour are those of Mondays to Fridays, for which genai-prices has no word.

DeepSeek's leave out China's holidays too, on which the gateway reckons too much. https://api-docs.deepseek.com/quick_start/pricing
"""

UNITS = {
    "input": ("input_mtok", "input_text_mtok"),
    "output": ("output_mtok", "output_text_mtok"),
    "cache_read": ("cache_read_mtok", "cache_text_read_mtok"),
    "cache_write": ("cache_write_5m_mtok", "cache_write_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok",),
}
"""What genai-prices calls our buckets; the first that is there counts. Audio, pictures and searches have other units."""


@dataclass(frozen=True)
class Found:
    """A deployment's price, and whose it is in genai-prices, such as "aws regional.amazon.nova-2-lite-v1:0"."""

    price: Any
    name: str


def find(deployment: str, today: date) -> Found | None:
    """A deployment's list price, as far as it counts from a day on; None if there is none.

    Args:
        deployment: its provider and model, such as "openai/gpt-4o".
    Raises:
        WrongData: the data has a price that the gateway cannot take.
    """
    provider, model = deployment.split("/", 1)
    info = _info(_provider(PROVIDERS.get(provider, provider)), model)
    cards = [_card(price) for price in _current(_conditional(info), today)] if info else []
    if info is None or not cards or not all(cards):
        return None
    cards[0].pop("since", None)
    cards = [card | {"weekdays": True} if provider in WEEKDAYS and "daily" in card else card for card in cards]
    price = cards[0] if len(cards) == 1 else cards
    pricing.parse(deployment, price)
    return Found(price, f"{_owner(info)} {info.id}")


def _provider(name: str) -> Provider | None:
    return next((provider for provider in providers if provider.id == name), None)


def _info(provider: Provider | None, model: str) -> ModelInfo | None:
    return provider.find_model(model.lower(), all_providers=providers) if provider else None


def _owner(info: ModelInfo) -> str:
    """Azure's prices are those of OpenAI, among others."""
    return next(provider.id for provider in providers if any(model is info for model in provider.models))


def _conditional(info: ModelInfo) -> Sequence[ConditionalPrice]:
    return [ConditionalPrice(prices=info.prices)] if isinstance(info.prices, ModelPrice) else info.prices


def _current(prices: Sequence[ConditionalPrice], today: date) -> Sequence[ConditionalPrice]:
    """The last that applies counts, there as here: what comes before one that always applies from today on is history."""
    settled = [index for index, price in enumerate(prices) if _has_begun(price.constraint, today)]
    return prices[settled[-1] :] if settled else prices


def _has_begun(constraint: object, today: date) -> bool:
    return constraint is None or (isinstance(constraint, StartDateConstraint) and constraint.start_date <= today)


def _card(price: ConditionalPrice) -> Json:
    """One rate card; an empty one if it has no price of tokens."""
    rates = _rates(price.prices, 0)
    return rates and rates | _above(price.prices) | _when(price.constraint)


def _rates(prices: ModelPrice, tokens: int) -> Json:
    """The rates for an input of more than so many tokens."""
    named = {bucket: _first(prices, units) for bucket, units in UNITS.items()}
    return {bucket: pricing.dollars(_at(price, tokens)) for bucket, price in named.items() if price is not None}


def _first(prices: ModelPrice, units: Sequence[str]) -> Decimal | TieredPrices | None:
    return next((price for unit in units if (price := getattr(prices, unit)) is not None), None)


def _at(price: Decimal | TieredPrices, tokens: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    return next((tier.price for tier in reversed(price.tiers) if tokens >= tier.start), price.base)


def _above(prices: ModelPrice) -> Json:
    tiered = [price for units in UNITS.values() if isinstance(price := _first(prices, units), TieredPrices)]
    steps = sorted({tier.start for price in tiered for tier in price.tiers})
    return {"above": {str(step): _rates(prices, step) for step in steps}} if steps else {}


def _when(constraint: object) -> Json:
    if isinstance(constraint, StartDateConstraint):
        return {"since": constraint.start_date.isoformat()}
    if isinstance(constraint, TimeOfDateConstraint):
        return {"daily": [_utc(constraint.start_time), _utc(constraint.end_time)]}
    return {}


def _utc(value: time) -> str:
    moment = datetime.combine(date(2000, 1, 1), value if value.tzinfo else value.replace(tzinfo=UTC))
    return moment.astimezone(UTC).strftime("%H:%M")


def changes(before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """What is other than before, a line each.

    Args:
        names: whose price each is, for those that are new.
    """
    for deployment in sorted({*before, *after}):
        old, new = before.get(deployment), after.get(deployment)
        if old is None and new is not None:
            yield f"+ {deployment}: {told(new)} ({names[deployment]})"
        elif new is None:
            yield f"- {deployment}: {told(old)}"
        elif old != new:
            yield f"~ {deployment}: {told(old)} → {told(new)}"


def told(price: Any) -> str:
    """A price on one line."""
    if isinstance(price, list):
        return " / ".join(told(card) for card in price)
    return ", ".join(
        f"{name} {told(value) if isinstance(value, dict) else _plain(value)}" for name, value in price.items()
    )


def _plain(value: Any) -> str:
    return "-".join(value) if isinstance(value, list) else str(value)
