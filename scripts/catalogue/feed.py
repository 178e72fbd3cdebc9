"""What readers of feeds give: rows with the lines that they start on, what is wrong with a row, and what with a whole file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.console import Failure

MAX_ROW = 1_000_000
"""Characters. A row that is longer is not read into memory."""
TOO_LONG = f"has more than {MAX_ROW:,} characters"


class Refused(Failure):
    """The file cannot be read, or not to its end: nothing of it is imported."""


class WrongRow(ValueError):
    """Something about a row, or one of its fields, keeps it out of the catalogue.

    Args:
        field: the feed's own name of it; empty if it is the row itself.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


@dataclass(frozen=True)
class Rejection:
    """A row that is not imported.

    Attributes:
        line: where it starts, from 1.
        id: the product's, as far as it is known.
        field: the feed's own name of what is wrong; empty if it is the row itself.
        reason: a sentence's end: "must not be negative".
    """

    line: int
    id: str
    field: str
    reason: str


@dataclass(frozen=True)
class Row:
    """A row as it is written.

    Attributes:
        fields: a flat format's values by their names, several of a name if it was repeated; or a JSON object's.
    """

    line: int
    fields: Mapping[str, Any]


@dataclass
class Head:
    """What a feed says before its rows, or what only its end has shown.

    Attributes:
        merchant: whose feed it is, if it says so.
        columns: a table's, by their canonical names.
        ignored: names that nobody knows; what was in them is not imported.
    """

    merchant: str | None = None
    columns: tuple[str, ...] = ()
    ignored: dict[str, None] = field(default_factory=dict)
