"""A model's deployments are asked in turn until one answers; what is the request's own fault is not asked twice."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from gateway import pricing, questions, router
from gateway.deadline import Deadline
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
from gateway.providers.base import Answer
from gateway.questions import Chat
from gateway.registry import Deployment, Endpoint, Provider
from gateway.router import Route
from gateway.schemas import ChatCompletionRequest
from gateway.usage import Usage
from tests.unit.builders import caught_from, request

OPEN = Provider("open", "passing", "https://open.example", "OPEN_KEY")
CLOSED = Provider("closed", "strict", keyless=True)
SECRETS = {"OPEN_KEY": "k"}
DEADLINE = Deadline(200.0, clock=lambda: 100.0)
USAGE = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
PRICE = pricing.parse("price", {"input": "1", "output": "2.5"})


class Script:
    """Two adapters that answer, or fail, by the name of the deployment's model, and remember what they were asked."""

    def __init__(self) -> None:
        self.outcomes: dict[str, BaseException] = {}
        self.asked: list[tuple[str, ChatCompletionRequest, Endpoint]] = []
        self.deadlines: list[float] = []

    def adapter(self, name: str) -> Any:
        script = self

        class Adapter:
            VOCABULARY = None if name == "passing" else {"messages": None, "messages.*": None, "seed": None}

            def complete(self, asked: ChatCompletionRequest, to: Deployment, at: Endpoint, by: Deadline) -> Answer:
                script.asked.append((to.model, asked, at))
                script.deadlines.append(by.at)
                if to.model in script.outcomes:
                    raise script.outcomes[to.model]
                return Answer({"choices": []}, USAGE, to.model)

        return Adapter()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    found = Script()
    monkeypatch.setattr(questions, "adapter", found.adapter)
    return found


def deployments(*names: str, provider: Provider = OPEN, **fields: Any) -> list[Deployment]:
    return [Deployment(provider, name, **fields) for name in names]


def ticking() -> Callable[[], float]:
    """A clock that goes on by a quarter of a second whenever it is looked at."""
    times = iter(range(1000))
    return lambda: next(times) / 4


def go(
    candidates: list[Deployment],
    taken: Route | None = None,
    secrets: dict[str, str] = SECRETS,
    deadline: Deadline = DEADLINE,
    **fields: Any,
) -> Answer:
    asked = Chat(request(model="m", **fields))
    return router.route(asked, candidates, secrets, deadline, taken or Route(), ticking())


def outcomes(taken: Route) -> list[tuple[str, str]]:
    return [(attempt.deployment.model, attempt.outcome) for attempt in taken.attempts]


def test_the_first_deployment_that_answers_is_the_only_one_asked(script: Script) -> None:
    taken = Route()
    answer = go(deployments("a", "b"), taken)
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
    assert go(deployments("a", "b", "c"), taken).model == "b"
    assert outcomes(taken) == [("a", error.code), ("b", "ok")]


def test_what_a_failed_deployment_could_not_express_is_not_told_of_the_one_that_answered(script: Script) -> None:
    script.outcomes = {"a": UpstreamError("x")}
    taken = Route()
    mixed = [Deployment(CLOSED, "a", drop_params=True), Deployment(OPEN, "b")]
    assert go(mixed, taken, some_future_field=1).model == "b"
    assert taken.dropped == []


def test_why_a_deployment_failed_is_told_but_not_what_it_said_of_the_request(script: Script) -> None:
    script.outcomes = {"a": UpstreamError("The provider answered HTTP 404."), "b": InvalidRequest("you said: secret")}
    taken = Route()
    caught_from(lambda: go(deployments("a", "b"), taken), InvalidRequest)
    assert [attempt.to_row() for attempt in taken.attempts] == [
        {"deployment": "open/a", "outcome": "upstream_error", "ms": 250, "reason": "The provider answered HTTP 404."},
        {"deployment": "open/b", "outcome": "invalid_request_error", "ms": 250},
    ]


def test_each_attempt_s_time_is_measured(script: Script) -> None:
    script.outcomes = {"a": UpstreamError("x")}
    taken = Route()
    go(deployments("a", "b"), taken)
    assert [attempt.milliseconds for attempt in taken.attempts] == [250, 250]
    assert taken.provider_milliseconds == 500


def test_when_all_fail_the_last_failure_is_told(script: Script) -> None:
    script.outcomes = {"a": CredentialsRefused("Refused."), "b": UpstreamError("HTTP 429.", retry_after=7)}
    taken = Route()
    error = caught_from(lambda: go(deployments("a", "b"), taken), UpstreamError)
    assert error.message == "All deployments of 'm' failed. HTTP 429."
    assert (error.status, error.code, error.retry_after) == (502, "upstream_error", 7)
    assert taken.answer is None
    assert outcomes(taken) == [("a", "upstream_error"), ("b", "upstream_error")]


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
        go(deployments("a", "b"), taken)
    assert caught.value is error
    assert outcomes(taken) == [("a", outcome)]


def test_a_deployment_without_credentials_is_passed_over(script: Script) -> None:
    mixed = [Deployment(OPEN, "a"), Deployment(CLOSED, "b")]
    assert go(mixed, secrets={}).model == "b"
    assert [name for name, _, _ in script.asked] == ["b"]


