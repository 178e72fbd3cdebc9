"""POST /route: what it tells of how a request would be routed, without asking anybody."""

from typing import Any

import pytest

from tests.conftest import load_event
from tests.integration.fleets import Fleet, deployment
from tests.integration.harness import Clock, Gateway, Json, event_with, with_header

HI = [{"role": "user", "content": "Hi"}]
CLOSED = {"state": "closed", "reason": None, "retry_after_seconds": None}


def explained(fleet: Fleet, strategy: str | None = None, **body: Any) -> list[Json]:
    """What POST /route tells of a chat; it asks nobody, and leaves no row."""
    rows = len(fleet.gateway.rows())
    event = event_with("route", {"model": "m", "messages": HI} | body)
    if strategy is not None:
        event = with_header(event, "X-Gateway-Strategy", strategy)
    answer = fleet.gateway.send("route", event)
    assert answer.status == 200, answer.text
    assert (list(answer.json), answer.json["object"]) == (["object", "model", "strategy", "candidates"], "route")
    assert not [name for name in answer.headers if name.startswith("x-gateway-")]
    assert (fleet.asked(), len(fleet.gateway.rows())) == ({}, rows)
    return list(answer.json["candidates"])


def places(candidates: list[Json]) -> list[tuple[str, int | None]]:
    return [(candidate["provider"], candidate["position"]) for candidate in candidates]


# What is told.


def test_a_request_s_candidates_are_told_in_their_order_with_all_that_matters(fleet: Fleet, clock: Clock) -> None:
    price = {"input": "2", "output": "10"}
    fleet.serve(deployment("first", priority=1, weight=3), deployment("second", price=price))
    fleet.know("second", latency=1.5, latency_at=clock.now())
    assert explained(fleet, max_tokens=100) == [
        {
            "deployment": "second/x",
            "provider": "second",
            "model": "m",
            "priority": 0,
            "weight": "1",
            "expected_cost_usd": "0.001004",  # 6 bytes, the role's too, are 2 tokens at 2 millionths; and 100 at 10
            "expected_latency_ms": 1500,
            "circuit": CLOSED,
            "configured": True,
            "position": 1,
            "capable": True,
            "why": "priority 0",
        },
        {
            "deployment": "first/x",
            "provider": "first",
            "model": "m",
            "priority": 1,
            "weight": "3",
            "expected_cost_usd": "0.000102",
            "expected_latency_ms": None,
            "circuit": CLOSED,
            "configured": True,
            "position": 2,
            "capable": True,
            "why": "priority 1",
        },
    ]


def test_the_order_that_is_told_is_the_order_in_which_they_are_asked(fleet: Fleet) -> None:
    fleet.serve(deployment("first", priority=2), deployment("second", priority=1), deployment("third"))
    told = [candidate["provider"] for candidate in explained(fleet)]
    for server in fleet.servers.values():
        server.stop()
    try:
        asked = [name for name, _ in fleet.attempts(fleet.ask())]
    finally:
        for server in fleet.servers.values():
            server.start()
    assert told == asked[:3] == ["third", "second", "first"]


def test_the_strategy_is_the_model_s_unless_the_request_names_one(fleet: Fleet, clock: Clock) -> None:
    fleet.serve(
        deployment("first", price={"input": "3", "output": "3"}),
        deployment("second", priority=1, weight=0, price={"input": "1", "output": "1"}),
        deployment("third", priority=1, weight=1000, price={"input": "2", "output": "2"}),
        strategy="cost",
    )
    for name, seconds in (("first", 2.0), ("second", 3.0), ("third", 1.0)):
        fleet.know(name, latency=seconds, latency_at=clock.now())
    orders = {
        strategy: [candidate["provider"] for candidate in explained(fleet, strategy)]
        for strategy in (None, "priority", "round_robin", "cost", "latency", " Latency ", "")
    }
    assert orders[None] == orders[""] == orders["cost"] == ["second", "third", "first"]
    assert orders["priority"] == ["first", "third", "second"]
    assert orders["round_robin"] == ["third", "first", "second"]
    assert orders["latency"] == orders[" Latency "] == ["third", "first", "second"]


