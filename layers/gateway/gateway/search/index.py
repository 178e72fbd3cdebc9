"""An index file, opened to be searched."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from gateway.products.parts import SEPARATOR
from gateway.search.format import APPLICATION_ID, FORMAT, About, IndexUnusable
from gateway.search.query import Found, Query
from gateway.search.searching import Search

__all__ = ["FORMAT", "About", "Index", "IndexUnusable", "require_fts5"]

SIGNATURE = b"SQLite format 3\0"
HEADER_BYTES = 100
UNREADABLE = (sqlite3.Error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What reading a file may end in some of whose bytes are not those that were written: texts may be none, and numbers gone."""


def require_fts5(connect: Callable[[str], sqlite3.Connection] = sqlite3.connect) -> None:
    """Make sure that this Python can search.

    Args:
        connect: opens a database.
    Raises:
        RuntimeError: its SQLite was built without FTS5.
    """
    db = connect(":memory:")
    try:
        db.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
    except sqlite3.OperationalError as error:
        raise RuntimeError(
            f"The product search needs SQLite with FTS5; this Python's SQLite {sqlite3.sqlite_version} has none: {error}."
        ) from None
    finally:
        db.close()


class Index:
    """An index file, read-only: for one thread at a time, but not always the same."""

    def __init__(self, db: sqlite3.Connection, about: About, title_terms: float) -> None:
        self._db, self.about, self._title_terms = db, about, title_terms

    def __del__(self) -> None:
        """The file was removed when it was opened: an index that is forgotten would keep its room."""
        self.close()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file. It may be removed as soon as it is open.

        Raises:
            IndexUnusable: it is not a whole index of this format.
        """
        _check_size(path)
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False, isolation_level=None
        )
        try:
            return cls(db, *_about(db, path))
        except UNREADABLE as error:
            db.close()
            raise IndexUnusable(f"{path.name} cannot be read: {error}.") from None
        except IndexUnusable:
            db.close()
            raise

    def search(self, query: Query) -> Found:
        """Answer a query.

        Raises:
            InvalidRequest: the cursor is not one of this query's; `param` is "cursor".
            IndexUnusable: the file is broken where it was read.
        """
        with _readable():
            return Search(self._db, self.about.products, self._title_terms, query).found()

    def categories(self) -> list[dict[str, Any]]:
        """All categories, by path: {"path", "name", "parent", "products"}; the last counts those below it, too.

        Raises:
            IndexUnusable: the file is broken where it was read.
        """
        with _readable():
            rows = self._db.execute("SELECT path, name, products FROM categories")
            found = [
                {"path": path, "name": name, "parent": path.rpartition(SEPARATOR)[0] or None, "products": products}
                for path, name, products in rows
            ]
            return sorted(found, key=lambda category: category["path"].casefold().split(SEPARATOR))

    def check(self) -> None:
        """Read all of the file once, at some 250 MB a second.

        Raises:
            IndexUnusable: it is broken somewhere.
        """
        with _readable():
            ((found, *_),) = self._db.execute("PRAGMA quick_check(1)").fetchall()
        if found != "ok":
            raise IndexUnusable("It is broken inside.")

    def close(self) -> None:
        """Let the file go."""
        self._db.close()


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise IndexUnusable(f"It cannot be read: {type(error).__name__}.") from error


def _check_size(path: Path) -> None:
    """The file is as long as its header says: a database that is cut off may open, and fail at the first query only."""
    try:
        with path.open("rb") as file:
            header, size = file.read(HEADER_BYTES), path.stat().st_size
    except OSError as error:
        raise IndexUnusable(f"{path.name} cannot be read: {error.strerror}.") from None
    if len(header) < HEADER_BYTES or not header.startswith(SIGNATURE):
        raise IndexUnusable(f"{path.name} is not an SQLite database, or was cut off in its first bytes.")
    page, pages = int.from_bytes(header[16:18]), int.from_bytes(header[28:32])
    if size != (1 << 16 if page == 1 else page) * pages:
        raise IndexUnusable(
            f"{path.name} has {size} bytes, and {page * pages} were written: it was cut off, or changed."
        )


def _about(db: sqlite3.Connection, path: Path) -> tuple[About, float]:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise IndexUnusable(f"{path.name} is a database, but not an index of products.")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != FORMAT:
        raise IndexUnusable(f"{path.name} is of format {version}; this version of the gateway reads format {FORMAT}.")
    db.execute("PRAGMA temp_store = MEMORY")
    row = db.execute("SELECT products, revision, built_at, title_terms FROM about").fetchone()
    if row is None:
        raise IndexUnusable(f"{path.name} was not written to its end.")
    products, revision, built_at, title_terms = row
    (count,) = db.execute("SELECT count(*) FROM facts").fetchone()
    db.execute("SELECT rowid FROM words LIMIT 1").fetchone()
    if count != products:
        raise IndexUnusable(f"{path.name} has {count} products, and says that it has {products}.")
    return About(version, products, revision, built_at), title_terms
