"""The catalogue's tools: what each is told, and what it answers."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.errors import NotFound
from gateway.products import views as shop
from gateway.products.listing import Listing
from gateway.products.parts import ID, SEPARATOR, Item, name_key
from gateway.products.store import products
from gateway.search.index import Index
from gateway.search.live import live
from gateway.search.query import Filters
from gateway.tools import arguments, outputs, views
from gateway.tools.definitions import Tool
from gateway.tools.hints import hints, named
from gateway.tools.schemas import input_schema

Json = dict[str, Any]

MOST_CATEGORIES = 200
GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}", re.ASCII)


def search_catalog(given: Json) -> Json:
    """The products that fit, the best first."""
    query = arguments.read(given, arguments.SearchArguments).catalog.as_query()
    found = live().ask(lambda index: index.search(query))
    pagination = {"has_next_page": found.has_more, "total_count": found.total}
    answer = {
        "products": [views.found(product) for product in found.products],
        "pagination": pagination | ({"cursor": found.next_cursor} if found.next_cursor else {}),
        "matched": found.matched,
    }
    messages = hints(found, query)
    return (
        answer
        | ({"corrected_query": found.corrected} if found.corrected else {})
        | ({"messages": messages} if messages else {})
    )


def lookup_catalog(given: Json) -> Json:
    """Products by their ids, each once, in the order in which they were asked for."""
    answers: dict[str, Json] = {}
    unknown: list[str] = []
    for asked in dict.fromkeys(arguments.read(given, arguments.LookupArguments).catalog.ids):
        try:
            item, offers, match = _looked_up(asked)
        except NotFound:
            unknown.append(asked)
            continue
        brief = views.brief(item, offers)
        _correlate(answers.setdefault(item["id"], brief), brief["variants"], {"id": asked, "match": match})
    messages = [views.info("not_found", asked) for asked in unknown]
    return {"products": list(answers.values())} | ({"messages": messages} if messages else {})


def _correlate(product: Json, variants: list[Json], asked: Json) -> None:
    """Note at the variant that stands for an id that it does; several ids may be of one product, and of one variant."""
    for variant in variants:
        known = next((one for one in product["variants"] if one["id"] == variant["id"]), None)
        if known is None:
            product["variants"].append(variant)
        (known or variant).setdefault("inputs", []).append(asked)


def _looked_up(asked: str) -> tuple[Item, list[Json], str]:
    """A product, its offers, and what the id is of: the product, which any offer may stand for, or exactly the first one."""
    try:
        item, offers, _ = _whole(asked, "catalog.ids")
    except NotFound:
        gtin = re.sub("[ -]", "", asked)
        if not GTIN.fullmatch(gtin):
            raise
        page = products().page(Listing(Filters(), gtin=gtin, limit=1))
        if not page.items:
            raise
        item, offers, _ = _whole(page.items[0]["id"], "catalog.ids")
    return item, offers, "exact" if "/" in asked else "featured"


def _whole(asked: str, param: str) -> tuple[Item, list[Json], list[Item]]:
    """A product, its offers, the cheapest first, or that which the id is of, and the points of its price.

    Raises:
        NotFound: the catalogue has no such product, or it has no such offer.
    """
    product_id, slash, merchant = asked.partition("/")
    if not re.fullmatch(ID, product_id):
        raise _unknown(asked, param)
    try:
        item, offers, prices = products().whole(product_id)
    except NotFound:
        raise _unknown(asked, param) from None
    shown = shop.offers(offers, item.get("currency"))
    named = [offer for offer in shown if name_key(offer["merchant"]) == merchant]
    if slash and not named:
        raise _unknown(asked, param)
    return item, named + [offer for offer in shown if offer not in named], prices


def _unknown(asked: str, param: str) -> NotFound:
    return NotFound(
        f"{param}: there is no '{asked[:128]}' in the catalogue; search_catalog gives ids of products, and lookup_catalog by barcodes.",
        param=param,
    )


def get_product(given: Json) -> Json:
    """All of one product."""
    asked = arguments.read(given, arguments.ProductArguments).catalog.id
    item, offers, prices = _whole(asked, "catalog.id")
    answer: Json = {"product": views.full(item, offers, prices)}
    if len(offers) > views.MOST_VARIANTS:
        told = f"Only {views.MOST_VARIANTS} of {len(offers)} offers are here; get_product_offers lists more."
        answer["messages"] = [views.info("truncated", told)]
    return answer


def get_product_offers(given: Json) -> Json:
    """A product's offers, the cheapest first."""
    asked = arguments.read(given, arguments.OffersArguments).catalog
    item, offers, _ = _whole(asked.id.partition("/")[0], "catalog.id")
    wanted = asked.filters
    fitting = [
        offer
        for offer in offers
        if (not wanted.availability or offer["availability"] in wanted.availability)
        and (not wanted.condition or offer["condition"] in wanted.condition)
        and wanted.currency in (None, offer["price"]["currency"])
    ]
    cheapest = _cheapest(fitting, item.get("currency"))
    return {
        "product": {"id": item["id"], "title": item["title"]},
        "offers": [_marked(offer, is_cheapest=offer is cheapest) for offer in fitting[: asked.limit]],
        "total_count": len(fitting),
        "offer_count": len(offers),
    }


