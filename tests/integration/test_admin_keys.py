"""The routes of API keys: made, listed and found by admins, and by nobody else."""

import json
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from gateway import admin, key_pages, key_store, keys
from tests.conftest import load_event
from tests.integration.admins import BAD, FUNCTIONS, POLICY, TABLE, Admin, function_of
from tests.integration.harness import KEY, KEY_ID, Fault, Gateway, event_with, with_key

Later = Callable[[ModuleType, float], None]

NOBODY = "NobodysKey00"


@pytest.fixture
def boss(gateway: Gateway) -> Admin:
    return Admin(gateway)


# Who may.


@pytest.mark.parametrize("route", FUNCTIONS.values())
def test_a_key_without_the_scope_admin_may_do_nothing_here(gateway: Gateway, route: str) -> None:
    before = gateway.db.scan(TableName=TABLE)["Items"]
    answer = gateway.send(route)
    assert (answer.status, answer.error["code"]) == (403, "insufficient_scope")
    assert gateway.db.scan(TableName=TABLE)["Items"] == before


@pytest.mark.parametrize("route", FUNCTIONS.values())
def test_without_a_key_the_body_is_not_even_read(gateway: Gateway, route: str) -> None:
    event = event_with(route, "not json")
    del event["headers"]["Authorization"]
    assert gateway.send(route, event).error["code"] == "invalid_api_key"


def test_every_route_of_these_is_tried_here() -> None:
    assert {function_of(load_event(name)) for name in FUNCTIONS.values()} == set(FUNCTIONS.values())


# Creation.


def test_a_new_key_is_told_whole_and_works_at_once(boss: Admin) -> None:
    team = boss.create("/teams")["id"]
    expires_at = int(time.time()) + 3600
    answer = boss.send("POST", "/keys", POLICY | {"name": "My app", "team": team, "expires_at": expires_at})
    made = answer.json
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    assert made["id"] == keys.parse(made["key"])[0]
    assert abs(made["created_at"] - time.time()) < 60
    told = {name: made[name] for name in POLICY}
    assert told == POLICY | {
        "scopes": ["inference", "products"],
        "day_budget": "2.5",
        "month_budget": "25",
        "total_budget": "100",
    }
    assert (made["object"], made["name"], made["status"], made["team"]) == ("key", "My app", "active", team)
    assert (made["expires_at"], made["in_flight"]) == (expires_at, 0)
    assert made["left"] == {"requests": 60, "tokens": 100_000, "day": "2.5", "month": "25", "total": "100"}
    assert boss.models(made["key"]) == 200


def test_a_key_of_a_name_alone_has_no_limits(boss: Admin) -> None:
    made = boss.create()
    assert made["scopes"] == ["inference"]
    nothing = (
        "team",
        "models",
        "rpm_limit",
        "tpm_limit",
        "max_parallel",
        "day_budget",
        "month_budget",
        "total_budget",
        "expires_at",
    )
    assert {made[name] for name in nothing} == {None}
    assert set(made["left"].values()) == {None}


def test_the_secret_is_told_once_and_kept_nowhere(boss: Admin) -> None:
    made = boss.create()
    _, secret = keys.parse(made["key"])
    shown = [boss.send("GET", f"/keys/{made['id']}"), boss.send("GET", "/keys")]
    shown += [boss.send("PATCH", f"/keys/{made['id']}", {"name": "other"})]
    assert "key" not in shown[0].json
    everything = str(boss.gateway.db.scan(TableName=TABLE)) + boss.gateway.log.getvalue()
    everything += "".join(answer.text for answer in shown)
    assert secret not in everything
    assert keys.hash_secret(secret) not in boss.gateway.log.getvalue() + "".join(answer.text for answer in shown)
    assert boss.item(made["id"])["secret_hash"] == keys.hash_secret(secret)


def test_two_equal_requests_make_two_keys(boss: Admin) -> None:
    one, two = boss.create(), boss.create()
    assert one["id"] != two["id"]
    assert one["key"] != two["key"]


