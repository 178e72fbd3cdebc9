"""The keys of scripts/start on moto's table: older ones are given the scopes that the gateway has had since."""

import time
from typing import Any

from gateway import dynamodb, key_store, keys
from local import access
from local.access import Access
from tests.conftest import ENVIRONMENT
from tests.integration.harness import Gateway

KEYS = ENVIRONMENT["KEYS_TABLE"]


def made(**scopes: list[str]) -> Access:
    """A pair of keys that have these scopes."""
    db, now = dynamodb.client(), time.time()
    whole = {name: key_store.create_key(db, KEYS, name=name, scopes=its, now=now) for name, its in scopes.items()}
    return Access("http://127.0.0.1:1/api/v1", **whole)


def item_of(key: str) -> Any:
    return key_store.get(dynamodb.client(), KEYS, "key", keys.parse(key)[0])


def test_keys_from_before_there_were_products_are_given_their_scope(gateway: Gateway) -> None:
    old = made(api_key=["inference"], admin_key=["admin", "inference"])
    assert access.grant(dynamodb.client(), KEYS, old)
    assert item_of(old.api_key)["scopes"] == ["inference", "products"]
    assert item_of(old.admin_key)["scopes"] == ["admin", "inference", "products"]


def test_keys_that_have_all_scopes_are_left_as_they_are(gateway: Gateway) -> None:
    new = access.create(dynamodb.client(), KEYS, "http://127.0.0.1:1/api/v1")
    before = item_of(new.api_key), item_of(new.admin_key)
    assert not access.grant(dynamodb.client(), KEYS, new)
    assert (item_of(new.api_key), item_of(new.admin_key)) == before
