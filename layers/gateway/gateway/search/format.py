"""What is in an index file: an SQLite database, written once, then only read.

| table | a row is |
|---|---|
| `words` | a product's texts as search terms, in FTS5, without the texts themselves |
| `terms` | a term that `words` has, and how many products have it |
| `spellings`, `misspellings` | a word as it is written in titles and texts; a way to misspell it by leaving out one letter |
| `products`, `titles` | a product's summary, as answers show it; its title's terms, and its kinds |
| `facts` | what products are filtered and sorted by |
| `brands`, `categories`, `attribute_names`, `attribute_values` | a name, as shown and as compared |
| `product_categories`, `attributes` | a category of a product, or one above it; an attribute of a product |
| `about` | the index itself |
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.products.parts import SEPARATOR

APPLICATION_ID = 0x41474958
"""In SQLite's header, so that other databases are not mistaken for an index."""
FORMAT = 1
"""To be counted up with each change of the tables, or of how texts become terms."""
COLUMNS = ("title", "brand", "categories", "codes", "facts", "names", "description", "kinds")
"""Of `words`: codes are MPN and GTINs, facts the attributes' values, names their names; kinds are those of `kinds.py`."""
MAX_VALUE = 100
"""Longer attributes are searched, but not filtered by or counted."""

TABLES = f"""
CREATE VIRTUAL TABLE words USING fts5({", ".join(COLUMNS)}, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '.'");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, row);
CREATE TABLE terms(term TEXT PRIMARY KEY, products INTEGER) WITHOUT ROWID;
CREATE TABLE spellings(n INTEGER PRIMARY KEY, word TEXT UNIQUE, weight REAL);
CREATE TABLE misspellings(form TEXT, spelling INTEGER, PRIMARY KEY(form, spelling)) WITHOUT ROWID;
CREATE TABLE products(n INTEGER PRIMARY KEY, id TEXT UNIQUE, summary TEXT);
CREATE TABLE titles(n INTEGER PRIMARY KEY, terms TEXT, kinds TEXT);
CREATE TABLE facts(n INTEGER PRIMARY KEY, brand INTEGER, price INTEGER, currency TEXT, availability INTEGER,
    rating INTEGER, reviews INTEGER, released INTEGER);
CREATE TABLE brands(brand INTEGER PRIMARY KEY, name TEXT, compared TEXT UNIQUE);
CREATE TABLE categories(category INTEGER PRIMARY KEY, path TEXT, compared TEXT UNIQUE, name TEXT, name_compared TEXT, products INTEGER);
CREATE TABLE product_categories(n INTEGER, category INTEGER, PRIMARY KEY(n, category)) WITHOUT ROWID;
CREATE TABLE attribute_names(name INTEGER PRIMARY KEY, text TEXT UNIQUE);
CREATE TABLE attribute_values(value INTEGER PRIMARY KEY, name INTEGER, text TEXT, number REAL, compared TEXT);
CREATE INDEX values_of ON attribute_values(name);
CREATE TABLE attributes(n INTEGER, name INTEGER, value INTEGER, PRIMARY KEY(n, name)) WITHOUT ROWID;
CREATE TABLE about(products INTEGER, revision INTEGER, built_at INTEGER, title_terms REAL);
"""
"""`n` numbers products in the order of their ids: what is the same by all else is listed in that order. `attribute_values.compared` is
null where it is the text itself; `about.title_terms` is the average of titles."""


class IndexUnusable(Exception):
    """The file cannot be searched: it is absent, cut off, of another kind or of another format; the message says which."""


@dataclass(frozen=True)
class About:
    """What an index is made of.

    Attributes:
        format: of the file; another version of the gateway may read another one.
        products: how many are in it.
        revision: of the catalogue, when the index was begun.
        built_at: when it was begun, in milliseconds since the epoch.
    """

    format: int
    products: int
    revision: int
    built_at: int


def shown(value: Any) -> str:
    """An attribute's value as text: "true" and "false", numbers without exponents or final zeros."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def compared(text: str) -> str:
    """A name as names are compared: upper and lower case, and any spaces, are the same."""
    return " ".join(bindable(text).casefold().split())


def bindable(text: str) -> str:
    """A text that SQLite can have: halves of surrogate pairs, which JSON may bring, are replaced."""
    return text.encode(errors="replace").decode()


def path_compared(path: str) -> str:
    """A category's path as paths are compared."""
    return SEPARATOR.join(compared(step) for step in path.split(">"))


def deletions(word: str) -> set[str]:
    """The word without one of its letters, in every way."""
    return {word[:index] + word[index + 1 :] for index in range(len(word))}
