"""The ledger in situations that a test can name; what holds in all others is in test_ledger_properties.py."""

import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest

from gateway.errors import (
    BudgetHeld,
    GatewayError,
    InsufficientQuota,
    InvalidApiKey,
    RateLimitExceeded,
    ServiceUnavailable,
)
from gateway.ledger import PolicyChanged
from gateway.request_log import ABANDONED
from tests.unit.ledgers import KEYS, LIFETIME, TEAM, Item, Killed, World, account_item, admit

KEY = KEYS[0]
DEAD_SECONDS = LIFETIME + 62
LOST, FAILED = dict.fromkeys(range(3), "lost"), dict.fromkeys(range(3), "failed")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with patch("gateway.ledger.count"), patch("gateway.request_log.count"):
        yield
    logging.disable(logging.NOTSET)


def world_with(**limits: Any) -> World:
    return World(**limits)


def lefts(world: World, account: str = KEY) -> Item:
    return {name: value for name, value in world.item(account).items() if name.endswith("_left")}


def refused(world: World, error: type[GatewayError], cost: str = "0", tokens: int = 0, key: str = KEY) -> GatewayError:
    items = [world.item(key), world.item(TEAM)] if key != KEY else [world.item(key)]
    with pytest.raises(error) as found:
        admit(world, world.instance(), items, cost, tokens)
    return found.value


def test_what_was_held_beyond_what_was_used_is_given_back() -> None:
    world = world_with(total_budget=Decimal(1), tpm_limit=100)
    live = admit(world, world.instance(), [world.item(KEY)], "0.5", 40)
    assert (lefts(world)["total_left"], lefts(world)["tokens_left"]) == (Decimal("0.5"), 60)
    live.instance.ledger.settle(live.accounts, world.row(live.request_id, Decimal("0.2"), 30))
    assert (lefts(world)["total_left"], lefts(world)["tokens_left"]) == (Decimal("0.8"), 70)
    assert world.item(KEY)["holds"] == {}


def test_what_was_used_beyond_what_was_held_is_taken() -> None:
    world = world_with(tpm_limit=100)
    live = admit(world, world.instance(), [world.item(KEY)], "0", 40)
    live.instance.ledger.settle(live.accounts, world.row(live.request_id, Decimal(0), 130))
    assert lefts(world)["tokens_left"] == -30
    refused(world, RateLimitExceeded, tokens=1)


def test_settling_twice_gives_back_once() -> None:
    world = world_with(total_budget=Decimal(1))
    live = admit(world, world.instance(), [world.item(KEY)], "0.5")
    for _ in range(2):
        live.instance.ledger.settle(live.accounts, world.row(live.request_id, Decimal("0.2")))
    assert lefts(world)["total_left"] == Decimal("0.8")


def test_what_a_minute_held_is_not_given_to_the_next_one() -> None:
    world = world_with(tpm_limit=100)
    world.now += 30
    live = admit(world, world.instance(), [world.item(KEY)], "0", 40)
    world.now += 60
    other = admit(world, world.instance(), [world.item(KEY)], "0", 10)
    live.instance.ledger.settle(live.accounts, world.row(live.request_id, Decimal(0), 5))
    assert lefts(world)["tokens_left"] == 90
    other.instance.ledger.settle(other.accounts, world.row(other.request_id, Decimal(0), 5))
    assert lefts(world)["tokens_left"] == 95


def test_a_clock_that_is_behind_counts_in_the_minute_of_the_others() -> None:
    world = world_with(rpm_limit=2)
    world.now += 60
    lives = [admit(world, world.instance(skew), [world.item(KEY)], "0", 10) for skew in (0, -60)]
    refused(world, RateLimitExceeded)
    assert len({live.accounts[0].hold.minute for live in lives}) == 1


def test_an_instance_that_knew_an_earlier_minute_opens_no_minute_twice() -> None:
    world = world_with(rpm_limit=1)
    old = world.item(KEY)
    world.now += 60
    admit(world, world.instance(), [old], "0")
    with pytest.raises(RateLimitExceeded):
        admit(world, world.instance(), [old], "0")


def test_a_new_day_has_its_whole_budget_and_the_total_goes_on() -> None:
    world = world_with(day_budget=Decimal(1), month_budget=Decimal(1), total_budget=Decimal(3))
    admit(world, world.instance(), [world.item(KEY)], "0.9")
    world.now += 60  # also a new month
    admit(world, world.instance(), [world.item(KEY)], "0.9")
    assert [lefts(world)[name] for name in ("day_left", "month_left", "total_left")] == [
        Decimal("0.1"), Decimal("0.1"), Decimal("1.2"),
    ]  # fmt: skip