def test_each_strategy_says_why(fleet: Fleet, clock: Clock) -> None:
    fleet.serve(deployment("first", weight=3), deployment("second", price=None))
    fleet.know("first", latency=2.0, latency_at=clock.now())
    why = {
        strategy: {candidate["provider"]: candidate["why"] for candidate in explained(fleet, strategy, max_tokens=98)}
        for strategy in ("round_robin", "cost", "latency")
    }
    assert why["round_robin"] == {"first": "drawn by its weight, 3 of 4", "second": "drawn by its weight, 1 of 4"}
    assert why["cost"] == {"first": "expected to cost $0.0001", "second": "what it costs is not known"}
    assert why["latency"]["first"] == "expected to answer in 2.00 s, among the fastest"
    assert why["latency"]["second"].startswith("no answer of it has been measured yet")


def test_fallbacks_come_after_the_model_s_own_deployments_and_say_for_which_model_they_stand(fleet: Fleet) -> None:
    fleet.serve(
        deployment("first", price={"input": "9", "output": "9"}),
        models={"other": {"deployments": [deployment("second")]}},
        fallbacks=["other"],
    )
    candidates = explained(fleet, "cost")
    assert places(candidates) == [("first", 1), ("second", 2)]
    assert [candidate["model"] for candidate in candidates] == ["m", "other"]


# Who is left out, and why.


def test_a_deployment_without_credentials_has_no_place(fleet: Fleet) -> None:
    fleet.serve(deployment("first"), deployment("second"))
    fleet.lose("first")
    candidates = explained(fleet)
    assert places(candidates) == [("second", 1), ("first", None)]
    left_out = candidates[1]
    assert (left_out["configured"], left_out["capable"]) == (False, None)
    assert left_out["why"] == "There are no credentials for first."


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}},
            "response_format: first/x follows no JSON schema.",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.y/z"}}]}]},
            "messages[0].content[0]: first/x takes no images.",
        ),
        ({"reasoning_effort": "low"}, "reasoning_effort: first/x cannot do this."),
    ],
    ids=["json_schema", "images", "reasoning"],
)
def test_a_deployment_that_lacks_a_capability_has_no_place(fleet: Fleet, body: Json, why: str) -> None:
    able = ["chat", "images", "json_schema", "reasoning"]
    fleet.serve(deployment("first"), deployment("second", priority=1, capabilities=able))
    candidates = explained(fleet, **body)
    assert places(candidates) == [("second", 1), ("first", None)]
    assert (candidates[1]["configured"], candidates[1]["capable"]) == (True, False)
    assert candidates[1]["why"] == why


def test_what_all_deployments_lack_is_told_of_each_and_is_no_error(fleet: Fleet) -> None:
    fleet.serve(deployment("first"), deployment("second"))
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}
    assert places(explained(fleet, response_format=schema)) == [("first", None), ("second", None)]


def test_with_a_budget_a_deployment_of_unknown_price_has_no_place(fleet: Fleet) -> None:
    fleet.gateway.change_key(total_budget=5)
    fleet.serve(deployment("first", price=None), deployment("second"))
    candidates = explained(fleet)
    assert places(candidates) == [("second", 1), ("first", None)]
    left_out = candidates[1]
    assert (left_out["configured"], left_out["capable"], left_out["expected_cost_usd"]) == (None, None, None)
    assert "The price of 'm' is not known" in left_out["why"]


def test_a_fallback_that_the_key_may_not_use_has_no_place(fleet: Fleet) -> None:
    fleet.gateway.change_key(models=["m", "allowed"])
    fleet.serve(
        deployment("first"),
        models={
            "forbidden": {"deployments": [deployment("second")]},
            "allowed": {"deployments": [deployment("third")]},
        },
        fallbacks=["forbidden", "allowed"],
    )
    candidates = explained(fleet)
    assert places(candidates) == [("first", 1), ("third", 2), ("second", None)]
    assert candidates[2]["why"] == "This API key may not use the model 'forbidden'."


# Circuits.


def test_an_open_circuit_has_no_place_and_says_until_when(fleet: Fleet, clock: Clock) -> None:
    fleet.serve(deployment("first"), deployment("second", priority=1), deployment("third", priority=2))
    fleet.know("first", openings=2, due=clock.now() + 7.3, reason="credentials refused")
    fleet.know("second", limited_until=clock.now() + 30)
    candidates = explained(fleet)
    assert places(candidates) == [("third", 1), ("first", None), ("second", None)]
    assert [candidate["circuit"] for candidate in candidates] == [
        CLOSED,
        {"state": "open", "reason": "credentials refused", "retry_after_seconds": 7.3},
        {"state": "open", "reason": "rate limited", "retry_after_seconds": 30.0},
    ]
    assert candidates[1]["why"] == "priority 0; kept back by its circuit: credentials refused"
    assert fleet.attempts(fleet.ask()) == [("third", "ok")]


