"""A model's deployments are asked in turn until one answers; what is the request's own fault is not asked twice."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway import router
from gateway.deadline import Deadline
from gateway.errors import (
    ContextLengthExceeded,
    CredentialsRefused,
    GatewayError,
    InvalidRequest,
    ProviderNotConfigured,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.providers.base import Answer, Usage
from gateway.registry import Deployment, Endpoint, Model, Provider
from gateway.router import Route
from gateway.schemas import ChatCompletionRequest
from tests.unit.builders import caught_from, request

OPEN = Provider("open", "passing", "https://open.example", "OPEN_KEY")
CLOSED = Provider("closed", "strict", keyless=True)
SECRETS = {"OPEN_KEY": "k"}
DEADLINE = Deadline(2.0, clock=lambda: 1.0)


class Script:
    """Two adapters that answer, or fail, by the name of the deployment's model, and remember what they were asked."""

    def __init__(self) -> None:
        self.outcomes: dict[str, BaseException] = {}
        self.asked: list[tuple[str, ChatCompletionRequest, Endpoint]] = []

    def adapter(self, name: str) -> Any:
        script = self

        class Adapter:
            PASSES_UNKNOWN_FIELDS = name == "passing"

            def complete(self, asked: ChatCompletionRequest, to: Deployment, at: Endpoint, by: Deadline) -> Answer:
                assert by is DEADLINE
                script.asked.append((to.model, asked, at))
                if to.model in script.outcomes:
                    raise script.outcomes[to.model]
                return Answer({"choices": []}, Usage(), to.model)

        return Adapter()


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    found = Script()
    monkeypatch.setattr(router, "adapter", found.adapter)
    return found


def model(*names: str, provider: Provider = OPEN, **fields: Any) -> Model:
    return Model("m", tuple(Deployment(provider, name, **fields) for name in names))


def ticking() -> Callable[[], float]:
    """A clock that goes on by a quarter of a second whenever it is looked at."""
    times = iter(range(1000))
    return lambda: next(times) / 4


def go(asked: Model, taken: Route | None = None, secrets: dict[str, str] = SECRETS, **fields: Any) -> Answer:
    return router.route(request(**fields), asked, secrets, DEADLINE, taken or Route(), ticking())


def outcomes(taken: Route) -> list[tuple[str, str]]:
    return [(attempt.deployment.model, attempt.outcome) for attempt in taken.attempts]


def test_the_first_deployment_that_answers_is_the_only_one_asked(script: Script) -> None:
    taken = Route()
    answer = go(model("a", "b"), taken)
    assert (answer.model, taken.answer) == ("a", answer)
    assert outcomes(taken) == [("a", "ok")]
    assert script.asked[0][2] == Endpoint("https://open.example", "k")


@pytest.mark.parametrize("error", [UpstreamError("x"), CredentialsRefused("x"), UpstreamError("x", code="own")])
def test_falls_back_when_a_deployment_fails(script: Script, error: GatewayError) -> None:
    script.outcomes = {"a": error}
    taken = Route()
    assert go(model("a", "b", "c"), taken).model == "b"
    assert outcomes(taken) == [("a", error.code), ("b", "ok")]


def test_what_a_failed_deployment_could_not_express_is_not_told_of_the_one_that_answered(script: Script) -> None:
    script.outcomes = {"a": UpstreamError("x")}
    taken = Route()
    mixed = Model("m", (Deployment(CLOSED, "a", drop_params=True), Deployment(OPEN, "b")))
    assert go(mixed, taken, some_future_field=1).model == "b"
    assert taken.dropped == []


def test_why_a_deployment_failed_is_told_but_not_what_it_said_of_the_request(script: Script) -> None:
    script.outcomes = {"a": UpstreamError("The provider answered HTTP 404."), "b": InvalidRequest("you said: secret")}
    taken = Route()
    caught_from(lambda: go(model("a", "b"), taken), InvalidRequest)
    assert [attempt.to_row() for attempt in taken.attempts] == [
        {"deployment": "open/a", "outcome": "upstream_error", "ms": 250, "reason": "The provider answered HTTP 404."},
        {"deployment": "open/b", "outcome": "invalid_request_error", "ms": 250},
    ]


def test_each_attempt_s_time_is_measured(script: Script) -> None:
    script.outcomes = {"a": UpstreamError("x")}
    taken = Route()
    go(model("a", "b"), taken)
    assert [attempt.milliseconds for attempt in taken.attempts] == [250, 250]
    assert taken.provider_milliseconds == 500


def test_when_all_fail_the_last_failure_is_told(script: Script) -> None:
    script.outcomes = {"a": CredentialsRefused("Refused."), "b": UpstreamError("HTTP 429.", retry_after=7)}
    taken = Route()
    error = caught_from(lambda: go(model("a", "b"), taken), UpstreamError)
    assert error.message == "All deployments of 'm' failed. HTTP 429."
    assert (error.status, error.code, error.retry_after) == (502, "upstream_error", 7)
    assert taken.answer is None
    assert outcomes(taken) == [("a", "upstream_error"), ("b", "upstream_error")]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidRequest("x"), "invalid_request_error"),
        (ContextLengthExceeded("x"), "context_length_exceeded"),
        (UpstreamTimeout("x"), "upstream_timeout"),
        (RuntimeError("x"), "internal_error"),
    ],
)
def test_does_not_fall_back_when_it_would_not_help(script: Script, error: Exception, outcome: str) -> None:
    script.outcomes = {"a": error}
    taken = Route()
    with pytest.raises(type(error)) as caught:
        go(model("a", "b"), taken)
    assert caught.value is error
    assert outcomes(taken) == [("a", outcome)]


def test_a_deployment_without_credentials_is_passed_over(script: Script) -> None:
    mixed = Model("m", (Deployment(OPEN, "a"), Deployment(CLOSED, "b")))
    assert go(mixed, secrets={}).model == "b"
    assert [name for name, _, _ in script.asked] == ["b"]


def test_a_model_without_any_credentials_is_not_configured(script: Script) -> None:
    taken = Route()
    error = caught_from(lambda: go(model("a", "b"), taken, secrets={}), ProviderNotConfigured)
    assert error.message == "The model 'm' needs credentials for open, which this gateway does not have."
    assert (taken.attempts, script.asked) == ([], [])


def test_unknown_fields_go_to_those_that_take_them(script: Script) -> None:
    taken = Route()
    go(model("a"), taken, top_k=40)
    assert script.asked[0][1].wire()["top_k"] == 40
    assert taken.dropped == []


def test_unknown_fields_are_refused_where_they_cannot_be_expressed(script: Script) -> None:
    error = caught_from(lambda: go(model("a", provider=CLOSED), zeta=1, alpha=2), InvalidRequest)
    assert (error.param, error.message) == ("alpha", "alpha: closed/a has no such parameter.")
    assert script.asked == []


def test_unknown_fields_are_dropped_and_listed_where_the_model_says_so(script: Script) -> None:
    taken = Route()
    go(model("a", provider=CLOSED, drop_params=True), taken, zeta=1, alpha=None, seed=1)
    assert taken.dropped == ["alpha", "zeta"]
    assert script.asked[0][1].wire() == request(seed=1).wire()
