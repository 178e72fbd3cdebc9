"""What is asked of the search, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

Sort = Literal["relevance", "price_asc", "price_desc", "rating", "newest"]
SORTS: tuple[Sort, ...] = ("relevance", "price_asc", "price_desc", "rating", "newest")
FACETS: tuple[str, ...] = ("brand", "category", "price", "availability", "rating", "attributes")
"""What can be counted; besides, "attributes.<name>" counts the values of one attribute."""
Matched = Literal["all", "any", "none"]


@dataclass(frozen=True)
class Range:
    """Numbers from one to another, both included; None leaves that end open."""

    min: Decimal | None = None
    max: Decimal | None = None


@dataclass(frozen=True)
class Filters:
    """What a product has to be, each of it; upper and lower case are the same.

    Attributes:
        categories: paths such as "Electronics > Audio", any of which it is in or below; a name alone, such as "Audio",
            stands for all categories of that name.
        brands: any of them.
        price_min, price_max: of its cheapest offer, in minor units.
        currency: of its prices, such as "EUR".
        availability: any of the words of the schema, such as "in_stock".
        rating_min: stars, at least.
        attributes: by name, any of some values (as text: "black", "30", "true"), or a range of numbers.
    """

    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    price_min: int | None = None
    price_max: int | None = None
    currency: str | None = None
    availability: tuple[str, ...] = ()
    rating_min: Decimal | None = None
    attributes: Mapping[str, tuple[str, ...] | Range] = field(default_factory=dict)


@dataclass(frozen=True)
class Query:
    """A question to the index.

    Attributes:
        text: what somebody typed, of any form; empty for all products that pass the filters.
        limit: products on a page, 1 or more.
        cursor: the `next_cursor` of the page before.
        prefix: whether the last word may be the beginning of one, as while typing.
        facets: some of FACETS.
        correct: whether words that no product has are replaced by similar ones that some have.
    """

    text: str = ""
    filters: Filters = field(default_factory=Filters)
    sort: Sort = "relevance"
    limit: int = 20
    cursor: str | None = None
    prefix: bool = False
    facets: tuple[str, ...] = ()
    correct: bool = True


@dataclass
class Found:
    """An answer.

    Attributes:
        products: this page's, as summaries.
        total: on all pages.
        next_cursor: where the next page begins; None if this is the last one.
        corrections: the words that were replaced: {"word", "correction"}.
        corrected: the text with them replaced; None if none was.
        matched: whether the products have all words, only some of them (the last ones, where all are too few), or whether
            none has any.
        facets: by name, what there is and how often: a list of {"value", "count"}, for "price" {"min", "max"}, for
            "attributes" such a list by name. Each counts the products that pass all filters but its own.
    """

    products: list[dict[str, Any]]
    total: int
    next_cursor: str | None = None
    corrections: list[dict[str, str]] = field(default_factory=list)
    corrected: str | None = None
    matched: Matched = "all"
    facets: dict[str, Any] = field(default_factory=dict)

    @property
    def has_more(self) -> bool:
        """Whether there is another page."""
        return self.next_cursor is not None
