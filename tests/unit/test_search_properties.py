"""Whatever is typed is searched for: no text is a syntax, an error, or slow."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.search.index import Index
from gateway.search.query import SORTS, Filters, Query
from gateway.search.spelling import distance
from tests.unit.shelves import index_of, product

HOSTILE = [
    '"', '"unclosed', '""', "*", "head*", "NEAR(", "NEAR(a b, 2)", "-", "-sony", "title:sony", "{title} : sony", "^sony", "+",
    "AND", "OR", "NOT", "a AND", "NOT sony", "(", ")", "((((", "sony AND (", "'; DROP TABLE words; --", "' OR '1'='1", "%", "_",
    "\0", "so\0ny", "😀", "👩‍👩‍👧", "\ud800", "ﷺ", "½", "²", "ª", "東京 ヘッドホン", "наушники", "العربية", "İ", "ß", "\u202e", "a" * 10_000,
    "sony " * 2_000, "x1y2z3a4b5c6", "1.5.2.3", "....", "-1e309", "wh-" * 500, "zq" * 5_000, "<script>", "&amp;" * 100, "${x}",
]  # fmt: skip


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Index:
    products = [
        product(f"p-{n}", f"Sony headphones WH-{n}XM5 not and or near", brand="Sony", price=n) for n in range(40)
    ]
    return index_of(tmp_path_factory.mktemp("shelf"), products)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("prefix", [False, True])
def test_hostile_texts_are_texts(shelf: Index, text: str, prefix: bool) -> None:
    for sort in SORTS:
        found = shelf.search(Query(text, sort=sort, prefix=prefix, facets=("brand",)))
        assert found.total >= len(found.products)


@pytest.mark.parametrize(
    "text", ["a" * 10_000, "sonx " * 2_000, " ".join(f"wrd{chr(97 + n % 26)}q" * 3 for n in range(3000))]
)
def test_endless_texts_are_answered_at_once(shelf: Index, text: str) -> None:
    started = time.perf_counter()
    shelf.search(Query(text))
    assert time.perf_counter() - started < 1


def test_operators_are_words(shelf: Index) -> None:
    assert shelf.search(Query("sony NOT headphones")).total == 40
    assert shelf.search(Query("NEAR(sony headphones)")).matched == "all"


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(max_size=60)
    | st.lists(st.sampled_from([*HOSTILE[:36], "sony", "headphones", "wh", "xm5"]), max_size=6).map(" ".join),
    sort=st.sampled_from(SORTS),
    prefix=st.booleans(),
    brand=st.text(max_size=10),
)
def test_any_text_is_answered(shelf: Index, text: str, sort: str, prefix: bool, brand: str) -> None:
    filters = Filters(brands=(brand,) if brand else (), attributes={brand: (brand,)} if len(brand) > 3 else {})
    found = shelf.search(Query(text, filters, sort=sort, prefix=prefix))  # type: ignore[arg-type]
    assert found.matched != "none" or found.total == 0


@given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.integers(0, 3))
def test_a_distance_is_the_same_both_ways_and_ends_at_its_bound(one: str, other: str, most: int) -> None:
    found = distance(one, other, most)
    assert found == distance(other, one, most)
    assert 0 <= found <= most + 1
    assert (found == 0) == (one == other)


@pytest.mark.parametrize(
    ("one", "other", "errors"), [("abcd", "abdc", 1), ("abcd", "abd", 1), ("abcd", "axbcd", 1), ("ca", "abc", 3)]
)
def test_distances_count_swapped_missing_and_added_letters(one: str, other: str, errors: int) -> None:
    assert distance(one, other, 5) == errors
