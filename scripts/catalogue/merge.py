"""What a product becomes by what feeds say of it, and which items have to be written for that. No I/O.

A product is described by the first merchant who brought it; others only add their offers. A line of the catalogue's own format has
the last word on all but the offers of merchants whose own feeds were imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import ValidationError

from catalogue.complaints import complaint
from catalogue.entries import OWN, Entry
from catalogue.feed import Rejection, WrongRow
from gateway.products.items import items_of, product_of
from gateway.products.parts import PRODUCT, Item, gtin_14, name_key
from gateway.products.schemas import PricePoint, Product

MAX_ITEM_BYTES = 400 * 1024
"""DynamoDB's limit of one item, names included."""
MAX_POINTS = 1000


@dataclass(frozen=True)
class Known:
    """What a product was made from.

    Attributes:
        sources: merchants (or OWN), and the digests of what they said last.
        described_by: whose title, description and the rest it has.
    """

    sources: Mapping[str, str] = field(default_factory=dict)
    described_by: str | None = None

    def has(self, entry: Entry) -> bool:
        """Whether an entry says what it said the last time."""
        return self.sources.get(entry.source) == entry.digest

    def item(self) -> Item:
        """As the product's item has it."""
        return {"sources": dict(self.sources), "described_by": self.described_by}


@dataclass
class Change:
    """What has to be written so that a product is what it should be.

    Attributes:
        parts: the items beside the product's own that are new or different.
        stale: the sort keys of those that are to go.
        whole: the product's own item, which is written last; None if nothing is written.
    """

    id: str
    is_new: bool
    parts: list[Item] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    whole: Item | None = None
    rejected: list[Rejection] = field(default_factory=list)


def known(item: Mapping[str, Any]) -> Known:
    """What a product's own item says that it was made from."""
    return Known(item.get("sources", {}), item.get("described_by"))


def change(items: Sequence[Item], entries: Sequence[Entry], today: date) -> Change:
    """What has to be written.

    Args:
        items: all that the table has of the product. Without the product's own item they are what an interrupted import left, and go.
        entries: what is new about it, in the feed's order.
        today: for the point in the history of its price.
    Raises:
        ValidationError: the table's items are of no product.
    """
    whole = next((item for item in items if item["part"] == PRODUCT), None)
    before = product_of(list(items)) if whole else None
    found = Change(entries[0].id, is_new=whole is None)
    product, made, said = before, known(whole or {}), []
    for entry in entries:
        try:
            product, made = _with(product, made, entry)
            said.append(entry.product)
        except WrongRow as wrong:
            found.rejected.append(Rejection(entry.line, entry.id, wrong.field, wrong.reason))
    if product and said:
        wanted = items_of(_priced(product, before, said, today), made.item())
        _compare(found, {item["part"]: item for item in wanted}, items, entries)
    return found


def _compare(found: Change, wanted: dict[str, Item], items: Sequence[Item], entries: Sequence[Entry]) -> None:
    """Note what is to be written so that the table has what is wanted, or why it cannot."""
    if too_large := next((item for item in wanted.values() if size(item) > MAX_ITEM_BYTES), None):
        reason = f"makes an item of {size(too_large):,} bytes, and DynamoDB takes {MAX_ITEM_BYTES:,}"
        found.rejected = [Rejection(entry.line, entry.id, "", reason) for entry in entries]
        return
    there = {item["part"]: item for item in items}
    found.whole = wanted.pop(PRODUCT)
    found.parts = [item for part, item in wanted.items() if there.get(part) != item]
    found.stale = [part for part in there if part not in wanted and part != PRODUCT]


def _with(product: Product | None, made: Known, entry: Entry) -> tuple[Product, Known]:
    """A product and what it is made from, with one entry more.

    Raises:
        WrongRow: the entry is not of this product, or makes too much of it.
    """
    said, sources = entry.product, dict(made.sources)
    if product is None or entry.source in (OWN, made.described_by):
        describes, base = True, said
    else:
        describes, base = False, product
        _check_gtins(product, said)
    offers = product.offers if product else ()
    if entry.source == OWN:
        ours = {name_key(offer.merchant) for offer in said.offers}
        sources = {source: digest for source, digest in sources.items() if source not in ours}
        kept = [offer for offer in offers if name_key(offer.merchant) in sources]
    else:
        kept = [offer for offer in offers if name_key(offer.merchant) != entry.source]
    sources[entry.source] = entry.digest
    whole = _product(base, [*said.offers, *kept] if describes else [*kept, *said.offers])
    return whole, Known(sources, entry.source if describes else made.described_by)


def _check_gtins(product: Product, said: Product) -> None:
    theirs, its = _gtins(product), _gtins(said)
    if theirs and its and not theirs & its:
        raise WrongRow(
            "gtin",
            f"{product.id} is another product in the catalogue, whose GTIN is {product.gtins[0]}; --id-prefix keeps ids apart",
        )


def _gtins(product: Product) -> set[str]:
    return {gtin_14(gtin) for gtin in product.gtins}


def _product(base: Product, offers: Sequence[Any]) -> Product:
    """A product with other offers, checked again.

    Raises:
        WrongRow: it has too many now.
    """
    try:
        return Product.model_validate(
            {**{name: getattr(base, name) for name in Product.model_fields}, "offers": tuple(offers)}
        )
    except ValidationError as error:
        raise complaint(error) from None


def _priced(product: Product, before: Product | None, said: Sequence[Product], today: date) -> Product:
    """A product with its history: what was known, what the entries know, and today's price if it is another than the last.

    In another currency the known points are worth nothing.
    """
    points: dict[date, int] = {}
    if before and before.main_currency == product.main_currency:
        points = {point.day: point.price for point in before.price_history}
    points |= {point.day: point.price for one in said for point in one.price_history}
    past = [day for day in points if day <= today]
    if product.price_range and (not past or points[max(past)] != product.price_range[0]):
        points[today] = product.price_range[0]
    history = tuple(PricePoint(day=day, price=points[day]) for day in sorted(points)[-MAX_POINTS:])
    return product.model_copy(update={"price_history": history})


def size(value: Any) -> int:
    """Bytes that DynamoDB counts for a value, or for an item's names and values; numbers as the most that theirs may have.

    Source: the DynamoDB developer guide, "Item sizes and formats".
    """
    if isinstance(value, Mapping):
        return 3 + sum(len(str(name).encode()) + 1 + size(one) for name, one in value.items())
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list):
        return 3 + sum(1 + size(one) for one in value)
    return 1 if isinstance(value, bool) or value is None else len(str(value)) // 2 + 2
