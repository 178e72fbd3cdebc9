"""A key as admins see it: what is left as the next request will find it, and nothing that opens a door."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.accounts import new_account
from gateway.key_objects import describe

LIMITED = {
    "rpm_limit": 60,
    "tpm_limit": 1000,
    "max_parallel": 3,
    "day_budget": Decimal(5),
    "month_budget": Decimal("25.00"),
    "total_budget": Decimal(100),
}
USED = {
    "requests_left": 59,
    "tokens_left": 10,
    "day_left": Decimal("4.5"),
    "month_left": Decimal("24.500000000001"),
    "total_left": Decimal(99),
}
SHOWN = {"requests": 59, "tokens": 10, "day": "4.5", "month": "24.500000000001", "total": "99"}


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def key(at: str, **changes: Any) -> dict[str, Any]:
    policy = LIMITED | {"scopes": ["inference"], "secret_hash": "canary", "old_hash": "canary"}
    return new_account("id", "key", "name", seconds(at), **policy) | USED | changes


def left(item: dict[str, Any], now: str) -> Any:
    return describe(item, seconds(now))["left"]


@pytest.mark.parametrize(
    ("last", "now", "over"),
    [
        ("2026-11-27T10:00:00", "2026-11-27T10:00:59", set()),
        ("2026-11-27T10:00:59", "2026-11-27T10:01:00", {"minute"}),
        ("2026-11-27T23:59:59", "2026-11-28T00:00:00", {"minute", "day"}),
        ("2026-11-30T23:59:59", "2026-12-01T00:00:00", {"minute", "day", "month"}),
        ("2026-12-31T23:59:59", "2027-01-01T00:00:00", {"minute", "day", "month"}),
        ("2028-02-28T23:59:00", "2028-02-29T00:00:00", {"minute", "day"}),
        ("2028-02-29T23:59:00", "2028-03-01T00:00:00", {"minute", "day", "month"}),
        ("2026-11-27T10:01:00", "2026-11-27T10:00:00", set()),
        ("2026-12-01T00:00:00", "2026-11-30T23:59:59", set()),
    ],
)
def test_what_is_left_of_a_window_that_is_over_is_the_whole_limit(last: str, now: str, over: set[str]) -> None:
    full: dict[str, dict[str, Any]] = {
        "minute": {"requests": 60, "tokens": 1000},
        "day": {"day": "5"},
        "month": {"month": "25"},
    }
    expected: dict[str, Any] = dict(SHOWN)
    for window in over:
        expected |= full[window]
    assert left(key(last), now) == expected


def test_without_a_limit_there_is_nothing_left_of_it() -> None:
    shown = describe(new_account("id", "key", "name", 0.0, scopes=["inference"]), 0.0)
    assert shown["left"] == dict.fromkeys(SHOWN)
    assert {shown[limit] for limit in LIMITED} == {None}


def test_what_was_spent_over_a_limit_that_was_lowered_is_told() -> None:
    assert left(key("2026-11-27T10:00:00", month_left=Decimal("-2.5")), "2026-11-27T10:00:00")["month"] == "-2.5"


def test_a_key_is_shown_whole_and_without_its_hashes() -> None:
    item = key("2026-11-27T10:00:00", holds={"a": "1|1|1|0", "b": "1|1|1|0"}, team="team_x", expires_at=Decimal(5))
    shown = describe(item, seconds("2026-11-27T10:00:00"))
    assert shown == {
        "object": "key",
        "id": "id",
        "name": "name",
        "status": "active",
        "scopes": ["inference"],
        "team": "team_x",
        "models": None,
        "allow_unpriced_models": False,
        "rpm_limit": 60,
        "tpm_limit": 1000,
        "max_parallel": 3,
        "day_budget": "5",
        "month_budget": "25",
        "total_budget": "100",
        "created_at": int(seconds("2026-11-27T10:00:00")),
        "expires_at": 5,
        "left": SHOWN,
        "in_flight": 2,
    }
    assert "canary" not in str(shown)


def test_a_team_has_no_scopes_no_team_and_no_end() -> None:
    shown = describe(new_account("team_id", "team", "name", 0.0), 0.0)
    assert shown["object"] == "team"
    assert not {"scopes", "team", "expires_at"} & set(shown)