def test_a_day_goes_on_to_the_end_of_its_last_minute() -> None:
    world = world_with(day_budget=Decimal(1))
    for seconds in (0, 59.5):
        world.now += seconds
        admit(world, world.instance(), [world.item(KEY)], "0.4")
    refused(world, BudgetHeld, "0.4")


def test_an_admission_whose_answer_comes_at_the_second_time_takes_once() -> None:
    world = world_with(total_budget=Decimal(1))
    instance = world.instance()
    instance.client.faults = {0: "lost"}
    admit(world, instance, [world.item(KEY)], "0.5")
    assert lefts(world)["total_left"] == Decimal("0.5")


def test_an_admission_whose_answers_are_lost_is_taken_back() -> None:
    world = world_with(total_budget=Decimal(1))
    instance = world.instance()
    instance.client.faults = LOST
    with pytest.raises(ServiceUnavailable):
        admit(world, instance, [world.item(KEY)], "0.5")
    assert (world.item(KEY)["holds"], lefts(world)["total_left"]) == ({}, 1)


def test_more_that_was_taken_by_a_write_without_an_answer_is_given_back() -> None:
    world = world_with(total_budget=Decimal(1))
    live = admit(world, world.instance(), [world.item(KEY)], "0.2")
    live.instance.client.faults, live.instance.client.writes = LOST, 0
    with pytest.raises(ServiceUnavailable):
        live.instance.ledger.cover(live.accounts, Decimal("0.6"))
    live.instance.client.faults = {}
    live.instance.ledger.settle(live.accounts, world.row(live.request_id, Decimal("0.1")))
    assert lefts(world)["total_left"] == Decimal("0.9")


def test_more_that_was_taken_is_known_when_the_answer_comes_at_the_second_time() -> None:
    world = world_with(total_budget=Decimal(1))
    live = admit(world, world.instance(), [world.item(KEY)], "0.2")
    live.instance.client.faults, live.instance.client.writes = {0: "lost"}, 0
    live.instance.ledger.cover(live.accounts, Decimal("0.6"))
    assert lefts(world)["total_left"] == Decimal("0.4")


def test_more_is_taken_from_the_windows_that_are_still_open() -> None:
    world = world_with(day_budget=Decimal(1), total_budget=Decimal(3))
    live = admit(world, world.instance(), [world.item(KEY)], "0.2")
    world.now += 60
    admit(world, world.instance(), [world.item(KEY)], "0.3")
    live.instance.ledger.cover(live.accounts, Decimal("0.9"))
    assert (lefts(world)["day_left"], lefts(world)["total_left"]) == (Decimal("0.7"), Decimal("1.8"))


def test_more_tokens_are_taken_from_the_minute_and_given_back_with_it() -> None:
    world = world_with(tpm_limit=1000)
    live = admit(world, world.instance(), [world.item(KEY)], "0", tokens=100)
    live.instance.ledger.cover(live.accounts, Decimal(0), 700)
    assert lefts(world)["tokens_left"] == 300
    live.instance.ledger.settle(live.accounts, world.row(live.request_id, Decimal(0), 650))
    assert lefts(world)["tokens_left"] == 350


def test_more_tokens_than_others_leave_are_refused() -> None:
    world = world_with(tpm_limit=1000)
    live = admit(world, world.instance(), [world.item(KEY)], "0", tokens=100)
    admit(world, world.instance(), [world.item(KEY)], "0", tokens=500)
    with pytest.raises(RateLimitExceeded, match="needs about 600, and 400 are left"):
        live.instance.ledger.cover(live.accounts, Decimal(0), 700)
    assert (live.accounts[0].hold.tokens, lefts(world)["tokens_left"]) == (100, 400)


def test_a_request_alone_in_its_minute_may_have_all_of_it_however_much_it_expects() -> None:
    world = world_with(tpm_limit=1000)
    live = admit(world, world.instance(), [world.item(KEY)], "0", tokens=5000)
    live.instance.ledger.cover(live.accounts, Decimal(0), 9000)
    assert (live.accounts[0].hold.tokens, lefts(world)["tokens_left"]) == (1000, 0)


def test_a_request_that_has_used_up_its_minute_gets_no_more_of_it() -> None:
    world = world_with(tpm_limit=1000)
    live = admit(world, world.instance(), [world.item(KEY)], "0", tokens=100)
    live.instance.ledger.cover(live.accounts, Decimal(0), 1900, spent=900)
    with pytest.raises(RateLimitExceeded, match="and 0 are left"):
        live.instance.ledger.cover(live.accounts, Decimal(0), 1500, spent=1000)
    assert (live.accounts[0].hold.tokens, lefts(world)["tokens_left"]) == (1000, 0)


