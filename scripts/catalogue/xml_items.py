"""Rows of XML: the items of an RSS feed or the entries of an Atom feed, with Google Merchant's elements (g:price).

Read by expat itself as it comes, so that each row has its line and no file is too large. A document type is refused before
anything in it is read: it is there that entities are defined which expand without end, or point to files.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from catalogue.feed import MAX_ROW, TOO_LONG, Head, Refused, Rejection, Row
from catalogue.names import canonical

GOOGLE = "http://base.google.com/ns/1.0"
ROOTS = ("rss", "feed", "RDF")
ROWS = ("item", "entry")
MAX_DEPTH = 50
MAX_TAG_BYTES = 4 * MAX_ROW
"""A tag is only understood as a whole: more than this is not waited for."""
PARTS = {
    "shipping": ("country", "region", "service", "price", "min_handling_time", "max_handling_time", "min_transit_time", "max_transit_time"),
    "product_detail": ("section_name", "attribute_name", "attribute_value"),
}  # fmt: skip
"""Elements of several parts, and the order in which flat formats write them, with colons between them."""


@dataclass
class _Item:
    line: int
    depth: int
    fields: dict[str, list[str]] = field(default_factory=dict)
    google: set[str] = field(default_factory=set)
    length: int = 0


class _Reader:
    """What happens from tag to tag."""

    def __init__(self, name: str, encoding: str | None, head: Head) -> None:
        self.ready: list[Row | Rejection] = []
        self._name = name
        self._head = head
        self._path: list[str] = []
        self._item: _Item | None = None
        self._texts: list[str] = []
        self._parts: dict[str, str] = {}
        self._fed = 0
        self._parser = expat.ParserCreate(encoding, " ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def feed(self, chunk: bytes, last: bool) -> None:
        self._fed += len(chunk)
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise self._refused(
                error.lineno, f"it is not XML, or not in the encoding that it declares: {expat.ErrorString(error.code)}"
            ) from None
        except (LookupError, ValueError) as error:
            raise self._refused(1, f"its encoding is not known: {error}") from None
        if not last and self._fed - self._parser.CurrentByteIndex > MAX_TAG_BYTES:
            raise self._refused(self._parser.CurrentLineNumber, f"a tag has more than {MAX_TAG_BYTES:,} bytes")

    def _refused(self, line: int, reason: str) -> Refused:
        return Refused(f"{self._name}, line {line}: {reason}.")

    def _doctype(self, *declared: object) -> None:
        del declared
        line = self._parser.CurrentLineNumber
        raise self._refused(
            line, "it has a document type (<!DOCTYPE …>), whose entities may expand or point to files; feeds need none"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        space, _, name = tag.rpartition(" ")
        self._path.append(name)
        depth = len(self._path)
        if depth == 1 and name not in ROOTS:
            raise self._refused(
                self._parser.CurrentLineNumber, f"it must be RSS (<rss>) or Atom (<feed>); it is <{name[:50]}>"
            )
        if depth > MAX_DEPTH:
            raise self._refused(self._parser.CurrentLineNumber, f"its elements are more than {MAX_DEPTH} deep")
        if self._item is None:
            self._texts = []
            if name in ROWS and depth <= 3:
                self._item = _Item(self._parser.CurrentLineNumber, depth)
        elif depth == self._item.depth + 1:
            self._texts, self._parts = [], {}
            self._attribute(space, name, attributes)
        else:
            self._text(" ")

    def _attribute(self, space: str, name: str, attributes: dict[str, str]) -> None:
        """Atom's links are attributes."""
        if self._item and name == "link" and space != GOOGLE and attributes.get("rel", "alternate") == "alternate":
            self._texts.append(attributes.get("href", ""))

    def _text(self, text: str) -> None:
        if self._item:
            self._item.length += len(text)
            if self._item.length > MAX_ROW:
                return
        elif len(self._path) > 3 or len(self._texts) > 1000:
            return
        self._texts.append(text)

    def _end(self, tag: str) -> None:
        space, _, name = tag.rpartition(" ")
        depth = len(self._path)
        self._path.pop()
        if self._item is None:
            if name == "title" and self._path[1:] in ([], ["channel"]):
                self._head.merchant = self._head.merchant or self._said().strip() or None
            self._texts = []
        elif depth == self._item.depth:
            self._finish(self._item)
        elif depth == self._item.depth + 1:
            self._value(self._item, space, name, self._said())
        elif depth == self._item.depth + 2 and self._path[-1] in PARTS:
            self._parts[name] = self._said().strip().replace(":", " ")
            self._texts = []

    def _said(self) -> str:
        return "".join(self._texts)

    def _value(self, item: _Item, space: str, name: str, text: str) -> None:
        """Google's own elements count more than those of the feed's format."""
        known = canonical(name)
        if self._parts:
            text = ":".join(self._parts.get(part, "") for part in PARTS[name]).rstrip(":")
        if space == GOOGLE and known not in item.google:
            item.google.add(known)
            item.fields[known] = []
        elif space != GOOGLE and known in item.google:
            return
        if text.strip():
            item.fields.setdefault(known, []).append(text)

    def _finish(self, item: _Item) -> None:
        self._item = None
        if item.length > MAX_ROW:
            self.ready.append(Rejection(item.line, "".join(item.fields.get("id", []))[:128], "", TOO_LONG))
        else:
            self.ready.append(Row(item.line, item.fields))


def rows(chunks: Iterable[bytes], name: str, encoding: str | None, head: Head) -> Iterator[Row | Rejection]:
    """The rows of a feed.

    Args:
        name: the file's, for errors.
        encoding: in place of what the feed declares.
        head: is told the feed's title, which is the merchant's name.
    Raises:
        Refused: it is not XML to its end, not a feed, or has a document type.
    """
    reader = _Reader(name, encoding, head)
    for chunk in chunks:
        reader.feed(chunk, last=False)
        yield from reader.ready
        reader.ready.clear()
    reader.feed(b"", last=True)
    yield from reader.ready