def test_a_model_without_any_credentials_is_not_configured(script: Script) -> None:
    taken = Route()
    error = caught_from(lambda: go(deployments("a", "b"), taken, secrets={}), ProviderNotConfigured)
    assert error.message == "The model 'm' needs credentials for open, which this gateway does not have."
    assert (taken.attempts, script.asked) == ([], [])


def test_unknown_fields_go_to_those_that_take_them(script: Script) -> None:
    taken = Route()
    go(deployments("a"), taken, top_k=40)
    assert script.asked[0][1].wire()["top_k"] == 40
    assert taken.dropped == []


def test_unknown_fields_are_refused_where_they_cannot_be_expressed(script: Script) -> None:
    error = caught_from(lambda: go(deployments("a", provider=CLOSED), zeta=1, seed=2), Inexpressible)
    assert (error.param, error.message) == ("zeta", "zeta: closed/a cannot do this.")
    assert script.asked == []


def test_a_deployment_that_cannot_express_the_request_is_passed_over(script: Script) -> None:
    taken = Route()
    assert go([Deployment(CLOSED, "a"), Deployment(OPEN, "b")], taken, top_k=1).model == "b"
    assert outcomes(taken) == [("b", "ok")]


def test_unknown_fields_are_dropped_and_listed_where_the_model_says_so(script: Script) -> None:
    taken = Route()
    go(deployments("a", provider=CLOSED, drop_params=True), taken, zeta=1, alpha=None, seed=1)
    assert taken.dropped == ["zeta"]
    assert script.asked[0][1].wire() == request(model="m", alpha=None, seed=1).wire()


def test_what_only_shows_in_translation_is_left_to_the_next_deployment_too(script: Script) -> None:
    script.outcomes = {"a": Inexpressible("seed: not with n.", param="seed")}
    taken = Route()
    assert go(deployments("a", "b"), taken).model == "b"
    assert caught_from(lambda: go(deployments("a")), Inexpressible).param == "seed"
    script.outcomes["b"] = UpstreamError("x")
    assert caught_from(lambda: go(deployments("a", "b")), UpstreamError).status == 502


def test_no_more_than_five_deployments_are_asked(script: Script) -> None:
    script.outcomes = dict.fromkeys("abcdefg", UpstreamError("x"))
    taken = Route()
    caught_from(lambda: go(deployments(*"abcdefg"), taken), UpstreamError)
    assert [attempt.deployment.model for attempt in taken.attempts] == list("abcde")


def test_a_deployment_s_own_timeout_cuts_its_time_and_the_next_one_is_asked(script: Script) -> None:
    script.outcomes = {"a": UpstreamTimeout("x")}
    assert go(deployments("a", timeout=7.0) + deployments("b")).model == "b"
    assert script.deadlines == [107.0, 200.0]


def test_nobody_is_asked_after_the_deadline(script: Script) -> None:
    now = iter([100.0, 300.0])
    script.outcomes = {"a": UpstreamTimeout("x")}
    taken = Route()
    deadline = Deadline(200.0, clock=lambda: next(now, 300.0))
    caught_from(lambda: go(deployments("a", "b"), taken, deadline=deadline), UpstreamTimeout)
    assert outcomes(taken) == [("a", "upstream_timeout")]
    assert taken.cost is None


def test_the_cost_of_an_answer_is_its_usage_times_the_price(script: Script) -> None:
    taken = Route()
    go(deployments("a", price=PRICE), taken)
    assert (taken.cost, taken.usage) == (Decimal("3.5"), USAGE)


def test_a_failure_that_is_billed_counts_into_usage_and_cost(script: Script) -> None:
    script.outcomes = {
        "a": UpstreamError("x", billed=Usage(input_tokens=1_000_000, output_tokens=0)),
        "b": UpstreamError("x"),
    }
    taken = Route()
    go(deployments("a", "b", "c", price=PRICE), taken)
    assert [attempt.cost for attempt in taken.attempts] == [Decimal(1), Decimal(0), Decimal("3.5")]
    assert (taken.cost, taken.usage.prompt_tokens) == (Decimal("4.5"), 2_000_000)


def test_a_cost_without_a_price_is_not_known(script: Script) -> None:
    taken = Route()
    go(deployments("a"), taken)
    assert taken.cost is None


def test_a_request_that_reached_no_provider_cost_nothing() -> None:
    assert (Route().cost, Route().usage) == (Decimal(0), Usage())


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
    error = caught_from(lambda: go(lacking, **fields), Inexpressible)
    assert (error.status, error.param) == (400, param)
    assert go(lacking + deployments("b"), **fields).model == "b"
    assert [name for name, _, _ in script.asked] == ["b"]


def test_a_model_that_only_makes_embeddings_does_not_chat(script: Script) -> None:
    error = caught_from(lambda: go(deployments("a", capabilities=frozenset({"embeddings"}))), Inexpressible)
    assert (error.param, error.message) == (
        "model",
        "model: open/a makes embeddings, by POST /embeddings, and does not chat.",
    )
