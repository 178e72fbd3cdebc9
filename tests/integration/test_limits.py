"""Limits and budgets, as clients meet them: what is admitted, what is refused and until when, and what is left afterwards."""

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from gateway import account_table, dynamodb, holds, keys, ledger, sweep
from gateway.accounts import LEFT, new_account
from gateway.holds import Hold, name_of
from gateway.windows import day_of, minute_of, month_of
from operate import replay_settlements
from tests.conftest import ENVIRONMENT, LambdaContext
from tests.integration.fleets import Fleet, deployment
from tests.integration.harness import KEY_ID, KEY_SECRET, Answer, Clock, Gateway, event_with
from tests.upstream import Reply

PRICE = {"input": "1", "output": "2"}
TEAM = "team_0123456789ab"


def item_of(gateway: Gateway, account: str = KEY_ID) -> dict[str, Any]:
    found = gateway.db.get_item(TableName=ENVIRONMENT["KEYS_TABLE"], Key={"id": {"S": account}}, ConsistentRead=True)
    return dynamodb.from_item(found["Item"])


def limit(gateway: Gateway, now: float | None = None, **limits: Any) -> None:
    """Give the key limits, with nothing of them used, and a new version of its policy."""
    moment = time.time() if now is None else now
    left = {LEFT[name]: value for name, value in limits.items() if name in LEFT}
    gateway.change_key(**limits, **left, minute_no=minute_of(moment), policy_no=int(item_of(gateway)["policy_no"]) + 1)


def put_team(gateway: Gateway, now: float, **limits: Any) -> None:
    item = new_account(TEAM, "team", "shop", now, **limits)
    gateway.db.put_item(TableName=ENVIRONMENT["KEYS_TABLE"], Item=dynamodb.to_item(item))


def put_hold(gateway: Gateway, request_id: str, hold: Hold, account: str = KEY_ID) -> None:
    item = item_of(gateway, account)
    item["holds"] |= {name_of(account, request_id): hold.text()}
    item["total_left"] -= hold.cost
    gateway.db.put_item(TableName=ENVIRONMENT["KEYS_TABLE"], Item=dynamodb.to_item(item))


def on_row(gateway: Gateway, act: Callable[[], None]) -> None:
    """Do something once, when the first row is about to be written."""
    left = [act]

    def hook(params: dict[str, Any], **_: Any) -> None:
        if left and json.loads(params["body"])["TableName"] == ENVIRONMENT["REQUESTS_TABLE"]:
            left.pop()()

    gateway.events.register_first("before-call.dynamodb.PutItem", hook)


@pytest.fixture
def paid(fleet: Fleet) -> Fleet:
    """Providers whose answers cost something: 11 tokens in and 7 out, unless a test says otherwise."""
    fleet.serve(deployment("first", price=PRICE), deployment("second", price=PRICE, priority=1))
    return fleet


def ask(gateway: Gateway, **fields: Any) -> Answer:
    usual: dict[str, Any] = {"model": "m", "max_tokens": 100}
    return gateway.chat(**usual | fields)


def cost_of(row: dict[str, Any]) -> Decimal:
    tokens = row["input_tokens"] + row.get("cache_read_tokens", 0) + row["output_tokens"] * 2
    return Decimal(tokens) / 1_000_000


# Requests a minute.


