"""What users of other gateways complain of, and other turns of a request on its way from deployment to deployment."""

import re
from typing import Any

import pytest

from gateway import pipeline
from gateway.health import Health
from gateway.state import State
from tests.conftest import ENVIRONMENT, LambdaContext
from tests.integration.fleets import SAID, Fleet, deployment, said_by, says
from tests.integration.harness import Clock, Json
from tests.upstream import Reply

LIMITED = Reply.rate_limited(60)


# Complaints. In brackets the gateway of which it is one, and where.


def test_a_429_fails_over_and_later_requests_leave_it_alone_for_as_long_as_it_says(fleet: Fleet, clock: Clock) -> None:
    """(bifrost#3261, envoy ai-gateway#1866.)"""
    first, _ = fleet.serve_two()
    first.enqueue(LIMITED)
    assert fleet.attempts(fleet.ask()) == [("first", "rate_limited"), ("second", "ok")]
    assert [fleet.attempts(fleet.ask()) for _ in range(2)] == [[("second", "ok")]] * 2
    clock.time += 61
    assert fleet.attempts(fleet.ask()) == [("first", "ok")]


def test_a_new_cooldown_does_not_shorten_an_older_one(
    fleet: Fleet, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(litellm#40130.) Not even one that an instance is told that did not know of the older one."""
    first, _ = fleet.serve_two()
    instances = {name: Health(State(ENVIRONMENT["STATE_TABLE"])) for name in ("here", "there")}

    def ask(instance: str) -> list[tuple[str, str]]:
        monkeypatch.setattr(pipeline, "fleet", lambda: instances[instance])
        return fleet.attempts(fleet.ask())

    assert ask("here") == [("first", "ok")]
    first.enqueue(Reply.rate_limited(200), Reply.rate_limited(2))
    assert ask("there") == [("first", "rate_limited"), ("second", "ok")]
    assert ask("here") == [("first", "rate_limited"), ("second", "ok")]
    assert float(fleet.known("first")["limited_until"]) == pytest.approx(clock.now() + 200, abs=1e-3)
    clock.time += 10
    assert [ask("here"), ask("there")] == [[("second", "ok")]] * 2


def test_a_longer_cooldown_takes_the_place_of_a_shorter_one(fleet: Fleet, clock: Clock) -> None:
    first, second = fleet.serve_two()
    first.enqueue(Reply.rate_limited(10), LIMITED)
    second.enqueue(Reply.error(400))
    fleet.ask()
    clock.time += 11
    fleet.ask()
    clock.time += 11
    assert fleet.attempts(fleet.ask()) == [("second", "ok")]


def test_when_all_are_in_cooldown_the_one_due_soonest_is_tried_all_the_same(fleet: Fleet, clock: Clock) -> None:
    """(litellm#3646.)"""
    first, second = fleet.serve_two()
    first.enqueue(LIMITED)
    second.enqueue(Reply.rate_limited(50))
    answer = fleet.ask()
    assert (answer.status, answer.headers["retry-after"]) == (502, "50")
    assert fleet.attempts(answer) == [("first", "rate_limited"), ("second", "rate_limited")]
    answer = fleet.ask()
    assert (answer.status, fleet.attempts(answer)) == (200, [("second", "ok")])
    assert fleet.gateway.rows()[-1]["attempts"][0]["probe"] is True
    assert clock.waits == []


def test_when_all_are_in_cooldown_they_are_tried_once_in_a_while_and_else_clients_are_told_when_to_come(
    fleet: Fleet, clock: Clock
) -> None:
    first, second = fleet.serve_two()
    first.default, second.default = LIMITED, Reply.rate_limited(50)
    fleet.ask()
    clock.time += 5
    assert fleet.attempts(fleet.ask()) == [("second", "rate_limited"), ("first", "rate_limited")]
    clock.time += 1
    answer = fleet.ask()
    assert (answer.status, answer.error["code"]) == (503, "service_unavailable")
    assert 44 <= int(answer.headers["retry-after"]) <= 50
    assert "x-should-retry" not in answer.headers
    assert (fleet.attempts(answer), clock.waits) == ([], [])
    clock.time += 2
    assert len(fleet.attempts(fleet.ask())) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_429_of_all_is_told_with_a_retry_after(fleet: Fleet, stream: bool) -> None:
    """(litellm#27823.) The soonest of all, since then it is worth trying again."""
    first, second = fleet.serve_two()
    first.default, second.default = Reply.rate_limited(90), Reply.rate_limited(70)
    answer = fleet.ask(stream=stream)
    assert (answer.status, answer.headers["retry-after"]) == (502, "70")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("code", [None, 429, 503, "rate_limit_exceeded"])
def test_an_error_inside_a_200_is_a_failure_and_nobody_s_answer(fleet: Fleet, stream: bool, code: Any) -> None:
    """(litellm#21553, #8448.)"""
    first, _ = fleet.serve_two()
    first.enqueue(Reply.json({"error": {"message": "overloaded", "code": code}}))
    answer = fleet.ask(stream=stream)
    assert said_by(answer) == SAID
    assert "overloaded" not in answer.text
    outcome = "rate_limited" if code in (429, "rate_limit_exceeded") else "upstream_error"
    assert fleet.attempts(answer) == [("first", outcome), ("second", "ok")]
    assert fleet.known("first")["failed"] == 1


CUT: dict[str, Reply] = {
    "body": says("Half of").cut("middle"),
    "chunked body": says("Half of").chunked().cut("middle"),
    "body without an end": says("Half of").truncated(),
    "stream that nobody asked for": Reply.sse([{"choices": [{"index": 0, "delta": {"content": "Half of"}}]}]),
    "stream, cut": Reply.sse([{"choices": [{"index": 0, "delta": {"content": "Half of"}}]}, "[DONE]"]).cut(b"Half"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("cut", CUT)
def test_an_answer_that_is_cut_in_the_middle_is_neither_doubled_nor_halved(
    fleet: Fleet, stream: bool, cut: str
) -> None:
    """(litellm#40404, #28216.) The other's answer, and nothing of the half one."""
    first, _ = fleet.serve_two()
    first.enqueue(CUT[cut])
    answer = fleet.ask(stream=stream)
    assert said_by(answer) == SAID
    assert "Half of" not in answer.text
    assert fleet.attempts(answer) == [("first", "upstream_error"), ("second", "ok")]


# When all fail.


def test_when_two_fail_both_are_asked_again_while_that_may_help(fleet: Fleet, clock: Clock) -> None:
    first, second = fleet.serve_two()
    first.default = second.default = Reply.error(500)
    answer = fleet.ask()
    assert answer.status == 502
    assert fleet.attempts(answer) == [(name, "upstream_error") for name in ("first", "second", "first", "second")]
    assert clock.waits == pytest.approx([0.25], abs=1e-3)


@pytest.mark.parametrize(("other", "told"), [(Reply.error(500), None), (Reply.error(403), "false")])
def test_clients_are_told_not_to_try_again_if_no_deployment_may_do_better(
    fleet: Fleet, other: Reply, told: str | None
) -> None:
    first, second = fleet.serve_two()
    first.default, second.default = other, Reply.error(401)
    answer = fleet.ask()
    assert (answer.status, answer.headers.get("x-should-retry")) == (502, told)


# Nobody can be asked.


def test_a_deadline_that_has_passed_on_arrival_is_a_504_and_nobody_is_asked(fleet: Fleet) -> None:
    fleet.serve_two()
    answer = fleet.ask(LambdaContext(900))
    assert (answer.status, answer.error["type"], answer.error["code"]) == (504, "timeout_error", "upstream_timeout")
    assert answer.headers["x-should-retry"] == "false"
    assert "x-gateway-provider" not in answer.headers
    assert (fleet.attempts(answer), fleet.asked()) == ([], {})
    assert len(fleet.gateway.rows()) == 1


def test_a_model_without_any_credentials_is_a_503_that_names_whose_are_missing(fleet: Fleet) -> None:
    fleet.serve_two()
    fleet.lose("first")
    fleet.lose("second")
    answer = fleet.ask()
    assert (answer.status, answer.error["code"]) == (503, "provider_not_configured")
    assert answer.error["message"].startswith("The model 'm' needs credentials for first, second, which ")
    assert (answer.headers["x-should-retry"], answer.headers["x-gateway-attempts"]) == ("false", "none")
    assert len(fleet.gateway.rows()) == 1


def test_a_deployment_without_credentials_is_passed_over(fleet: Fleet) -> None:
    fleet.serve_two()
    fleet.lose("first")
    assert fleet.attempts(fleet.ask()) == [("second", "ok")]


NEEDS: dict[str, tuple[dict[str, Any], str]] = {
    "images": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.y/z"}}]}]},
        "messages[0].content[0]",
    ),
    "json_schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}},
        "response_format",
    ),
    "tools": ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    "reasoning": ({"reasoning_effort": "low"}, "reasoning_effort"),
}


@pytest.mark.parametrize("need", NEEDS)
def test_what_no_deployment_can_do_is_a_400_that_names_the_field(fleet: Fleet, need: str) -> None:
    body, param = NEEDS[need]
    fleet.serve_two()
    answer = fleet.ask(**body)
    assert (answer.status, answer.error["type"], answer.error["param"]) == (400, "invalid_request_error", param)
    assert (fleet.attempts(answer), fleet.asked()) == ([], {})
    assert fleet.gateway.row()["status"] == 400


@pytest.mark.parametrize("need", NEEDS)
def test_who_can_do_what_is_needed_is_asked_past_those_who_cannot(fleet: Fleet, need: str) -> None:
    fleet.serve_two()
    fleet.serve(deployment("first"), deployment("second", priority=1, capabilities=["chat", need]))
    assert fleet.attempts(fleet.ask(**NEEDS[need][0])) == [("second", "ok")]


# Fallbacks.


@pytest.mark.parametrize(
    ("kind", "code"),
    [("context_length_fallbacks", "context_length_exceeded"), ("content_policy_fallbacks", "content_filter")],
)
def test_a_fault_of_the_request_leads_to_the_models_that_are_meant_for_it(fleet: Fleet, kind: str, code: str) -> None:
    meant: Json = {kind: ["other"]}
    others = {"other": {"deployments": [deployment("third")]}}
    fleet.serve(deployment("first"), deployment("second", priority=1), models=others, **meant)
    fleet.servers["first"].enqueue(Reply.error(400, "No.", code=code))
    answer = fleet.ask()
    assert fleet.attempts(answer) == [("first", code), ("third", "ok")]
    assert fleet.asked() == {"first": 1, "third": 1}


def test_of_those_models_too_a_deployment_whose_circuit_is_open_is_passed_over(fleet: Fleet, clock: Clock) -> None:
    big: Json = {"deployments": [deployment("second"), deployment("third", priority=1)]}
    fleet.serve(deployment("first"), models={"big": big}, context_length_fallbacks=["big"])
    fleet.know("second", openings=1, due=clock.now() + 20, reason="failures")
    fleet.servers["first"].enqueue(Reply.error(400, "No.", code="context_length_exceeded"))
    assert fleet.attempts(fleet.ask()) == [("first", "context_length_exceeded"), ("third", "ok")]


def test_those_models_are_asked_with_their_keys_though_the_model_itself_needs_none(fleet: Fleet) -> None:
    fleet.serve(
        deployment("open"),
        models={"big": {"deployments": [deployment("second")]}},
        providers={
            "open": {
                "adapter": "openai_compatible",
                "base_url": f"{fleet.servers['first'].url}/v1",
                "keyless": True,
            }
        },
        context_length_fallbacks=["big"],
    )
    fleet.servers["first"].enqueue(Reply.error(400, "No.", code="context_length_exceeded"))
    assert fleet.attempts(fleet.ask()) == [("open", "context_length_exceeded"), ("second", "ok")]


@pytest.mark.parametrize("code", ["context_length_exceeded", "content_filter", "invalid_value"])
def test_a_fault_of_the_request_without_such_models_is_told_at_once(fleet: Fleet, code: str) -> None:
    first, _ = fleet.serve_two()
    first.enqueue(Reply.error(400, "No.", code=code))
    answer = fleet.ask()
    assert (answer.status, answer.error["code"], answer.error["message"]) == (400, code, "No.")
    assert fleet.asked() == {"first": 1}


@pytest.mark.parametrize("code", ["no, evil/x;outcome=ok;ms=1", "Bad Request", 'say "no"', "a=b;c"])
def test_a_provider_s_own_code_cannot_be_read_as_another_attempt(fleet: Fleet, code: str) -> None:
    first, _ = fleet.serve_two()
    first.enqueue(Reply.error(400, "No.", code=code))
    answer = fleet.ask()
    assert (answer.status, answer.error["code"]) == (400, code)
    told = answer.headers["x-gateway-attempts"]
    assert re.fullmatch(r"first/x;outcome=[^\s,;\"=]+;ms=\d+", told), told
