"""A folder of judged data: products.jsonl.gz and ratings.csv, as products of our own and as ratings by query."""

import csv
import gzip
import html
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gateway.products.items import items_of
from gateway.products.schemas import AttributeName, Gtin, Offer, Product

Item = dict[str, Any]
Ratings = dict[str, dict[str, int]]
"""By query: a product's rating, from 0 (irrelevant) to 3 (perfect)."""

CURRENCY = "EUR"
_MARKUP = re.compile(r"<[^>]*>")
_GTIN: TypeAdapter[str] = TypeAdapter(Gtin)
_NAME: TypeAdapter[str] = TypeAdapter(AttributeName)


def ratings(folder: Path) -> Ratings:
    """The ratings of the queries to which any product is relevant at all."""
    found: Ratings = defaultdict(dict)
    with (folder / "ratings.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["query"]][row["product_id"]] = int(row["rating"])
    return {query: rated for query, rated in found.items() if any(rated.values())}


def items(folder: Path) -> Iterator[Item]:
    """The products' own items, as the table would have them."""
    for one in products(folder):
        *_, item = items_of(one, {})
        yield item


def products(folder: Path) -> Iterator[Product]:
    """The products, in the file's order."""
    with gzip.open(folder / "products.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield product(json.loads(line))


def product(row: Item) -> Product:
    """A line of the file as a product; what it cannot hold, such as barcodes whose check digit is wrong, is left out."""
    price = row.get("price") or 0
    offers = (Offer(merchant=row["supplier"], price=price, currency=CURRENCY),) if price > 0 else ()
    return Product(
        id=str(row["id"]),
        title=_text(row["title"])[:500],
        description=_text(row.get("short_description") or "")[:10_000],
        brand=_text(row["supplier"])[:150] or None,
        gtins=tuple(gtin for gtin in row.get("ean") or () if _fits(_GTIN, gtin))[:20],
        mpn=_text(row["name"])[:100] or None,
        images=(row["img_500x500"],) if row.get("img_500x500") else (),
        attributes=dict(list(_attributes(row))[:500]),
        released=row["date_released"][:10] if row.get("date_released") else None,
        currency=CURRENCY,
        offers=offers,
    )


def _attributes(row: Item) -> Iterator[tuple[str, Any]]:
    for field, value in row.items():
        kind, name = field[:7], field[7:].strip("_")
        if kind not in ("attr_t_", "attr_n_", "attr_b_") or not _fits(_NAME, name):
            continue
        if kind == "attr_b_":
            yield name, bool(value)
        elif kind == "attr_n_":
            yield name, Decimal(f"{value:.10g}")
        elif text := _text(str(value))[:1000]:
            yield name, text


def _text(text: str) -> str:
    visible = "".join(char if char.isprintable() else " " for char in html.unescape(_MARKUP.sub(" ", text)))
    return " ".join(visible.split())


def _fits(adapter: TypeAdapter[str], value: str) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True