def _cheapest(offers: Sequence[Json], currency: str | None) -> Json | None:
    """The first of them that can be bought; none, if they are in several currencies other than the product's: nothing is converted.

    Args:
        offers: those in the product's currency before others, and what is sold out last.
        currency: the product's.
    """
    buyable = [offer for offer in offers if offer["availability"] != "out_of_stock"]
    currencies = {offer["price"]["currency"] for offer in buyable}
    return buyable[0] if currency in currencies or len(currencies) == 1 else None


def _marked(offer: Json, *, is_cheapest: bool) -> Json:
    known = {name: value for name, value in offer.items() if value is not None and name != "object"}
    return known | {"cheapest": is_cheapest}


def list_categories(given: Json) -> Json:
    """The categories, with the number of the products in and below each."""
    asked = arguments.read(given, arguments.CategoriesArguments).catalog
    every = live().ask(Index.categories)
    parents = ("",) if asked.parent is None else _parents(asked.parent, every)
    fitting = [one for one in every if any(_is_below(one["path"], parent, asked.depth) for parent in parents)]
    kept = sorted(fitting, key=lambda one: (_level(one), -one["products"]))[:MOST_CATEGORIES]
    paths = {one["path"] for one in kept}
    answer: Json = {
        "categories": [
            {name: one[name] for name in ("path", "name", "products")} for one in fitting if one["path"] in paths
        ],
        "total_count": len(fitting),
    }
    if asked.parent and not fitting:
        told = "There are no categories below it; it is good as a filter of search_catalog."
        answer["messages"] = [views.info("no_results", told)]
    if len(fitting) > len(kept):
        told = f"Only {len(kept)} of {len(fitting)} are here: the uppermost, and of a level the largest. Ask for those below one by parent."
        answer["messages"] = [views.info("truncated", told)]
    return answer


def _level(category: Mapping[str, Any]) -> int:
    return str(category["path"]).count(SEPARATOR)


def _is_below(path: str, parent: str, depth: int) -> bool:
    return path.startswith(parent) and path.removeprefix(parent).count(SEPARATOR) < depth


def _parents(parent: str, every: Sequence[Json]) -> tuple[str, ...]:
    """What the paths begin with of all that is below a path, or below all categories of a name.

    Raises:
        NotFound: there is no such category.
    """
    parents = tuple(one["path"] + SEPARATOR for one in named(parent, every))
    if not parents:
        told = f"catalog.parent: there is no category '{parent[:100]}'; without a parent all are listed."
        raise NotFound(told, param="catalog.parent")
    return parents


def _tool(name: str, title: str, description: str, asked: type[Any], told: Json, answer: Any) -> Tool:
    return Tool(name, title, description, input_schema(asked), told, answer)


_ALL = (
    _tool(
        "search_catalog",
        "Search products",
        "Search the shop's products by words, filters or both, the best first. Start here when somebody looks for a product. Typing errors "
        "are corrected. Put what it is into query; prices, brands, categories and availability into filters. Amounts are in minor units of the "
        "currency: 10000 is 100.00. Nothing that is not in the answer is sold here.",
        arguments.SearchArguments, outputs.SEARCH, search_catalog,
    ),
    _tool(
        "lookup_catalog",
        "Look up products",
        f"Look up to {arguments.MAX_IDS} products at once whose ids or barcodes are known, each with a short description and its best offer. "
        "For all of one product use get_product.",
        arguments.LookupArguments, outputs.LOOKUP, lookup_catalog,
    ),
    _tool(
        "get_product",
        "Show a product",
        "All that is known of one product: description, attributes, barcodes, images, rating, how its price has changed, and its offers as "
        "variants. Use it before you recommend or compare products, or answer questions about one.",
        arguments.ProductArguments, outputs.PRODUCT, get_product,
    ),
    _tool(
        "get_product_offers",
        "List a product's offers",
        "Who sells a product, and for how much: the lowest total of price and shipping first, what is sold out last. Shipping that is not "
        "there is unknown, and counts as nothing.",
        arguments.OffersArguments, outputs.OFFERS, get_product_offers,
    ),
    _tool(
        "list_categories",
        "List categories",
        "What the shop sells: its categories, with the number of products in each and below it. Their paths are good as a filter of "
        "search_catalog.",
        arguments.CategoriesArguments, outputs.CATEGORIES, list_categories,
    ),
)  # fmt: skip
TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _ALL}
"""By name, in the order in which they are listed."""
