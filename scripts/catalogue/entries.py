"""What a feed says of a product: once read and checked, packed, since only what is new is ever looked at again."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from gateway.products.schemas import Product

OWN = "OWN"
"""Where a product comes from that is in the catalogue's own format: it has all offers, and is no merchant's. In capitals, which no
merchant's key has.
"""
VERSION = "1"
"""Of the digests: another one has every row written again."""
DECIMAL = "$"
"""JSON has no exact numbers, and attributes may be numbers or texts: no attribute has this name."""


@dataclass(frozen=True)
class Entry:
    """A row, checked.

    Attributes:
        line: where it starts.
        id: the product's.
        source: the merchant whose offer it has, as `name_key` has him, or OWN.
        offers: how many it has.
        body: the product, packed.
    """

    line: int
    id: str
    source: str
    offers: int
    body: str

    @cached_property
    def product(self) -> Product:
        """The product, with the offers that the row has."""
        return Product.model_validate(json.loads(self.body, object_hook=_decimals))

    @cached_property
    def digest(self) -> str:
        """Of all that it says; one that is the same needs no writing."""
        return hashlib.sha256(f"{VERSION} {self.source} {self.body}".encode()).hexdigest()[:32]


def entry(line: int, source: str, product: Product) -> Entry:
    """A row that says this of a product."""
    fields = product.model_dump(exclude_defaults=True)
    return Entry(
        line, product.id, source, len(product.offers), json.dumps(fields, default=_plain, separators=(",", ":"))
    )


def _plain(value: Decimal | date) -> Any:
    return {DECIMAL: str(value)} if isinstance(value, Decimal) else value.isoformat()


def _decimals(found: dict[str, Any]) -> Any:
    return Decimal(found[DECIMAL]) if DECIMAL in found else found
