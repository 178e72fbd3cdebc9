"""A model's deployments are asked in turn until one answers; what is the request's own fault is not asked twice."""

from typing import Any

import pytest

from gateway.attempts import Route
from gateway.errors import (
    ContentFiltered,
    ContextLengthExceeded,
    CredentialsRefused,
    GatewayError,
    Inexpressible,
    InvalidRequest,
    ProviderNotConfigured,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.registry import Deployment, Endpoint
from tests.unit.builders import caught_from, request
from tests.unit.routing import CLOSED, OPEN, Script, deployments, outcomes


def test_the_first_deployment_that_answers_is_the_only_one_asked(script: Script) -> None:
    taken = Route()
    answer = script.go(deployments("a", "b"), taken)
    assert (answer.model, taken.answer) == ("a", answer)
    assert outcomes(taken) == [("a", "ok")]
    assert script.asked[0][2] == Endpoint("https://open.example", "k")


@pytest.mark.parametrize(
    "error",
    [UpstreamError("x"), CredentialsRefused("x"), RateLimited("x", retry_after=9), UpstreamError("x", code="own")],
)
def test_falls_back_when_a_deployment_fails(script: Script, error: GatewayError) -> None:
    script.outcomes = {"a": error}
    taken = Route()
    assert script.go(deployments("a", "b", "c"), taken).model == "b"
    assert outcomes(taken) == [("a", error.outcome), ("b", "ok")]


def test_what_a_failed_deployment_could_not_express_is_not_told_of_the_one_that_answered(script: Script) -> None:
    script.outcomes = {"a": UpstreamError("x")}
    taken = Route()
    mixed = [Deployment(CLOSED, "a", drop_params=True), Deployment(OPEN, "b")]
    assert script.go(mixed, taken, some_future_field=1).model == "b"
    assert taken.dropped == []


def test_why_a_deployment_failed_is_told_but_not_what_it_said_of_the_request(script: Script) -> None:
    script.outcomes = {"a": UpstreamError("The provider answered HTTP 404."), "b": InvalidRequest("you said: secret")}
    taken = Route()
    caught_from(lambda: script.go(deployments("a", "b"), taken), InvalidRequest)
    assert [attempt.to_row() for attempt in taken.attempts] == [
        {"deployment": "open/a", "outcome": "upstream_error", "ms": 250, "reason": "The provider answered HTTP 404."},
        {"deployment": "open/b", "outcome": "invalid_request_error", "ms": 250},
    ]


def test_each_attempt_s_time_is_measured(script: Script) -> None:
    script.outcomes = {"a": UpstreamError("x")}
    taken = Route()
    script.go(deployments("a", "b"), taken)
    assert [attempt.milliseconds for attempt in taken.attempts] == [250, 250]
    assert taken.provider_milliseconds == 500


def test_when_all_fail_the_last_failure_is_told(script: Script) -> None:
    script.outcomes = {"a": CredentialsRefused("Refused."), "b": UpstreamError("HTTP 429.", retry_after=7)}
    taken = Route()
    error = caught_from(lambda: script.go(deployments("a", "b"), taken), UpstreamError)
    assert error.message == "All deployments of 'm' failed. HTTP 429."
    assert (error.status, error.code, error.retry_after) == (502, "upstream_error", 7)
    assert taken.answer is None
    assert outcomes(taken)[:2] == [("a", "credentials_refused"), ("b", "upstream_error")]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidRequest("x"), "invalid_request_error"),
        (ContextLengthExceeded("x"), "context_length_exceeded"),
        (ContentFiltered("x"), "content_filter"),
        (RuntimeError("x"), "internal_error"),
    ],
)
def test_does_not_fall_back_when_it_would_not_help(script: Script, error: Exception, outcome: str) -> None:
    script.outcomes = {"a": error}
    taken = Route()
    with pytest.raises(type(error)) as caught:
        script.go(deployments("a", "b"), taken)
    assert caught.value is error
    assert outcomes(taken) == [("a", outcome)]


def test_a_deployment_without_credentials_is_passed_over(script: Script) -> None:
    mixed = [Deployment(OPEN, "a"), Deployment(CLOSED, "b")]
    assert script.go(mixed, secrets={}).model == "b"
    assert [name for name, _, _ in script.asked] == ["b"]


def test_a_model_without_any_credentials_is_not_configured(script: Script) -> None:
    taken = Route()
    error = caught_from(lambda: script.go(deployments("a", "b"), taken, secrets={}), ProviderNotConfigured)
    assert error.message == "The model 'm' needs credentials for open, which this gateway does not have."
    assert (taken.attempts, script.asked) == ([], [])


def test_unknown_fields_go_to_those_that_take_them(script: Script) -> None:
    taken = Route()
    script.go(deployments("a"), taken, top_k=40)
    assert script.asked[0][1].wire()["top_k"] == 40
    assert taken.dropped == []


def test_unknown_fields_are_refused_where_they_cannot_be_expressed(script: Script) -> None:
    error = caught_from(lambda: script.go(deployments("a", provider=CLOSED), zeta=1, seed=2), Inexpressible)
    assert (error.param, error.message) == ("zeta", "zeta: closed/a cannot do this.")
    assert script.asked == []


