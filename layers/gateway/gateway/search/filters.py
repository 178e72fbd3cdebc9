"""Filters as conditions of SQL on the table `facts`."""

import json
from collections.abc import Iterator
from typing import Any

from gateway.products.parts import AVAILABILITIES
from gateway.search.format import bindable, compared, path_compared
from gateway.search.query import Filters, Range

Condition = tuple[str, list[Any]]
"""An expression, and the values of its marks."""


def where(filters: Filters, *, but: str | None = None) -> Condition:
    """All conditions that a product has to meet.

    Args:
        but: the facet that is counted, whose own filter does not hold; None for all.
    """
    conditions = [condition for facet, condition in _conditions(filters) if facet != but]
    expression = " AND ".join(f"({text})" for text, _ in conditions)
    return expression or "TRUE", [value for _, values in conditions for value in values]


def _conditions(filters: Filters) -> Iterator[tuple[str, Condition]]:
    """By the facet that each belongs to."""
    if filters.brands:
        brands = sorted(map(compared, filters.brands))
        yield (
            "brand",
            (
                "facts.brand IN (SELECT brand FROM brands WHERE compared IN (SELECT value FROM json_each(?)))",
                [json.dumps(brands)],
            ),
        )
    if filters.categories:
        yield "category", _categories(filters.categories)
    yield from (("price", condition) for condition in _prices(filters))
    if filters.availability:
        ranks = [AVAILABILITIES.index(one) for one in filters.availability if one in AVAILABILITIES]
        yield "availability", ("facts.availability IN (SELECT value FROM json_each(?))", [json.dumps(ranks)])
    if filters.rating_min is not None:
        yield "rating", ("facts.rating >= ?", [float(filters.rating_min * 100)])
    for name, wanted in sorted(filters.attributes.items()):
        yield f"attributes.{name}", _attribute(name, wanted)


def _categories(paths: tuple[str, ...]) -> Condition:
    """A path stands for itself; a name alone also for all categories of that name."""
    keys = json.dumps(sorted(map(path_compared, paths)))
    return (
        "EXISTS (SELECT 1 FROM product_categories WHERE product_categories.n = facts.n AND category IN"
        " (SELECT category FROM categories WHERE compared IN (SELECT value FROM json_each(?))"
        " OR name_compared IN (SELECT value FROM json_each(?))))",
        [keys, keys],
    )


def _prices(filters: Filters) -> Iterator[Condition]:
    if filters.price_min is not None:
        yield "facts.price >= ?", [filters.price_min]
    if filters.price_max is not None:
        yield "facts.price <= ?", [filters.price_max]
    if filters.currency is not None:
        yield "facts.currency = ?", [bindable(filters.currency.upper())]


def _attribute(name: str, wanted: tuple[str, ...] | Range) -> Condition:
    if isinstance(wanted, Range):
        ends = [None if end is None else float(end) for end in (wanted.min, wanted.max)]
        return _IN_RANGE, [bindable(name), *ends, bindable(name)]
    return _ANY_OF, [bindable(name), json.dumps(sorted(map(compared, wanted))), bindable(name)]


_IN_RANGE = """
    (SELECT value FROM attributes WHERE attributes.n = facts.n AND name = (SELECT name FROM attribute_names WHERE text = ?))
    IN (SELECT value FROM attribute_values WHERE number >= ifnull(?, -9e999) AND number <= ifnull(?, 9e999)
        AND name = (SELECT name FROM attribute_names WHERE text = ?))
"""
_ANY_OF = """
    (SELECT value FROM attributes WHERE attributes.n = facts.n AND name = (SELECT name FROM attribute_names WHERE text = ?))
    IN (SELECT value FROM attribute_values WHERE ifnull(compared, text) IN (SELECT json_each.value FROM json_each(?))
        AND name = (SELECT name FROM attribute_names WHERE text = ?))
"""
