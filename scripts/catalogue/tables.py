"""Rows of CSV and TSV."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator

from catalogue.feed import MAX_ROW, TOO_LONG, Head, Refused, Rejection, Row
from catalogue.names import REQUIRED, canonical
from catalogue.text import Line
from gateway.fields import shown

DELIMITERS = "\t,;"
UNCLOSED = "a quote is not closed"
NUL = "has a NUL character"

csv.field_size_limit(MAX_ROW)  # of the module; a record's own limit comes first


class _TooLong(ValueError):
    pass


class _Records:
    """Takes the lines of one record at a time; a value in quotes may have several.

    Lines can be given back: one quote too many makes one bad row, not a value that swallows the rest of the file.
    """

    def __init__(self, lines: Iterable[Line], delimiter: str) -> None:
        self._lines = iter(lines)
        self._waiting: deque[Line] = deque()
        self._delimiter = delimiter
        self.taken: list[Line] = []

    def next(self) -> list[str] | None:
        """The cells of the next record; None at the end.

        Raises:
            _TooLong, csv.Error: it is none; all of its lines but the first are given back.
        """
        self.taken = []
        try:
            return next(csv.reader(self._feed(), delimiter=self._delimiter, strict=True), None)
        except (_TooLong, csv.Error):
            self.give_back()
            raise

    def give_back(self) -> None:
        """Have all lines but the first be read again."""
        self._waiting.extendleft(reversed(self.taken[1:]))

    def _feed(self) -> Iterator[str]:
        length = 0
        while line := self._waiting.popleft() if self._waiting else next(self._lines, None):
            self.taken.append(line)
            length += len(line.text or "")
            if line.text is None or length > MAX_ROW:
                raise _TooLong
            yield line.text


def rows(lines: Iterable[Line], name: str, head: Head) -> Iterator[Row | Rejection]:
    """The rows of a table; its first line names the columns.

    Args:
        name: the file's, for errors.
        head: is told the columns.
    Raises:
        Refused: the first line names no columns, or not those that each product needs.
    """
    lines = iter(lines)
    header = next((line for line in lines if line.text is None or line.text.strip()), None)
    delimiter, columns = _columns(header, name)
    head.columns = tuple(columns)
    records = _Records(lines, delimiter)
    at = columns.index("id")
    while True:
        try:
            cells = records.next()
        except _TooLong:
            yield Rejection(records.taken[0].number, "", "", TOO_LONG if len(records.taken) == 1 else UNCLOSED)
            continue
        except csv.Error as error:
            yield Rejection(records.taken[0].number, "", "", _why(error, len(records.taken)))
            continue
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield _row(records, columns, cells, at)


def _row(records: _Records, columns: list[str], cells: list[str], at: int) -> Row | Rejection:
    line, count = records.taken[0].number, len(columns)
    product = cells[at].strip()[:128] if at < len(cells) else ""
    if any("\0" in (taken.text or "") for taken in records.taken):
        return Rejection(line, product.replace("\0", ""), "", NUL)
    if len(cells) < count or any(cells[count:]):
        several = len(records.taken) > 1
        records.give_back()
        return Rejection(
            line, product, "", UNCLOSED if several else f"has {len(cells)} columns, and the header {count}"
        )
    fields: dict[str, list[str]] = {}
    for column, cell in zip(columns, cells, strict=False):
        if cell.strip():
            fields.setdefault(column, []).append(cell)
    return Row(line, fields)


def _columns(header: Line | None, name: str) -> tuple[str, list[str]]:
    text = (header.text or "") if header else ""
    for delimiter in DELIMITERS:
        try:
            written = next(csv.reader([text], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        columns = [canonical(one) for one in written]
        if set(REQUIRED) <= set(columns):
            twice = next((one for one in REQUIRED if columns.count(one) > 1), None)
            if twice:
                raise Refused(f"{name}: its first line names the column `{twice}` twice.")
            return delimiter, columns
    raise Refused(
        f"{name}: its first line must name the columns, `id` and `title` among them, separated by tabs, commas or semicolons;"
        f" it is {shown(text.strip())}."
    )


def _why(error: csv.Error, count: int) -> str:
    if count > 1 or "unexpected end" in str(error):
        return UNCLOSED
    if "expected after" in str(error):
        return "a value goes on behind its closing quote"
    return f"is not a row: {error}"