def test_what_others_took_of_a_minute_is_no_hindrance_when_it_is_over() -> None:
    world = world_with(tpm_limit=1000)
    live = admit(world, world.instance(), [world.item(KEY)], "0", tokens=100)
    admit(world, world.instance(), [world.item(KEY)], "0", tokens=500)
    world.now += 60
    live.instance.ledger.cover(live.accounts, Decimal(0), 1900, spent=1000)
    live.instance.ledger.settle(live.accounts, world.row(live.request_id, Decimal(0), 1200))
    assert lefts(world)["tokens_left"] == -700
    admit(world, world.instance(), [world.item(KEY)], "0", tokens=1000)
    assert lefts(world)["tokens_left"] == 0


def test_more_than_is_left_is_refused_and_what_is_held_stays() -> None:
    world = world_with(total_budget=Decimal(1))
    live = admit(world, world.instance(), [world.item(KEY)], "0.2")
    with pytest.raises(InsufficientQuota):
        live.instance.ledger.cover(live.accounts, Decimal("1.1"))
    assert (live.accounts[0].hold.cost, lefts(world)["total_left"]) == (Decimal("0.2"), Decimal("0.8"))


def test_a_killed_request_is_abandoned_by_the_next_one_after_its_time() -> None:
    world = world_with(max_parallel=1, total_budget=Decimal(1))
    killed = admit(world, world.instance(), [world.item(KEY)], "0.9")
    world.now += DEAD_SECONDS
    admit(world, world.instance(), [world.item(KEY)], "0.8")
    row = world.rows[killed.request_id]
    assert (row["error_code"], row["status"], row["cost_usd"]) == (ABANDONED, 502, None)
    assert lefts(world)["total_left"] == Decimal("0.2")


def test_a_request_is_not_given_up_a_minute_after_its_time() -> None:
    world = world_with(max_parallel=1)
    admit(world, world.instance(), [world.item(KEY)], "0")
    world.now += LIFETIME + 60
    refused(world, RateLimitExceeded)


def test_one_killed_between_its_row_and_its_release_is_charged_by_its_row() -> None:
    world = world_with(total_budget=Decimal(1))
    live = admit(world, world.instance(), [world.item(KEY)], "0.5")
    live.instance.client.faults, live.instance.client.writes = {1: "killed before"}, 0
    with pytest.raises(Killed):
        live.instance.ledger.settle(live.accounts, world.row(live.request_id, Decimal("0.2")))
    world.now += DEAD_SECONDS
    world.instance().ledger.reap(world.item(KEY))
    assert lefts(world)["total_left"] == Decimal("0.8")
    assert "error_code" not in world.rows[live.request_id]


def test_one_that_comes_back_after_it_was_given_up_changes_nothing() -> None:
    world = world_with(total_budget=Decimal(1))
    live = admit(world, world.instance(), [world.item(KEY)], "0.5")
    world.now += DEAD_SECONDS
    world.instance().ledger.reap(world.item(KEY))
    live.instance.ledger.settle(live.accounts, world.row(live.request_id, Decimal("0.2")))
    assert lefts(world)["total_left"] == 1
    assert world.rows[live.request_id]["error_code"] == ABANDONED


def test_one_that_comes_back_between_the_row_that_gave_it_up_and_the_release_is_charged_by_that_row() -> None:
    world = world_with(total_budget=Decimal(1))
    live, other = admit(world, world.instance(), [world.item(KEY)], "0.5"), world.instance()
    world.now += DEAD_SECONDS
    other.client.faults = {1: "killed before"}
    with pytest.raises(Killed):
        other.ledger.reap(world.item(KEY))
    live.instance.ledger.settle(live.accounts, world.row(live.request_id, Decimal("0.2")))
    assert (lefts(world)["total_left"], world.item(KEY)["holds"]) == (1, {})


def test_a_team_s_refusal_leaves_nothing_on_the_key() -> None:
    world = world_with(rpm_limit=10, total_budget=Decimal(1))
    world.put(account_item(TEAM, total_budget=Decimal("0.1")))
    before = lefts(world, KEYS[1])
    error = refused(world, InsufficientQuota, "0.5", key=KEYS[1])
    assert "team" in error.message
    assert (lefts(world, KEYS[1]), world.item(KEYS[1])["holds"], world.rows) == (before, {}, {})


