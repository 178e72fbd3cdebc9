"""Small catalogues for tests of the search: products in few words, and indexes of them."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.search.build import Item, build
from gateway.search.index import Index
from gateway.search.query import Query

_OPEN = list[Index]()
"""Kept until the end: Python 3.13 warns of databases that nobody has closed."""


def product(number: str, title: str, **fields: Any) -> Item:
    """A product's item, as the table gives it: numbers are Decimals."""
    price = fields.pop("price", None)
    prices = {"price_low": Decimal(price), "price_high": Decimal(price), "currency": "EUR"} if price is not None else {}
    return {"id": number, "title": title, "offer_count": Decimal(1)} | prices | fields


def rating(stars: str, count: int = 1) -> dict[str, Decimal]:
    """As the table gives it."""
    return {"value": Decimal(stars), "count": Decimal(count)}


def index_of(folder: Path, products: Iterable[Item], name: str = "index.sqlite") -> Index:
    """An index of some products."""
    build(folder / name, products, revision=7, built_at=1_700_000_000_000)
    _OPEN.append(Index.open(folder / name))
    return _OPEN[-1]


def ids(index: Index, text: str = "", **asked: Any) -> list[str]:
    """The products that are found, in their order."""
    return [found["id"] for found in index.search(Query(text, **asked)).products]


def all_pages(index: Index, text: str = "", **asked: Any) -> list[str]:
    """The products of all pages."""
    found, cursor = list[str](), None
    while True:
        page = index.search(Query(text, cursor=cursor, **asked))
        found += [one["id"] for one in page.products]
        cursor = page.next_cursor
        if cursor is None:
            return found
