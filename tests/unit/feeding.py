"""Feeds for tests: bytes in a file, and what the importer reads from them."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from catalogue import feeds
from catalogue.entries import Entry
from catalogue.feed import Head, Rejection
from catalogue.feeds import Reading
from catalogue.sources import Source
from gateway.products.schemas import Product

NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
SHOP = Reading(NOW, merchant="Shop")


def rows(content: str | bytes, name: str, head: Head | None = None, **how: Any) -> list[Entry | Rejection]:
    """All rows of a feed."""
    data = content.encode() if isinstance(content, str) else content
    source = Source(name, io.BytesIO(data), len(data))
    return list(feeds.read(source, replace(SHOP, **how), head or Head()))


def products(content: str | bytes, name: str, **how: Any) -> list[Product]:
    """The products of a feed all of whose rows are right."""
    found = rows(content, name, **how)
    assert [row for row in found if isinstance(row, Rejection)] == []
    return [row.product for row in found if isinstance(row, Entry)]


def product(content: str | bytes, name: str, **how: Any) -> Product:
    """The only product of a feed."""
    (found,) = products(content, name, **how)
    return found


def rejections(content: str | bytes, name: str, **how: Any) -> list[tuple[int, str, str]]:
    """Line, field and reason of each row that is wrong."""
    found = rows(content, name, **how)
    return [(row.line, row.field, row.reason) for row in found if isinstance(row, Rejection)]


def ids(content: str | bytes, name: str, **how: Any) -> list[str]:
    """The ids of the rows that are right."""
    return [row.id for row in rows(content, name, **how) if isinstance(row, Entry)]
