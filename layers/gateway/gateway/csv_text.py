"""Tables as CSV (RFC 4180), safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.http import to_json
from gateway.pricing import dollars

HEADERS = {"content-type": "text/csv; charset=utf-8"}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula; a client's own texts may begin so."""


def table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A header, then a line for each row; what a row does not have is empty.

    Args:
        rows: numbers and Decimals are written as they are, lists and objects as JSON.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return dollars(value)
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else to_json(value)
    return f"'{text}" if text.startswith(FORMULA) else text
