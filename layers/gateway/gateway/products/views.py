"""Products, offers and prices as the API shows them."""

from decimal import Decimal
from typing import Any

from gateway.dynamodb import to_json_value
from gateway.products.parts import PRICE, Item
from gateway.products.summaries import summary

Json = dict[str, Any]

DETAILS = ("description", "gtins", "mpn", "images", "attributes")


def product(item: Item, prices: list[Item]) -> Json:
    """All that is known of a product; its offers are a list of their own.

    Args:
        item: its own.
        prices: the points of its price, by day.
    """
    empty: Json = {"description": "", "gtins": [], "mpn": None, "images": [], "attributes": {}}
    details = {name: to_json_value(item.get(name, empty[name])) for name in DETAILS}
    currency = item.get("currency")
    history = [{"day": point["part"].removeprefix(PRICE), "price": money(point["price"], currency)} for point in prices]
    return {**summary(item), **details, "price_history": history}


def offer(item: Item) -> Json:
    """An offer."""
    currency, shipping = item["currency"], item.get("shipping")
    return {
        "object": "offer",
        "merchant": item["merchant"],
        "id": item.get("offer_id"),
        "price": money(item["price"], currency),
        "shipping": None if shipping is None else money(shipping, currency),
        "total": money(item["price"] + (shipping or 0), currency),
        "availability": item["availability"],
        "condition": item["condition"],
        "delivery_time": to_json_value(item.get("delivery_time")),
        "link": item.get("link"),
    }


def offers(items: list[Item], currency: str | None) -> list[Json]:
    """Offers, the cheapest first, shipping included; what cannot be bought comes last.

    Args:
        currency: the product's: offers in others cannot be compared, and come after those in it.
    """

    def rank(item: Item) -> tuple[bool, bool, str, Decimal, str]:
        total = item["price"] + item.get("shipping", 0)
        sold_out = item["availability"] == "out_of_stock"
        return sold_out, item["currency"] != currency, item["currency"], total, item["merchant"]

    return [offer(item) for item in sorted(items, key=rank)]


def money(amount: Decimal, currency: str | None) -> Json:
    """An amount in minor units, with its currency."""
    return {"amount": int(amount), "currency": currency}
