"""A feed of any format, as products with the lines that they come from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalogue import google, json_lines, own, tables, text, xml_items
from catalogue.entries import OWN, Entry, entry
from catalogue.feed import Head, Refused, Rejection, Row, WrongRow
from catalogue.names import KNOWN, canonical
from catalogue.sources import Source
from gateway.products.parts import name_key
from gateway.products.schemas import Product

FORMATS = {
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "csv": "csv",
    "tsv": "tsv",
    "txt": "tsv",
    "xml": "xml",
    "rss": "xml",
    "atom": "xml",
}
"""Formats by the endings of files' names."""


@dataclass(frozen=True)
class Reading:
    """How to read a feed.

    Attributes:
        format: one of FORMATS; None goes by the name.
        encoding: None goes by the file.
        merchant: whose feed it is, for rows that do not say so.
        prefix: before all ids.
        now: aware; sale prices may be for a time.
    """

    now: datetime
    format: str | None = None
    encoding: str | None = None
    merchant: str | None = None
    prefix: str = ""


MAX_IGNORED, MAX_NAME = 100, 100
"""Names that nobody knows: how many are told, and how much of each."""

Reader = Callable[[Row, Reading, Head], tuple[str, Product]]


def format_of(name: str, given: str | None) -> str:
    """A feed's format, by what the user says or else by its name.

    Raises:
        Refused: neither tells.
    """
    ending = name.lower().removesuffix(".gz").rpartition(".")[2]
    found = given or FORMATS.get(ending)
    if not found:
        raise Refused(f"{name}: its name does not tell its format; name it: --format jsonl, csv, tsv or xml.")
    return found


def read(source: Source, how: Reading, head: Head) -> Iterator[Entry | Rejection]:
    """What a feed says, row by row, in its order.

    Args:
        head: is told what the feed says beside its rows.
    Raises:
        Refused: it cannot be read to its end; what came before is not to be used.
    """
    kind = format_of(source.name, how.format)
    reader = _json if kind == "jsonl" else _flat
    for row in _rows(source, kind, how, head):
        yield row if isinstance(row, Rejection) else _checked(row, reader, how, head)


def _rows(source: Source, kind: str, how: Reading, head: Head) -> Iterator[Row | Rejection]:
    chunks = source.chunks()
    if kind == "xml":
        return xml_items.rows(chunks, source.name, how.encoding, head)
    lines = text.lines(chunks, source.name, how.encoding)
    return json_lines.rows(lines, source.name) if kind == "jsonl" else _of_merchants(lines, source.name, how, head)


def _of_merchants(lines: Iterator[text.Line], name: str, how: Reading, head: Head) -> Iterator[Row | Rejection]:
    """A table's rows, if its offers are anybody's."""
    for row in tables.rows(lines, name, head):
        if not how.merchant and "merchant" not in head.columns:
            raise Refused(
                f"{name}: it does not say whose offers it has: name the merchant by --merchant, or in a column `merchant`."
            )
        yield row


def _checked(row: Row, reader: Reader, how: Reading, head: Head) -> Entry | Rejection:
    try:
        source, product = reader(row, how, head)
    except WrongRow as wrong:
        return Rejection(row.line, _id(row), wrong.field[:MAX_NAME], wrong.reason)
    return entry(row.line, source, product)


def _flat(row: Row, how: Reading, head: Head) -> tuple[str, Product]:
    if len(head.ignored) < MAX_IGNORED:
        head.ignored.update(dict.fromkeys(name[:MAX_NAME] for name in row.fields if name not in KNOWN))
    product = google.product(row.fields, how.merchant or head.merchant, how.now, how.prefix)
    return name_key(product.offers[0].merchant), product


def _json(row: Row, how: Reading, head: Head) -> tuple[str, Product]:
    """A line with `price`, and no `offers`, has Google's names; any other is of the catalogue's own format."""
    if "price" not in row.fields or "offers" in row.fields:
        return OWN, own.product(row.fields, how.prefix)
    fields: dict[str, list[str]] = {}
    for name, value in row.fields.items():
        fields.setdefault(canonical(name), []).extend(_texts(name, value))
    return _flat(Row(row.line, {name: values for name, values in fields.items() if values}), how, head)


def _texts(name: str, value: Any) -> Iterator[str]:
    if value is None or value == "":
        return
    if isinstance(value, list):
        for one in value:
            yield from _texts(name, "" if isinstance(one, list) else one)
    elif isinstance(value, Mapping) or (name == "price" and not isinstance(value, str)):
        raise WrongRow(name, 'must be a text such as "12.99 EUR"' if "price" in name else "must be a text")
    else:
        yield str(value).lower() if isinstance(value, bool) else str(value)


def _id(row: Row) -> str:
    found = row.fields.get("id")
    one = found[0] if isinstance(found, list) and found else found
    return str(one)[:128].strip() if one is not None and not isinstance(one, list | Mapping) else ""
