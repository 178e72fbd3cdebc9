"""A line of the catalogue's own format as a product: the fields of `gateway.products.schemas`, amounts in minor units."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from catalogue import markup
from catalogue.complaints import complaint
from catalogue.feed import WrongRow
from catalogue.google import cleaned
from catalogue.money import NotMoney, known
from gateway.products.schemas import Product

Json = Mapping[str, Any]

AMOUNTS = (".price", ".shipping")
DEPTH = 4
"""Of the deepest field: offers[0].delivery_time.min_days."""


def product(fields: Json, prefix: str = "") -> Product:
    """The product that a line is.

    Args:
        prefix: before its id.
    Raises:
        WrongRow: it is none; the error names the field, such as offers[0].price.
    """
    for place, reason in _mistaken(fields):
        raise WrongRow(place, reason)
    try:
        found = Product.model_validate(_clean(fields, prefix))
    except ValidationError as error:
        raise complaint(error) from None
    _check_currencies(found)
    return found


def _clean(fields: Json, prefix: str) -> dict[str, Any]:
    """The fields without markup; what is of the wrong type is left for the schema to refuse."""
    found = dict(fields)
    for name in ("title", "brand", "mpn"):
        found |= _text(found, name, markup.line)
    found |= _text(found, "description", markup.paragraphs)
    if isinstance(found.get("id"), str):
        found["id"] = prefix + found["id"]
    if isinstance(found.get("categories"), list):
        found["categories"] = [_line("categories", path) for path in found["categories"]]
    if isinstance(found.get("attributes"), dict):
        values = found["attributes"].items()
        found["attributes"] = {name: _line(f"attributes.{name}", value) for name, value in sorted(values)}
    if isinstance(found.get("offers"), list):
        found["offers"] = [_offer(index, offer) for index, offer in enumerate(found["offers"])]
    return found


def _offer(index: int, offer: Any) -> Any:
    if not isinstance(offer, dict):
        return offer
    place = f"offers[{index}]."
    return offer | _text(offer, "merchant", markup.line, place) | _text(offer, "id", markup.line, place)


def _text(fields: Json, name: str, clean: Any, place: str = "") -> dict[str, Any]:
    value = fields.get(name)
    return {name: cleaned(place + name, value, clean)} if isinstance(value, str) else {}


def _line(name: str, value: Any) -> Any:
    return cleaned(name, value, markup.line) if isinstance(value, str) else value


def _mistaken(value: Any, place: str = "", depth: int = DEPTH) -> Iterator[tuple[str, str]]:
    """What would be taken for a number that nobody meant, where it is, and why: true and false, which are 1 and 0 to Python, but
    among the attributes; and amounts such as 299.0, which is not 299 cents.

    Args:
        depth: how much deeper to look; what is below all fields is refused by the schema.
    """
    if isinstance(value, bool):
        yield place, "must not be true or false"
    elif isinstance(value, Decimal) and place.endswith(AMOUNTS):
        yield place, "must be a whole number of minor units, without a point"
    elif depth:
        for one, where in _within(value, place):
            yield from _mistaken(one, where, depth - 1)


def _within(value: Any, place: str) -> Iterator[tuple[Any, str]]:
    """What is in an object or an array, and where; attributes are left out."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            if place or name != "attributes":
                yield one, f"{place}.{name}" if place else str(name)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield one, f"{place}[{index}]"


def _check_currencies(found: Product) -> None:
    used = [("currency", found.currency)]
    used += [(f"offers[{index}].currency", offer.currency) for index, offer in enumerate(found.offers)]
    for place, currency in used:
        try:
            if currency:
                known(currency)
        except NotMoney as error:
            raise WrongRow(place, str(error)) from None
