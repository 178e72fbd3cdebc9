"""A search does what a loop over all products would do: filters, totals, facets, sorts and pages of random catalogues."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.products.parts import AVAILABILITIES
from gateway.search.build import Item
from gateway.search.format import shown
from gateway.search.index import Index
from gateway.search.query import SORTS, Filters, Query, Range
from gateway.search.searching import FEW
from tests.unit.shelves import index_of, product

WORDS = ("red", "lamp", "desk")
VALUES = ("black", "Black", "30", "true", Decimal(30), Decimal("30.5"), Decimal(-1), Decimal("3e1"), True, False)
FACETS = ("brand", "category", "price", "availability", "rating", "attributes", "attributes.size", "attributes.none")


class Dice(random.Random):
    """Makes up products, and what is asked of them."""

    def item(self, number: int) -> Item:
        known: dict[str, Any] = {
            "brand": self.choice(("Sony", "SONY", "Bose", "Straße", "A, B")),
            "categories": self.some(("Phones", "Phones > Rugged", "phones > RUGGED", "Audio > Phones", "Audio", "Gifts")),
            "price_low": self.choice((Decimal(0), Decimal(100), Decimal(200), Decimal(10**12))),
            "currency": self.choice(("EUR", "EUR", "USD")),
            "availability": self.choice(AVAILABILITIES),
            "rating": {"value": Decimal(self.choice(("0", "3.99", "4", "4.5", "5"))), "count": self.randrange(3)},
            "released": self.choice(("0001-01-01", "2025-12-31", "2026-01-01")),
            "attributes": {name: self.choice(VALUES) for name in self.some(("size", "colour", "wide"))},
        }  # fmt: skip
        fields = {name: value for name, value in known.items() if self.random() < 0.8}
        return product(f"p-{number:02}", " ".join(self.some(WORDS)), **fields)

    def filters(self) -> Filters:
        known: dict[str, Any] = {
            "categories": self.choice((("phones",), ("Audio",), ("PHONES>rugged",), ("Rugged", "Gifts"), ("None",))),
            "brands": self.choice((("sony",), ("STRASSE", "Bose"), ("a, b",), ("None",))),
            "price_min": self.choice((0, 100, 201)),
            "price_max": self.choice((0, 150, 200)),
            "currency": self.choice(("eur", "USD")),
            "availability": self.choice((AVAILABILITIES[:1], AVAILABILITIES[1:])),
            "rating_min": self.choice((Decimal(0), Decimal(4), Decimal("4.01"))),
            "attributes": {name: self.wanted() for name in self.some(("size", "colour"))},
        }
        return Filters(**{name: known[name] for name in self.sample(sorted(known), self.randrange(4))})

    def wanted(self) -> tuple[str, ...] | Range:
        if self.random() < 0.5:
            return Range(self.choice((None, Decimal(-1), Decimal(30))), self.choice((None, Decimal(30), Decimal(31))))
        return tuple(self.some(("BLACK", "30", "30.5", "true", "none")))

    def some(self, choices: Sequence[str]) -> list[str]:
        return self.sample(choices, self.randint(1, len(choices)))


def compared(text: str) -> str:
    return " ".join(text.casefold().split())


def paths_above(path: str) -> list[str]:
    steps = path.split(" > ")
    return [" > ".join(steps[:n]) for n in range(1, len(steps) + 1)]


def categories(item: Item) -> set[str]:
    return {compared(step) for path in item.get("categories") or () for step in paths_above(path)}


def is_number(value: Any) -> bool:
    return isinstance(value, Decimal) or value == "30"


def has_attribute(item: Item, name: str, wanted: Any) -> bool:
    value = (item.get("attributes") or {}).get(name)
    if value is None:
        return False
    if isinstance(wanted, Range):
        if not is_number(value):
            return False
        number = Decimal(value)
        return (wanted.min is None or number >= wanted.min) and (wanted.max is None or number <= wanted.max)
    return compared(shown(value)) in map(compared, wanted)


def checks(asked: Filters) -> dict[str, Callable[[Item], bool]]:
    wanted = {compared(" > ".join(step.strip() for step in path.split(">"))) for path in asked.categories}
    found: dict[str, Callable[[Item], bool]] = {
        "brand": lambda item: not asked.brands or compared(item.get("brand", "")) in map(compared, asked.brands),
        "category": lambda item: not wanted or any(path in wanted or path.split(" > ")[-1] in wanted for path in categories(item)),
        "price": lambda item: (asked.price_min is None or item.get("price_low", -1) >= asked.price_min)
        and (asked.price_max is None or item.get("price_low", 1 << 60) <= asked.price_max)
        and (asked.currency is None or item.get("currency") == asked.currency.upper()),
        "availability": lambda item: not asked.availability or item.get("availability") in asked.availability,
        "rating": lambda item: asked.rating_min is None or item.get("rating", {}).get("value", -1) >= asked.rating_min,
    }  # fmt: skip
    for name, one in asked.attributes.items():
        found[f"attributes.{name}"] = lambda item, name=name, one=one: has_attribute(item, name, one)  # type: ignore[misc]
    return found


def passes(item: Item, asked: Filters, but: str | None = None) -> bool:
    return all(check(item) for name, check in checks(asked).items() if name != but)


def among(items: list[Item], text: list[str], asked: Filters, sort: str) -> list[Item]:
    """The products that are filtered: those with all words, or with any of them if too few of those pass, and others do."""
    every = [item for item in items if set(text) <= set(item["title"].split())]
    some = [item for item in items if set(text) & set(item["title"].split())] if text else items
    fitting, others = (sum(passes(item, asked) for item in found) for found in (every, some))
    enough = FEW if sort == "relevance" and text else 1
    return every if fitting >= enough or fitting == others else some


def counts(found: list[Item], asked: Filters, facet: str, values: Callable[[Item], Any]) -> dict[str, int]:
    return dict(Counter(value for item in found if passes(item, asked, facet) for value in values(item)))


def shown_counts(facet: list[dict[str, Any]]) -> dict[Any, int]:
    folded = Counter[Any]()
    for one in facet:
        value = compared(one["value"]) if isinstance(one["value"], str) else one["value"]
        assert value not in folded
        folded[value] = one["count"]
    return dict(folded)


def attribute(name: str) -> Callable[[Item], list[str]]:
    return lambda item: [compared(shown(item["attributes"][name]))] if name in (item.get("attributes") or {}) else []


def has(name: str) -> Callable[[Item], list[Any]]:
    return lambda item: [item[name]] if name in item else []


def brand(item: Item) -> list[str]:
    return [compared(item["brand"])] if "brand" in item else []


def stars(item: Item) -> list[int]:
    return [least for least in (1, 2, 3, 4) if item.get("rating", {}).get("value", -1) >= least]


def listed(index: Index, query: Query) -> list[str]:
    """The products of all pages, which are full but for the last one, and agree on how many there are."""
    found, total = list[str](), index.search(query).total
    while True:
        page = index.search(query)
        found += [one["id"] for one in page.products]
        assert page.total == total
        if page.next_cursor is None:
            return found
        assert len(page.products) == query.limit
        query = replace(query, cursor=page.next_cursor)


def check_facets(facets: dict[str, Any], found: list[Item], asked: Filters) -> None:
    assert shown_counts(facets["brand"]) == counts(found, asked, "brand", brand)
    assert shown_counts(facets["category"]) == counts(found, asked, "category", categories)
    assert shown_counts(facets["availability"]) == counts(found, asked, "availability", has("availability"))
    assert shown_counts(facets["rating"]) == counts(found, asked, "rating", stars)
    assert shown_counts(facets["attributes.size"]) == counts(found, asked, "attributes.size", attribute("size"))
    assert facets["attributes.none"] == []
    for name, values in facets["attributes"].items():
        assert shown_counts(values) == counts(found, asked, f"attributes.{name}", attribute(name))
    prices: dict[str | None, list[Decimal]] = {}
    for item in found:
        if "price_low" in item and passes(item, asked, "price"):
            prices.setdefault(item.get("currency"), []).append(item["price_low"])
    assert {one["currency"]: (one["min"], one["max"], one["count"]) for one in facets["price"]} == {
        currency: (min(some), max(some), len(some)) for currency, some in prices.items()
    }


@pytest.mark.parametrize("seed", range(150))
def test_a_search_finds_counts_and_pages_what_a_loop_would(tmp_path: Path, seed: int) -> None:
    dice = Dice(seed)
    items = [dice.item(number) for number in range(dice.randrange(40))]
    text, asked, sort = dice.sample(WORDS, dice.randrange(3)), dice.filters(), dice.choice(SORTS)
    found = among(items, text, asked, sort)
    fitting = [item for item in found if passes(item, asked)]
    query = Query(" ".join(text), asked, sort=sort, limit=dice.randint(1, 9), correct=False, facets=FACETS)
    index = index_of(tmp_path, items)
    first, ids = index.search(query), listed(index, query)
    assert first.total == len(fitting)
    assert sorted(ids) == [item["id"] for item in fitting]
    if sort != "relevance":
        assert ids == [item["id"] for item in sorted(fitting, key=lambda item: in_order(item, sort))]
    if fitting:
        check_facets(first.facets, found, asked)


def in_order(item: Item, sort: str) -> Any:
    price, rating = item.get("price_low"), item.get("rating")
    return {
        "price_asc": (price is None, price or 0),
        "price_desc": (price is None, -(price or 0)),
        "rating": (rating is None, -rating["value"] if rating else 0, -rating["count"] if rating else 0),
        "newest": [-ord(char) for char in item.get("released", "")] or [0],
    }[sort]
