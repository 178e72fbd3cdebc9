"""What a search finds: all words before some, corrected, completed, joined and divided words, and the best first."""

from pathlib import Path

import pytest

from gateway.products.summaries import FIELDS, summary
from gateway.search import searching
from gateway.search.index import Index
from gateway.search.kinds import kinds
from gateway.search.query import Filters, Query
from tests.unit.shelves import ids, index_of, product, rating

SHELF = [
    product("hp-1", "Sony WH-1000XM5 wireless headphones", brand="Sony", mpn="WH-1000XM5", price=29900),
    product("hp-2", "Bose QuietComfort headphones wired", brand="Bose", price=19900, description="Soft and quiet."),
    product("pad", "Logi gaming mouse pad", price=900),
    product("mouse", "Logi gaming mouse", price=4900),
    product("wireless-mouse", "Logi wireless mouse", price=3900),
    product("nb", "Lenovo notebook 15.6 inch 512 GB", price=79900, attributes={"colour": "black", "touchscreen": True}),
    product("torch", "Philips flashlight", price=1900),
    product("stand", "Laptop stand", price=2900),
    product("sand", "Sand toys", price=500),
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return index_of(tmp_path_factory.mktemp("shelf"), SHELF)


# All words, or some.


def test_products_with_all_words_come_first_and_those_with_some_fill_up(shelf: Index) -> None:
    found = shelf.search(Query("wireless mouse"))
    assert found.products[0]["id"] == "wireless-mouse"
    assert {one["id"] for one in found.products[1:]} == {"hp-1", "mouse", "pad"}
    assert (found.matched, found.total) == ("any", 4)


def test_nothing_fills_up_where_enough_have_all_words(tmp_path: Path) -> None:
    many = [product(f"m-{number}", "Wireless mouse") for number in range(searching.FEW)]
    found = index_of(tmp_path, [*many, product("other", "Wireless keyboard")]).search(Query("wireless mouse"))
    assert (found.matched, found.total) == ("all", searching.FEW)


def test_sorted_by_anything_else_nothing_fills_up(shelf: Index) -> None:
    assert ids(shelf, "wireless mouse", sort="price_asc") == ["wireless-mouse"]
    found = shelf.search(Query("mouse flashlight", sort="price_asc"))
    assert ([one["id"] for one in found.products], found.matched) == (
        ["pad", "torch", "wireless-mouse", "mouse"],
        "any",
    )


def test_words_that_no_product_has_find_nothing(shelf: Index) -> None:
    found = shelf.search(Query("qqqqqqqq zzzzzzzz", facets=("brand",)))
    assert (found.products, found.total, found.matched, found.facets) == ([], 0, "none", {"brand": []})


def test_an_empty_text_lists_everything_and_signs_alone_nothing(shelf: Index) -> None:
    assert shelf.search(Query("  ", limit=100)).total == len(SHELF)
    assert (shelf.search(Query("?!")).total, shelf.search(Query("?!")).matched) == (0, "none")


def test_words_that_say_nothing_are_not_asked_for(shelf: Index) -> None:
    assert ids(shelf, "the stand for a laptop")[0] == "stand"
    assert shelf.search(Query("the stand for a laptop")).corrections == []


# The order.


def test_a_word_in_the_title_counts_more_than_one_in_the_description(tmp_path: Path) -> None:
    products = [
        product("a", "Something", description="flashlight"),
        product("b", "Flashlight", description="something"),
    ]
    assert ids(index_of(tmp_path, products), "flashlight") == ["b", "a"]


def test_of_two_titles_with_the_words_the_one_that_says_little_else_is_meant(shelf: Index) -> None:
    assert ids(shelf, "gaming mouse")[:2] == ["mouse", "pad"]


def test_equal_products_are_listed_by_their_ids(tmp_path: Path) -> None:
    index = index_of(tmp_path, [product(name, "Same thing") for name in ("c", "a", "b")])
    assert ids(index, "thing") == ["a", "b", "c"]


# Words as they are meant.


@pytest.mark.parametrize(
    "text", ["wh-1000xm5", "wh1000xm5", "WH 1000 XM5", "wh1000 xm5", "sony headphone", "SONY Héadphones", "1000xm5"]
)
def test_a_product_is_found_however_its_name_is_written(shelf: Index, text: str) -> None:
    assert ids(shelf, text)[0] == "hp-1"


@pytest.mark.parametrize(
    "text", ['15.6"', "15 inch notebook", "512gb", "512 gb notebook", "black notebook", "touchscreen"]
)
def test_measures_and_attributes_are_found(shelf: Index, text: str) -> None:
    assert ids(shelf, text)[0] == "nb"


@pytest.mark.parametrize("text", ["flash light", "head phones wired"])
def test_words_that_are_written_as_one_are_found_apart(shelf: Index, text: str) -> None:
    assert ids(shelf, text)[0] in {"torch", "hp-2"}


def test_false_attributes_are_not_found(tmp_path: Path) -> None:
    index = index_of(tmp_path, [product("a", "Phone", attributes={"waterproof": False})])
    assert ids(index, "waterproof") == []


# Corrections.


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hedphones", "headphones"),
        ("headphnoes", "headphones"),
        ("headphonez", "headphones"),
        ("heeadphones", "headphones"),
        ("hxadphonxs", "headphones"),
        ("lfashlights", "flashlight"),
        ("asnds toys", "sand toys"),
        ("flaslight", "flashlight"),
        ("gaming muose", "gaming mouse"),
        ("laptopstand", "laptop stand"),
        ("wireless  Mosue!", "wireless  mouse!"),
    ],
)
def test_unknown_words_are_corrected_and_it_is_said(shelf: Index, typed: str, meant: str) -> None:
    found = shelf.search(Query(typed))
    assert found.corrected == meant
    assert [one["correction"] for one in found.corrections]
    assert found.products == shelf.search(Query(meant)).products