def test_requests_beyond_the_minute_s_limit_are_refused_until_the_next_minute(gateway: Gateway, clock: Clock) -> None:
    clock.time = clock.time // 60 * 60 + 10
    limit(gateway, clock.time, rpm_limit=2)
    assert [gateway.chat().status for _ in range(3)] == [200, 200, 429]
    refused = gateway.chat()
    assert (refused.error["type"], refused.error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert refused.headers["retry-after"] == "50"
    assert refused.headers["retry-after-ms"] == "50000"
    assert refused.headers["x-should-retry"] == "true"
    assert refused.headers["x-ratelimit-limit-requests"] == "2"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.headers["x-ratelimit-reset-requests"] == "50s"
    assert len(gateway.rows()) == 2
    clock.time += 50
    assert gateway.chat().status == 200


def test_a_refusal_takes_one_call(gateway: Gateway, clock: Clock) -> None:
    limit(gateway, clock.time, rpm_limit=1)
    gateway.chat()
    counts = {name: gateway.count(name) for name in ("GetItem", "PutItem", "UpdateItem")}
    assert gateway.chat().status == 429
    assert {name: count() for name, count in counts.items()} == {"GetItem": 0, "PutItem": 0, "UpdateItem": 1}


def test_a_completion_takes_three_calls_and_one_without_limits_takes_one(gateway: Gateway, clock: Clock) -> None:
    gateway.chat()
    counts = {name: gateway.count(name) for name in ("GetItem", "PutItem", "UpdateItem")}
    gateway.chat()
    assert {name: count() for name, count in counts.items()} == {"GetItem": 0, "PutItem": 1, "UpdateItem": 0}
    limit(gateway, clock.time, rpm_limit=10)
    keys._cache.clear()
    gateway.chat()
    before = {name: count() for name, count in counts.items()}
    clock.time += 60  # the first of a minute, by an instance that knows the key
    gateway.chat()
    assert {name: count() - before[name] for name, count in counts.items()} == {
        "GetItem": 0, "PutItem": 1, "UpdateItem": 2,
    }  # fmt: skip


# Tokens a minute.


def test_tokens_are_estimated_before_and_counted_afterwards(gateway: Gateway, clock: Clock) -> None:
    limit(gateway, clock.time, tpm_limit=1000)
    answer = gateway.chat(max_tokens=500)
    used = answer.json["usage"]["total_tokens"]
    assert answer.headers["x-ratelimit-limit-tokens"] == "1000"
    assert answer.headers["x-ratelimit-remaining-tokens"] == str(1000 - used)
    assert item_of(gateway)["tokens_left"] == 1000 - used
    refused = gateway.chat(max_tokens=995)
    assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
    assert "tokens a minute" in refused.error["message"]


def test_a_request_that_needs_more_than_a_minute_s_tokens_gets_a_whole_minute(gateway: Gateway, clock: Clock) -> None:
    limit(gateway, clock.time, tpm_limit=100)
    assert gateway.chat(max_tokens=5000).status == 200


# Budgets.


@pytest.mark.parametrize("budget", ["day_budget", "month_budget", "total_budget"])
def test_what_is_left_of_a_budget_is_the_budget_less_the_rows(
    gateway: Gateway, paid: Fleet, clock: Clock, budget: str
) -> None:
    limit(gateway, clock.time, **{budget: Decimal(1)})
    answers = [ask(gateway) for _ in range(3)]
    costs = [row["cost_usd"] for row in gateway.rows()]
    assert costs == [cost_of(row) for row in gateway.rows()]
    assert item_of(gateway)[LEFT[budget]] == 1 - sum(costs)
    assert Decimal(answers[-1].headers["x-gateway-budget-remaining-usd"]) == 1 - sum(costs)
    assert item_of(gateway)["holds"] == {}


def test_a_budget_that_cannot_pay_the_request_s_most_is_spent(gateway: Gateway, paid: Fleet, clock: Clock) -> None:
    limit(gateway, clock.time, month_budget=Decimal("0.0002"))
    refused = ask(gateway)
    assert (refused.status, refused.error["type"], refused.error["code"]) == (
        429,
        "insufficient_quota",
        "insufficient_quota",
    )
    assert refused.headers["x-should-retry"] == "false"
    assert "$0.0002 a month" in refused.error["message"]
    assert "A new month begins at 20" in refused.error["message"]
    assert gateway.rows() == []
    assert ask(gateway, max_tokens=5).status == 200


def test_a_budget_that_others_only_hold_is_worth_another_try(gateway: Gateway, paid: Fleet, clock: Clock) -> None:
    limit(gateway, clock.time, total_budget=Decimal("0.001"))
    put_hold(
        gateway,
        f"req_{KEY_ID}_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        Hold(int(clock.time) + 20, 0, Decimal("0.0009"), minute_of(clock.time)),
    )
    refused = ask(gateway)
    assert (refused.status, refused.error["code"]) == (429, "budget_held")
    assert refused.headers["x-should-retry"] == "true"
    assert refused.headers["retry-after"] == "1"


def test_without_a_cap_of_the_client_s_a_request_on_a_budget_is_sent_with_one(
    gateway: Gateway, paid: Fleet, clock: Clock
) -> None:
    limit(gateway, clock.time, total_budget=Decimal(1))
    assert ask(gateway, max_tokens=None).status == 200
    assert paid.servers["first"].requests[-1].json["max_tokens"] == 16_384
    limit(gateway, clock.time, total_budget=10**15)
    assert ask(gateway, max_tokens=None).status == 200
    assert "max_tokens" not in {k for k, v in paid.servers["first"].requests[-1].json.items() if v is not None}


def test_a_failure_that_may_have_cost_something_is_charged_at_its_most(
    gateway: Gateway, paid: Fleet, clock: Clock
) -> None:
    paid.serve(deployment("first", price=PRICE, timeout=0.2))
    paid.servers["first"].default = Reply.default().stalled()
    limit(gateway, clock.time, total_budget=Decimal(1))
    answer = ask(gateway)
    assert answer.status == 504
    row = gateway.row()
    assert row["cost_usd"] > Decimal("0.0002")
    assert row["cost_estimated"] is True
    assert item_of(gateway)["total_left"] == 1 - row["cost_usd"]


def test_a_further_paid_attempt_is_held_for_anew_or_not_made(gateway: Gateway, paid: Fleet, clock: Clock) -> None:
    paid.serve(deployment("first", price=PRICE, timeout=0.2), deployment("second", price=PRICE, priority=1))
    paid.servers["first"].default = Reply.default().stalled()
    limit(gateway, clock.time, total_budget=Decimal(1))
    answer = ask(gateway)
    assert answer.status == 200
    row = gateway.row()
    assert item_of(gateway)["total_left"] == 1 - row["cost_usd"]
    most = row["cost_usd"] - cost_of(row)
    limit(gateway, clock.time, total_budget=most * Decimal("1.5"))
    refused = ask(gateway)
    assert refused.status == 504
    assert len(paid.servers["second"].requests) == 1
    assert item_of(gateway)["total_left"] == most * Decimal("0.5")
    assert item_of(gateway)["holds"] == {}


def test_a_provider_s_own_failure_costs_nothing_and_gives_back_what_was_held(
    gateway: Gateway, paid: Fleet, clock: Clock
) -> None:
    paid.serve(deployment("first", price=PRICE))
    paid.servers["first"].default = Reply.error(500)
    limit(gateway, clock.time, total_budget=Decimal(1), max_parallel=1)
    assert [ask(gateway).status for _ in range(2)] == [502, 502]
    assert (item_of(gateway)["total_left"], item_of(gateway)["holds"]) == (1, {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service_tier", "priority"),
        ("modalities", ["text", "audio"]),
        ("web_search_options", {}),
        ("models", ["another/one"]),
        ("tools", [{"type": "web_search"}]),
    ],
)
def test_what_list_prices_do_not_cover_is_refused_on_a_budget(
    gateway: Gateway, paid: Fleet, clock: Clock, field: str, value: Any
) -> None:
    limit(gateway, clock.time, total_budget=Decimal(1))
    refused = ask(gateway, **{field: value})
    assert (refused.status, refused.error["param"]) == (403, field)
    assert gateway.rows() == []


def test_a_paid_attempt_is_charged_though_another_one_s_price_is_not_known(
    gateway: Gateway, paid: Fleet, clock: Clock
) -> None:
    paid.serve(deployment("first", price=None, timeout=0.2), deployment("second", price=PRICE, priority=1))
    paid.servers["first"].default = Reply.default().stalled()
    limit(gateway, clock.time, total_budget=Decimal(1), allow_unpriced_models=True)
    assert ask(gateway).status == 200
    row = gateway.row()
    assert (row["cost_usd"], row["cost_estimated"]) == (cost_of(row), True)
    assert item_of(gateway)["total_left"] == 1 - row["cost_usd"]


MESSAGE = {"role": "user", "content": "Hi"}
VIDEO = {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://example.com/v.mp4"}}]}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/i.png"}}]}
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"properties": {"image_url": {"enum": ["x" * 9000]}}}},
}
DEAR: dict[str, tuple[dict[str, Any], int]] = {
    "a long input": ({"messages": [{"role": "user", "content": "x" * 9000}]}, 9000),
    "a tool with a field of an image's name": ({"messages": [MESSAGE], "tools": [TOOL]}, 9000),
    "a picture": ({"messages": [PICTURE]}, 10_000),
    "what is sent by reference": ({"messages": [VIDEO]}, 1_000_000),
    "several answers": ({"messages": [MESSAGE], "n": 100}, 100 * 100 * 2),
    "a cap beyond the deployment's": ({"messages": [MESSAGE], "max_tokens": 50_000}, 50_000 * 2),
}


