"""What the tools are asked: each model here checks a tool's arguments, and its JSON Schema is what models are shown.

The forms are those of the catalogue tools of the Universal Commerce Protocol (https://ucp.dev): all within `catalog`, amounts in
minor units. Models often forget the wrapper, so the content of `catalog` alone is taken, too.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import ConfigDict, Field

from gateway import cursors
from gateway.body import Strict, validate
from gateway.errors import InvalidRequest
from gateway.query import MAX_TEXT
from gateway.search import pages
from gateway.search.query import Filters, Query, Range, Sort
from gateway.tools import values
from gateway.tools.values import MAX_DEPTH, Limit, Part

MAX_IDS = 20
DEFAULT_LIMIT, DEFAULT_OFFERS = 10, 20
BESIDE = ("meta",)
"""What the protocol's clients send beside `catalog`: it is not looked at."""
INSIDE = ("context", "signals", "attribution")
"""And within it."""

Model = TypeVar("Model", bound=Strict)


class Catalog(Part):
    """The content of `catalog`: its schema is open, since it takes what it ignores."""

    model_config = ConfigDict(extra="ignore")
    ignored: ClassVar[tuple[str, ...]] = INSIDE


class SearchFilters(Part):
    """What products have to be."""

    misnamed: ClassVar[dict[str, str]] = {"brands": "brand", "category": "categories", "attribute": "attributes"}

    categories: values.Categories = Field(
        default=[],
        description="Any of these: paths or names from list_categories, such as 'Electronics > Audio' or 'Audio'.",
    )
    brand: values.Names = Field(default=[], description="Any of these brands.")
    price: values.Price | None = Field(default=None, description="Price of the cheapest offer, without shipping.")
    currency: values.Currency | None = Field(
        default=None, description="Only products priced in this currency, such as EUR. Nothing is converted."
    )
    availability: values.Availabilities = Field(default=[], description="Any of these.")
    rating: values.Rating | None = Field(default=None, description="What buyers think of it.")
    attributes: values.Attributes = Field(
        default={},
        description="By an attribute's name: a value, a list of values any of which will do, or a range of numbers, such as "
        '{"colour": ["black", "white"], "wireless": true, "battery_hours": {"min": 20}}. get_product shows names.',
    )

    def as_filters(self) -> Filters:
        """As the search takes them."""
        price = self.price or values.Price()
        least_stars = self.rating.min if self.rating else None
        return Filters(
            categories=tuple(self.categories),
            brands=tuple(self.brand),
            price_min=price.min,
            price_max=price.max,
            currency=self.currency,
            availability=tuple(self.availability),
            rating_min=None if least_stars is None else Decimal(str(least_stars)),
            attributes={name: _attribute(wanted) for name, wanted in self.attributes.items()},
        )


def _attribute(wanted: values.Span | list[str]) -> tuple[str, ...] | Range:
    if isinstance(wanted, list):
        return tuple(wanted)
    ends = [None if end is None else Decimal(str(end)) for end in (wanted.min, wanted.max)]
    return Range(*ends)


class Page(Part):
    """Which part of a list."""

    limit: Limit = Field(default=DEFAULT_LIMIT, description=f"Products in the answer; {DEFAULT_LIMIT} unless told.")
    cursor: Annotated[str, Field(max_length=cursors.MAX_LENGTH)] | None = Field(
        default=None, description="The answer's pagination.cursor, for the next page of the same search."
    )


class Search(Catalog):
    """What to search for."""

    query: Annotated[str, Field(max_length=MAX_TEXT)] = Field(
        default="", description="What the product is, in a few words, such as 'wireless headphones'; no prices. May be left out if there are filters."
    )  # fmt: skip
    filters: SearchFilters = Field(default=SearchFilters(), description="What products have to be, each of it.")
    sort: Sort = Field(default="relevance", description="Order; relevance unless told. price_asc is cheapest first.")
    pagination: Page = Field(default=Page(), description="Which part of the list.")

    def as_query(self) -> Query:
        """As the search takes it.

        Raises:
            InvalidRequest: it asks for nothing, or the cursor is of another search.
        """
        filters = self.filters.as_filters()
        if not self.query.strip() and filters == Filters():
            raise InvalidRequest("catalog.query: say what to search for, or give a filter.", param="catalog.query")
        page = self.pagination
        query = Query(self.query, filters, self.sort, page.limit, page.cursor)
        try:
            pages.position(query)
        except InvalidRequest:
            place = "catalog.pagination.cursor"
            told = "must be the pagination.cursor of an answer to the same query, filters and sort"
            raise InvalidRequest(f"{place}: {told}.", param=place) from None
        return query


class Lookup(Catalog):
    """Which products to look up."""

    ids: Annotated[list[values.Text], values.AsList, Field(min_length=1, max_length=MAX_IDS)] = Field(
        description="Ids of products or of their variants, or barcodes (GTIN, EAN, UPC)."
    )


class OneProduct(Catalog):
    """Which product."""

    ignored: ClassVar[tuple[str, ...]] = (*INSIDE, "selected", "preferences")
    id: values.Text = Field(description="The product's id, or that of one of its variants, as other tools give it.")


class OfferFilters(Part):
    """What offers have to be."""

    availability: values.Availabilities = Field(default=[], description="Any of these.")
    condition: values.Conditions = Field(default=[], description="Any of these.")
    currency: values.Currency | None = Field(default=None, description="Only offers in this currency, such as EUR.")


class Offers(Catalog):
    """Whose offers, and which of them."""

    id: values.Text = Field(description="The product's id, as search_catalog gives it.")
    filters: OfferFilters = Field(default=OfferFilters(), description="What offers have to be, each of it.")
    limit: Limit = Field(default=DEFAULT_OFFERS, description=f"Offers in the answer; {DEFAULT_OFFERS} unless told.")


class Categories(Catalog):
    """Which categories."""

    parent: values.Category | None = Field(
        default=None, description="Only those below this one: a path such as 'Electronics > Audio', or a name."
    )
    depth: values.Depth = Field(
        default=MAX_DEPTH, description="How many levels; 1 is only the uppermost. All unless told."
    )


class SearchArguments(Strict):
    """Of search_catalog."""

    catalog: Search = Field(description="What to search for.")


class LookupArguments(Strict):
    """Of lookup_catalog."""

    catalog: Lookup = Field(description="Which products.")


class ProductArguments(Strict):
    """Of get_product."""

    catalog: OneProduct = Field(description="Which product.")


class OffersArguments(Strict):
    """Of get_product_offers."""

    catalog: Offers = Field(description="Whose offers, and which of them.")


class CategoriesArguments(Strict):
    """Of list_categories."""

    catalog: Categories = Field(default=Categories(), description="Which categories; all, if it is left out.")


def read(given: Mapping[str, Any], model: type[Model]) -> Model:
    """A tool's arguments.

    Raises:
        InvalidRequest: a field is wrong; `param` names it.
    """
    said = {name: value for name, value in given.items() if name not in BESIDE and value is not None}
    return validate(said if "catalog" in said or not said else {"catalog": said}, model)
