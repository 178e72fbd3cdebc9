"""Products as lists show them: a few fields, ready for JSON."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

FIELDS = (
    "object", "id", "title", "brand", "categories", "price_range", "availability", "rating", "image", "link", "released",
    "offer_count",
)  # fmt: skip
"""Of a summary, in their order."""


def summary(item: Mapping[str, Any]) -> Json:
    """The summary of a product.

    Args:
        item: its own item of the Products table, or an index's copy of it, with plain values.
    """
    return {
        "object": "product",
        "id": item["id"],
        "title": item.get("title"),
        "brand": item.get("brand"),
        "categories": list(item.get("categories") or ()),
        "price_range": _price_range(item),
        "availability": item.get("availability"),
        "rating": _rating(item.get("rating")),
        "image": next(iter(item.get("images") or ()), None),
        "link": item.get("link"),
        "released": item.get("released"),
        "offer_count": int(item.get("offer_count") or 0),
    }


def _price_range(item: Mapping[str, Any]) -> Json | None:
    low, high, currency = item.get("price_low"), item.get("price_high"), item.get("currency")
    if low is None or currency is None:
        return None
    return {
        "min": {"amount": int(low), "currency": currency},
        "max": {"amount": int(low if high is None else high), "currency": currency},
    }


def _rating(rating: Mapping[str, Any] | None) -> Json | None:
    if not rating or rating.get("value") is None:
        return None
    return {"value": float(rating["value"]), "count": int(rating.get("count") or 0)}