def test_a_correction_is_told_word_by_word(shelf: Index) -> None:
    assert shelf.search(Query("wireles hedphones")).corrections == [
        {"word": "wireles", "correction": "wireless"},
        {"word": "hedphones", "correction": "headphones"},
    ]


def test_known_words_numbers_and_codes_are_not_corrected(shelf: Index) -> None:
    for text in ("mouse", "sand", "1001xm5", "wh-1000xm6", "513 gb"):
        assert shelf.search(Query(text)).corrections == []


def test_a_word_that_no_product_has_with_the_others_is_taken_for_a_more_frequent_one(tmp_path: Path) -> None:
    stands = [product(f"s-{number}", "Laptop stand") for number in range(6)]
    index = index_of(tmp_path, [*stands, product("sand", "Sand toys")])
    assert index.search(Query("laptop sand")).corrected == "laptop stand"
    assert index.search(Query("sand")).corrected is None


def test_the_correction_that_goes_with_the_other_words_is_taken(tmp_path: Path) -> None:
    products = [product(f"d-{n}", "Hard disk") for n in range(5)] + [product("desk", "Standing desk")]
    index = index_of(tmp_path, products)
    assert index.search(Query("dsk")).corrected == "disk"
    assert index.search(Query("standing dsk")).corrected == "standing desk"


def test_words_written_otherwise_than_they_are_searched_are_told_as_searched(shelf: Index) -> None:
    assert shelf.search(Query("hédphones")).corrected == "headphones"


def test_nothing_is_corrected_if_that_is_not_wanted(shelf: Index) -> None:
    found = shelf.search(Query("hedphones", correct=False))
    assert (found.products, found.corrections, found.corrected) == ([], [], None)


# While typing.


@pytest.mark.parametrize("text", ["he", "headp", "sony head", "headphones", "wireless headphone"])
def test_the_last_word_may_be_the_beginning_of_one(shelf: Index, text: str) -> None:
    assert "hp-1" in ids(shelf, text, prefix=True)[:2]


