"""Who may call: keys are checked against the table, at most every 10 seconds, and refused without saying why."""

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from gateway import dynamodb, key_store, keys
from tests.conftest import ENVIRONMENT, load_event
from tests.integration.harness import KEY, KEY_ID, KEY_SECRET, Gateway, with_header, with_key

Later = Callable[[ModuleType, float], None]


def key_of(key_id: str, secret: str) -> str:
    return f"sk-gw-{key_id}-{secret}-{keys.checksum(key_id + secret)}"


UNKNOWN = key_of("NobodysKey00", KEY_SECRET)
WRONG_SECRET = key_of(KEY_ID, KEY_SECRET[::-1])
NOT_KEYS = [
    "sk-gw", "sk-proj-abc", KEY[:-1], KEY + "0", KEY[:-1] + "0", KEY.upper(), KEY.replace("EventsSample", "EventsSampl\u00e9"),
    f"{KEY} {KEY}", "x" * 10_000,
]  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "revoked": {"key_status": "revoked"},
    "expired": {"expires_at": 1},
    "expiring now": {"expires_at": int(time.time())},
    "a team's item": {"kind": "team", "secret_hash": None},
}


def call_with(gateway: Gateway, key: str) -> Any:
    return gateway.send("list_models", with_key(load_event("list_models"), key))


def test_every_bad_key_gets_the_same_answer(gateway: Gateway) -> None:
    """So that the answer tells nothing about which keys exist."""
    answers = [call_with(gateway, key) for key in (UNKNOWN, WRONG_SECRET, *NOT_KEYS)]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].error["code"] == "invalid_api_key"


@pytest.mark.parametrize("change", CHANGES)
def test_a_key_that_is_no_longer_good_gets_that_answer_too(gateway: Gateway, change: str) -> None:
    gateway.change_key(**CHANGES[change])
    assert call_with(gateway, KEY).text == call_with(gateway, UNKNOWN).text


def test_a_broken_item_is_no_key(gateway: Gateway) -> None:
    gateway.db.put_item(TableName=ENVIRONMENT["KEYS_TABLE"], Item={"id": {"S": KEY_ID}})
    assert call_with(gateway, KEY).status == 401


def test_a_key_is_good_until_it_expires(gateway: Gateway, later: Later) -> None:
    gateway.change_key(expires_at=int(time.time()) + 60)
    assert call_with(gateway, KEY).status == 200
    later(keys, 60)
    assert call_with(gateway, KEY).status == 401


def test_garbage_is_refused_without_asking_the_table(gateway: Gateway) -> None:
    asked = gateway.count("GetItem")
    for key in NOT_KEYS:
        call_with(gateway, key)
    assert asked() == 0


@pytest.mark.parametrize("route", ["list_models", "get_model", "chat_completions", "completions"])
def test_a_key_without_the_scope_is_told_which_it_lacks(gateway: Gateway, route: str) -> None:
    gateway.change_key(scopes=["admin"])
    answer = gateway.send(route, "completions_prompt" if route == "completions" else route)
    assert (answer.status, answer.error["code"]) == (403, "insufficient_scope")
    assert "'inference'" in answer.error["message"]
    assert answer.headers["x-request-id"].startswith(f"req_{KEY_ID}_")
    assert gateway.rows() == []


@pytest.mark.parametrize("value", [f"bearer {KEY}", f"BEARER {KEY}", f"Bearer   {KEY} ", f" Bearer {KEY}"])
def test_the_word_bearer_may_be_written_in_any_way(gateway: Gateway, value: str) -> None:
    assert gateway.send("list_models", with_header(load_event("list_models"), "Authorization", value)).status == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", KEY, f"Basic {KEY}", f"Bearer{KEY}"])
def test_what_is_no_bearer_token_is_no_key(gateway: Gateway, value: str) -> None:
    answer = gateway.send("list_models", with_header(load_event("list_models"), "Authorization", value))
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")
    assert "Bearer sk-gw-" in answer.error["message"]


def test_the_table_is_asked_once_in_ten_seconds(gateway: Gateway, later: Later) -> None:
    asked = gateway.count("GetItem")
    for route in ("list_models", "get_model", "list_models"):
        gateway.send(route)
    assert asked() == 1
    later(keys, 9.9)
    gateway.send("list_models")
    assert asked() == 1
    later(keys, 10)
    gateway.send("list_models")
    assert asked() == 2


def test_a_revoked_key_stops_within_ten_seconds(gateway: Gateway, later: Later) -> None:
    assert call_with(gateway, KEY).status == 200
    gateway.change_key(key_status="revoked")
    assert call_with(gateway, KEY).status == 200
    later(keys, 10)
    assert call_with(gateway, KEY).status == 401


def test_an_unknown_key_is_asked_for_again_as_it_may_be_created_any_moment(gateway: Gateway) -> None:
    assert call_with(gateway, UNKNOWN).status == 401
    item = key_store.new_key("NobodysKey00", "new", ["inference"], keys.hash_secret(KEY_SECRET), time.time())
    gateway.db.put_item(TableName=ENVIRONMENT["KEYS_TABLE"], Item=dynamodb.to_item(item))
    assert call_with(gateway, UNKNOWN).status == 200


def test_a_created_key_works_and_only_its_hash_is_kept(gateway: Gateway) -> None:
    key = key_store.create_key(gateway.db, ENVIRONMENT["KEYS_TABLE"], name="new", scopes=["inference"], now=time.time())
    assert call_with(gateway, key).status == 200
    key_id, secret = keys.parse(key)
    item = gateway.db.get_item(TableName=ENVIRONMENT["KEYS_TABLE"], Key={"id": {"S": key_id}})["Item"]
    assert secret not in str(item)
    assert item["secret_hash"] == {"S": keys.hash_secret(secret)}


def test_a_wrong_secret_is_refused_from_the_cache_too(gateway: Gateway) -> None:
    assert call_with(gateway, KEY).status == 200
    assert call_with(gateway, WRONG_SECRET).status == 401