@pytest.mark.parametrize("what", DEAR)
def test_a_hold_is_no_less_than_the_request_can_cost(gateway: Gateway, paid: Fleet, clock: Clock, what: str) -> None:
    able = ["chat", "tools", "images"]
    paid.serve(deployment("first", price=PRICE, max_output_tokens=200, capabilities=able))
    body, least = DEAR[what]
    limit(gateway, clock.time, total_budget=Decimal(least) / 1_000_000)
    refused = ask(gateway, **body)
    assert (refused.status, refused.error["code"]) == (429, "insufficient_quota")
    assert paid.servers["first"].requests == []


def test_a_hold_that_cannot_be_read_stops_nobody(gateway: Gateway, clock: Clock) -> None:
    limit(gateway, clock.time, rpm_limit=100)
    gateway.change_key(holds={"odd": "?"})
    assert gateway.chat().status == 200


def test_a_secret_that_is_new_works_where_the_old_one_was_just_seen(gateway: Gateway, clock: Clock) -> None:
    limit(gateway, clock.time, rpm_limit=100)
    gateway.change_key(secret_hash="0" * 64)
    assert gateway.chat().status == 401
    limit(gateway, clock.time, secret_hash=keys.hash_secret(KEY_SECRET))
    found = {name: (at - keys.REFUSAL_SECONDS, item) for name, (at, item) in keys._cache.items()}
    keys._cache.update(found)
    assert gateway.chat().status == 200


