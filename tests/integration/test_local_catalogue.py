"""What scripts/start does with the catalogue, on moto's table: it fills an empty one, once, and keeps out of the user's."""

from pathlib import Path
from typing import Any

import boto3
import pytest

from catalogue import synthetic
from catalogue.table import Table
from gateway import dynamodb
from gateway.products.parts import PRODUCT, STATE_KEY
from local import catalogue
from local.console import Failure
from operate import import_products
from operate.target import Target
from tests.conftest import ENVIRONMENT
from tests.integration.harness import Gateway

TABLE = ENVIRONMENT["PRODUCTS_TABLE"]
BUILT = {"outcome": "built", "products": 3, "revision": 2, "bytes": 1_200_000, "seconds": 0.5}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A short catalogue, and an index that is built at once; counts how often."""
    count: list[str] = []

    def build(gateway: Target) -> dict[str, Any]:
        count.append(gateway.stack)
        return BUILT

    monkeypatch.setattr(synthetic, "DEFAULT_COUNT", 3)
    monkeypatch.setattr(import_products, "build_index", build)
    return count


def load(folder: Path) -> tuple[bool, str]:
    """What came of it, and what was said."""
    said: list[str] = []
    target = Target(boto3.Session(), None, "stack", {"ProductsTable": TABLE})
    return catalogue.load(target, folder, said.append), "\n".join(said)


def items() -> list[dict[str, Any]]:
    return [dynamodb.from_item(item) for item in dynamodb.client().scan(TableName=TABLE)["Items"]]


def put(item: dict[str, Any]) -> None:
    dynamodb.client().put_item(TableName=TABLE, Item=dynamodb.to_item(item))


def test_an_empty_catalogue_is_filled_and_indexed(gateway: Gateway, built: list[str], tmp_path: Path) -> None:
    loaded, said = load(tmp_path)
    assert loaded
    assert {item["id"] for item in items() if item["part"] == PRODUCT} == {"syn-000001", "syn-000002", "syn-000003"}
    assert built == ["stack"]
    assert said.startswith("Loading 3 invented products and building the search index ...\n  ")
    assert "3 products, 1.2 MB" in said


def test_it_is_filled_once_and_not_again_when_its_products_are_gone(
    gateway: Gateway, built: list[str], tmp_path: Path
) -> None:
    load(tmp_path)
    for item in items():
        if item["id"].startswith("syn-"):
            dynamodb.client().delete_item(
                TableName=TABLE, Key=dynamodb.to_item({"id": item["id"], "part": item["part"]})
            )
    assert load(tmp_path) == (False, "")
    assert [item["id"] for item in items()] == [STATE_KEY["id"]]


def test_a_catalogue_of_the_users_own_is_left_alone(gateway: Gateway, built: list[str], tmp_path: Path) -> None:
    put(STATE_KEY | {"revision": 2})
    assert load(tmp_path) == (False, "")
    assert len(items()) == 1


def test_a_load_that_was_broken_off_goes_on(
    gateway: Gateway, built: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stopped(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Table, "write", stopped)
        with pytest.raises(KeyboardInterrupt):
            load(tmp_path)
    assert load(tmp_path)[0]
    assert len({item["id"] for item in items()}) == 4
    assert load(tmp_path)[0] is False


def test_an_index_that_cannot_be_built_is_told_and_keeps_nothing_from_starting(
    gateway: Gateway, built: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(gateway: Target) -> dict[str, Any]:
        raise Failure("The search index was not built: no space left")

    monkeypatch.setattr(import_products, "build_index", fail)
    loaded, said = load(tmp_path)
    assert loaded
    assert "FAILED: The search index was not built: no space left" in said
    assert load(tmp_path)[0] is False
