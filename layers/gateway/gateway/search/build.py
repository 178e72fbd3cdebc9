"""Builds an index file from the catalogue's products."""

import json
import os
import pickle
import re
import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from datetime import date
from pathlib import Path
from typing import Any

from gateway.products.parts import AVAILABILITIES, SEPARATOR
from gateway.products.summaries import summary
from gateway.search import words
from gateway.search.format import (  # fmt: skip
    APPLICATION_ID,
    COLUMNS,
    FORMAT,
    MAX_VALUE,
    TABLES,
    About,
    compared,
    deletions,
    shown,
)
from gateway.search.kinds import kinds

Item = dict[str, Any]

STEPS_OF_PROGRESS = 500
INSERT_WORDS = f"INSERT INTO words(rowid, {', '.join(COLUMNS)}) VALUES({', '.join('?' * (len(COLUMNS) + 1))})"
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)
"""What is in ranges: feeds have numbers as texts, too."""
MIN_SPELLED, MAX_SPELLED = 3, 25
"""Letters of the words that others may be misspellings of."""
DESCRIBED = 0.05
"""How much a word counts there that a product only has in its description or its attributes: products are asked for by their names."""


def build(
    path: Path,
    products: Iterable[Item],
    revision: int,
    built_at: int,
    progress: Callable[[int], None] | None = None,
) -> About:
    """Write an index file. If that fails, none is left.

    Args:
        path: where; must not exist.
        products: the products' own items of the table, in any order, with plain values.
        revision: of the catalogue, before the first of them was read.
        built_at: the time, in milliseconds since the epoch.
        progress: told now and then how many products are in it.
    Raises:
        FileExistsError: there is a file already.
        ValueError: a product is there twice.
        OSError, sqlite3.Error: it cannot be written.
    """
    path.touch(exist_ok=False)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            about = _Builder(db).write(products, revision, built_at, progress or (lambda _count: None))
        with path.open("rb") as written:
            os.fsync(written.fileno())
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return about