def test_a_deployment_that_takes_no_cap_is_not_asked_on_a_budget(gateway: Gateway, paid: Fleet, clock: Clock) -> None:
    paid.serve(deployment("first", price=PRICE, unsupported=["max_tokens"], drop_params=True))
    limit(gateway, clock.time, total_budget=Decimal(1))
    assert ask(gateway).status == 400
    assert paid.servers["first"].requests == []


def test_a_request_that_was_refused_by_an_old_policy_is_admitted_by_the_new_one(
    gateway: Gateway, paid: Fleet, clock: Clock
) -> None:
    limit(gateway, clock.time, total_budget=Decimal(1))
    assert ask(gateway, service_tier="priority").status == 403
    limit(gateway, clock.time, allow_unpriced_models=True)
    clock.time += keys.REFUSAL_SECONDS + 0.5
    assert ask(gateway, service_tier="priority").status == 200


# Windows.


def test_a_new_day_opens_its_budget_and_leaves_the_month_s(gateway: Gateway, paid: Fleet, clock: Clock) -> None:
    clock.time = float((day_of(minute_of(clock.time))[1] + 1) * 60 - 30)
    limit(gateway, clock.time, day_budget=Decimal("0.001"), month_budget=Decimal(1), total_budget=Decimal(2))
    ask(gateway)
    spent = gateway.row()["cost_usd"]
    clock.time += 60
    ask(gateway)
    item, both = item_of(gateway), sum(row["cost_usd"] for row in gateway.rows())
    in_month = both if minute_of(clock.time) <= month_of(minute_of(clock.time - 60))[1] else both - spent
    assert item["day_left"] == Decimal("0.001") - (both - spent)
    assert item["month_left"] == 1 - in_month
    assert item["total_left"] == 2 - both


