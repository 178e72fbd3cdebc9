"""The routes of teams: as those of keys, but without secrets, and with members."""

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from gateway import key_store, keys
from tests.integration.admins import TABLE, Admin
from tests.integration.harness import KEY_ID, Gateway

Later = Callable[[ModuleType, float], None]

NOBODY = "team_NobodysTeam0"


@pytest.fixture
def boss(gateway: Gateway) -> Admin:
    return Admin(gateway)


def test_a_new_team_is_told_whole_and_has_no_secret(boss: Admin) -> None:
    made = boss.create("/teams", name="Search", month_budget="250.00", max_parallel=10)
    assert made["object"] == "team"
    assert made["id"].startswith("team_")
    assert (made["name"], made["month_budget"], made["max_parallel"]) == ("Search", "250", 10)
    assert made["left"] == {"requests": None, "tokens": None, "day": None, "month": "250", "total": None}
    assert not {"key", "scopes", "team", "expires_at"} & set(made)
    assert boss.send("GET", f"/teams/{made['id']}").json == made
    assert "secret_hash" not in boss.item(made["id"])


def test_teams_are_listed_page_by_page_without_keys(boss: Admin) -> None:
    made = {boss.create("/teams")["id"] for _ in range(3)}
    first = boss.send("GET", "/teams", limit="2").json
    second = boss.send("GET", "/teams", limit="2", cursor=first["next_cursor"]).json
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert {one["id"] for one in first["data"] + second["data"]} == made


def test_a_keys_cursor_is_no_teams(boss: Admin) -> None:
    boss.create()
    cursor = boss.send("GET", "/keys", limit="1").json["next_cursor"]
    answer = boss.send("GET", "/teams", cursor=cursor)
    assert (answer.status, answer.error["param"]) == (400, "cursor")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": "n", "team": NOBODY}, "team"),
        ({"name": "n", "scopes": ["inference"]}, "scopes"),
        ({"name": "n", "expires_at": 4_000_000_000}, "expires_at"),
        ({"name": "n", "day_budget": "1e1"}, "day_budget"),
        ({"name": "n", "rpm_limit": 10**9 + 1}, "rpm_limit"),
        ({"name": ["n"]}, "name"),
        ("[]", None),
    ],
)
def test_a_bad_new_team_is_refused_with_its_field(boss: Admin, body: Any, param: str | None) -> None:
    answer = boss.send("POST", "/teams", body)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert boss.send("GET", "/teams").json["data"] == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("team_id", [NOBODY, KEY_ID, "team_", "", "x" * 400])
def test_a_guessed_id_or_a_keys_is_not_found(boss: Admin, method: str, team_id: str) -> None:
    answer = boss.send(method, f"/teams/{team_id}", {"name": "n"} if method == "PATCH" else None)
    assert (answer.status, answer.error["code"]) == (404, "not_found")


def test_a_changed_limit_keeps_what_was_used(boss: Admin) -> None:
    team = boss.create("/teams", day_budget=10)["id"]
    boss.set(team, day_left=4)
    changed = boss.send("PATCH", f"/teams/{team}", {"day_budget": "20", "name": "More"}).json
    assert (changed["name"], changed["day_budget"], changed["left"]["day"]) == ("More", "20", "14")


def test_an_empty_change_is_refused(boss: Admin) -> None:
    team = boss.create("/teams")["id"]
    assert boss.send("PATCH", f"/teams/{team}", {}).status == 400


def test_the_keys_of_a_disabled_team_stop(boss: Admin, later: Later) -> None:
    team = boss.create("/teams")["id"]
    key = boss.create(team=team)["key"]
    assert boss.models(key) == 200
    boss.send("PATCH", f"/teams/{team}", {"status": "disabled"})
    later(keys, 20)
    assert boss.models(key) == 401
    boss.send("PATCH", f"/teams/{team}", {"status": "active"})
    later(keys, 40)
    assert boss.models(key) == 200


def test_a_team_with_keys_is_not_deleted(boss: Admin) -> None:
    team = boss.create("/teams")["id"]
    key = boss.create(team=team)
    boss.send("PATCH", f"/keys/{key['id']}", {"status": "disabled"})
    answer = boss.send("DELETE", f"/teams/{team}")
    assert (answer.status, answer.error["type"], answer.error["code"]) == (
        409,
        "invalid_request_error",
        "team_not_empty",
    )
    assert boss.send("GET", f"/teams/{team}").json["status"] == "active"


def test_a_team_is_deleted_once_its_keys_are_gone_or_elsewhere(boss: Admin) -> None:
    team = boss.create("/teams")["id"]
    gone, moved = boss.create(team=team)["id"], boss.create(team=team)["id"]
    boss.send("DELETE", f"/keys/{gone}")
    assert boss.send("PATCH", f"/keys/{moved}", {"team": None}).json["team"] is None
    answer = boss.send("DELETE", f"/teams/{team}")
    assert (answer.status, answer.json) == (200, {"id": team, "object": "team", "deleted": True})
    assert boss.send("GET", f"/teams/{team}").status == 404
    assert boss.send("GET", "/teams").json["data"] == []
    assert boss.send("POST", "/keys", {"name": "late", "team": team}).error["param"] == "team"
    assert boss.send("PATCH", f"/keys/{moved}", {"team": team}).error["param"] == "team"
    assert abs(int(boss.item(team)["purge_at"]) - time.time() - 86_400) < 60


def test_a_key_that_joins_a_team_in_the_moment_of_its_deletion_is_good_for_nothing(boss: Admin) -> None:
    team = boss.create("/teams")["id"]
    made: list[str] = []

    def join(**_: Any) -> None:
        if not made:
            fields = {"name": "late", "scopes": ["inference"], "team": team}
            made.append(key_store.issue_key(boss.gateway.db, TABLE, time.time(), fields).key)

    boss.gateway.events.register_first("before-send.dynamodb.UpdateItem", join)
    assert boss.send("DELETE", f"/teams/{team}").status == 200
    assert boss.models(made[0]) == 401


def test_there_is_nothing_to_rotate_in_a_team() -> None:
    from gateway.routes import ROUTES

    assert "/teams/{id}/rotate" not in ROUTES
