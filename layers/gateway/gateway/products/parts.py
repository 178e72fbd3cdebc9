"""Products as the Products table has them: several items each, which the indexes can find.

| part | what |
|---|---|
| `PRODUCT` | all that describes it, what its offers come to, and what it was made from; written last |
| `OFFER#<merchant>` | one offer |
| `PRICE#<day>` | what the best offer cost from that day on |
| `CATEGORY#<path>`, `GTIN#<number>` | a category or a barcode beyond the first: by them too the indexes find it |
"""

import zlib
from typing import Any

Item = dict[str, Any]

SEPARATOR = " > "
"""Between the steps of a category, as in Google's taxonomy."""
AVAILABILITIES: tuple[str, ...] = ("in_stock", "preorder", "backorder", "out_of_stock")
"""Best first: a product is as available as its best offer."""
PRODUCT, OFFER, PRICE, CATEGORY, GTIN = "PRODUCT", "OFFER#", "PRICE#", "CATEGORY#", "GTIN#"
STATE = "STATE"
STATE_KEY = {"id": "#CATALOGUE", "part": STATE}
"""Of the catalogue's own item. `revision` counts its changes: one more before each batch of an import, and one after its last;
`changed_at` is when, in seconds since the epoch; `unfinished` has the feeds, by name and digest, whose imports are under way, or
broke off and were not run again; `importing` is the one whose turn it is to write.
"""
SCOPE = "products"
"""What a key has to have for all that shows products."""
ID = "[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}"
"""A product's id, as a regular expression."""
ATTRIBUTE_NAME = "[a-z0-9][a-z0-9_]{0,99}"
"""An attribute's name, as a regular expression."""
MAX_AMOUNT = 10**12
"""Of a price, in minor units: some currencies have a thousand times as many of them as others."""
SHARDS = 8
"""A partition takes 1,000 writes a second: the index of all products has several."""
SUMMARY = (
    "title", "brand", "categories", "images", "link", "rating", "released", "currency", "price_low", "price_high",
    "availability", "offer_count",
)  # fmt: skip
"""What lists tell of a product; template.yaml has the indexes carry them."""
INDEXES = {
    "all": ("shard", "id"),
    "brands": ("brand_key", "id"),
    "categories": ("category_root", "category_path"),
    "gtins": ("gtin", "id"),
}
"""The table's indexes and their keys, as template.yaml declares them."""


def shard_of(product_id: str) -> str:
    """The partition of the index of all products that a product is in."""
    return str(zlib.crc32(product_id.encode()) % SHARDS)


def name_key(name: str) -> str:
    """A brand or a merchant as keys have it: however it is written."""
    return " ".join(name.casefold().split())


def category_keys(path: str, product_id: str = "") -> Item:
    """A category as the index has it: its first step, and the path with an end to each step, then the product."""
    key = path.casefold()
    return {"category_root": key.split(SEPARATOR)[0], "category_path": f"{key}{SEPARATOR}{product_id}"}


def category_steps(path: str) -> list[str]:
    """The names that a category's path goes by, however it is written; no path, if one of them is empty."""
    return [" ".join(step.split()) for step in path.split(">")]


def gtin_14(gtin: str) -> str:
    """A barcode as the index has it: GTINs of all lengths are one number."""
    return gtin.zfill(14)


def offer_part(merchant: str) -> str:
    """The sort key of a merchant's offer."""
    return OFFER + name_key(merchant)
