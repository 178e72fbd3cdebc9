"""What the product routes' query parameters ask for."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from gateway.errors import InvalidRequest
from gateway.products.listing import Listing
from gateway.products.parts import ATTRIBUTE_NAME, AVAILABILITIES, MAX_AMOUNT, SEPARATOR, category_steps
from gateway.query import Parameters
from gateway.search.query import FACETS, SORTS, Filters, Query, Range, Sort

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_VALUES = 20
FILTERS = ("category", "brand", "min_price", "max_price", "currency", "availability", "min_rating")
PAGE = ("limit", "cursor")
LISTING = (*FILTERS, "gtin", *PAGE)
SEARCH = ("q", "prefix", "sort", "facets", *FILTERS, *PAGE)
ATTRIBUTE = "attr."
"""Before an attribute's name: attr.colour=black, or attr.battery_hours=20..40."""
NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?"
RANGE = re.compile(rf"({NUMBER})?\.\.({NUMBER})?", re.ASCII)

Given = Mapping[str, str] | None


def listing(given: Given) -> Listing:
    """The list that `GET /products` is asked for.

    Raises:
        InvalidRequest: a parameter is wrong.
    """
    parameters = Parameters(given, LISTING)
    gtin = parameters.text("gtin")
    if gtin and not re.fullmatch(r"[0-9]{8,14}", gtin, re.ASCII):
        raise InvalidRequest("gtin: must be a barcode's 8 to 14 digits.", param="gtin")
    return Listing(_filters(parameters), gtin, _limit(parameters), parameters.text("cursor"))


def search(given: Given) -> Query:
    """The question that `GET /products/search` is asked.

    Raises:
        InvalidRequest: a parameter is wrong.
    """
    attributes = {name: text for name, text in (given or {}).items() if name.startswith(ATTRIBUTE)}
    parameters = Parameters({name: text for name, text in (given or {}).items() if name not in attributes}, SEARCH)
    filters = _filters(parameters, _attributes(attributes))
    text = parameters.text("q")
    if text is None and filters == Filters():
        raise InvalidRequest("q: say what to search for, or give a filter.", param="q")
    return Query(
        text=text or "",
        filters=filters,
        sort=cast(Sort, parameters.choice("sort", SORTS)),
        limit=_limit(parameters),
        cursor=parameters.text("cursor"),
        prefix=parameters.choice("prefix", ("false", "true")) == "true",
        facets=_facets(parameters),
    )


def _filters(given: Parameters, attributes: Mapping[str, tuple[str, ...] | Range] | None = None) -> Filters:
    category, least, most = (
        given.text("category"),
        given.whole("min_price", 0, MAX_AMOUNT),
        given.whole("max_price", 0, MAX_AMOUNT),
    )
    if least is not None and most is not None and least > most:
        raise InvalidRequest("min_price: must not be more than max_price.", param="min_price")
    return Filters(
        categories=(_path(category),) if category else (),
        brands=_list(given, "brand"),
        price_min=least,
        price_max=most,
        currency=_currency(given),
        availability=given.choices("availability", AVAILABILITIES),
        rating_min=_rating(given),
        attributes=attributes or {},
    )


def _path(category: str) -> str:
    """A category's path with its steps apart as everywhere, however they were written."""
    steps = category_steps(category)
    if not all(steps):
        raise InvalidRequest("category: must be a path such as 'Electronics > Audio'.", param="category")
    return SEPARATOR.join(steps)


def _list(given: Parameters, name: str) -> tuple[str, ...]:
    """Names separated by commas; and the whole text, since names have commas, too."""
    text = given.text(name)
    if text is None:
        return ()
    values = [value.strip() for value in text.split(",")]
    if not all(values) or len(values) > MAX_VALUES:
        raise InvalidRequest(f"{name}: must be 1 to {MAX_VALUES} names, separated by commas.", param=name)
    return tuple(dict.fromkeys(" ".join(value.split()) for value in (*values, text)))


def _currency(given: Parameters) -> str | None:
    text = given.text("currency")
    if text and not re.fullmatch(r"[A-Za-z]{3}", text, re.ASCII):
        raise InvalidRequest("currency: must be a code of three letters, such as EUR.", param="currency")
    return text.upper() if text else None


def _rating(given: Parameters) -> Decimal | None:
    text = given.text("min_rating")
    if text is None:
        return None
    if not re.fullmatch(r"[0-4](\.[0-9]{1,2})?|5(\.0{1,2})?", text, re.ASCII):
        raise InvalidRequest("min_rating: must be a number from 0 to 5, such as 4.5.", param="min_rating")
    return Decimal(text)


def _limit(given: Parameters) -> int:
    limit = given.whole("limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
    return DEFAULT_LIMIT if limit is None else limit


def _facets(given: Parameters) -> tuple[str, ...]:
    text = given.text("facets")
    names = tuple(dict.fromkeys(name.strip() for name in text.split(","))) if text else ()
    for name in names:
        if name not in FACETS and not re.fullmatch(r"attributes\.[a-z0-9_]{1,100}", name):
            some = ", ".join(FACETS)
            raise InvalidRequest(
                f"facets: must be some of {some}, attributes.<name>, separated by commas.", param="facets"
            )
    if len(names) > MAX_VALUES:
        raise InvalidRequest(f"facets: must be {MAX_VALUES} at most.", param="facets")
    return names


def _attributes(given: Mapping[str, str]) -> dict[str, tuple[str, ...] | Range]:
    if len(given) > MAX_VALUES:
        raise InvalidRequest(f"attr: must be {MAX_VALUES} at most.", param="attr")
    found: dict[str, tuple[str, ...] | Range] = {}
    parameters = Parameters(given, tuple(given))
    for whole in given:
        name = whole.removeprefix(ATTRIBUTE)
        if not re.fullmatch(ATTRIBUTE_NAME, name):
            raise InvalidRequest(f"{whole[:100]}: must name an attribute, such as attr.colour.", param=whole[:100])
        text = parameters.text(whole) or ""
        span = RANGE.fullmatch(text)
        found[name] = _range(whole, span) if span else _list(parameters, whole)
    return found


def _range(name: str, span: re.Match[str]) -> Range:
    least, most = (Decimal(text) if text else None for text in span.groups())
    if (least is None and most is None) or (least is not None and most is not None and least > most):
        raise InvalidRequest(f"{name}: must be a range from less to more, such as 20..40, 20.. or ..40.", param=name)
    return Range(least, most)