def test_a_beginning_is_a_word_if_it_is_not_said_to_be_one(shelf: Index) -> None:
    assert ids(shelf, "headp", correct=False) == []


def test_only_the_last_word_may_be_a_beginning(shelf: Index) -> None:
    assert ids(shelf, "headp sony", prefix=True, correct=False) == ["hp-1"]
    assert shelf.search(Query("headp sony", prefix=True, correct=False)).matched == "any"


def test_a_beginning_that_no_word_has_is_corrected(shelf: Index) -> None:
    assert shelf.search(Query("sony hedphones", prefix=True)).corrected == "sony headphones"


# Summaries.


def test_products_are_shown_as_in_lists() -> None:
    item = product("p", "Thing", brand="B", categories=["A > B"], images=["https://i/1", "https://i/2"], price=100)
    item |= {"link": "https://l", "rating": rating("4.5", 3), "availability": "in_stock", "released": "2026-01-31"}
    shown = summary(item)
    assert tuple(shown) == FIELDS
    assert shown == {
        "object": "product",
        "id": "p",
        "title": "Thing",
        "brand": "B",
        "categories": ["A > B"],
        "price_range": {"min": {"amount": 100, "currency": "EUR"}, "max": {"amount": 100, "currency": "EUR"}},
        "availability": "in_stock",
        "rating": {"value": 4.5, "count": 3},
        "image": "https://i/1",
        "link": "https://l",
        "released": "2026-01-31",
        "offer_count": 1,
    }


def test_what_is_not_known_of_a_product_is_null(tmp_path: Path) -> None:
    index = index_of(tmp_path, [{"id": "p", "title": "Thing"}])
    (found,) = index.search(Query("thing", Filters())).products
    assert found == summary({"id": "p", "title": "Thing"})
    assert (found["price_range"], found["rating"], found["categories"], found["offer_count"]) == (None, None, [], 0)


# Kinds.


@pytest.mark.parametrize(
    ("category", "found"),
    [
        ("Electronics > Computers > Gaming laptops", ["laptop"]),
        ("Electronics > Accessories > Laptop bags and sleeves", ["bag", "sleeve"]),
        ("Electronics > Phones > Smartphones", ["smartphone", "phone"]),
        ("Electronics > Phones > Phone cases", ["case"]),
        ("Headphones", ["headphone"]),
        ("Batteries, AA", ["battery", "aa"]),
        ("2024", []),
    ],
)
def test_a_category_says_what_kind_of_thing_it_has(category: str, found: list[str]) -> None:
    assert kinds([category]) == found


def test_what_goes_with_a_thing_does_not_win_over_it(tmp_path: Path) -> None:
    bags = [product(f"bag-{n}", "Laptop bag", categories=["Computers > Laptop bags"]) for n in range(60)]
    laptop = product(
        "nb", "Keyharrow LB-889 14-inch laptop, 16 GB RAM, 256 GB SSD, silver", categories=["Computers > Laptops"]
    )
    index = index_of(tmp_path, [*bags, laptop])
    assert (
        ids(index, "laptop")[0]
        == ids(index, "laptops", sort="relevance")[0]
        == ids(index, "lapt", prefix=True)[0]
        == "nb"
    )
    assert ids(index, "laptop bag")[0] == "bag-0"


def test_titles_without_a_word_can_be_found_by_other_things(tmp_path: Path) -> None:
    assert ids(index_of(tmp_path, [product("a", "***", brand="Sony")]), "sony") == ["a"]


def test_a_misspelled_stop_word_is_no_other_word(tmp_path: Path) -> None:
    index = index_of(
        tmp_path, [product("a", "Frog laptop"), product("b", "Gaming laptop"), product("c", "Tech laptop")]
    )
    found = index.search(Query("teh laptop fro gaming"))
    assert found.corrected == "the laptop for gaming"
    assert [one["id"] for one in found.products] == ["b", "a", "c"]
