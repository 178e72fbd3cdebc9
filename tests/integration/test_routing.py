"""What a client may choose of how its request is routed, and what its key may use."""

from typing import Any

import pytest

from tests.integration.fleets import Fleet, deployment
from tests.integration.harness import Answer, Gateway, Json, event_with, with_header
from tests.upstream import Reply

HI = [{"role": "user", "content": "Hi"}]
BODIES: dict[str, tuple[str, Json]] = {
    "chat_completions": ("chat_completions", {"messages": HI}),
    "completions": ("completions_prompt", {"prompt": "Hi"}),
    "embeddings": ("embeddings", {"input": "Hi"}),
    "route": ("route", {"messages": HI}),
}
"""Of each route that routes: an event, and what its body needs beside the model."""


def send(gateway: Gateway, route: str, strategy: str | None = None, **body: Any) -> Answer:
    """One request by one of the routes of BODIES."""
    name, usual = BODIES[route]
    event = event_with(name, {"model": "m"} | usual | body)
    return gateway.send(route, event if strategy is None else with_header(event, "X-Gateway-Strategy", strategy))


# What the client chooses.


@pytest.mark.parametrize("route", BODIES)
@pytest.mark.parametrize("word", ["nonsense", "cost,latency", "PRIORITY!"])
def test_a_strategy_that_there_is_not_is_a_400_that_names_the_header(fleet: Fleet, route: str, word: str) -> None:
    fleet.serve(deployment("first"))
    answer = send(fleet.gateway, route, word)
    assert (answer.status, answer.error["param"]) == (400, "x-gateway-strategy")
    assert answer.error["message"] == "x-gateway-strategy: must be one of priority, round_robin, cost, latency."
    assert (fleet.asked(), fleet.gateway.rows()) == ({}, [])


@pytest.mark.parametrize("route", [route for route in BODIES if route != "route"])
def test_a_strategy_of_the_request_s_own_is_followed_and_told(fleet: Fleet, route: str) -> None:
    capable = {"capabilities": ["chat", "embeddings"]}
    fleet.serve(
        deployment("first", **capable),
        deployment("second", priority=1, price={"input": "0.1", "output": "0.1"}, **capable),
    )
    for server in fleet.servers.values():
        server.clear()  # they answer embeddings, too
    for strategy, provider in (("cost", "second"), ("priority", "first")):
        answer = send(fleet.gateway, route, strategy)
        assert answer.status == 200, answer.text
        assert (answer.headers["x-gateway-strategy"], answer.headers["x-gateway-provider"]) == (strategy, provider)
        assert fleet.attempts(answer) == [(provider, "ok")]
    assert {row["strategy"] for row in fleet.gateway.rows()} == {"cost", "priority"}


def test_round_robin_gives_each_its_share_by_weight(fleet: Fleet) -> None:
    fleet.serve(deployment("first", weight=3), deployment("second"), strategy="round_robin")
    for _ in range(20):
        assert fleet.ask().status == 200
    assert 14 <= fleet.asked()["first"] <= 16


# What the key may use.


@pytest.mark.parametrize("route", BODIES)
def test_a_model_that_the_key_may_not_use_is_a_403(fleet: Fleet, route: str) -> None:
    fleet.gateway.change_key(models=["other"])
    fleet.serve(deployment("first"), models={"other": {"deployments": [deployment("second")]}}, fallbacks=["other"])
    answer = send(fleet.gateway, route)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "model_not_allowed", "model")
    assert answer.error["message"] == "This API key may not use the model 'm'."
    assert (fleet.asked(), fleet.gateway.rows()) == ({}, [])


def test_a_key_of_no_models_may_use_none(fleet: Fleet) -> None:
    fleet.gateway.change_key(models=[])
    fleet.serve(deployment("first"))
    assert fleet.ask().error["code"] == "model_not_allowed"


def test_a_key_may_use_the_models_of_its_list(fleet: Fleet) -> None:
    fleet.gateway.change_key(models=["m"])
    fleet.serve(deployment("first"))
    assert fleet.ask().status == 200


def test_whether_a_model_that_the_key_may_not_use_exists_is_told_as_to_any_key(fleet: Fleet) -> None:
    fleet.gateway.change_key(models=["m"])
    assert fleet.ask(model="no/such-model").error["code"] == "model_not_found"


def test_fallbacks_that_the_key_may_not_use_are_skipped(fleet: Fleet) -> None:
    fleet.gateway.change_key(models=["m", "allowed"])
    fleet.serve(
        deployment("first"),
        models={
            "forbidden": {"deployments": [deployment("second")]},
            "allowed": {"deployments": [deployment("third")]},
        },
        fallbacks=["forbidden", "allowed"],
    )
    fleet.stop("first")
    answer = fleet.ask()
    assert (answer.status, fleet.attempts(answer)) == (200, [("first", "upstream_error"), ("third", "ok")])


@pytest.mark.parametrize("kind", ["context_length_fallbacks", "content_policy_fallbacks"])
def test_so_are_those_for_a_fault_of_the_request(fleet: Fleet, kind: str) -> None:
    fleet.gateway.change_key(models=["m"])
    meant: Json = {kind: ["other"]}
    fleet.serve(deployment("first"), models={"other": {"deployments": [deployment("second")]}}, **meant)
    code = "context_length_exceeded" if kind.startswith("context") else "content_filter"
    fleet.servers["first"].enqueue(Reply.error(400, "No.", code=code))
    answer = fleet.ask()
    assert (answer.status, answer.error["code"], answer.error["message"]) == (400, code, "No.")
    assert fleet.asked() == {"first": 1}