class _Builder:
    """A file on the way."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._brands, self._categories, self._names = dict[str, int](), dict[str, int](), dict[str, int]()
        self._values = dict[tuple[int, str], int]()
        self._spellings = defaultdict[str, float](float)
        self._title_terms = 0

    def write(self, products: Iterable[Item], revision: int, built_at: int, progress: Callable[[int], None]) -> About:
        """Everything; the mark that it is an index comes last.

        Without ANALYZE: the queries say themselves in which order tables are read, and by its statistics SQLite would make Bloom
        filters of whole tables for each of them, which takes ten times as long as the query.
        """
        db = self._db
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA page_size = 4096;" + TABLES)
        db.execute("BEGIN")
        count = 0
        for count, item in enumerate(self._by_id(products), 1):
            self._add(count, item)
            if count % STEPS_OF_PROGRESS == 0:
                progress(count)
        self._finish()
        about = (count, revision, built_at, self._title_terms / max(count, 1))
        db.execute("INSERT INTO about VALUES(?, ?, ?, ?)", about)
        db.execute("COMMIT")
        db.execute("VACUUM")
        db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};")
        progress(count)
        return About(FORMAT, count, revision, built_at)

    def _by_id(self, products: Iterable[Item]) -> Iterator[Item]:
        """The products in the order of their ids, which no memory need hold."""
        db = self._db
        db.execute("CREATE TEMP TABLE waiting(id TEXT PRIMARY KEY, item BLOB) WITHOUT ROWID")
        for item in products:
            try:
                db.execute("INSERT INTO waiting VALUES(?, ?)", (item["id"], zlib.compress(pickle.dumps(item), 1)))
            except sqlite3.IntegrityError:
                raise ValueError(f"The product {item['id']} is there twice.") from None
        for (packed,) in db.execute("SELECT item FROM waiting ORDER BY id"):
            yield pickle.loads(zlib.decompress(packed))  # noqa: S301 - packed above

    def _add(self, n: int, item: Item) -> None:
        db = self._db
        db.execute("INSERT INTO products VALUES(?, ?, ?)", (n, item["id"], _json(list(summary(item).values()))))
        texts = _texts(item)
        written = [words.words(text) for text in texts]
        terms = [[words.stem(word) for word in found] for found in written]
        indexed = [" ".join(found + words.extra_terms(text)) for found, text in zip(terms, texts, strict=True)]
        kind = " ".join(kinds(item.get("categories") or ()))
        db.execute(INSERT_WORDS, (n, *indexed, kind))
        db.execute("INSERT INTO titles VALUES(?, ?, ?)", (n, " ".join(terms[0]), kind))
        self._title_terms += len(terms[0])
        title, brand, categories, _, facts, _, description = written
        named, described = _spelled(title + brand + categories), _spelled(facts + description)
        for word in named | described:
            self._spellings[word] += 1.0 if word in named else DESCRIBED
        db.execute("INSERT INTO facts VALUES(?, ?, ?, ?, ?, ?, ?, ?)", (n, *self._facts(item)))
        paths = {step for path in item.get("categories") or () for step in _ancestry(path)}
        rows = {(n, self._category(path)) for path in paths}
        db.executemany("INSERT INTO product_categories VALUES(?, ?)", sorted(rows))
        self._add_attributes(n, item.get("attributes") or {})

    def _facts(self, item: Item) -> tuple[int | str | None, ...]:
        brand, price, rating, released = (item.get(name) for name in ("brand", "price_low", "rating", "released"))
        stars = (rating or {}).get("value")
        available = item.get("availability")
        return (
            self._brand(brand) if brand else None,
            int(price) if price is not None else None,
            item.get("currency"),
            AVAILABILITIES.index(available) if available in AVAILABILITIES else None,
            round(stars * 100) if stars is not None else None,
            int((rating or {}).get("count") or 0),
            date.fromisoformat(released).toordinal() if released else None,
        )

    def _brand(self, brand: str) -> int:
        key = compared(brand)
        if key not in self._brands:
            self._brands[key] = len(self._brands) + 1
            self._db.execute("INSERT INTO brands VALUES(?, ?, ?)", (self._brands[key], brand, key))
        return self._brands[key]

    def _category(self, path: str) -> int:
        key = compared(path)
        if key not in self._categories:
            self._categories[key] = len(self._categories) + 1
            name = path.rsplit(SEPARATOR, 1)[-1]
            row = (self._categories[key], path, key, name, compared(name))
            self._db.execute("INSERT INTO categories VALUES(?, ?, ?, ?, ?, NULL)", row)
        return self._categories[key]

    def _add_attributes(self, n: int, attributes: Item) -> None:
        for name, given in attributes.items():
            text = shown(given)
            if len(text) <= MAX_VALUE:
                number = self._name(name)
                value = self._value(number, text)
                self._db.execute("INSERT INTO attributes VALUES(?, ?, ?)", (n, number, value))

    def _name(self, name: str) -> int:
        if name not in self._names:
            self._names[name] = len(self._names) + 1
            self._db.execute("INSERT INTO attribute_names VALUES(?, ?)", (self._names[name], name))
        return self._names[name]

    def _value(self, name: int, text: str) -> int:
        key = (name, compared(text))
        if key not in self._values:
            self._values[key] = len(self._values) + 1
            number = float(text) if _NUMBER.fullmatch(text) else None
            row = (self._values[key], name, text, number, key[1] if key[1] != text else None)
            self._db.execute("INSERT INTO attribute_values VALUES(?, ?, ?, ?, ?)", row)
        return self._values[key]

    def _finish(self) -> None:
        db = self._db
        db.execute("INSERT INTO words(words) VALUES('optimize')")
        db.execute("INSERT INTO terms SELECT term, doc FROM vocabulary")
        db.execute(
            "UPDATE categories SET products ="
            " (SELECT count(*) FROM product_categories WHERE product_categories.category = categories.category)"
        )
        spellings = sorted(self._spellings.items())
        db.executemany("INSERT INTO spellings VALUES(?, ?, ?)", [(n, *row) for n, row in enumerate(spellings, 1)])
        forms = {(form, n) for n, (word, _) in enumerate(spellings, 1) for form in deletions(word)}
        db.executemany("INSERT INTO misspellings VALUES(?, ?)", sorted(forms))


def _texts(item: Item) -> tuple[str, ...]:
    attributes: Item = item.get("attributes") or {}
    true = [name for name, value in attributes.items() if value is not False]
    return (
        item["title"],
        item.get("brand") or "",
        " ".join(item.get("categories") or ()),
        " ".join([item.get("mpn") or "", *(item.get("gtins") or ())]),
        " ".join(shown(value) for value in attributes.values() if not isinstance(value, bool)),
        " ".join(true).replace("_", " "),
        item.get("description") or "",
    )


def _spelled(found: list[str]) -> set[str]:
    return {word for word in set(found) if MIN_SPELLED <= len(word) <= MAX_SPELLED and word.isalpha()}


def _ancestry(path: str) -> Iterator[str]:
    steps = path.split(SEPARATOR)
    return (SEPARATOR.join(steps[:length]) for length in range(1, len(steps) + 1))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
