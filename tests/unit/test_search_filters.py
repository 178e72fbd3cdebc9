"""Filters, facets, sorts and pages of a search."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway import cursors
from gateway.errors import InvalidRequest
from gateway.search.facets import MOST
from gateway.search.index import Index
from gateway.search.query import SORTS, Filters, Query, Range
from tests.unit.shelves import all_pages, ids, index_of, product, rating

SHELF = [
    product(
        "a", "Phone one", brand="Sony", categories=["Electronics > Phones", "Gifts"], price=10000, availability="in_stock",
        rating=rating("4.5", 10), released="2026-01-01", attributes={"colour": "Black", "size": Decimal("6.1"), "dual_sim": True},
    ),
    product(
        "b", "Phone two", brand="sony", categories=["Electronics > Phones > Rugged"], price=20000, availability="preorder",
        rating=rating("4.5", 90), released="2025-01-01", attributes={"colour": "white", "size": Decimal("5"), "dual_sim": False},
    ),
    product(
        "c", "Phone three", brand="Bose", categories=["Electronics > Audio"], price=20000, availability="out_of_stock",
        rating=rating("2"), released="2026-06-30", attributes={"colour": "BLACK", "size": Decimal("6.10")},
    ),
    product("d", "Phone four", categories=["Toys > Phones"]),
    product("e", "Phone five", price=10000, currency="USD"),
]  # fmt: skip


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return index_of(tmp_path_factory.mktemp("shelf"), SHELF)


# Filters.


@pytest.mark.parametrize("text", ["", "phone"])
@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), "abcde"),
        (Filters(brands=("SONY",)), "ab"),
        (Filters(brands=("bose", " Sony ")), "abc"),
        (Filters(brands=("Nobody",)), ""),
        (Filters(categories=("electronics",)), "abc"),
        (Filters(categories=("Electronics>phones",)), "ab"),
        (Filters(categories=("Electronics > Phones > Rugged", "gifts")), "ab"),
        (Filters(categories=("Phones",)), "abd"),
        (Filters(categories=("Elect",)), ""),
        (Filters(price_min=10001), "bc"),
        (Filters(price_max=10000), "ae"),
        (Filters(price_min=10000, price_max=10000, currency="eur"), "a"),
        (Filters(price_min=2, price_max=1), ""),
        (Filters(currency="USD"), "e"),
        (Filters(availability=("in_stock", "preorder")), "ab"),
        (Filters(availability=("sold",)), ""),
        (Filters(rating_min=Decimal("4.5")), "ab"),
        (Filters(rating_min=Decimal("4.51")), ""),
        (Filters(attributes={"colour": ("black",)}), "ac"),
        (Filters(attributes={"colour": ("black", "white")}), "abc"),
        (Filters(attributes={"size": ("6.1",)}), "ac"),
        (Filters(attributes={"size": Range(Decimal("5"), Decimal("6"))}), "b"),
        (Filters(attributes={"size": Range(min=Decimal("6"))}), "ac"),
        (Filters(attributes={"size": Range(max=Decimal("6"))}), "b"),
        (Filters(attributes={"colour": Range()}), ""),
        (Filters(attributes={"dual_sim": ("true",)}), "a"),
        (Filters(attributes={"dual_sim": ("true", "false"), "colour": ("white",)}), "b"),
        (Filters(attributes={"unknown": ("x",)}), ""),
        (Filters(brands=("Sony",), rating_min=Decimal(4), price_max=15000, attributes={"colour": ("black",)}), "a"),
        (Filters(brands=("' OR 1=1 --", "\ud800", "\0"), currency="\ud800", attributes={"\ud800": ("\udfff",)}), ""),
    ],
)
def test_a_filter_lets_through_what_it_says(shelf: Index, text: str, filters: Filters, found: str) -> None:
    assert sorted(ids(shelf, text, filters=filters)) == list(found)
    assert shelf.search(Query(text, filters)).total == len(found)


def test_a_range_has_numbers_that_are_written_as_texts(tmp_path: Path) -> None:
    sizes = ["30", Decimal(30), "30.5", "30 or so", "thirty", True]
    index = index_of(tmp_path, [product(f"p-{n}", "Lamp", attributes={"size": size}) for n, size in enumerate(sizes)])
    assert ids(index, filters=Filters(attributes={"size": Range(Decimal(1), Decimal(40))})) == ["p-0", "p-1", "p-2"]
    assert ids(index, filters=Filters(attributes={"size": ("30",)})) == ["p-0", "p-1"]


# Facets.

EVERYTHING = ("brand", "category", "price", "availability", "rating", "attributes")


def values(counts: list[dict[str, Any]]) -> dict[Any, int]:
    return {one["value"]: one["count"] for one in counts}


@pytest.mark.parametrize("text", ["", "phone"])
@pytest.mark.parametrize("sort", ["relevance", "price_asc"])
def test_facets_count_what_was_found(shelf: Index, text: str, sort: Any) -> None:
    facets = shelf.search(Query(text, sort=sort, facets=EVERYTHING)).facets
    assert values(facets["brand"]) == {"Sony": 2, "Bose": 1}
    assert values(facets["category"]) == {
        "Electronics": 3, "Electronics > Phones": 2, "Electronics > Audio": 1, "Electronics > Phones > Rugged": 1, "Gifts": 1,
        "Toys": 1, "Toys > Phones": 1,
    }  # fmt: skip
    assert facets["price"] == [
        {"currency": "EUR", "min": 10000, "max": 20000, "count": 3},
        {"currency": "USD", "min": 10000, "max": 10000, "count": 1},
    ]
    assert values(facets["availability"]) == {"in_stock": 1, "preorder": 1, "out_of_stock": 1}
    assert values(facets["rating"]) == {4: 2, 3: 2, 2: 3, 1: 3}
    assert {name: values(counts) for name, counts in facets["attributes"].items()} == {
        "colour": {"Black": 2, "white": 1},
        "size": {"6.1": 2, "5": 1},
        "dual_sim": {"true": 1, "false": 1},
    }


def test_a_facet_counts_what_passes_all_filters_but_its_own(shelf: Index) -> None:
    filters = Filters(brands=("Sony",), price_max=10000, attributes={"colour": ("black",)})
    facets = shelf.search(Query("phone", filters, facets=(*EVERYTHING, "attributes.colour"))).facets
    assert values(facets["brand"]) == {"Sony": 1}
    assert facets["price"] == [{"currency": "EUR", "min": 10000, "max": 10000, "count": 1}]
    wider = Filters(brands=("Sony",), attributes={"colour": ("black",)})
    assert values(shelf.search(Query("phone", wider, facets=("brand",))).facets["brand"]) == {"Sony": 1, "Bose": 1}
    only_price = Filters(price_max=10000)
    assert shelf.search(Query("phone", only_price, facets=("price",))).facets["price"][0]["max"] == 20000
    assert values(shelf.search(Query("", Filters(brands=("Sony",), attributes={"colour": ("black",)}), facets=("attributes",)))
                  .facets["attributes"]["colour"]) == {"Black": 1, "white": 1}  # fmt: skip


def test_one_attribute_can_be_counted_by_its_name(shelf: Index) -> None:
    facets = shelf.search(
        Query("phone", facets=("attributes.colour", "attributes.\ud800", "attributes.nothing"))
    ).facets
    assert values(facets["attributes.colour"]) == {"Black": 2, "white": 1}
    assert facets["attributes.nothing"] == facets["attributes.\ud800"] == []


def test_facets_count_those_that_fill_up_too(tmp_path: Path) -> None:
    index = index_of(tmp_path, [product("a", "red phone", brand="A"), product("b", "red case", brand="B")])
    found = index.search(Query("red phone", facets=("brand",)))
    assert (found.total, values(found.facets["brand"])) == (2, {"A": 1, "B": 1})


def test_a_facet_has_its_most_frequent_values_only(tmp_path: Path) -> None:
    products = [product(f"p-{n}-{m}", "Thing", brand=f"Brand {n:02}") for n in range(MOST + 5) for m in range(n + 1)]
    facet = index_of(tmp_path, products).search(Query("thing", facets=("brand",))).facets["brand"]
    assert len(facet) == MOST
    assert facet[0] == {"value": f"Brand {MOST + 4}", "count": MOST + 5}


def test_the_facets_of_one_question_do_not_show_in_the_next(shelf: Index) -> None:
    shelf.search(Query("phone", facets=("brand",)))
    assert shelf.search(Query("three", facets=("brand",))).facets["brand"] == [{"value": "Bose", "count": 1}]


# Sorts.


@pytest.mark.parametrize("text", ["", "phone"])
@pytest.mark.parametrize(
    ("sort", "order"),
    [("price_asc", "aebcd"), ("price_desc", "bcaed"), ("rating", "bacde"), ("newest", "cabde")],
)
def test_a_sort_puts_equal_products_by_id_and_unknown_values_last(
    shelf: Index, text: str, sort: Any, order: str
) -> None:
    assert ids(shelf, text, sort=sort) == list(order)
    assert all_pages(shelf, text, sort=sort, limit=1) == list(order)
    assert all_pages(shelf, text, sort=sort, limit=2) == list(order)


def test_without_a_text_what_most_have_rated_is_most_relevant(shelf: Index) -> None:
    assert all_pages(shelf, limit=2) == ["b", "a", "c", "d", "e"]


# Pages.


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """More products than get a second look, many of them alike, and fewer that have both words than fill a page."""
    alike = [product(f"p-{n:03}", f"phone {'case ' * (n % 3)}", price=n % 7) for n in range(200)]
    return index_of(tmp_path_factory.mktemp("long"), [*alike, product("q", "red phone"), product("r", "red case")])


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("text", ["", "phone", "red phone", "red phone case"])
@pytest.mark.parametrize("limit", [1, 7, 60])
def test_pages_neither_repeat_nor_leave_out_a_product(long: Index, text: str, sort: Any, limit: int) -> None:
    whole = long.search(Query(text, sort=sort, limit=1000))
    assert whole.next_cursor is None
    assert not whole.has_more
    expected = [one["id"] for one in whole.products]
    assert len(set(expected)) == len(expected) == whole.total
    assert all_pages(long, text, sort=sort, limit=limit) == expected


@pytest.mark.parametrize(
    "other",
    [
        Query("case"), Query("phone", sort="newest"), Query("phone", Filters(price_max=3)), Query("phone", prefix=True),
        Query(""), Query("phone", Filters(attributes={"a": Range(max=Decimal(1))})),
    ],
)  # fmt: skip
def test_a_cursor_of_another_query_is_refused(long: Index, other: Query) -> None:
    cursor = long.search(Query("phone", limit=5)).next_cursor
    with pytest.raises(InvalidRequest) as caught:
        long.search(Query(other.text, other.filters, other.sort, cursor=cursor, prefix=other.prefix))
    assert caught.value.param == "cursor"


def test_a_cursor_that_was_tampered_with_is_refused(long: Index) -> None:
    cursor = long.search(Query("phone", limit=5)).next_cursor
    assert cursor
    position = cursors.decode(cursor, "cursor")
    changes: list[dict[str, Any]] = [
        {"k": [1]}, {"k": ["a", 1]}, {"k": None}, {"i": 3}, {"k": [0, 1e300]}, {"q": "x"}, {"k": [[], {}]},
    ]  # fmt: skip
    forged = [cursors.encode(position | change) for change in changes]
    for text in ["", "x", cursor[:-1], cursor + "A", "é", *forged]:
        with pytest.raises(InvalidRequest):
            long.search(Query("phone", limit=5, cursor=text))


def test_a_page_size_and_facets_may_change_from_page_to_page(long: Index) -> None:
    first = long.search(Query("phone", limit=5))
    rest = long.search(Query("phone", limit=500, cursor=first.next_cursor, facets=("brand",)))
    assert len(first.products) + len(rest.products) == first.total


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("text", ["", "phone"])
def test_a_cursor_goes_on_in_an_index_that_replaced_the_one_before(tmp_path: Path, text: str, sort: Any) -> None:
    products = [product(f"p-{n}", "phone", price=5) for n in range(9)]
    asked = {"text": text, "sort": sort, "limit": 3}
    before = index_of(tmp_path, products, "before").search(Query(**asked))
    changed = [one for one in products if one["id"] != "p-2"] + [product("o", "phone", price=5)]
    after = index_of(tmp_path, changed, "after").search(Query(**asked, cursor=before.next_cursor))
    assert not {one["id"] for one in before.products} & {one["id"] for one in after.products}
    emptied = index_of(tmp_path, [product("x", "other")], "emptied")
    assert emptied.search(Query(**asked, cursor=before.next_cursor)).total in (0, 1)


def test_an_id_in_a_cursor_may_be_anything(long: Index) -> None:
    position = cursors.decode(str(long.search(Query("phone", sort="newest", limit=5)).next_cursor), "cursor")
    for name in ("", "\ud800", "zzz", "'; DROP TABLE products"):
        cursor = cursors.encode(position | {"i": name})
        assert long.search(Query("phone", sort="newest", limit=5, cursor=cursor)).total == 201
