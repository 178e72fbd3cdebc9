"""Search over HTTP, and the life of its index: built from the table, kept in S3, fetched, replaced, never lost."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from gateway import cursors, dynamodb
from gateway.errors import IndexUnavailable
from gateway.products.parts import STATE_KEY
from gateway.search import files, index, publish
from gateway.search.build import build
from gateway.search.files import IndexFiles
from gateway.search.index import IndexUnusable
from gateway.search.live import CHECK_SECONDS, RETRY_SECONDS, LiveIndex
from gateway.search.publish import UNSETTLED_SECONDS
from tests.integration.catalogue import BUCKET, HEADPHONES, SAMPLE, SEARCHES, TABLE, Shop, product
from tests.integration.harness import Gateway


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.put(SAMPLE)
    shop.build()
    return shop


# Answers.


def test_a_search_with_typing_errors_finds_the_headphones_and_says_what_was_corrected(stocked: Shop) -> None:
    found = stocked.get("search_products", q="wireles hedphones").json
    assert found["data"][0]["id"] == "hp-1"
    assert found["query"] == "wireles hedphones"
    assert found["corrected_query"] == "wireless headphones"
    assert found["corrections"] == [
        {"word": "wireles", "correction": "wireless"},
        {"word": "hedphones", "correction": "headphones"},
    ]


def test_a_search_shows_products_as_lists_do(stocked: Shop) -> None:
    (listed,) = stocked.get("list_products", gtin="4006381333931").json["data"]
    assert stocked.get("search_products", q="wave 7").json["data"][0] == listed


def test_a_search_whose_words_are_all_known_corrects_nothing(stocked: Shop) -> None:
    found = stocked.get("search_products", q="headphones").json
    assert (found["corrected_query"], found["corrections"]) == (None, [])
    assert found["total"] == len(found["data"]) == 4


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ({"q": "headphones", "sort": "price_asc"}, "hp-3"),
        ({"q": "headphones", "sort": "price_desc"}, "hp-2"),
        ({"q": "headphones", "sort": "rating"}, "hp-2"),
        ({"q": "headphones", "sort": "newest"}, "hp-2"),
        ({"q": "headphones", "brand": "tonwerk"}, "hp-3"),
        ({"q": "headphones", "max_price": 2_000}, "hp-3"),
        ({"q": "headphones", "min_price": 20_000}, "hp-2"),
        ({"q": "headphones", "min_rating": "4.6"}, "hp-2"),
        ({"q": "headphones", "attr__colour": "white"}, "hp-2"),
        ({"q": "headphones", "attr__battery_hours": "35.."}, "hp-2"),
        ({"q": "headphones", "attr__battery_hours": "..30"}, "hp-1"),
        ({"q": "headphones", "category": "electronics > audio > accessories"}, "st-1"),
        ({"q": "lapt", "prefix": "true"}, "lt-1"),
        ({"brand": "Rechenau"}, "lt-1"),
        ({"category": "Home", "sort": "price_asc"}, "sp-1"),
        ({"attr__colour": "red"}, "sp-1"),
    ],
)
def test_filters_and_sorting_do_what_they_say(stocked: Shop, query: dict[str, Any], first: str) -> None:
    assert stocked.ids("search_products", **query)[0] == first


def test_facets_count_what_there_is(stocked: Shop) -> None:
    found = stocked.get("search_products", q="headphones", facets="brand,availability,attributes.colour").json["facets"]
    assert set(found) == {"brand", "availability", "attributes.colour"}
    assert {one["value"]: one["count"] for one in found["brand"]} == {"Sonnbach": 2, "Tonwerk": 1, "Holzmann": 1}


@pytest.mark.parametrize("sort", ["relevance", "price_asc", "price_desc", "rating", "newest"])
def test_pages_together_are_the_whole_answer(stocked: Shop, sort: str) -> None:
    pages = list(stocked.pages("search_products", q="headphones", sort=sort, limit=1))
    assert [one for page in pages for one in page] == stocked.ids("search_products", q="headphones", sort=sort)
    assert len(pages) == 4


def test_categories_are_a_tree_with_the_number_of_their_products(stocked: Shop) -> None:
    listed = stocked.get("list_categories").json
    assert (listed["object"], listed["has_more"]) == ("list", False)
    found = {one["path"]: one for one in listed["data"]}
    assert found[HEADPHONES] == {
        "object": "category",
        "path": HEADPHONES,
        "name": "Headphones",
        "parent": "Electronics > Audio",
        "products": 4,
    }
    assert (found["Electronics"]["products"], found["Electronics"]["parent"]) == (6, None)
    assert found["Home"]["products"] == 1


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({}, "q"),
        ({"q": ""}, "q"),
        ({"q": "   "}, "q"),
        ({"q": "x" * 10_000}, "q"),
        ({"q": "x", "limit": 0}, "limit"),
        ({"q": "x", "limit": 10**9}, "limit"),
        ({"q": "x", "min_price": 10, "max_price": 9}, "min_price"),
        ({"q": "x", "sort": "price"}, "sort"),
        ({"q": "x", "prefix": "yes"}, "prefix"),
        ({"q": "x", "facets": "brand,colour"}, "facets"),
        ({"q": "x", "facets": ","}, "facets"),
        ({"q": "x", "facets": ",".join(f"attributes.a{number}" for number in range(21))}, "facets"),
        ({"q": "x", "attr__": "y"}, "attr."),
        ({"q": "x", "attr__Colour": "y"}, "attr.Colour"),
        ({"q": "x", "attr__colour": " "}, "attr.colour"),
        ({"q": "x", "attr__size": "5..4"}, "attr.size"),
        ({"q": "x", "attr__size": ".."}, "attr.size"),
        ({"q": "x", "gtin": "4006381333931"}, "gtin"),
        ({"q": "x", "cursor": "W10"}, "cursor"),
        ({"q": "x", "page": "2"}, "page"),
    ],
)
def test_a_wrong_parameter_is_named(stocked: Shop, query: dict[str, Any], param: str) -> None:
    answer = stocked.get("search_products", **query)
    assert (answer.status, answer.error["param"]) == (400, param)


def test_a_cursor_of_another_query_is_refused(stocked: Shop) -> None:
    cursor = stocked.get("search_products", q="headphones", limit=1).json["next_cursor"]
    for query in ({"q": "headphone"}, {"q": "headphones", "sort": "rating"}, {"q": "headphones", "brand": "Tonwerk"}):
        answer = stocked.get("search_products", cursor=cursor, **query)
        assert (answer.status, answer.error["param"]) == (400, "cursor")
    right = cursors.decode(cursor, "cursor")
    for name in right:
        values: tuple[Any, ...] = (None, [], {}, -1, "x", 10**400)
        for value in values:
            answer = stocked.get("search_products", q="headphones", cursor=cursors.encode(right | {name: value}))
            assert answer.status in (200, 400), (name, value)


HOSTILE = ['"', '""', '"headphones', "*", "head*", "NEAR(", "NEAR(a b, 2)", "-", "-headphones", ":", "title:headphones", "^a", "a AND", "OR",
     "NOT", "(", ")", "{title}: a", "🎧", "🎧 headphones", "'; DROP TABLE products; --", "\x00", "a\x00b", "%", "_", "\\", "a" * 512, "a " * 256,
     "é" * 200, "\u202eabc", "1=1", "+" * 100, "\ud83c".encode("utf-16", "surrogatepass").decode("utf-16", "replace")]  # fmt: skip


@pytest.mark.parametrize("prefix", ["true", "false"])
def test_no_query_can_break_the_search(stocked: Shop, prefix: str) -> None:
    for text in HOSTILE:
        answer = stocked.get("search_products", q=text, prefix=prefix)
        assert (answer.status, answer.json["query"]) == (200, text), text


# As all product routes.


@pytest.mark.parametrize("route", SEARCHES)
def test_what_the_client_has_already_is_not_sent_again(stocked: Shop, route: str) -> None:
    query = {"q": "headphones"} if route == "search_products" else {}
    first = stocked.get(route, **query)
    again = stocked.get(route, etag=first.headers["etag"], **query)
    assert (again.status, again.text, again.headers["cache-control"]) == (304, "", "private, max-age=60")


@pytest.mark.parametrize("route", SEARCHES)
def test_every_accepted_request_leaves_a_row_and_no_other_does(stocked: Shop, gateway: Gateway, route: str) -> None:
    gateway.change_key(rpm_limit=1, requests_left=1)
    query = {"q": "headphones"} if route == "search_products" else {}
    statuses = [stocked.get(route, **query).status, stocked.get(route, **query).status]
    assert statuses == [200, 429]
    assert stocked.get(route, nonsense=1).status == 400
    assert gateway.row()["status"] == 200
    gateway.change_key(scopes=["inference"], policy_no=99)
    assert stocked.get(route, **query).status == 403
    assert gateway.row()["status"] == 200


# The index.


def test_without_an_index_search_says_so_and_lists_go_on(shop: Shop, gateway: Gateway) -> None:
    shop.put(SAMPLE)
    answer = shop.get("search_products", q="headphones")
    assert (answer.status, answer.error["code"], answer.headers["retry-after"]) == (503, "index_unavailable", "60")
    assert gateway.row()["status"] == 503
    assert len(shop.ids()) == len(SAMPLE)


def test_an_index_without_products_finds_none(shop: Shop) -> None:
    assert shop.build()["products"] == 0
    found = shop.get("search_products", q="headphones").json
    assert (found["data"], found["total"], found["matched"]) == ([], 0, "none")
    assert shop.get("list_categories").json["data"] == []


def test_the_index_is_built_once_for_each_change(shop: Shop) -> None:
    shop.put(SAMPLE)
    first, again = shop.build(), shop.build()
    assert (first["outcome"], first["products"], first["revision"]) == ("built", len(SAMPLE), 1)
    assert first["bytes"] == len(shop.index_file())
    assert (again["outcome"], again["revision"]) == ("unchanged", 1)
    shop.put([product("new", "Brand new headphones")])
    assert shop.build()["outcome"] == "built"


@pytest.mark.parametrize(("seconds", "outcome"), [(10, "built"), (UNSETTLED_SECONDS + 10, "unchanged")])
def test_an_import_that_was_killed_is_built_anew_until_nothing_can_come_of_it_any_more(
    stocked: Shop, gateway: Gateway, seconds: int, outcome: str
) -> None:
    state = STATE_KEY | {"revision": 1, "unfinished": {"feed.csv 1"}, "changed_at": round(time.time()) - seconds}
    gateway.db.put_item(TableName=TABLE, Item=dynamodb.to_item(state))
    assert stocked.build()["outcome"] == outcome


def test_an_index_of_another_format_is_built_anew(stocked: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "FORMAT", index.FORMAT + 1)
    assert stocked.build()["outcome"] == "built"


def test_a_build_that_another_was_quicker_than_replaces_nothing(shop: Shop, tmp_path: Path) -> None:
    shop.put(SAMPLE)
    source = IndexFiles(files.client(), BUCKET)
    before = source.published()
    shop.build()
    newer = shop.index_file()
    assert before is None
    slow = tmp_path / "slow"
    slow.write_bytes(b"of an older revision")
    assert source.put(slow, before, format=1, revision=0) is False
    assert shop.index_file() == newer


def test_a_build_that_one_of_older_products_was_quicker_than_is_done_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put(SAMPLE)
    put = IndexFiles.put

    def too_late(self: IndexFiles, path: Path, before: Any, **told: int) -> bool:
        monkeypatch.setattr(IndexFiles, "put", put)
        assert put(self, path, before, format=told["format"], revision=0)
        return put(self, path, before, format=told["format"], revision=told["revision"])

    monkeypatch.setattr(IndexFiles, "put", too_late)
    assert shop.build()["outcome"] == "built"
    published = IndexFiles(files.client(), BUCKET).published()
    assert published
    assert published.revision == 1


def test_a_build_that_fails_half_way_replaces_nothing(
    stocked: Shop, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = stocked.index_file()
    stocked.put([product("new", "Brand new headphones")])

    def half(db: Any, table: str) -> Any:
        yield {"id": "new", "title": "Brand new headphones"}
        raise ReadTimeoutError(endpoint_url="x")

    monkeypatch.setattr(publish, "_products", half)
    with pytest.raises(ReadTimeoutError):
        stocked.build()
    assert stocked.index_file() == good


def test_a_build_that_a_bad_disk_broke_replaces_nothing(stocked: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    good = stocked.index_file()
    stocked.put([product("new", "Brand new headphones")])

    def broken(path: Path, *given: Any) -> Any:
        about = build(path, *given)
        content = bytearray(path.read_bytes())
        content[-4095:-4087] = b"\xff" * 8  # in the last page, which is not read when the file is opened
        path.write_bytes(content)
        return about

    monkeypatch.setattr(publish, "build", broken)
    with pytest.raises(IndexUnusable):
        stocked.build()
    assert stocked.index_file() == good


def test_the_function_that_builds_answers_what_it_did(shop: Shop, gateway: Gateway) -> None:
    shop.put(SAMPLE)
    told = gateway.handler("build_index")({}, None)
    assert (told["outcome"], told["products"]) == ("built", len(SAMPLE))
    assert gateway.handler("build_index")({"detail-type": "Scheduled Event"}, None)["outcome"] == "unchanged"


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut in half": lambda good: good[: len(good) // 2],
    "without its last page": lambda good: good[:-4096],
    "something else": lambda _: b"<html>503</html>" * 1000,
    "a header and zeros": lambda good: good[:100] + bytes(len(good) - 100),
    "of another format": lambda good: good[:60] + (index.FORMAT + 1).to_bytes(4, "big") + good[64:],
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_new_instance_goes_back_to_the_last_good_file(stocked: Shop, how: str) -> None:
    stocked.put_index(BROKEN[how](stocked.index_file()))
    stocked.forget()
    answer = stocked.get("search_products", q="headphones")
    assert (answer.status, answer.json["total"]) == (200, 4)
    assert answer.line("ERROR")["message"] == "search index refused"
    assert stocked.get("search_products", q="headphones").status == 200


@pytest.mark.parametrize("how", BROKEN)
def test_if_there_is_no_good_file_search_says_so(stocked: Shop, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stocked.put_index(BROKEN[how](stocked.index_file()))
    monkeypatch.setattr(IndexFiles, "earlier", lambda self: iter(()))
    stocked.forget()
    answer = stocked.get("search_products", q="headphones")
    assert (answer.status, answer.error["code"]) == (503, "index_unavailable")
    again = stocked.get("search_products", q="headphones")
    assert (again.status, again.error["code"]) == (503, "index_unavailable")


_INSTANCES = list["Instance"]()
"""Kept until the end: Python 3.13 warns of databases that nobody has closed."""


class Instance:
    """An index as an instance keeps it, with a clock of its own, and what it does in the background put off."""

    def __init__(self, shop: Shop) -> None:
        self.time = 1000.0
        self.put_off: list[Callable[[], None]] = []
        self.live = LiveIndex(IndexFiles(files.client(), BUCKET), lambda: self.time, self.put_off.append)
        _INSTANCES.append(self)

    def products(self) -> int:
        return self.live.index().about.products

    def work(self) -> None:
        for work in self.put_off:
            work()
        self.put_off.clear()


def test_the_old_index_serves_until_the_new_one_is_there(stocked: Shop) -> None:
    instance = Instance(stocked)
    assert instance.products() == len(SAMPLE)
    stocked.put([product("new", "Brand new headphones")])
    stocked.build()
    assert instance.products() == len(SAMPLE)
    instance.time += CHECK_SECONDS
    assert instance.products() == len(SAMPLE)
    assert len(instance.put_off) == 1
    assert instance.products() == len(SAMPLE)  # and asks no second time
    instance.work()
    assert instance.products() == len(SAMPLE) + 1


def test_an_unchanged_index_is_not_fetched_again(stocked: Shop) -> None:
    instance = Instance(stocked)
    first = instance.live.index()
    instance.time += CHECK_SECONDS
    instance.live.index()
    instance.work()
    assert instance.live.index() is first


@pytest.mark.parametrize("how", BROKEN)
def test_a_new_index_that_is_not_good_leaves_the_old_one_in_place(stocked: Shop, how: str) -> None:
    instance = Instance(stocked)
    first = instance.live.index()
    stocked.put_index(BROKEN[how](stocked.index_file()))
    for _ in range(3):
        instance.time += CHECK_SECONDS
        assert instance.live.index() is first
        instance.work()
    stocked.put([product("new", "Brand new headphones")])
    stocked.build()
    instance.time += CHECK_SECONDS
    instance.live.index()
    instance.work()
    assert instance.products() == len(SAMPLE) + 1


def test_an_index_that_was_taken_away_leaves_the_old_one_in_place(stocked: Shop) -> None:
    instance = Instance(stocked)
    instance.products()
    stocked.s3.delete_object(Bucket=BUCKET, Key=files.KEY)
    instance.time += CHECK_SECONDS
    instance.products()
    instance.work()
    assert instance.products() == len(SAMPLE)


def test_an_instance_that_found_no_index_looks_again_after_seconds(shop: Shop) -> None:
    instance = Instance(shop)
    with pytest.raises(IndexUnavailable):
        instance.products()
    shop.put(SAMPLE)
    shop.build()
    with pytest.raises(IndexUnavailable):
        instance.products()
    instance.time += RETRY_SECONDS
    assert instance.products() == len(SAMPLE)
