"""A query's life: correct the words, find the products, sort them, cut out a page, count the facets."""

import bisect
import json
import re
import sqlite3
from typing import Any

from gateway.products.summaries import FIELDS
from gateway.search import pages, readings, spelling, words
from gateway.search.facets import Facets
from gateway.search.filters import Condition, where
from gateway.search.format import bindable
from gateway.search.query import Found, Matched, Query
from gateway.search.ranking import BM25, LOOKED_AT, Hit, Ranking
from gateway.search.readings import Reading
from gateway.search.vocabulary import Vocabulary

FEW = 10
"""Products that have all words are filled up by others if they are fewer."""
MOST_CORRECTED = 4
"""Words of a query that are corrected; a text of which nothing is known would take long, and no correction would mend it."""
MOST_COUNTED = 1000
SAMPLE = 100
ALL: Condition = ("TRUE", [])
NONE: Condition = ("FALSE", [])

Ranked = tuple[int, float, int]
"""A segment of the list, what it is sorted by in there, and the product's number."""


class Search:
    """One query to an index.

    Raises:
        InvalidRequest: the cursor is not one of this query's.
    """

    def __init__(self, db: sqlite3.Connection, products: int, title_terms: float, query: Query) -> None:
        self._db, self._query = db, query
        self._vocabulary = Vocabulary(db)
        self._ranking = Ranking(db, self._vocabulary, products, title_terms)
        self._where = where(query.filters)
        self._is_ranked = pages.is_ranked(query)
        self._start = pages.position(query)

    def found(self) -> Found:
        """The answer."""
        typed = list(dict.fromkeys(words.words(self._query.text)))[: readings.MAX_WORDS]
        if not typed:
            return self._nothing() if self._query.text.strip() else self._listed(ALL, "all")
        meant, corrections = self._corrected(typed)
        found = self._matching(meant)
        if corrections:
            found.corrections = corrections
            found.corrected = _replaced(self._query.text, corrections) or " ".join(meant)
        return found

    def _nothing(self) -> Found:
        return Found([], 0, matched="none", facets=self._facets(NONE, []))

    def _corrected(self, typed: list[str]) -> tuple[list[str], list[dict[str, str]]]:
        if not self._query.correct:
            return typed, []
        unknown = [word for word in typed if not self._is_known(word, is_last=word == typed[-1])]
        goes = self._going_with(typed, unknown)
        better = {word: spelling.correction(word, self._vocabulary, goes) for word in unknown[:MOST_CORRECTED]}
        if not unknown and len(typed) > 1 and not self._together(typed):
            better = self._other_word(typed)
        meant = [part for word in typed for part in (better.get(word) or word).split()]
        return meant, [{"word": word, "correction": other} for word, other in better.items() if other]

    def _other_word(self, typed: list[str]) -> dict[str, str | None]:
        """For the first of the words that are known, but in no product together, that can be another one."""
        for word in typed:
            if other := spelling.other_word(word, self._vocabulary, self._going_with(typed, [word])):
                return {word: other}
        return {}

    def _together(self, typed: list[str]) -> bool:
        ways = readings.all_of(readings.plain(typed, self._vocabulary, prefix=self._query.prefix), self._vocabulary)
        sql = "SELECT 1 FROM words WHERE words MATCH ? LIMIT 1"
        return bool(self._db.execute(sql, (readings.every_word(ways),)).fetchone())

    def _going_with(self, typed: list[str], but: list[str]) -> spelling.Goes:
        known = " ".join(f'"{words.stem(word)}"' for word in typed if word not in but and word not in words.STOP_WORDS)

        def goes(word: str) -> int:
            expression = f'{{title brand categories}} : ({known} "{words.stem(word)}")'
            sql = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
            return int(self._db.execute(sql, (expression, MOST_COUNTED)).fetchone()[0]) if known else 0

        return goes

    def _is_known(self, word: str, *, is_last: bool) -> bool:
        return bool(
            word in words.STOP_WORDS
            or self._vocabulary.count(words.stem(word))
            or (is_last and self._query.prefix and self._vocabulary.completes(word))
        )

    def _matching(self, meant: list[str]) -> Found:
        plain = readings.plain(meant, self._vocabulary, prefix=self._query.prefix)
        ways = readings.all_of(plain, self._vocabulary)
        every, any_ = readings.every_word(ways), readings.any_word(ways, self._vocabulary)
        both = f"{every} OR {any_}"
        if self._is_ranked:
            return self._ranked(ways, every, both)
        if self._count(_among(every)):
            return self._listed(_among(every), "all")
        return self._listed(_among(both), "any") if self._count(_among(both)) else self._nothing()

    def _ranked(self, ways: list[Reading], every: str, both: str) -> Found:
        """By relevance; those that have all words first, and others after them if they are few."""
        best = self._hits(every)
        has_all = {n for _, n in best}
        rest = [] if len(best) >= FEW else [hit for hit in self._hits(both) if hit[1] not in has_all]
        if not best and not rest:
            return self._nothing()
        ranked = [*self._in_order(best, ways, 0), *self._in_order(rest, ways, 2)]
        found = self._page(ranked)
        found.matched = "any" if rest else "all"
        sample = [n for _, _, n in ranked[:SAMPLE]]
        found.facets = self._facets(_among(both if rest else every), sample)
        return found

    def _hits(self, expression: str) -> list[Hit]:
        """The products that an expression finds, best first by BM25."""
        condition, values = self._where
        filtered = f" JOIN facts ON facts.n = words.rowid WHERE words MATCH ? AND {condition}"
        rest = filtered if values else " WHERE words MATCH ?"
        return sorted(self._db.execute(f"SELECT {BM25}, words.rowid FROM words{rest}", [expression, *values]))  # noqa: S608

    def _in_order(self, hits: list[Hit], ways: list[Reading], segment: int) -> list[Ranked]:
        """The first of them by a second look, then the others."""
        looked_at = sorted(self._ranking.scores(hits[:LOOKED_AT], ways)) if hits else []
        first = [(segment, score, n) for score, n in looked_at]
        return first + [(segment + 1, bm25, n) for bm25, n in hits[LOOKED_AT:]]

    def _page(self, ranked: list[Ranked]) -> Found:
        begin = bisect.bisect_right(ranked, (*self._start[0], self._number(self._start[1]))) if self._start else 0
        page = ranked[begin : begin + self._query.limit + 1]
        return self._cut([([segment, score], n) for segment, score, n in page], len(ranked))

    def _listed(self, among: Condition, matched: Matched) -> Found:
        """By something else than relevance, or all that pass the filters."""
        key = pages.KEYS[self._query.sort]
        condition, values = self._where
        start = self._start
        after, bounds = (f"({key}, n) > (?, ?)", [*start[0], self._number(start[1])]) if start else ALL
        rows = self._db.execute(
            f"SELECT {key}, n FROM facts WHERE {among[0]} AND {condition} AND {after} ORDER BY 1, n LIMIT ?",  # noqa: S608
            [*among[1], *values, *bounds, self._query.limit + 1],
        ).fetchall()
        found = self._cut([([value], n) for value, n in rows], self._count(among))
        found.matched = matched
        found.facets = self._facets(among, [n for _, n in rows[:SAMPLE]])
        return found

    def _cut(self, page: list[tuple[list[Any], int]], total: int) -> Found:
        kept = page[: self._query.limit]
        products = self._summaries([n for _, n in kept])
        more = len(page) > len(kept)
        return Found(products, total, pages.cursor(self._query, (kept[-1][0], products[-1]["id"])) if more else None)

    def _count(self, among: Condition) -> int:
        condition, values = self._where
        sql = f"SELECT count(*) FROM facts WHERE {among[0]} AND {condition}"  # noqa: S608 - of our own
        return int(self._db.execute(sql, [*among[1], *values]).fetchone()[0])

    def _summaries(self, numbers: list[int]) -> list[dict[str, Any]]:
        sql = "SELECT n, summary FROM products WHERE n IN (SELECT value FROM json_each(?))"
        rows = self._db.execute(sql, (json.dumps(numbers),))
        by_number = {n: dict(zip(FIELDS, json.loads(text), strict=True)) for n, text in rows}
        return [by_number[n] for n in numbers]

    def _number(self, product: str) -> int:
        """Of a product, or of the one before where it would be."""
        sql = "SELECT n FROM products WHERE id <= ? ORDER BY id DESC LIMIT 1"
        row = self._db.execute(sql, (bindable(product),)).fetchone()
        return int(row[0]) if row else 0

    def _facets(self, among: Condition, sample: list[int]) -> dict[str, Any]:
        if not self._query.facets:
            return {}
        facets = Facets(self._db, among, self._query.filters, sample)
        return {name: facets.count(name) for name in self._query.facets}


def _among(expression: str) -> Condition:
    return "facts.n IN (SELECT rowid FROM words WHERE words MATCH ?)", [expression]


def _replaced(text: str, corrections: list[dict[str, str]]) -> str | None:
    """The text with the corrections in it; None if its words are written otherwise than they are searched."""
    for one in corrections:
        text, count = re.subn(rf"(?<!\w){re.escape(one['word'])}(?!\w)", one["correction"], text, flags=re.IGNORECASE)
        if not count:
            return None
    return text
