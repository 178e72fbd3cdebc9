"""What a search tells beside its products, so that a model that found nothing can ask better the next time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.search.index import Index
from gateway.search.live import live
from gateway.search.query import Filters, Found, Query
from gateway.tools import views

Json = dict[str, Any]

MOST = 20
"""Attributes, and values of one, that are told."""


def hints(found: Found, query: Query) -> list[Json]:
    """The messages of an answer: none, if all is as it was asked for."""
    if not found.total:
        told = (
            "No product fits. Try fewer or other words, in the catalogue's language, or fewer filters; "
            "list_categories tells what there is."
        )
        filters = query.filters
        return [views.info("no_results", told + _categories(filters) + _attributes(query) + _prices(filters))]
    if found.matched == "any":
        return [views.info("partial_match", "Not all of these products have all of the words.")]
    return []


def named(wanted: str, every: Sequence[Json]) -> list[Json]:
    """The category of a path, or all categories of a name."""
    key = wanted.casefold()
    return [one for one in every if key in (one["path"].casefold(), one["name"].casefold())]


def _categories(filters: Filters) -> str:
    every = live().ask(Index.categories) if filters.categories else []
    unknown = [f"'{wanted[:100]}'" for wanted in filters.categories if not named(wanted, every)]
    return f" There is no category {' or '.join(unknown)}." if unknown else ""


def _attributes(query: Query) -> str:
    """Of what would be found without them: who asks for a color may find a colour, and who asks for "yes" a true."""
    asked = query.filters.attributes
    if not asked:
        return ""
    without = replace(query.filters, attributes={})
    rest = replace(query, filters=without, cursor=None, limit=1, facets=("attributes",))
    counted = live().ask(lambda index: index.search(rest)).facets["attributes"]
    values = {name: ", ".join(one["value"] for one in counted[name][:MOST]) for name in asked if name in counted}
    told = [f"{name} ({values[name]})" if name in values else name for name in list(counted)[:MOST]]
    return f" Attributes of products that pass the other filters: {', '.join(told)}." if told else ""


def _prices(filters: Filters) -> str:
    """Who asks for a price of 100, and gets nothing, may have meant 100.00."""
    amounts = [amount for amount in (filters.price_min, filters.price_max) if amount is not None]
    told = " and ".join(f"{amount} is {amount // 100}.{amount % 100:02}" for amount in amounts)
    return f" Prices are in minor units: {told}." if told else ""
