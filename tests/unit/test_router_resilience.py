"""What a request does when deployments fail: whom it asks next, how long it waits, and when it gives up."""

from typing import Any

import pytest

from gateway import circuits
from gateway.attempts import Route
from gateway.circuits import Result
from gateway.errors import (
    ContentFiltered,
    ContextLengthExceeded,
    CredentialsRefused,
    InvalidRequest,
    RateLimited,
    ServiceUnavailable,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.health import Health
from gateway.keys import ApiKey
from gateway.registry import MAX_DEPLOYMENTS, Model
from gateway.state import State
from tests.unit.builders import caught_from
from tests.unit.routing import CLOSED, Script, deployments, outcomes

FAILED = UpstreamError("HTTP 500.")
FINAL = UpstreamError("The provider does not have the model.", retryable=False)


def limited(seconds: float | None = None) -> RateLimited:
    return RateLimited("HTTP 429.", retry_after=seconds)


def open_circuit(script: Script, model: str, kind: str = "refused", retry_after: float = 0.0) -> None:
    """As another instance would have it."""
    other = Health(State("state", lambda: script.table))  # type: ignore[arg-type, return-value]
    other.report(f"open/{model}", Result(kind, script.clock.now, retry_after=retry_after), script.clock.now)


# Retries.


def test_a_lone_deployment_is_asked_again_after_a_jittered_wait_that_doubles(script: Script) -> None:
    script.outcomes = {"a": [FAILED, FAILED, None]}
    taken = Route()
    assert script.go(deployments("a"), taken).model == "a"
    assert outcomes(taken) == [("a", "upstream_error"), ("a", "upstream_error"), ("a", "ok")]
    assert script.clock.slept == [0.25, 0.5]
    assert [attempt.waited for attempt in taken.attempts] == [0, 250, 500]


def test_the_wait_before_an_attempt_is_in_its_row(script: Script) -> None:
    script.outcomes = {"a": [FAILED, None]}
    taken = Route()
    script.go(deployments("a"), taken)
    assert taken.attempts[1].to_row() == {"deployment": "open/a", "outcome": "ok", "ms": 250, "waited_ms": 250}
    assert taken.provider_milliseconds == 750


def test_it_is_asked_three_times_and_then_its_last_failure_is_told(script: Script) -> None:
    script.outcomes = {"a": FAILED}
    error = caught_from(lambda: script.go(deployments("a")), UpstreamError)
    assert script.called == ["a"] * 3
    assert (error.retryable, error.should_retry) == (True, None)


@pytest.mark.parametrize("error", [FINAL, CredentialsRefused("x"), UpstreamTimeout("x")])
def test_what_asking_again_does_not_help_is_not_asked_again(script: Script, error: UpstreamError) -> None:
    script.outcomes = {"a": error}
    told = caught_from(lambda: script.go(deployments("a")), type(error))
    assert (script.called, script.clock.slept) == (["a"], [])
    assert told.should_retry is False


def test_with_another_deployment_nobody_waits(script: Script) -> None:
    script.outcomes = {"a": limited(30)}
    assert script.go(deployments("a", "b")).model == "b"
    assert script.clock.slept == []


def test_when_all_have_failed_those_who_may_do_better_are_asked_again_in_order(script: Script) -> None:
    script.outcomes = {"a": [FAILED, FAILED], "b": FINAL, "c": [FAILED, None]}
    assert script.go(deployments("a", "b", "c")).model == "c"
    assert script.called == ["a", "b", "c", "a", "c"]


def test_a_retry_after_is_obeyed_up_to_the_deadline(script: Script) -> None:
    script.outcomes = {"a": [limited(20), None]}
    assert script.go(deployments("a"), chance=lambda: 0.0).model == "a"
    assert script.clock.slept == [20]


def test_a_retry_after_beyond_the_deadline_is_told_to_the_client_at_once(script: Script) -> None:
    script.outcomes = {"a": limited(30)}
    error = caught_from(lambda: script.go(deployments("a"), seconds=20), RateLimited)
    assert (script.called, script.clock.slept) == (["a"], [])
    assert (error.status, error.retry_after) == (502, 30)


def test_of_several_the_soonest_is_told(script: Script) -> None:
    script.outcomes = {"a": limited(40), "b": FINAL, "c": limited(30), "d": limited(50)}
    error = caught_from(lambda: script.go(deployments("a", "b", "c", "d"), seconds=20), RateLimited)
    assert error.retry_after == pytest.approx(30 - script.takes)


def test_one_that_may_work_at_once_makes_the_client_wait_for_nothing(script: Script) -> None:
    script.outcomes = {"a": limited(40), "b": FAILED}
    error = caught_from(lambda: script.go(deployments("a", "b"), seconds=20), UpstreamError)
    assert (error.retry_after, error.should_retry) == (None, None)


def test_a_wait_that_would_outlast_the_deadline_is_not_begun(script: Script) -> None:
    script.outcomes, script.takes = {"a": FAILED}, 9.9
    caught_from(lambda: script.go(deployments("a"), seconds=10), UpstreamError)
    assert (script.called, script.clock.slept) == (["a"], [])


# The deadline.


def test_a_silent_deployment_leaves_time_for_the_next(script: Script) -> None:
    script.go(deployments("a", "b"), seconds=27)
    assert script.deadlines == [pytest.approx(27 - 7.5)]


def test_a_deployment_without_others_may_take_all_the_time(script: Script) -> None:
    script.go(deployments("a"), seconds=27)
    assert script.deadlines == [27]


def test_one_that_is_usually_slow_keeps_a_multiple_of_its_time(script: Script) -> None:
    for name in ("open/a", "open/b"):
        script.health.report(name, Result("ok", script.clock.now, seconds=12.0), script.clock.now)
    script.go(deployments("a", "b"), seconds=27)
    assert script.deadlines == [27]


def test_a_timeout_that_gave_too_little_time_is_not_held_against_the_deployment(script: Script) -> None:
    script.outcomes, script.takes = {"a": UpstreamTimeout("x")}, 0.0
    for _ in range(9):
        caught_from(lambda: script.go(deployments("a"), seconds=2), UpstreamTimeout)
    assert script.table.writes == 0


@pytest.mark.parametrize("fields", [{}, {"timeout": 1.0}])
def test_a_timeout_in_a_fair_time_is_a_failure(script: Script, fields: dict[str, Any]) -> None:
    script.outcomes = {"a": UpstreamTimeout("x")}
    caught_from(lambda: script.go(deployments("a", **fields), seconds=27.0), UpstreamTimeout)
    assert script.table.items["deployment#open/a"]["failed"] == 1


def test_nobody_is_waited_for_who_could_not_answer_in_the_time_that_is_left(script: Script) -> None:
    script.health.report("open/a", Result("ok", script.clock.now, seconds=6.0), script.clock.now)
    script.outcomes = {"a": limited(20)}
    error = caught_from(lambda: script.go(deployments("a"), seconds=25), RateLimited)
    assert (script.called, error.retry_after) == (["a"], 20)


# Circuits.


def test_a_deployment_whose_circuit_is_open_is_passed_over(script: Script) -> None:
    open_circuit(script, "a")
    assert script.go(deployments("a", "b")).model == "b"
    assert script.called == ["b"]


def test_a_lone_deployment_is_asked_whatever_its_circuit(script: Script) -> None:
    open_circuit(script, "a")
    assert script.go(deployments("a")).model == "a"


def test_one_whose_only_companion_cannot_express_the_request_is_lone(script: Script) -> None:
    open_circuit(script, "a")
    assert script.go([*deployments("b", provider=CLOSED), *deployments("a")], top_k=1).model == "a"


def test_a_lone_deployment_that_wants_no_requests_is_waited_for(script: Script) -> None:
    open_circuit(script, "a", "limited", 4.0)
    assert script.go(deployments("a")).model == "a"
    assert script.clock.slept == [pytest.approx(4.0)]


def test_a_lone_deployment_that_wants_none_for_too_long_is_asked_all_the_same(script: Script) -> None:
    open_circuit(script, "a", "limited", 60.0)
    assert script.go(deployments("a"), seconds=20).model == "a"
    assert script.clock.slept == []


def test_if_all_want_no_requests_the_soonest_is_waited_for(script: Script) -> None:
    open_circuit(script, "a", "limited", 9.0)
    open_circuit(script, "b", "limited", 5.0)
    assert script.go(deployments("a", "b")).model == "b"
    assert script.clock.slept == [pytest.approx(5.25)]  # not all come back in the same moment


def test_if_all_circuits_are_open_they_are_probed_by_one_request_the_one_due_soonest_first(script: Script) -> None:
    open_circuit(script, "a")
    script.clock.now += 5
    open_circuit(script, "b")
    script.outcomes = {"a": FINAL, "b": FINAL}
    taken = Route()
    caught_from(lambda: script.go(deployments("b", "a"), taken), UpstreamError)
    assert [(attempt.deployment.model, attempt.probe) for attempt in taken.attempts] == [("a", True), ("b", True)]
    error = caught_from(lambda: script.go(deployments("b", "a")), ServiceUnavailable)
    assert (error.status, error.code) == (503, "service_unavailable")
    assert error.retry_after == pytest.approx(55 - 2 * script.takes)


def test_a_probe_that_answers_serves_the_request_and_closes_the_circuit(script: Script) -> None:
    open_circuit(script, "a")
    open_circuit(script, "b")
    assert script.go(deployments("a", "b")).model == "a"
    assert script.go(deployments("a", "b")).model == "a"
    assert script.health.circuit("open/a").state(script.clock.now) == "closed"


def test_a_circuit_that_is_due_is_probed_in_its_place_with_half_of_the_time(script: Script) -> None:
    open_circuit(script, "a")
    script.clock.now += circuits.REFUSED_SECONDS
    taken = Route()
    assert script.go(deployments("a", "b"), taken, seconds=20).model == "a"
    assert taken.attempts[0].probe
    assert script.deadlines == [10]


def test_a_failed_probe_costs_no_answer(script: Script) -> None:
    open_circuit(script, "a")
    script.clock.now += circuits.REFUSED_SECONDS
    script.outcomes = {"a": FAILED}
    assert script.go(deployments("a", "b")).model == "b"
    assert script.called == ["a", "b"]


def test_while_somebody_probes_others_pass_it_over(script: Script) -> None:
    open_circuit(script, "a")
    script.clock.now += circuits.REFUSED_SECONDS
    other = Health(State("state", lambda: script.table))  # type: ignore[arg-type, return-value]
    other.refresh(["open/a"], script.clock.now)
    assert other.elect("open/a", script.clock.now, script.clock.now + 10)
    assert script.go(deployments("a", "b")).model == "b"
    assert script.called == ["b"]


def test_before_it_gives_up_a_request_asks_one_whose_circuit_is_open(script: Script) -> None:
    open_circuit(script, "b")
    script.outcomes = {"a": FINAL}
    assert script.go(deployments("a", "b")).model == "b"


def test_a_deployment_that_dies_is_left_after_a_few_requests_and_found_again(script: Script) -> None:
    script.outcomes = {"a": FAILED}
    script.takes = 0.01
    for _ in range(40):
        assert script.go(deployments("a", "b")).model == "b"
    assert script.called.count("a") < 20
    script.outcomes = {}
    script.clock.now += 40
    assert script.go(deployments("a", "b")).model == "a"


def test_that_a_request_is_at_fault_shows_that_the_deployment_works(script: Script) -> None:
    script.outcomes = {"a": InvalidRequest("x")}
    for _ in range(30):
        caught_from(lambda: script.go(deployments("a", "b")), InvalidRequest)
    assert script.called == ["a"] * 30
    assert script.table.writes == 0


# Fallbacks.


def fallback(name: str, **fields: Any) -> dict[str, Model]:
    return {name: Model(name, tuple(deployments(f"{name}1", f"{name}2")), **fields)}


def go(script: Script, taken: Route | None = None, key: ApiKey | None = None, **lists: Any) -> str:
    """Ask a model with these lists of fallbacks; there are the models f, g and h."""
    models = fallback("f") | fallback("g", fallbacks=("h",)) | fallback("h")
    models["m"] = Model("m", tuple(deployments("a", "b")), **lists)
    return script.go(deployments("a", "b"), taken, models=models, key=key or ApiKey("k", frozenset())).model


def test_when_all_deployments_have_failed_the_model_s_fallbacks_are_asked(script: Script) -> None:
    script.outcomes = {"a": FAILED, "b": FINAL}
    assert go(script, fallbacks=("f",)) == "f1"
    assert script.called == ["a", "b", "f1"]


def test_fallbacks_that_a_key_may_not_use_are_skipped(script: Script) -> None:
    script.outcomes = {"a": FAILED, "b": FINAL, "f1": FAILED}
    key = ApiKey("k", frozenset(), models=frozenset({"m", "g"}))
    assert go(script, key=key, fallbacks=("f", "g")) == "g1"
    assert script.called == ["a", "b", "g1"]


def test_a_key_that_may_use_no_fallback_gets_the_failure(script: Script) -> None:
    script.outcomes = {"a": FINAL, "b": FINAL}
    key = ApiKey("k", frozenset(), models=frozenset({"m"}))
    caught_from(lambda: go(script, key=key, fallbacks=("f",)), UpstreamError)
    assert script.called == ["a", "b"]


@pytest.mark.parametrize(
    ("fault", "field"),
    [(ContextLengthExceeded, "context_length_fallbacks"), (ContentFiltered, "content_policy_fallbacks")],
)
def test_a_fault_of_the_request_falls_back_where_the_model_says_so(
    script: Script, fault: type[InvalidRequest], field: str
) -> None:
    script.outcomes = {"a": fault("x")}
    taken = Route()
    lists: dict[str, Any] = {field: ("g",)}
    assert go(script, taken, fallbacks=("f",), **lists) == "g1"
    assert outcomes(taken) == [("a", fault.code), ("g1", "ok")]
    script.outcomes["g1"] = script.outcomes["g2"] = FINAL
    assert go(script, **lists) == "h1"


@pytest.mark.parametrize(
    ("fault", "field"),
    [(ContentFiltered, "context_length_fallbacks"), (ContextLengthExceeded, "content_policy_fallbacks")],
)
def test_and_only_that_fault(script: Script, fault: type[InvalidRequest], field: str) -> None:
    script.outcomes = {"a": fault("x")}
    lists: dict[str, Any] = {field: ("g",)}
    caught_from(lambda: go(script, fallbacks=("f",), **lists), fault)
    assert script.called == ["a"]


def test_a_fault_is_told_itself_if_no_fallback_may_be_used(script: Script) -> None:
    script.outcomes = {"a": ContextLengthExceeded("Too long.")}
    key = ApiKey("k", frozenset(), models=frozenset({"m"}))
    error = caught_from(lambda: go(script, key=key, context_length_fallbacks=("f",)), ContextLengthExceeded)
    assert error.message == "Too long."


def test_a_fault_is_told_rather_than_an_earlier_failure_of_somebody_else(script: Script) -> None:
    script.outcomes = {"a": FAILED, "b": ContextLengthExceeded("Too long.")}
    models = {"f": Model("f", tuple(deployments("f1", provider=CLOSED)))}
    models["m"] = Model("m", tuple(deployments("a", "b")), context_length_fallbacks=("f",))
    error = caught_from(lambda: script.go(deployments("a", "b"), models=models, top_k=1), ContextLengthExceeded)
    assert error.message == "Too long."


def test_fallbacks_of_faults_that_lead_to_each_other_end(script: Script) -> None:
    models = fallback("f", context_length_fallbacks=("g",)) | fallback("g", context_length_fallbacks=("f",))
    script.outcomes = {name: ContextLengthExceeded(name) for name in ("f1", "f2", "g1", "g2")}
    first = models["f"]
    error = caught_from(lambda: script.go(first.deployments, models=models, model="f"), ContextLengthExceeded)
    assert (script.called, error.message) == (["f1", "g1"], "g1")


def test_five_deployments_are_asked_at_most_fallbacks_of_faults_included(script: Script) -> None:
    models = {
        name: Model(name, tuple(deployments(name)), context_length_fallbacks=(follower,))
        for name, follower in zip("defghij", "efghijd", strict=True)
    }
    script.outcomes = {name: ContextLengthExceeded(name) for name in models}
    caught_from(lambda: script.go(models["d"].deployments, models=models, model="d"), ContextLengthExceeded)
    assert len(script.called) == MAX_DEPLOYMENTS


def test_a_fallback_of_a_fault_may_be_an_ordinary_one_too(script: Script) -> None:
    script.outcomes = {"a": ContextLengthExceeded("x")}
    assert go(script, fallbacks=("f",), context_length_fallbacks=("f",)) == "f1"


def test_a_deployment_of_a_model_that_a_key_may_not_use_serves_another_that_it_may(script: Script) -> None:
    script.outcomes = {"a": FINAL, "b": FINAL}
    models = {name: Model(name, tuple(deployments("x"))) for name in ("f", "g")}
    models["m"] = Model("m", tuple(deployments("a", "b")), fallbacks=("f", "g"))
    key = ApiKey("k", frozenset(), models=frozenset({"m", "g"}))
    assert script.go(deployments("a", "b"), models=models, key=key).model == "x"


def test_a_silent_probe_leaves_time_for_another_whose_circuit_is_open(script: Script) -> None:
    open_circuit(script, "a")
    open_circuit(script, "b")
    script.outcomes, script.slow = {"a": UpstreamTimeout("x")}, {"a": 10.0}
    assert script.go(deployments("a", "b"), seconds=20).model == "b"
    assert script.deadlines == [10, 10]


def test_one_that_has_just_been_probed_does_not_hide_the_others(script: Script) -> None:
    open_circuit(script, "a")
    open_circuit(script, "b")
    other = Health(State("state", lambda: script.table))  # type: ignore[arg-type, return-value]
    assert other.elect("open/a", script.clock.now, script.clock.now + 10, ahead=True)
    assert script.go(deployments("a", "b")).model == "b"


def test_of_several_others_each_keeps_its_time(script: Script) -> None:
    for name in ("open/b", "open/c"):
        script.health.report(name, Result("ok", script.clock.now, seconds=0.2), script.clock.now)
    script.go(deployments("a", "b", "c"), seconds=27)
    assert script.deadlines == [23]


def test_a_model_s_fallback_keeps_its_time_too(script: Script) -> None:
    assert script.go(deployments("a"), seconds=27).model == "a"
    models = {"m": Model("m", tuple(deployments("a")), fallbacks=("f",)), "f": Model("f", tuple(deployments("f1")))}
    assert script.go(deployments("a"), models=models, seconds=27).model == "a"
    assert script.deadlines[0] == 27
    assert script.deadlines[1] < 27


def test_when_the_fallbacks_of_a_fault_are_all_kept_back_the_client_is_to_come_back(script: Script) -> None:
    script.outcomes = {"a": ContextLengthExceeded("x"), "f1": FINAL, "f2": FINAL}
    for model in ("f1", "f2"):
        open_circuit(script, model)
        other = Health(State("state", lambda: script.table))  # type: ignore[arg-type, return-value]
        assert other.elect(f"open/{model}", script.clock.now, script.clock.now + 10, ahead=True)
    script.health.refresh(["open/f1", "open/f2"], script.clock.now)
    error = caught_from(lambda: go(script, context_length_fallbacks=("f",)), ServiceUnavailable)
    assert error.retry_after is not None