def test_a_creation_whose_first_answer_got_lost_leaves_one_key(boss: Admin) -> None:
    """boto3 repeats the write by itself; the second one finds the key."""
    left = [True]

    def lose_the_answer(request: Any, **options: Any) -> Any:
        if not left:
            return None
        left.clear()
        boss.gateway.db.put_item(**json.loads(request.body))
        return Fault("InternalServerError", 500)(request, **options)

    boss.gateway.events.register_first("before-send.dynamodb.PutItem", lose_the_answer)
    made = boss.create()
    assert {item["id"]["S"] for item in boss.gateway.db.scan(TableName=TABLE)["Items"]} == {KEY_ID, made["id"]}
    assert boss.models(made["key"]) == 200


def test_an_id_that_is_taken_is_left_to_its_owner(boss: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = iter(["s" * 32, KEY_ID, NOBODY])
    monkeypatch.setattr(key_store, "_random_text", lambda length: next(texts))
    before = boss.item(KEY_ID)
    assert boss.create()["id"] == NOBODY
    assert boss.item(KEY_ID) == before


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_new_key_is_refused_with_its_field(boss: Admin, bad: str) -> None:
    body, param = BAD[bad]
    answer = boss.send("POST", "/keys", body)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert param is None or answer.error["message"].startswith(f"{param}: ")
    assert len(boss.gateway.db.scan(TableName=TABLE)["Items"]) == 1


# Lists.


def test_keys_are_listed_page_by_page_each_once_and_without_teams(boss: Admin) -> None:
    made = {boss.create()["id"] for _ in range(7)} | {KEY_ID}
    boss.create("/teams")
    found: list[str] = []
    query: dict[str, str] = {"limit": "3"}
    sizes = []
    while True:
        page = boss.send("GET", "/keys", **query).json
        assert page["object"] == "list"
        assert page["has_more"] is (page["next_cursor"] is not None)
        found += [one["id"] for one in page["data"]]
        sizes.append(len(page["data"]))
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert sizes == [3, 3, 2]
    assert sorted(found) == sorted(made)


def test_a_list_that_fits_exactly_has_no_more(boss: Admin) -> None:
    boss.create()
    page = boss.send("GET", "/keys", limit="2").json
    assert (len(page["data"]), page["has_more"], page["next_cursor"]) == (2, False, None)


def test_a_page_has_twenty_unless_asked_otherwise(boss: Admin) -> None:
    for _ in range(20):
        boss.create()
    assert len(boss.send("GET", "/keys").json["data"]) == 20
    assert len(boss.send("GET", "/keys", limit="100").json["data"]) == 21


def test_a_listed_key_is_shown_as_it_is_by_itself(boss: Admin) -> None:
    made = boss.create(**POLICY)
    del made["key"]
    assert made in boss.send("GET", "/keys").json["data"]
    assert boss.send("GET", f"/keys/{made['id']}").json == made


def test_keys_are_listed_by_team(boss: Admin) -> None:
    team, other = boss.create("/teams")["id"], boss.create("/teams")["id"]
    members = {boss.create(team=team)["id"] for _ in range(3)}
    boss.create(team=other)
    assert {one["id"] for one in boss.send("GET", "/keys", team=team).json["data"]} == members
    for unknown in ("team_NobodysTeam0", KEY_ID, "", "\ud83d"):
        assert boss.send("GET", "/keys", team=unknown).json["data"] == []


def test_a_large_table_is_looked_through_a_part_at_a_time(boss: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_pages, "SCANNED_AT_ONCE", 2)
    monkeypatch.setattr(key_pages, "MOST_SCANS", 2)
    team = boss.create("/teams")["id"]
    members = {boss.create(team=team)["id"] for _ in range(2)} | {boss.create()["id"] for _ in range(8)}
    found, cursor, pages = set[str](), None, 0
    while True:
        page = boss.send("GET", "/keys", **({"cursor": cursor} if cursor else {})).json
        found |= {one["id"] for one in page["data"]}
        cursor, pages = page["next_cursor"], pages + 1
        if not cursor:
            break
    assert found == members | {KEY_ID}
    assert pages >= 3


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "ten", "1e1", " 5", "٣", "9" * 5000])
def test_a_limit_is_from_1_to_100(boss: Admin, limit: str) -> None:
    answer = boss.send("GET", "/keys", limit=limit)
    assert (answer.status, answer.error["param"]) == (400, "limit")


