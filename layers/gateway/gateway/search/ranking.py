"""The order of relevance: FTS5's weighted BM25 over all of a product, and of the best of those a second look at their titles.

The weights were chosen on judged queries; docs/decisions.md says what else was tried, and what to expect of other queries.
"""

import json
import math
import sqlite3
from collections.abc import Sequence

from gateway.search.readings import Reading
from gateway.search.vocabulary import Vocabulary

WEIGHTS = (5, 5, 5, 5, 2, 0.1, 3, 20)
"""Of the columns of `words`."""
BM25 = f"bm25(words, {', '.join(map(str, WEIGHTS))})"
LOOKED_AT = 50
"""Products that get the second look."""
TITLE = 1.5
"""What the BM25 of the title alone counts beside that of the whole. Its length is the title's own: of products that are all asked
for by their titles, the one whose title says little else is meant.
"""
KIND = 1.0
"""What it counts that a product is of the kind that is asked for."""
K1, B = 1.2, 0.75
"""Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009)."""

Hit = tuple[float, int]
"""A product that was found: minus its BM25, and its number. The less, the better."""


class Ranking:
    """How well products fit a query."""

    def __init__(self, db: sqlite3.Connection, vocabulary: Vocabulary, products: int, title_length: float) -> None:
        self._db, self._vocabulary, self._products, self._title_length = db, vocabulary, products, title_length or 1.0

    def scores(self, hits: Sequence[Hit], readings: Sequence[Reading]) -> list[Hit]:
        """The hits by their scores, in no order; again, the less, the better."""
        texts = self._texts([n for _, n in hits], readings[0])
        rarity = {term: self._rarity(term) for reading in readings for term in reading.terms}
        kind = _kind(readings[0].terms, {kind for _, kinds in texts.values() for kind in kinds})
        bonus = KIND * rarity.get(kind, 0.0)
        found = []
        for bm25, n in hits:
            title, kinds = texts[n]
            found.append((bm25 - TITLE * self._title(title, rarity) - bonus * (kind in kinds), n))
        return found

    def _texts(self, numbers: list[int], reading: Reading) -> dict[int, tuple[list[str], list[str]]]:
        """By product, the terms of its title, and its kinds; what completes the query's beginning of a word stands for it."""
        sql = "SELECT n, terms, kinds FROM titles WHERE n IN (SELECT value FROM json_each(?))"
        rows = self._db.execute(sql, (json.dumps(numbers),))
        last = reading.terms[-1] if reading.is_prefix else None
        return {n: (_completed(terms.split(), last), _completed(kinds.split(), last)) for n, terms, kinds in rows}

    def _rarity(self, term: str) -> float:
        """Its inverse document frequency; a beginning of words, which is no term itself, is as rare as a word can be."""
        count = self._vocabulary.count(term)
        return math.log(1 + (self._products - count + 0.5) / (count + 0.5))

    def _title(self, title: list[str], rarity: dict[str, float]) -> float:
        """BM25 of the title alone."""
        norm = K1 * (1 - B + B * len(title) / self._title_length)
        counts = ((title.count(term), weight) for term, weight in rarity.items())
        return sum(weight * count * (K1 + 1) / (count + norm) for count, weight in counts if count)


def _completed(terms: list[str], beginning: str | None) -> list[str]:
    return [beginning if term.startswith(beginning) else term for term in terms] if beginning else terms


def _kind(terms: Sequence[str], kinds: set[str]) -> str:
    """What is asked for: of the query's words, the last one that is a kind of thing at all."""
    return next((term for term in reversed(terms) if term in kinds), "")
