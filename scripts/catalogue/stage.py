"""A whole feed, checked, before anything of it is written: a file that turns out to be broken at its end changes nothing, all rows
of a product come together, and memory does not grow with the file.
"""

import hashlib
import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from catalogue.entries import OWN, Entry
from catalogue.feed import Rejection
from local.console import Failure

Products = list[list[Entry]]


class Stage:
    """The entries of a feed, in a temporary SQLite file.

    Attributes:
        products: how many there are, once they have been counted.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self.products = 0
        self._said = hashlib.sha256()
        self._db = db
        db.execute(
            "CREATE TABLE entries (product TEXT, source TEXT, line INTEGER, offers INTEGER, body TEXT, PRIMARY KEY (product, source))"
            " WITHOUT ROWID"
        )

    def add(self, entry: Entry) -> Rejection | None:
        """Keep an entry, unless the feed had it before: then that is returned."""
        values = (entry.id, entry.source, entry.line, entry.offers, entry.body)
        if not self._db.execute("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?)", values).rowcount:
            return self._again(entry)
        self._said.update(f"{entry.id} {entry.source} {entry.digest}\n".encode())
        return None

    def _again(self, entry: Entry) -> Rejection:
        key = (entry.id, entry.source)
        ((line,),) = self._db.execute("SELECT line FROM entries WHERE product = ? AND source = ?", key)
        whose = "" if entry.source == OWN else " of the same merchant"
        return Rejection(entry.line, entry.id, "id", f"is that of line {line} again{whose}")

    def count(self) -> int:
        """How many products there are; when all have been added."""
        ((self.products,),) = self._db.execute("SELECT count(DISTINCT product) FROM entries")
        return self.products

    @property
    def digest(self) -> str:
        """Of all that the feed says: which one it is, whatever its file is called."""
        return self._said.hexdigest()[:16]

    def batches(self, most: int) -> Iterator[Products]:
        """All products, each with its entries in the feed's order; so many at a time."""
        batch: Products = []
        rows = self._db.execute("SELECT line, product, source, offers, body FROM entries ORDER BY product")
        for entry in itertools.starmap(Entry, rows):
            if not batch or batch[-1][0].id != entry.id:
                if len(batch) == most:
                    yield batch
                    batch = []
                batch.append([])
            batch[-1].append(entry)
            batch[-1].sort(key=lambda one: one.line)
        if batch:
            yield batch


@contextmanager
def staged() -> Iterator[Stage]:
    """An empty stage, gone afterwards, even if the import is killed: SQLite's file without a name.

    Raises:
        Failure: there is no room for it.
    """
    try:
        with closing(sqlite3.connect("", isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = OFF")
            db.execute("PRAGMA synchronous = OFF")
            db.execute("BEGIN")
            yield Stage(db)
    except sqlite3.Error as error:
        raise Failure(
            f"The feed cannot be kept in a temporary file until it is written: {error}. TMPDIR names another folder."
        ) from None
