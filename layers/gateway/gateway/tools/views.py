"""Products and offers as the Universal Commerce Protocol's catalogue has them: a product has variants, which are its offers.

What is not known is left out, as there.
"""

from collections.abc import Sequence
from typing import Any

from gateway.dynamodb import to_json_value
from gateway.products import views
from gateway.products.parts import Item, name_key
from gateway.products.summaries import summary

Json = dict[str, Any]

MOST_VARIANTS = 20
BRIEF = 500
"""Characters of a description, where there are several products in an answer."""
RECENT = 10
"""Points of a price history that are shown; of those before them, the extremes."""


def found(told: Json) -> Json:
    """A product that a search found.

    Args:
        told: its summary. The index has no descriptions and no single offers, so the title stands for the one, and what the summary
            says of the cheapest offer for the others. Whether that very offer is to be had is known only if it is the only one,
            or if all are sold out.
    """
    whole = _product(told, told["title"])
    price = told["price_range"]
    count = told["offer_count"]
    is_known = count == 1 or told["availability"] == "out_of_stock"
    best = {
        "id": told["id"],
        "title": "Best offer",
        "description": {"plain": f"The cheapest of {count} offers." if count > 1 else "The only offer."},
        "price": price and price["min"],
        "availability": _availability(told["availability"]) if is_known else None,
    }
    return whole | {"variants": [_known(best)] if price else []}


def brief(item: Item, offers: Sequence[Json]) -> Json:
    """A product that was looked up, with the first of its offers.

    Args:
        item: its own item of the table.
        offers: as the API shows them.
    """
    text = str(item.get("description") or "")
    short = text if len(text) <= BRIEF else text[:BRIEF].rstrip() + "…"
    return _detailed(item, short) | {"variants": [variant(item, offer) for offer in offers[:1]]}


def full(item: Item, offers: Sequence[Json], prices: list[Item]) -> Json:
    """All that is known of a product, with its first offers.

    Args:
        item: its own item of the table.
        offers: as the API shows them.
        prices: the points of its price, by day.
    """
    known = views.product(item, prices)
    attributes = {name: value for name, value in known["attributes"].items() if value is not None}
    more = {
        "mpn": known["mpn"],
        "released": known["released"],
        "attributes": attributes or None,
        "price_history": _history(known["price_history"]) if item.get("currency") else None,
    }
    variants = [variant(item, offer) for offer in offers[:MOST_VARIANTS]]
    return _detailed(item, known["description"]) | _known(more) | {"variants": variants}


def variant(item: Item, offer: Json) -> Json:
    """An offer as a variant of its product."""
    kept = ("price", "shipping", "total", "condition", "delivery_time")
    return _known(
        {
            "id": variant_id(item["id"], offer["merchant"]),
            "sku": offer["id"],
            "title": offer["merchant"],
            "description": {"plain": f"Offered by {offer['merchant']}, {offer['condition']}."},
            **{name: offer[name] for name in kept},
            "availability": _availability(offer["availability"]),
            "seller": {"name": offer["merchant"]},
            "url": offer["link"],
        }
    )


def variant_id(product_id: str, merchant: str) -> str:
    """A merchant has one offer of a product at most; ids of products have no slash."""
    return f"{product_id}/{name_key(merchant)}"


def info(code: str, content: str) -> Json:
    """A message beside a result."""
    return {"type": "info", "code": code, "content": content}


def _detailed(item: Item, description: str) -> Json:
    told = summary(item)
    images = [image for image in item.get("images") or () if image]
    gtins = [{"type": "GTIN", "value": str(gtin)} for gtin in item.get("gtins") or ()]
    whole = _product(told, description or told["title"])
    return (
        whole | {"media": [_image(image, whole["title"]) for image in images]} | ({"barcodes": gtins} if gtins else {})
    )


def _product(told: Json, description: str) -> Json:
    title = told["title"]
    rating = told["rating"]
    return _known(
        {
            "id": told["id"],
            "title": title,
            "description": {"plain": description},
            "brand": told["brand"],
            "url": told["link"],
            "categories": [{"value": path, "taxonomy": "merchant"} for path in told["categories"]],
            "price_range": told["price_range"],
            "availability": _availability(told["availability"]),
            "rating": rating and {"value": rating["value"], "scale_max": 5, "count": rating["count"]},
            "media": [_image(told["image"], title)] if told["image"] else [],
            "offer_count": told["offer_count"],
        }
    )


def _image(url: str, title: str) -> Json:
    return {"type": "image", "url": url, "alt_text": title}


def _availability(status: str | None) -> Json | None:
    return {"available": status != "out_of_stock", "status": status} if status else None


def _history(points: list[Json]) -> Json | None:
    """The newest points, and the extremes of all: a history may have a thousand."""
    if not points:
        return None
    by_price = sorted(points, key=lambda point: point["price"]["amount"])
    return {"points": len(points), "lowest": by_price[0], "highest": by_price[-1], "recent": points[-RECENT:]}


def _known(fields: Json) -> Json:
    return {name: to_json_value(value) for name, value in fields.items() if value is not None}
