"""Products as items of the Products table (`gateway.products.parts` lists them), and back."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from gateway.products.parts import (
    CATEGORY,
    GTIN,
    OFFER,
    PRICE,
    PRODUCT,
    SUMMARY,
    Item,
    category_keys,
    gtin_14,
    name_key,
    offer_part,
    shard_of,
)
from gateway.products.schemas import Offer, PricePoint, Product


def items_of(product: Product, made: Mapping[str, Any]) -> Iterator[Item]:
    """All items of a product but the points of its price that an import adds; the one that stands for the whole is the last.

    Args:
        made: what the import that writes it says of itself, for the product's own item.
    """
    low, high = product.price_range or (None, None)
    whole = _plain(product.model_dump(exclude={"offers", "price_history"})) | {
        "currency": product.main_currency,
        "price_low": low,
        "price_high": high,
        "availability": product.availability,
        "offer_count": len(product.offers),
    }
    summary = {name: whole[name] for name in SUMMARY if name in whole}
    for offer in product.offers:
        yield _item(product.id, offer_part(offer.merchant), _plain(offer.model_dump()))
    for point in product.price_history:
        yield price_item(product.id, point)
    for path in product.categories[1:]:
        yield _item(product.id, CATEGORY + path.casefold(), summary | category_keys(path, product.id))
    for gtin in sorted({gtin_14(gtin) for gtin in product.gtins[1:]} - {gtin_14(gtin) for gtin in product.gtins[:1]}):
        yield _item(product.id, GTIN + gtin, summary | {"gtin": gtin})
    keys: Item = {"shard": shard_of(product.id)}
    keys |= {"brand_key": name_key(product.brand)} if product.brand else {}
    keys |= category_keys(product.categories[0], product.id) if product.categories else {}
    keys |= {"gtin": gtin_14(product.gtins[0])} if product.gtins else {}
    yield _item(product.id, PRODUCT, whole | keys | dict(made))


def price_item(product_id: str, point: PricePoint) -> Item:
    """The item of one point of a product's price history."""
    return _item(product_id, PRICE + point.day.isoformat(), {"price": point.price})


def product_of(items: list[Item]) -> Product:
    """The product that some items are of: its own, and those of offers and prices that are to be in it.

    Prices of an unknown currency are left out: a write that broke off may have left them.
    """
    whole = next(item for item in items if item["part"] == PRODUCT)
    fields = {name: whole[name] for name in Product.model_fields if name in whole}
    offers = [_fields(item, Offer) for item in items if item["part"].startswith(OFFER)]
    history = [
        {"day": item["part"].removeprefix(PRICE), "price": int(item["price"])}
        for item in items
        if item["part"].startswith(PRICE)
    ]
    known = bool(offers or fields.get("currency"))
    return Product.model_validate({**fields, "offers": offers, "price_history": history if known else []})


def _fields(item: Item, model: type[Offer]) -> Item:
    return {name: item[name] for name in model.model_fields if name in item} | {"id": item.get("offer_id")}


def _item(product_id: str, part: str, values: Item) -> Item:
    if part.startswith(OFFER) and "id" in values:
        values = {**values, "offer_id": values["id"]}
    kept = {name: value for name, value in values.items() if value not in (None, "", [], {})}
    return {**kept, "id": product_id, "part": part}


def _plain(value: Any) -> Any:
    """A value as DynamoDB has it: no tuples, no dates, nothing that is not known."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    return value.normalize() if isinstance(value, Decimal) else value
