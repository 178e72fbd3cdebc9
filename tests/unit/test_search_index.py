"""Index files: built whole or not at all, and opened only if they are whole, of this format, and indexes."""

import importlib.util
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.search.build import STEPS_OF_PROGRESS, Item, build
from gateway.search.index import FORMAT, About, Index, IndexUnusable, require_fts5
from gateway.search.query import Query
from tests.unit.shelves import all_pages, index_of, product

PRODUCTS = [product(f"p-{n}", f"Thing number {n}", categories=["B > C", "A"]) for n in range(300)]


def written(folder: Path) -> Path:
    path = folder / "index.sqlite"
    build(path, PRODUCTS, revision=3, built_at=5)
    return path


# Building.


def test_an_index_says_what_it_is_made_of(tmp_path: Path) -> None:
    assert build(tmp_path / "index", iter(PRODUCTS), revision=3, built_at=5) == About(FORMAT, 300, 3, 5)
    with closing(Index.open(tmp_path / "index")) as index:
        assert index.about == About(FORMAT, 300, 3, 5)


def test_progress_is_told_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    told = list[int]()
    products = (product(f"p-{n}", "Thing") for n in range(STEPS_OF_PROGRESS + 3))
    build(tmp_path / "index", products, revision=1, built_at=1, progress=told.append)
    assert told == [STEPS_OF_PROGRESS, STEPS_OF_PROGRESS + 3]


def test_no_products_are_an_index_too(tmp_path: Path) -> None:
    index = index_of(tmp_path, [])
    assert index.search(Query("anything")).total == index.search(Query("")).total == 0
    assert index.categories() == []


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("mine")
    with pytest.raises(FileExistsError):
        build(tmp_path / "index", PRODUCTS, revision=1, built_at=1)
    assert (tmp_path / "index").read_text() == "mine"


def test_a_build_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def failing() -> Iterator[Item]:
        yield from PRODUCTS
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        build(tmp_path / "index", failing(), revision=1, built_at=1)
    with pytest.raises(ValueError, match="p-7 is there twice"):
        build(tmp_path / "index", [*PRODUCTS, PRODUCTS[7]], revision=1, built_at=1)
    assert list(tmp_path.iterdir()) == []


def test_the_same_products_in_another_order_are_the_same_list(tmp_path: Path) -> None:
    one, other = index_of(tmp_path, PRODUCTS, "one"), index_of(tmp_path, reversed(PRODUCTS), "other")
    assert all_pages(one, "thing", limit=50) == all_pages(other, "thing", limit=50)


# Opening.


@pytest.mark.parametrize("left", [0, 50, 4096, 20_000, -4096, -1])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, left: int) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(IndexUnusable, match="cut off"):
        Index.open(path)


def test_a_file_with_something_behind_it_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(IndexUnusable, match="changed"):
        Index.open(path)


def test_a_file_that_is_absent_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexUnusable, match="cannot be read"):
        Index.open(tmp_path / "nothing")
    with pytest.raises(IndexUnusable, match="cannot be read"):
        Index.open(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(b"{}" * 1000)
    with pytest.raises(IndexUnusable, match="not an SQLite database"):
        Index.open(tmp_path / "index")


def test_another_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "index") as db:
        db.execute("CREATE TABLE about(products)")
    db.close()
    with pytest.raises(IndexUnusable, match="not an index of products"):
        Index.open(tmp_path / "index")


def changed(path: Path, *statements: str) -> Path:
    db = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()
    return path


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            f"PRAGMA user_version = {FORMAT + 1}",
            f"format {FORMAT + 1}; this version of the gateway reads format {FORMAT}",
        ),
        ("PRAGMA user_version = 0", "format 0"),
        ("PRAGMA application_id = 0", "not an index of products"),
        ("DELETE FROM facts WHERE n = 1", "299 products, and says that it has 300"),
        ("DELETE FROM about", "not written to its end"),
        ("DROP TABLE about", "no such table"),
        ("DROP TABLE words", "no such table"),
    ],
)
def test_an_index_of_another_format_or_with_something_missing_is_refused(
    tmp_path: Path, statement: str, reason: str
) -> None:
    path = changed(written(tmp_path), statement)
    with pytest.raises(IndexUnusable, match=reason):
        Index.open(path)


def test_a_broken_page_is_refused_or_fails_as_a_database(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = bytearray(path.read_bytes())
    whole[100:4096] = b"\xff" * 3996
    path.write_bytes(whole)
    with pytest.raises(IndexUnusable, match="cannot be read"):
        Index.open(path)


def test_an_open_index_can_be_searched_after_its_file_was_removed(tmp_path: Path) -> None:
    path = written(tmp_path)
    index = Index.open(path)
    path.unlink()
    assert index.search(Query("thing", facets=("category",))).total == 300
    index.close()


def test_searching_changes_nothing_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = path.read_bytes()
    index = Index.open(path)
    index.search(Query("thimg", facets=("brand", "attributes")))
    index.close()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# What else it can tell.


def test_categories_are_listed_by_path_with_all_products_below_them(tmp_path: Path) -> None:
    products = [
        product("1", "x", categories=["B > C > D", "B > C"]),
        product("2", "x", categories=["b > c"]),
        product("3", "x", categories=["B-side", "B > A"]),
    ]
    assert index_of(tmp_path, products).categories() == [
        {"path": "B", "name": "B", "parent": None, "products": 3},
        {"path": "B > A", "name": "A", "parent": "B", "products": 1},
        {"path": "B > C", "name": "C", "parent": "B", "products": 2},
        {"path": "B > C > D", "name": "D", "parent": "B > C", "products": 1},
        {"path": "B-side", "name": "B-side", "parent": None, "products": 1},
    ]


def test_a_python_without_fts5_is_told_so() -> None:
    class Without:
        def execute(self, _sql: str) -> None:
            raise sqlite3.OperationalError("no such module: fts5")

        def close(self) -> None:
            pass

    def connect(_name: str) -> Any:
        return Without()

    with pytest.raises(RuntimeError, match=r"needs SQLite with FTS5; this Python's SQLite .* no such module: fts5"):
        require_fts5(connect)
    require_fts5()


def test_searching_takes_no_pydantic() -> None:
    """Its import is paid by the user who starts a function."""
    found = importlib.util.find_spec("gateway")
    assert found
    assert found.submodule_search_locations
    layer = str(Path(next(iter(found.submodule_search_locations))).parent)
    code = f"import sys; sys.path.insert(0, {layer!r}); import gateway.search.index; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