def test_a_deployment_that_cannot_express_the_request_is_passed_over(script: Script) -> None:
    taken = Route()
    assert script.go([Deployment(CLOSED, "a"), Deployment(OPEN, "b")], taken, top_k=1).model == "b"
    assert outcomes(taken) == [("b", "ok")]


def test_unknown_fields_are_dropped_and_listed_where_the_model_says_so(script: Script) -> None:
    taken = Route()
    script.go(deployments("a", provider=CLOSED, drop_params=True), taken, zeta=1, alpha=None, seed=1)
    assert taken.dropped == ["zeta"]
    assert script.asked[0][1].wire() == request(model="m", alpha=None, seed=1).wire()


def test_what_only_shows_in_translation_is_left_to_the_next_deployment_too(script: Script) -> None:
    script.outcomes = {"a": Inexpressible("seed: not with n.", param="seed")}
    taken = Route()
    assert script.go(deployments("a", "b"), taken).model == "b"
    assert caught_from(lambda: script.go(deployments("a")), Inexpressible).param == "seed"
    script.outcomes["b"] = UpstreamError("x")
    assert caught_from(lambda: script.go(deployments("a", "b")), UpstreamError).status == 502


def test_no_more_than_five_deployments_are_asked(script: Script) -> None:
    script.outcomes = dict.fromkeys("abcdefg", UpstreamError("x"))
    taken = Route()
    caught_from(lambda: script.go(deployments(*"abcdefg"), taken), UpstreamError)
    assert [attempt.deployment.model for attempt in taken.attempts][:5] == list("abcde")
    assert {attempt.deployment.model for attempt in taken.attempts} == set("abcde")


@pytest.mark.parametrize("error", [RateLimited("x", retry_after=3), UpstreamError("x", retryable=False)])
def test_when_all_fail_the_error_says_of_trying_again_what_the_last_one_said(
    script: Script, error: UpstreamError
) -> None:
    script.outcomes = {"a": error}
    told = caught_from(lambda: script.go(deployments("a")), type(error))
    assert (told.retryable, told.retry_after) == (error.retryable, error.retry_after)


def test_a_name_that_is_too_long_is_told_in_part(script: Script) -> None:
    script.outcomes = {"a": UpstreamError("x")}
    error = caught_from(lambda: script.go(deployments("a"), model="m" * 500), UpstreamError)
    assert error.message == f"All deployments of '{'m' * 200}' failed. x"


@pytest.mark.parametrize(("error", "level"), [(CredentialsRefused("x"), "ERROR"), (UpstreamError("x"), "WARNING")])
def test_a_failure_that_will_not_pass_by_itself_is_an_error_in_the_log(
    script: Script, caplog: pytest.LogCaptureFixture, error: UpstreamError, level: str
) -> None:
    script.outcomes = {"a": error}
    script.go(deployments("a", "b"))
    assert [record.levelname for record in caplog.records if record.message == "attempt failed"] == [level]


def test_those_that_cannot_express_the_request_do_not_count_among_the_five(script: Script) -> None:
    script.outcomes = dict.fromkeys("abcd", UpstreamError("x"))
    assert script.go(deployments(*"vwxyz", provider=CLOSED) + deployments(*"abcde"), top_k=1).model == "e"


def test_the_first_refusal_is_told_if_nobody_can_express_the_request(script: Script) -> None:
    script.outcomes = {"b": Inexpressible("seed: not with n.", param="seed")}
    both = [Deployment(CLOSED, "a"), Deployment(OPEN, "b")]
    assert caught_from(lambda: script.go(both, top_k=1), Inexpressible).param == "top_k"


def test_the_adapter_of_a_deployment_that_is_not_asked_is_not_loaded(script: Script) -> None:
    script.go([Deployment(OPEN, "a"), Deployment(CLOSED, "b")])
    assert script.loaded == ["passing"]


def test_a_deployment_s_own_timeout_cuts_its_time_and_the_next_one_is_asked(script: Script) -> None:
    script.outcomes = {"a": UpstreamTimeout("x")}
    assert script.go(deployments("a", timeout=7.0) + deployments("b")).model == "b"
    assert script.deadlines == [7.0, 99.75]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}}, "response_format"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.y/z"}}]}]},
            "messages[0].content[0]",
        ),
    ],
)
def test_a_deployment_that_lacks_what_the_request_needs_is_never_asked(
    script: Script, fields: dict[str, Any], param: str
) -> None:
    lacking = deployments("a", capabilities=frozenset({"chat"}))
    error = caught_from(lambda: script.go(lacking, **fields), Inexpressible)
    assert (error.status, error.param) == (400, param)
    assert script.go(lacking + deployments("b"), **fields).model == "b"
    assert [name for name, _, _ in script.asked] == ["b"]


def test_a_model_that_only_makes_embeddings_does_not_chat(script: Script) -> None:
    error = caught_from(lambda: script.go(deployments("a", capabilities=frozenset({"embeddings"}))), Inexpressible)
    assert (error.param, error.message) == (
        "model",
        "model: open/a makes embeddings, by POST /embeddings, and does not chat.",
    )
