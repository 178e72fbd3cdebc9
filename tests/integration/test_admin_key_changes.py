"""What becomes of a key that is there: changes that race, secrets that are rotated, and a deletion that lets others finish."""

import json
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from gateway import dynamodb, key_store, keys
from gateway.errors import ServiceUnavailable
from tests.integration.admins import BAD, POLICY, TABLE, Admin
from tests.integration.harness import KEY_ID, Fault, Gateway

Later = Callable[[ModuleType, float], None]


@pytest.fixture
def boss(gateway: Gateway) -> Admin:
    return Admin(gateway)


# Changes.


def test_a_change_touches_what_it_names_and_no_more(boss: Admin) -> None:
    made = boss.create(**POLICY)
    changed = boss.send("PATCH", f"/keys/{made['id']}", {"name": "other", "models": None, "scopes": ["admin"]}).json
    del made["key"]
    assert changed == made | {"name": "other", "models": None, "scopes": ["admin"]}
    assert boss.send("GET", f"/keys/{made['id']}").json == changed
    assert "models" not in boss.item(made["id"])


def test_a_changed_limit_keeps_what_was_used(boss: Admin) -> None:
    made = boss.create(**POLICY)
    boss.set(made["id"], requests_left=50, month_left=20, total_left=1)
    changed = boss.send(
        "PATCH", f"/keys/{made['id']}", {"rpm_limit": 100, "month_budget": "10", "total_budget": "0.5"}
    ).json
    assert changed["left"] == {"requests": 90, "tokens": 100_000, "day": "2.5", "month": "5", "total": "-98.5"}
    back = boss.send("PATCH", f"/keys/{made['id']}", {"month_budget": None}).json
    assert (back["month_budget"], back["left"]["month"]) == (None, None)
    again = boss.send("PATCH", f"/keys/{made['id']}", {"month_budget": 25}).json
    assert again["left"]["month"] == "20"


def test_a_key_of_before_there_were_limits_is_shown_changed_and_rotated(boss: Admin) -> None:
    made = boss.create()
    old = {name: boss.item(made["id"])[name] for name in ("id", "kind", "name", "scopes", "secret_hash", "key_status")}
    boss.gateway.db.put_item(TableName=TABLE, Item=dynamodb.to_item(old | {"created_at": 1}))
    assert boss.send("GET", f"/keys/{made['id']}").json["rpm_limit"] is None
    changed = boss.send("PATCH", f"/keys/{made['id']}", {"rpm_limit": 3, "total_budget": "2"}).json
    assert (changed["left"]["requests"], changed["left"]["total"]) == (3, "2")
    assert boss.send("POST", f"/keys/{made['id']}/rotate", {}).status == 200
    assert boss.send("DELETE", f"/keys/{made['id']}").status == 200


def test_every_limit_can_be_taken_away(boss: Admin) -> None:
    made = boss.create(**POLICY, expires_at=int(time.time()) + 60)
    nothing = dict.fromkeys([*POLICY, "expires_at", "team"]) | {"scopes": ["inference"]}
    changed = boss.send("PATCH", f"/keys/{made['id']}", nothing).json
    assert {name for name in nothing if changed[name] is not None} == {"scopes", "allow_unpriced_models"}
    assert changed["allow_unpriced_models"] is False
    assert set(changed["left"].values()) == {None}


def test_a_key_that_is_disabled_stops_and_may_start_again(boss: Admin, later: Later) -> None:
    made = boss.create()
    assert boss.send("PATCH", f"/keys/{made['id']}", {"status": "disabled"}).json["status"] == "disabled"
    later(keys, 20)
    assert boss.models(made["key"]) == 401
    assert boss.send("PATCH", f"/keys/{made['id']}", {"status": "active"}).json["status"] == "active"
    later(keys, 40)
    assert boss.models(made["key"]) == 200


@pytest.mark.parametrize("bad", [name for name in BAD if name not in ("no name", "a status")])
def test_a_bad_change_is_refused_with_its_field_and_changes_nothing(boss: Admin, bad: str) -> None:
    body, param = BAD[bad]
    before = boss.item(KEY_ID)
    answer = boss.send("PATCH", f"/keys/{KEY_ID}", body)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert boss.item(KEY_ID) == before


def test_an_empty_change_is_refused(boss: Admin) -> None:
    answer = boss.send("PATCH", f"/keys/{KEY_ID}", {})
    assert (answer.status, answer.error["param"]) == (400, None)


def between(boss: Admin, operation: str, other: Callable[[], Any], times: int = 1) -> None:
    """Let somebody else be quicker: right before a write of the gateway's leaves."""
    left = [other] * times

    def meanwhile(**_: Any) -> None:
        if left:
            left.pop()()

    boss.gateway.events.register_first(f"before-send.dynamodb.{operation}", meanwhile)


def test_two_changes_of_different_fields_at_once_both_win(boss: Admin) -> None:
    made = boss.create(rpm_limit=60)
    other = {"tpm_limit": 5, "rpm_limit": 80}
    between(boss, "UpdateItem", lambda: key_store.change(boss.gateway.db, TABLE, "key", made["id"], other))
    changed = boss.send("PATCH", f"/keys/{made['id']}", {"rpm_limit": 100, "name": "mine"}).json
    assert (changed["tpm_limit"], changed["rpm_limit"], changed["name"]) == (5, 100, "mine")
    assert changed["left"]["requests"] == 100
    assert boss.item(made["id"])["policy_no"] == 3