def test_what_ends_in_another_day_is_given_back_to_the_day_that_it_was_taken_from_or_to_none(
    gateway: Gateway, paid: Fleet, clock: Clock
) -> None:
    clock.time = float((day_of(minute_of(clock.time))[1] + 1) * 60 - 2)
    limit(gateway, clock.time, day_budget=Decimal(1), total_budget=Decimal(2), tpm_limit=10_000)
    paid.servers["first"].default = Reply.error(500)
    paid.serve(deployment("first", price=PRICE), deployment("second", price=PRICE, priority=1))

    def midnight() -> None:
        clock.time += 5
        limits = item_of(gateway) | {"minute_no": minute_of(clock.time), "day_left": Decimal(1), "tokens_left": 10_000}
        gateway.db.put_item(TableName=ENVIRONMENT["KEYS_TABLE"], Item=dynamodb.to_item(limits))

    on_row(gateway, midnight)
    ask(gateway)
    item = item_of(gateway)
    assert item["day_left"] == 1
    assert item["tokens_left"] == 10_000
    assert item["total_left"] == 2 - gateway.row()["cost_usd"]
    assert item["holds"] == {}


def test_an_instance_whose_clock_is_behind_follows_the_others(gateway: Gateway, clock: Clock) -> None:
    limit(gateway, clock.time + 60, rpm_limit=1)
    assert [gateway.chat().status for _ in range(2)] == [200, 429]
    assert item_of(gateway)["minute_no"] == minute_of(clock.time) + 1


# Requests at once, and killed ones.


def test_as_many_requests_at_once_as_the_limit_says(gateway: Gateway, clock: Clock) -> None:
    limit(gateway, clock.time, max_parallel=1)
    put_hold(
        gateway,
        f"req_{KEY_ID}_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        Hold(int(clock.time) + 20, 0, Decimal(0), minute_of(clock.time)),
    )
    refused = gateway.chat()
    assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
    assert "under way at once" in refused.error["message"]
    assert refused.headers["retry-after"] == "1"


