"""Pages of results: by what they are sorted, and the cursor, which is the sort value and the id of a page's last product."""

import json
from typing import Any

from gateway import cursors
from gateway.keys import checksum
from gateway.search.query import Query, Range, Sort

KEYS: dict[Sort, str] = {
    "relevance": "-facts.reviews",
    "price_asc": "ifnull(facts.price, 1 << 60)",
    "price_desc": "ifnull(-facts.price, 1)",
    "rating": "ifnull(-(facts.rating << 32) - facts.reviews, 1)",
    "newest": "ifnull(-facts.released, 1)",
}
"""What each sort goes by, the smallest first; what is not known comes last. "relevance" is for lists without a text."""

Position = tuple[list[Any], str]
"""A sort value, and an id."""


def cursor(query: Query, position: Position) -> str:
    """The cursor of the page that follows on a product."""
    return cursors.encode({"q": _question(query), "k": position[0], "i": position[1]})


def is_ranked(query: Query) -> bool:
    """Whether the list is by how well products fit the text."""
    return query.sort == "relevance" and bool(query.text.strip())


def position(query: Query) -> Position | None:
    """Where the query's cursor says that the page begins; None for the first page.

    Raises:
        InvalidRequest: it is not one of this query's.
    """
    if query.cursor is None:
        return None
    given = cursors.decode(query.cursor, "cursor")
    key, product = given.get("k"), given.get("i")
    if given.get("q") != _question(query) or not isinstance(product, str) or not isinstance(key, list):
        raise cursors.wrong("cursor")
    if len(key) != (2 if is_ranked(query) else 1) or not all(
        isinstance(one, int | float) and abs(one) < 1 << 62 for one in key
    ):
        raise cursors.wrong("cursor")
    return key, product


def _question(query: Query) -> str:
    """What a cursor belongs to: all that decides what is listed in which order."""
    filters = {name: _plain(value) for name, value in vars(query.filters).items()}
    asked = [query.text, query.sort, query.prefix, query.correct, filters]
    return checksum(json.dumps(asked, sort_keys=True))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return sorted(value)
    if isinstance(value, Range):
        return [str(value.min), str(value.max)]
    return {name: _plain(one) for name, one in value.items()} if hasattr(value, "items") else str(value)