def test_a_circuit_that_may_be_probed_is_half_open(fleet: Fleet, clock: Clock) -> None:
    fleet.serve(deployment("first"), deployment("second", priority=1))
    fleet.know("first", openings=1, due=clock.now() - 1, reason="failures")
    told = {candidate["provider"]: candidate["circuit"] for candidate in explained(fleet)}
    assert told["first"] == {"state": "half-open", "reason": "failures", "retry_after_seconds": None}


def test_a_lone_deployment_keeps_its_place_whatever_its_circuit(fleet: Fleet, clock: Clock) -> None:
    fleet.serve(deployment("first"), deployment("second", priority=1))
    fleet.lose("second")
    fleet.know("first", openings=1, due=clock.now() + 5, reason="failures")
    candidates = explained(fleet)
    assert places(candidates) == [("first", 1), ("second", None)]
    assert candidates[0]["circuit"]["state"] == "open"
    assert candidates[0]["why"].endswith("in spite of its circuit (failures), since there is no other")


# Bodies and errors.


def test_the_sample_event_is_explained(gateway: Gateway) -> None:
    answer = gateway.send("route")
    (candidate,) = answer.json["candidates"]
    assert (answer.json["model"], answer.json["strategy"]) == ("local/chat", "priority")
    assert (candidate["deployment"], candidate["position"], candidate["expected_cost_usd"]) == ("local/chat", 1, "0")
    assert gateway.rows() == []


def test_embeddings_are_explained_by_their_own_body(fleet: Fleet) -> None:
    fleet.serve(
        deployment("first", capabilities=["embeddings"], price={"input": "2"}),
        deployment("second", capabilities=["chat"]),
    )
    answer = fleet.gateway.send("route", event_with("route", {"model": "m", "input": ["12345678", "1234"]}))
    candidates = answer.json["candidates"]
    assert places(candidates) == [("first", 1), ("second", None)]
    assert candidates[0]["expected_cost_usd"] == "0.000006"  # 12 bytes are 3 tokens
    assert candidates[1]["why"] == "model: second/x chats, and makes no embeddings."


def test_a_prompt_of_old_is_explained_like_the_chat_that_it_becomes(fleet: Fleet) -> None:
    fleet.serve(deployment("first"))
    told = [
        fleet.gateway.send("route", event_with("route", {"model": "m", "max_tokens": 8} | body)).json
        for body in ({"prompt": "Hi"}, {"messages": HI})
    ]
    assert told[0] == told[1]
    assert told[0]["candidates"][0]["expected_cost_usd"] == "0.00001"


WRONG: dict[str, tuple[Json, str]] = {
    "no model": ({"messages": HI}, "model"),
    "model a number": ({"model": 4, "messages": HI}, "model"),
    "neither messages nor prompt": ({"model": "m"}, "prompt"),
    "messages a text": ({"model": "m", "messages": "Hi"}, "messages"),
    "unknown role": ({"model": "m", "messages": [{"role": "wizard", "content": "Hi"}]}, "messages[0].role"),
    "both forms": ({"model": "m", "messages": HI, "prompt": "Hi"}, "prompt"),
    "max_tokens": ({"model": "m", "messages": HI, "max_tokens": -1}, "max_tokens"),
    "a prompt's field": ({"model": "m", "prompt": "Hi", "temperature": 9}, "temperature"),
    "no input": ({"model": "m", "input": []}, "input"),
    "dimensions": ({"model": "m", "input": "Hi", "dimensions": 0}, "dimensions"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_bad_field_is_refused_by_name(fleet: Fleet, case: str) -> None:
    fleet.serve(deployment("first"))
    body, param = WRONG[case]
    answer = fleet.gateway.send("route", event_with("route", body))
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert answer.error["param"] == param


def test_an_unknown_model_is_not_explained(fleet: Fleet) -> None:
    answer = fleet.gateway.send("route", event_with("route", {"model": "no/such-model", "messages": HI}))
    assert (answer.status, answer.error["code"], answer.error["param"]) == (404, "model_not_found", "model")


def test_who_may_not_use_inference_is_told_nothing(gateway: Gateway) -> None:
    gateway.change_key(scopes=["admin"])
    assert gateway.send("route").error["code"] == "insufficient_scope"
    event = load_event("route")
    del event["headers"]["Authorization"]
    assert gateway.send("route", event).error["code"] == "invalid_api_key"