def test_a_killed_request_leaves_a_row_and_gives_back_what_it_held_when_the_next_one_comes(
    gateway: Gateway, paid: Fleet, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(gateway, clock.time, max_parallel=1, total_budget=Decimal("0.0005"))
    with monkeypatch.context() as killed:
        killed.setattr("gateway.pipeline._settle", lambda *_: None)
        ask(gateway)
    assert len(item_of(gateway)["holds"]) == 1
    assert ask(gateway).status == 429
    clock.time += 30 + 61
    assert ask(gateway).status == 200
    abandoned, finished = gateway.rows()
    assert (abandoned["error_code"], abandoned["cost_usd"], abandoned["owner"]) == ("abandoned", None, KEY_ID)
    item = item_of(gateway)
    assert (item["holds"], item["total_left"]) == ({}, Decimal("0.0005") - finished["cost_usd"])


def test_one_that_is_killed_between_its_row_and_the_release_is_charged_by_its_row(
    gateway: Gateway, paid: Fleet, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(gateway, clock.time, total_budget=Decimal(1))
    with monkeypatch.context() as killed:
        killed.setattr("gateway.ledger.Ledger._release", lambda *_: None)
        ask(gateway)
    clock.time += 30 + 61
    ask(gateway)
    rows = gateway.rows()
    assert [row.get("error_code") for row in rows] == [None, None]
    assert item_of(gateway)["total_left"] == 1 - sum(row["cost_usd"] for row in rows)
    assert item_of(gateway)["holds"] == {}


def test_a_key_that_nobody_uses_any_more_is_swept(gateway: Gateway, paid: Fleet, clock: Clock) -> None:
    limit(gateway, clock.time, total_budget=Decimal(1))
    ask(gateway)  # so that there is a request whose time the ledger goes by
    killed, alive = f"req_{KEY_ID}_01ARZ3NDEKTSV4RRFFQ69G5FAV", f"req_{KEY_ID}_01ARZ3NDEKTSV4RRFFQ69G5FAW"
    put_hold(gateway, killed, Hold(int(clock.time) - 61, 5, Decimal("0.3"), minute_of(clock.time)))
    put_hold(gateway, alive, Hold(int(clock.time) - 59, 5, Decimal("0.3"), minute_of(clock.time)))
    gateway.change_key(key_status="deleted")
    swept = [sweep.sweep(gateway.db, ENVIRONMENT["KEYS_TABLE"], ledger.ledger()) for _ in range(2)]
    assert swept == [1, 0]
    assert list(item_of(gateway)["holds"]) == [name_of(KEY_ID, alive)]
    assert [row["request_id"] for row in gateway.rows() if row.get("error_code") == "abandoned"] == [killed]


# Settlements that the tables did not take.


def lost_row(answer: Answer) -> dict[str, Any]:
    """As scripts/replay-settlements reads it out of the log."""
    (row,) = replay_settlements.lost(["START RequestId: …", *map(json.dumps, answer.logs)])
    return row


def refuse(gateway: Gateway, *tables: str) -> Callable[[], None]:
    """Let writes that settle fail before they reach these tables; returns what ends that."""
    broken = [True]

    def hook(model: Any, params: dict[str, Any], **_: Any) -> Any:
        body = json.loads(params["body"])
        settles = model.name == "PutItem" or "REMOVE" in body.get("UpdateExpression", "")
        if broken and settles and body["TableName"] in tables:
            raise EndpointConnectionError(endpoint_url="https://dynamodb.example")

    gateway.events.register_first("before-call.dynamodb.PutItem", hook)
    gateway.events.register_first("before-call.dynamodb.UpdateItem", hook)
    return broken.clear


def test_a_row_that_was_lost_is_put_in_later_and_charged_once(gateway: Gateway, paid: Fleet, clock: Clock) -> None:
    limit(gateway, clock.time, total_budget=Decimal(1))
    mend = refuse(gateway, ENVIRONMENT["REQUESTS_TABLE"])
    row = lost_row(ask(gateway))
    mend()
    assert (item_of(gateway)["holds"], item_of(gateway)["total_left"]) == ({}, 1 - row["cost_usd"])
    assert gateway.rows() == []
    counts = [replay_settlements.settle(ledger.ledger(), [row]) for _ in range(2)]
    assert counts == [{"put": 1, "there": 0}, {"put": 0, "there": 1}]
    assert gateway.row()["cost_usd"] == row["cost_usd"]
    assert item_of(gateway)["total_left"] == 1 - row["cost_usd"]


def test_if_the_hold_could_not_be_released_either_the_replay_does_that(
    gateway: Gateway, paid: Fleet, clock: Clock
) -> None:
    put_team(gateway, clock.time, total_budget=Decimal(2))
    limit(gateway, clock.time, total_budget=Decimal(1), team=TEAM)
    mend = refuse(gateway, ENVIRONMENT["REQUESTS_TABLE"], ENVIRONMENT["KEYS_TABLE"])
    row = lost_row(ask(gateway))
    mend()
    assert len(item_of(gateway)["holds"]) == 1
    for _ in range(2):
        ledger.ledger().replay(row)
        assert (item_of(gateway)["holds"], item_of(gateway)["total_left"]) == ({}, 1 - row["cost_usd"])
        assert (item_of(gateway, TEAM)["holds"], item_of(gateway, TEAM)["total_left"]) == ({}, 2 - row["cost_usd"])


def test_a_replay_after_the_request_was_given_up_takes_its_row_s_place_and_charges_it(
    gateway: Gateway, paid: Fleet, clock: Clock
) -> None:
    limit(gateway, clock.time, total_budget=Decimal(1), day_budget=Decimal(1))
    mend = refuse(gateway, ENVIRONMENT["REQUESTS_TABLE"], ENVIRONMENT["KEYS_TABLE"])
    row = lost_row(ask(gateway))
    mend()
    clock.time += 30 + 61
    ask(gateway)
    assert gateway.rows()[0]["error_code"] == "abandoned"
    for _ in range(2):
        ledger.ledger().replay(row)
        spent = sum(row["cost_usd"] for row in gateway.rows())
        assert [row.get("error_code") for row in gateway.rows()] == [None, None]
        assert item_of(gateway)["total_left"] == 1 - spent


class LostAnswers:
    """Writes of the Keys table that are made, and whose answers do not come."""

    def __init__(self, gateway: Gateway, about: str, times: int) -> None:
        self.left = times
        self._about = about
        gateway.events.register_first("response-received.dynamodb.UpdateItem", self)
        gateway.events.register_first("before-call.dynamodb.UpdateItem", self.note)
        self._is_about = False

    def note(self, params: dict[str, Any], **_: Any) -> None:
        self._is_about = self._about in json.loads(params["body"])["UpdateExpression"]

    def __call__(self, **_: Any) -> None:
        if self._is_about and self.left:
            self.left -= 1
            raise EndpointConnectionError(endpoint_url="https://dynamodb.example")


@pytest.mark.parametrize("times", [1, 2])
def test_an_admission_whose_answer_is_lost_is_one(gateway: Gateway, paid: Fleet, clock: Clock, times: int) -> None:
    limit(gateway, clock.time, rpm_limit=5, total_budget=Decimal(1))
    lost = LostAnswers(gateway, ":hold", times)
    assert ask(gateway).status == 200
    assert lost.left == 0
    item = item_of(gateway)
    assert (item["requests_left"], item["total_left"], item["holds"]) == (4, 1 - gateway.row()["cost_usd"], {})


def test_an_admission_of_which_nothing_is_heard_holds_nothing(gateway: Gateway, paid: Fleet, clock: Clock) -> None:
    limit(gateway, clock.time, rpm_limit=5, total_budget=Decimal(1))
    LostAnswers(gateway, ":hold", account_table.MOST_TRIES)
    assert ask(gateway).status == 503
    item = item_of(gateway)
    assert (item["requests_left"], item["total_left"], item["holds"], gateway.rows()) == (5, 1, {}, [])


def test_an_extension_of_which_nothing_is_heard_is_given_back_too(gateway: Gateway, paid: Fleet, clock: Clock) -> None:
    paid.serve(deployment("first", price=PRICE, timeout=0.2), deployment("second", price=PRICE, priority=1))
    paid.servers["first"].default = Reply.default().stalled()
    limit(gateway, clock.time, total_budget=Decimal(1))
    LostAnswers(gateway, ":new", account_table.MOST_TRIES)
    assert ask(gateway).status == 504
    item = item_of(gateway)
    assert (item["total_left"], item["holds"]) == (1 - gateway.row()["cost_usd"], {})


def test_one_that_ends_after_it_was_given_up_is_settled_by_the_replay(
    gateway: Gateway, paid: Fleet, clock: Clock
) -> None:
    limit(gateway, clock.time, total_budget=Decimal(1))

    def give_up() -> None:
        item = item_of(gateway)
        ledger.ledger()._reap(item, holds.of(item))

    on_row(gateway, give_up)
    row = lost_row(ask(gateway))
    assert (gateway.row()["error_code"], item_of(gateway)["total_left"]) == ("abandoned", 1)
    for _ in range(2):
        ledger.ledger().replay(row)
        assert item_of(gateway)["total_left"] == 1 - gateway.row()["cost_usd"]
        assert item_of(gateway)["holds"] == {}


# Teams.


def test_a_team_s_limit_counts_for_all_its_keys(gateway: Gateway, paid: Fleet, clock: Clock) -> None:
    put_team(gateway, clock.time, total_budget=Decimal(1), rpm_limit=2)
    limit(gateway, clock.time, team=TEAM, rpm_limit=10, total_budget=Decimal(5))
    answers = [ask(gateway) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert "This API key's team may make 2 requests a minute" in answers[-1].error["message"]
    spent = sum(row["cost_usd"] for row in gateway.rows())
    assert {row["team"] for row in gateway.rows()} == {TEAM}
    key, team = item_of(gateway), item_of(gateway, TEAM)
    assert (key["total_left"], team["total_left"]) == (5 - spent, 1 - spent)
    assert (key["requests_left"], key["holds"], team["holds"]) == (8, {}, {})
    assert Decimal(answers[1].headers["x-gateway-budget-remaining-usd"]) == 1 - spent
    assert answers[1].headers["x-ratelimit-limit-requests"] == "2"


def test_a_killed_request_s_hold_on_the_team_is_found_by_any_of_its_keys(
    gateway: Gateway, paid: Fleet, clock: Clock
) -> None:
    put_team(gateway, clock.time, total_budget=Decimal(1))
    limit(gateway, clock.time, team=TEAM)
    killed = "req_AnotherKey00_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    put_hold(gateway, killed, Hold(int(clock.time) - 61, 5, Decimal("0.3"), minute_of(clock.time)), TEAM)
    ask(gateway)
    rows = {row["request_id"]: row for row in gateway.rows()}
    assert (rows[killed]["owner"], rows[killed]["error_code"]) == ("AnotherKey00", "abandoned")
    assert item_of(gateway, TEAM)["holds"] == {}


@pytest.mark.parametrize("status", ["disabled", "deleted"])
def test_a_team_that_is_switched_off_takes_its_keys_with_it_at_once(
    gateway: Gateway, clock: Clock, status: str
) -> None:
    put_team(gateway, clock.time, rpm_limit=100)
    limit(gateway, clock.time, team=TEAM)
    assert gateway.chat().status == 200
    team = item_of(gateway, TEAM) | {"key_status": status, "policy_no": 2}
    gateway.db.put_item(TableName=ENVIRONMENT["KEYS_TABLE"], Item=dynamodb.to_item(team))
    assert gateway.chat().status == 401


# Policies that change.

CHANGES: dict[str, tuple[dict[str, Any], int]] = {
    "disabled": ({"key_status": "disabled"}, 401),
    "deleted": ({"key_status": "deleted", "secret_hash": ""}, 401),
    "another secret": ({"secret_hash": "0" * 64}, 401),
    "without the scope": ({"scopes": ["admin"]}, 403),
    "without the model": ({"models": ["other"]}, 403),
    "expired": ({"expires_at": 1}, 401),
    "a smaller budget": ({"total_budget": Decimal(0), "total_left": Decimal("-0.000000000001")}, 429),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_key_with_limits_counts_from_the_next_request_on(
    gateway: Gateway, clock: Clock, change: str
) -> None:
    limit(gateway, clock.time, rpm_limit=100)
    assert gateway.chat().status == 200
    changes, status = CHANGES[change]
    limit(gateway, clock.time, **{name: value for name, value in changes.items() if name != "total_left"})
    gateway.change_key(**changes)
    assert gateway.chat().status == status
    assert len(gateway.rows()) == 1


def test_a_key_that_was_refused_by_what_was_known_of_it_is_looked_up_anew(gateway: Gateway, clock: Clock) -> None:
    limit(gateway, clock.time, rpm_limit=100, models=["other"])
    assert gateway.chat().status == 403
    limit(gateway, clock.time, rpm_limit=100, models=["local/chat"])
    clock.time += keys.CACHE_SECONDS + 1
    assert gateway.chat().status == 200


def test_a_key_is_shown_the_models_that_it_may_use_and_no_others(gateway: Gateway) -> None:
    gateway.change_key(models=["local/chat", "gone"])
    assert [model["id"] for model in gateway.send("list_models").json["data"]] == ["local/chat"]


def test_a_key_that_is_deleted_under_way_still_settles(gateway: Gateway, paid: Fleet, clock: Clock) -> None:
    limit(gateway, clock.time, total_budget=Decimal(1))

    def delete() -> None:
        gone = item_of(gateway) | {"key_status": "deleted", "policy_no": 99}
        gateway.db.put_item(TableName=ENVIRONMENT["KEYS_TABLE"], Item=dynamodb.to_item(gone))

    on_row(gateway, delete)
    assert ask(gateway).status == 200
    item = item_of(gateway)
    assert (item["key_status"], item["holds"]) == ("deleted", {})
    assert item["total_left"] == 1 - gateway.row()["cost_usd"]


# Embeddings and streams settle too.


def test_embeddings_and_streams_are_counted_as_well(gateway: Gateway, clock: Clock) -> None:
    limit(gateway, clock.time, rpm_limit=5, total_budget=Decimal(1))
    gateway.send("embeddings", event_with("embeddings", {"model": "local/embeddings", "input": "x"}), LambdaContext())
    stream = gateway.chat(stream=True)
    assert stream.headers["x-ratelimit-remaining-requests"] == "3"
    assert item_of(gateway)["holds"] == {}
    assert json.dumps([row["status"] for row in gateway.rows()], default=int) == "[200, 200]"
