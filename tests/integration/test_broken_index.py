"""An index that is whole when it is opened, and broken where it is read: nobody gets a 500, and the file is fetched anew."""

import sqlite3
from pathlib import Path

import pytest

from gateway.errors import IndexUnavailable
from gateway.search import files
from gateway.search.files import IndexFiles
from gateway.search.index import Index
from gateway.search.live import CHECK_SECONDS, LiveIndex
from gateway.search.query import Query
from tests.integration.catalogue import BUCKET, SAMPLE, SEARCHES, Shop, product

PAGE = 4096


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.put(SAMPLE)
    shop.build()
    return shop


def without(good: bytes, table: str) -> bytes:
    """The file, with other bytes in the page that a table begins in."""
    db = sqlite3.connect(":memory:")
    db.deserialize(good)
    (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    db.close()
    return good[: (page - 1) * PAGE] + b"\xa5" * PAGE + good[page * PAGE :]


@pytest.mark.parametrize("route", SEARCHES)
def test_a_broken_index_is_unavailable_and_leaves_a_row(stocked: Shop, route: str) -> None:
    broken = {"search_products": "products", "list_categories": "categories"}[route]
    stocked.put_index(without(stocked.index_file(), broken))
    stocked.forget()
    query = {"q": "headphones"} if route == "search_products" else {}
    answer = stocked.get(route, **query)
    assert (answer.status, answer.error["code"]) == (503, "index_unavailable")
    assert answer.headers["retry-after"]
    line = answer.line("ERROR")
    assert line["message"] == "search index broken"
    assert "headphones" not in str(line)
    (row,) = stocked.gateway.rows()
    assert (row["status"], row["error_code"]) == (503, "index_unavailable")


def test_a_text_that_is_no_json_any_more_is_a_broken_index_too(stocked: Shop) -> None:
    stocked.put_index(stocked.index_file().replace(b'["product","', b'["product",,'))
    stocked.forget()
    answer = stocked.get("search_products", q="headphones")
    assert (answer.status, answer.error["code"]) == (503, "index_unavailable")


_INSTANCES = list["Instance"]()
"""Kept until the end: Python 3.13 warns of databases that nobody has closed."""


class Instance:
    """An index as an instance keeps it, which fetches as soon as it has begun to, and a clock of its own."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.live = LiveIndex(IndexFiles(files.client(), BUCKET), lambda: self.time, lambda work: work())
        _INSTANCES.append(self)

    def found(self) -> int:
        """How many products a search finds; -1 if the index is not available."""
        try:
            return self.live.ask(lambda index: index.search(Query("headphones"))).total
        except IndexUnavailable:
            return -1


def test_what_is_not_broken_goes_on_serving_until_a_new_file_is_there(stocked: Shop) -> None:
    instance = Instance()
    good = stocked.index_file()
    stocked.s3.delete_object(Bucket=BUCKET, Key=files.KEY)
    stocked.put_index(without(good, "products"))
    instance.live.index()
    assert instance.found() == -1
    assert instance.live.ask(Index.categories)
    stocked.put_index(good)
    instance.time += CHECK_SECONDS
    instance.found()
    assert instance.found() == 4


def test_a_file_that_broke_on_the_instance_is_fetched_anew_though_it_is_the_same(stocked: Shop) -> None:
    instance = Instance()
    instance.live.index().close()  # nothing can be read of it any more
    assert [instance.found() for _ in range(3)] == [-1, -1, 4]


def test_a_file_that_breaks_again_gives_way_to_an_earlier_one(stocked: Shop) -> None:
    good = stocked.index_file()
    stocked.put_index(without(good, "products"))
    instance = Instance()
    assert [instance.found() for _ in range(6)] == [-1, -1, -1, -1, 4, 4]
    instance.time += CHECK_SECONDS
    assert [instance.found() for _ in range(2)] == [4, 4]
    stocked.put([product("new", "Brand new headphones")])
    stocked.build()
    instance.time += CHECK_SECONDS
    instance.found()
    assert instance.found() == 5


def test_if_all_files_are_broken_they_are_not_fetched_with_every_request(
    stocked: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked.put_index(without(stocked.index_file(), "products"))
    monkeypatch.setattr(IndexFiles, "earlier", lambda self: iter(()))
    fetched = list[str | None]()
    fetch = IndexFiles.fetch

    def counted(self: IndexFiles, path: Path, unless: str | None = None, version: str | None = None) -> str | None:
        fetched.append(unless)
        return fetch(self, path, unless, version)

    monkeypatch.setattr(IndexFiles, "fetch", counted)
    instance = Instance()
    assert {instance.found() for _ in range(20)} == {-1}
    assert fetched == [None, None, None]