def test_a_counter_that_moves_meanwhile_is_no_conflict(boss: Admin) -> None:
    made = boss.create(rpm_limit=60)

    def spend() -> None:
        boss.set(made["id"], requests_left=55)

    between(boss, "UpdateItem", spend)
    assert boss.send("PATCH", f"/keys/{made['id']}", {"rpm_limit": 100}).json["left"]["requests"] == 95
    assert boss.item(made["id"])["policy_no"] == 2


def test_a_key_that_is_deleted_meanwhile_is_not_found(boss: Admin) -> None:
    made = boss.create()
    between(boss, "UpdateItem", lambda: key_store.delete(boss.gateway.db, TABLE, time.time(), "key", made["id"]))
    assert boss.send("PATCH", f"/keys/{made['id']}", {"name": "late"}).status == 404
    assert boss.item(made["id"])["key_status"] == "deleted"


def test_who_is_never_quick_enough_is_told_to_try_again(boss: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    made = boss.create()
    monkeypatch.setattr(key_store, "TRIES", 3)
    between(boss, "UpdateItem", lambda: boss.set(made["id"], policy_no=boss.item(made["id"])["policy_no"] + 1), times=3)
    with pytest.raises(ServiceUnavailable):
        key_store.change(boss.gateway.db, TABLE, "key", made["id"], {"name": "never"})


# Rotation.


def test_both_secrets_are_good_for_a_day_and_then_only_the_new_one(boss: Admin, later: Later) -> None:
    made = boss.create()
    answer = boss.send("POST", f"/keys/{made['id']}/rotate")
    rotated = answer.json
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert rotated["id"] == made["id"]
    assert rotated["key"] != made["key"]
    assert [boss.models(key) for key in (made["key"], rotated["key"])] == [200, 200]
    later(keys, 86_400 - 60)
    assert [boss.models(key) for key in (made["key"], rotated["key"])] == [200, 200]
    later(keys, 86_400 + 1)
    assert [boss.models(key) for key in (made["key"], rotated["key"])] == [401, 200]


def test_without_a_grace_the_old_secret_ends_at_once(boss: Admin) -> None:
    made = boss.create()
    rotated = boss.send("POST", f"/keys/{made['id']}/rotate", {"grace_seconds": 0}).json
    assert [boss.models(key) for key in (made["key"], rotated["key"])] == [401, 200]
    assert not {"old_hash", "old_hash_until"} & set(boss.item(made["id"]))


def test_a_second_rotation_ends_the_grace_of_the_first(boss: Admin) -> None:
    first = boss.create()
    second = boss.send("POST", f"/keys/{first['id']}/rotate", {"grace_seconds": 600}).json
    third = boss.send("POST", f"/keys/{first['id']}/rotate", " ").json
    assert [boss.models(one["key"]) for one in (first, second, third)] == [401, 200, 200]


@pytest.mark.parametrize("grace", [-1, 604_801, "60", 1.5, True, None])
def test_a_bad_grace_is_refused(boss: Admin, grace: Any) -> None:
    before = boss.item(KEY_ID)
    answer = boss.send("POST", f"/keys/{KEY_ID}/rotate", {"grace_seconds": grace})
    assert (answer.status, answer.error["param"]) == (400, "grace_seconds")
    assert boss.item(KEY_ID) == before


def test_a_rotation_whose_first_answer_got_lost_keeps_the_right_old_secret(boss: Admin) -> None:
    made = boss.create()
    left = [True]

    def lose_the_answer(request: Any, **options: Any) -> Any:
        if not left:
            return None
        left.clear()
        boss.gateway.db.update_item(**json.loads(request.body))
        return Fault("InternalServerError", 500)(request, **options)

    boss.gateway.events.register_first("before-send.dynamodb.UpdateItem", lose_the_answer)
    rotated = boss.send("POST", f"/keys/{made['id']}/rotate").json
    assert [boss.models(key) for key in (made["key"], rotated["key"])] == [200, 200]
    assert boss.item(made["id"])["policy_no"] == 2


# Deletion.


def test_a_deleted_key_is_gone_but_for_what_is_under_way(boss: Admin, later: Later) -> None:
    made = boss.create(**POLICY)
    boss.set(made["id"], holds={"a": "1|1|1|0"}, old_hash="x", old_hash_until=1)
    answer = boss.send("DELETE", f"/keys/{made['id']}")
    assert (answer.status, answer.json) == (200, {"id": made["id"], "object": "key", "deleted": True})
    item = boss.item(made["id"])
    assert (item["key_status"], item["holds"]) == ("deleted", {"a": "1|1|1|0"})
    assert abs(int(item["purge_at"]) - time.time() - 86_400) < 60
    assert not {"secret_hash", "old_hash", "old_hash_until"} & set(item)
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
        assert (
            boss.send(method, f"/keys/{made['id']}{path}", {"name": "n"} if method == "PATCH" else None).status == 404
        )
    assert [one["id"] for one in boss.send("GET", "/keys").json["data"]] == [KEY_ID]
    later(keys, 20)
    assert boss.models(made["key"]) == 401


def test_a_deletion_whose_first_answer_got_lost_is_no_404(boss: Admin) -> None:
    made = boss.create()
    between(boss, "UpdateItem", lambda: key_store.delete(boss.gateway.db, TABLE, time.time(), "key", made["id"]))
    assert boss.send("DELETE", f"/keys/{made['id']}").status == 200
