"""Counts of what the found products are, by brand, category, price and so on.

A facet counts the products that pass all filters but its own: who has chosen a brand still sees what else there is.
"""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from gateway.products.parts import AVAILABILITIES
from gateway.search.filters import Condition, where
from gateway.search.query import Filters

MOST = 20
"""Values of a facet; the most frequent ones."""
MOST_ATTRIBUTES = 10
STARS = (4, 3, 2, 1)
ATTRIBUTE = "attributes."

Counts = list[dict[str, Any]]


class Facets:
    """Counts among some products. CROSS JOIN has SQLite begin with those, not with all there are.

    Args:
        among: the products, whatever filters they pass.
        sample: those of them whose attributes say which attributes are worth counting.
    """

    def __init__(self, db: sqlite3.Connection, among: Condition, filters: Filters, sample: list[int]) -> None:
        self._db, self._filters, self._sample = db, filters, sample
        db.execute("CREATE TEMP TABLE IF NOT EXISTS among(n INTEGER PRIMARY KEY)")
        db.execute("DELETE FROM among")
        db.execute(f"INSERT INTO among SELECT n FROM facts WHERE {among[0]}", among[1])  # noqa: S608 - of our own

    def count(self, name: str) -> Any:
        """A facet, by one of the names of `query.FACETS`, or "attributes.<name>"."""
        if name.startswith(ATTRIBUTE):
            return self._of_attributes([name.removeprefix(ATTRIBUTE)]).get(name.removeprefix(ATTRIBUTE), [])
        return _FACETS[name](self)

    def _select(self, facet: str, text: str, *values: Any) -> list[Any]:
        """Rows of SQL in which {found} is what a product has to be."""
        condition, marked = where(self._filters, but=facet)
        return self._db.execute(text.replace("{found}", condition), [*marked, *values]).fetchall()

    def _brands(self) -> Counts:
        rows = self._select(
            "brand",
            "SELECT name, counted FROM (SELECT facts.brand, count(*) counted FROM among CROSS JOIN facts USING (n) WHERE {found}"
            " AND facts.brand IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?) JOIN brands USING (brand) ORDER BY 2 DESC, 1",
            MOST,
        )
        return _counts(rows)

    def _categories(self) -> Counts:
        rows = self._select(
            "category",
            "SELECT path, counted FROM (SELECT category, count(*) counted FROM among CROSS JOIN facts USING (n)"
            " CROSS JOIN product_categories USING (n) WHERE {found} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?)"
            " JOIN categories USING (category) ORDER BY 2 DESC, 1",
            MOST,
        )
        return _counts(rows)

    def _prices(self) -> Counts:
        rows = self._select(
            "price",
            "SELECT currency, min(price), max(price), count(*) FROM among CROSS JOIN facts USING (n)"
            " WHERE {found} AND price IS NOT NULL GROUP BY 1 ORDER BY 4 DESC, 1 LIMIT ?",
            MOST,
        )
        return [dict(zip(("currency", "min", "max", "count"), row, strict=True)) for row in rows]

    def _availability(self) -> Counts:
        rows = self._select(
            "availability",
            "SELECT availability, count(*) FROM among CROSS JOIN facts USING (n) WHERE {found} AND availability IS NOT NULL"
            " GROUP BY 1 ORDER BY 1",
        )
        return [{"value": AVAILABILITIES[rank], "count": count} for rank, count in rows]

    def _ratings(self) -> Counts:
        """With so many stars, or more."""
        columns = ", ".join(f"ifnull(sum(rating >= {stars * 100}), 0)" for stars in STARS)
        (row,) = self._select("rating", f"SELECT {columns} FROM among CROSS JOIN facts USING (n) WHERE {{found}}")  # noqa: S608
        return [{"value": stars, "count": count} for stars, count in zip(STARS, row, strict=True) if count]

    def _attributes(self) -> dict[str, Counts]:
        rows = self._db.execute(
            "SELECT text FROM attributes JOIN attribute_names USING (name) WHERE n IN (SELECT value FROM json_each(?))"
            " GROUP BY name ORDER BY count(*) DESC, text LIMIT ?",
            (json.dumps(self._sample), MOST_ATTRIBUTES),
        )
        return self._of_attributes([name for (name,) in rows])

    def _of_attributes(self, names: list[str]) -> dict[str, Counts]:
        """Those that are filtered by one by one, since each has other products; all others at once."""
        own = [name for name in names if name in self._filters.attributes]
        others = [name for name in names if name not in self._filters.attributes]
        found: dict[str, Counts] = {name: [] for name in names}
        for group in (*([name] for name in own), others):
            for name, value, count in self._values(group):
                if len(found[name]) < MOST:
                    found[name].append({"value": value, "count": count})
        return found

    def _values(self, names: list[str]) -> list[tuple[str, str, int]]:
        if not names:
            return []
        return self._select(
            ATTRIBUTE + names[0],
            "SELECT attribute_names.text, attribute_values.text, counted FROM (SELECT attributes.name, attributes.value,"
            " count(*) counted FROM among CROSS JOIN facts USING (n) CROSS JOIN attributes USING (n) WHERE {found} AND attributes.name IN"
            " (SELECT name FROM attribute_names WHERE text IN (SELECT value FROM json_each(?))) GROUP BY 1, 2) counts"
            " JOIN attribute_values USING (value) JOIN attribute_names ON attribute_names.name = counts.name"
            " ORDER BY counted DESC, 2",
            json.dumps(names),
        )


_FACETS: dict[str, Callable[[Facets], Any]] = {
    "brand": Facets._brands,
    "category": Facets._categories,
    "price": Facets._prices,
    "availability": Facets._availability,
    "rating": Facets._ratings,
    "attributes": Facets._attributes,
}


def _counts(rows: list[tuple[str, int]]) -> Counts:
    return [{"value": value, "count": count} for value, count in rows]