def test_a_cursor_that_was_tampered_with_is_refused(boss: Admin) -> None:
    boss.create()
    cursor = boss.send("GET", "/keys", limit="1").json["next_cursor"]
    teams = [boss.create("/teams") for _ in range(2)]
    foreign = boss.send("GET", "/teams", limit="1").json["next_cursor"]
    assert teams
    for bad in (
        "",
        ".",
        "x",
        cursor[:-1],
        cursor + "0",
        cursor[::-1],
        cursor.lower(),
        f"A{cursor}",
        foreign,
        "x" * 5000,
        "\ud83d.",
    ):
        answer = boss.send("GET", "/keys", cursor=bad)
        assert (answer.status, answer.error["param"]) == (400, "cursor"), bad
    assert boss.send("GET", "/keys", cursor=cursor).status == 200


# Ids.


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "key_id", [NOBODY, "", "x", "team_EventsSample", "EventsSample%00", "é" * 12, "x" * 400, " EventsSample"]
)
def test_a_guessed_id_is_not_found(boss: Admin, method: str, key_id: str) -> None:
    answer = boss.send(method, f"/keys/{key_id}", {"name": "n"} if method == "PATCH" else None)
    assert (answer.status, answer.error["code"]) == (404, "not_found")


def test_a_guessed_id_cannot_be_rotated(boss: Admin) -> None:
    assert boss.send("POST", f"/keys/{NOBODY}/rotate").status == 404


def test_a_teams_id_is_no_keys(boss: Admin) -> None:
    team = boss.create("/teams")["id"]
    assert boss.send("GET", f"/keys/{team}").status == 404
    assert boss.send("DELETE", f"/keys/{team}").status == 404
    assert boss.send("POST", f"/keys/{team}/rotate").status == 404
    assert boss.send("GET", f"/teams/{team}").status == 200


def test_a_broken_item_is_not_found(boss: Admin) -> None:
    boss.gateway.db.put_item(TableName=TABLE, Item={"id": {"S": NOBODY}})
    assert boss.send("GET", f"/keys/{NOBODY}").status == 404
    assert boss.send("GET", "/keys").status == 200


# Time, and faults.


def test_a_shown_counter_is_whole_again_in_the_next_minute(boss: Admin, later: Later) -> None:
    made = boss.create(rpm_limit=60, total_budget=5)
    boss.set(made["id"], requests_left=1, total_left=1)
    later(admin, 120)
    assert boss.send("GET", f"/keys/{made['id']}").json["left"] == {
        "requests": 60, "tokens": None, "day": None, "month": None, "total": "1",
    }  # fmt: skip


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize("fault", [Fault("ThrottlingException"), Fault("AccessDeniedException")], ids=str)
@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/keys", "PutItem"),
        ("GET", "/keys", "Scan"),
        ("PATCH", f"/keys/{KEY_ID}", "UpdateItem"),
        ("POST", f"/keys/{KEY_ID}/rotate", "UpdateItem"),
        ("DELETE", f"/keys/{KEY_ID}", "UpdateItem"),
    ],
)
def test_a_table_that_does_not_answer_is_a_503(
    boss: Admin, method: str, path: str, operation: str, fault: Fault
) -> None:
    boss.gateway.fail(operation, fault)
    answer = boss.send(
        method, path, None if method in ("GET", "DELETE") else {"name": "n"} if "rotate" not in path else {}
    )
    assert (answer.status, answer.error["code"]) == (503, "service_unavailable")


def test_a_key_may_not_call_by_its_id_alone(boss: Admin) -> None:
    answer = boss.gateway.send("list_keys", with_key(load_event("list_keys"), KEY_ID))
    assert (answer.status, KEY in answer.text) == (401, False)
