"""What words an index knows, and how many products have them."""

import json
import sqlite3
from collections.abc import Iterable

Spelling = tuple[str, float]
"""A word as it is written, and how many products have it; those that do not have it in their names count little."""

AFTER_ALL = "\U0010ffff"


class Vocabulary:
    """An index's words. What was looked up is kept for as long as the question lasts."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._counts = dict[str, int]()

    def count(self, term: str) -> int:
        """How many products have a term; 0 if none has."""
        if term not in self._counts:
            row = self._db.execute("SELECT products FROM terms WHERE term = ?", (term,)).fetchone()
            self._counts[term] = row[0] if row else 0
        return self._counts[term]

    def completes(self, beginning: str) -> bool:
        """Whether any term begins so."""
        range_ = (beginning, beginning + AFTER_ALL)
        return bool(self._db.execute("SELECT 1 FROM terms WHERE term BETWEEN ? AND ? LIMIT 1", range_).fetchone())

    def spelled(self, words: Iterable[str]) -> list[Spelling]:
        """Those of some words that there are."""
        return self._db.execute(
            "SELECT word, weight FROM spellings WHERE word IN (SELECT value FROM json_each(?))", (json.dumps([*words]),)
        ).fetchall()

    def misspelled(self, forms: Iterable[str]) -> list[Spelling]:
        """The words that are one of these forms but for a letter that is missing in it."""
        return self._db.execute(
            "SELECT DISTINCT word, weight FROM misspellings JOIN spellings ON spellings.n = misspellings.spelling"
            " WHERE form IN (SELECT value FROM json_each(?))",
            (json.dumps([*forms]),),
        ).fetchall()

    def alike(self, word: str, difference: int) -> list[Spelling]:
        """The words with the same first letter that are at most so much longer or shorter."""
        return self._db.execute(
            "SELECT word, weight FROM spellings WHERE word BETWEEN ? AND ? AND length(word) BETWEEN ? AND ?",
            (word[0], word[0] + AFTER_ALL, len(word) - difference, len(word) + difference),
        ).fetchall()