def test_one_killed_between_the_key_and_the_team_is_abandoned_once() -> None:
    world = world_with(total_budget=Decimal(1))
    instance = world.instance()
    instance.client.faults = {1: "killed before"}
    with pytest.raises(Killed):
        admit(world, instance, [world.item(KEYS[1]), world.item(TEAM)], "0.5")
    world.now += DEAD_SECONDS
    for account in (KEYS[1], TEAM):
        world.instance().ledger.reap(world.item(account))
        assert lefts(world, account)["total_left"] == 1
    assert [row["team"] for row in world.rows.values()] == [TEAM]


def test_a_policy_that_changed_is_told_before_anything_is_taken() -> None:
    world = world_with(rpm_limit=10)
    old = world.item(KEY)
    world.put(old | {"policy_no": old["policy_no"] + 1})
    with pytest.raises(PolicyChanged) as changed:
        admit(world, world.instance(), [old], "0")
    assert changed.value.item["policy_no"] == old["policy_no"] + 1
    assert (world.item(KEY)["holds"], lefts(world)["requests_left"]) == ({}, 10)


def test_an_account_that_is_gone_is_no_key_any_more() -> None:
    world = world_with(rpm_limit=10)
    item = world.tables["keys"].items.pop(KEY)
    with pytest.raises(InvalidApiKey):
        admit(world, world.instance(), [item], "0")


def test_what_only_others_hold_may_be_asked_for_again() -> None:
    world = world_with(total_budget=Decimal(1))
    admit(world, world.instance(), [world.item(KEY)], "0.6")
    assert refused(world, BudgetHeld, "0.5").retry_after == 1
    refused(world, InsufficientQuota, "1.1")


def test_a_request_whose_tidying_fails_is_admitted_all_the_same() -> None:
    world = world_with(total_budget=Decimal(1))
    admit(world, world.instance(), [world.item(KEY)], "0.1")
    world.now += DEAD_SECONDS
    instance = world.instance()
    instance.client.faults = dict.fromkeys(range(2, 5), "failed")  # after its own hold, and the other's row
    live = admit(world, instance, [world.item(KEY)], "0.1")
    assert len(world.item(KEY)["holds"]) == 2
    assert live.accounts[0].hold.cost == Decimal("0.1")


def given_up(world: World) -> tuple[str, Item]:
    """A request that others gave up, and its row, which comes too late."""
    live = admit(world, world.instance(), [world.item(KEY)], "0.5")
    row = world.row(live.request_id, Decimal("0.2"))
    world.now += 1000
    world.instance().ledger.reap(world.item(KEY))
    return live.request_id, row


def test_a_row_that_came_too_late_is_replayed_once() -> None:
    world = world_with(total_budget=Decimal(1))
    request_id, row = given_up(world)
    assert [world.instance().ledger.replay(row) for _ in range(2)] == [True, False]
    assert (lefts(world)["total_left"], world.rows[request_id]["cost_usd"]) == (Decimal("0.8"), Decimal("0.2"))


@pytest.mark.parametrize("moment", ["killed before", "killed after"])
@pytest.mark.parametrize("number", range(3))
def test_a_replay_that_is_killed_is_finished_by_the_next_one(moment: str, number: int) -> None:
    world = world_with(total_budget=Decimal(1))
    request_id, row = given_up(world)
    instance = world.instance()
    instance.client.faults = {number: moment}
    with pytest.raises(Killed):
        instance.ledger.replay(row)
    world.instance().ledger.replay(row)
    assert (lefts(world)["total_left"], world.rows[request_id]["cost_usd"]) == (Decimal("0.8"), Decimal("0.2"))
    assert world.item(KEY)["holds"] == {}


def test_who_tidies_up_in_the_middle_of_a_replay_leaves_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_with(total_budget=Decimal(1))
    request_id, row = given_up(world)
    instance = world.instance()
    put_item = instance.client.put_item

    def put_later(**arguments: Any) -> Any:
        world.instance().ledger.reap(world.item(KEY))
        return put_item(**arguments)

    monkeypatch.setattr(instance.client, "put_item", put_later)
    instance.ledger.replay(row)
    assert (lefts(world)["total_left"], world.rows[request_id]["cost_usd"]) == (Decimal("0.8"), Decimal("0.2"))


def test_a_hold_that_cannot_be_tidied_up_keeps_nobody_out() -> None:
    world = world_with(total_budget=Decimal(1))
    world.put(world.item(KEY) | {"holds": {"no request": "1798761000|1|0.1|0"}})
    world.now += 1000
    live = admit(world, world.instance(), [world.item(KEY)], "0.1")
    assert live.accounts[0].name in world.item(KEY)["holds"]
