"""What a request costs is what all its attempts cost; one of unknown cost makes the whole unknown."""

from decimal import Decimal

import pytest

from gateway import pricing
from gateway.attempts import Route
from gateway.errors import UpstreamError, UpstreamTimeout
from gateway.usage import Usage
from tests.unit.builders import caught_from
from tests.unit.routing import PRICE, USAGE, Script, deployments, outcomes


def test_nobody_is_asked_after_the_deadline(script: Script) -> None:
    script.outcomes, script.takes = {"a": UpstreamTimeout("x")}, 101.0
    taken = Route()
    caught_from(lambda: script.go(deployments("a", "b"), taken), UpstreamTimeout)
    assert outcomes(taken) == [("a", "upstream_timeout")]
    assert taken.cost is None


@pytest.mark.parametrize(("seconds", "attempts"), [(0.0, []), (-5.0, []), (0.2, [("a", "upstream_error")])])
def test_what_was_never_asked_for_want_of_time_costs_nothing(
    script: Script, seconds: float, attempts: list[tuple[str, str]]
) -> None:
    script.outcomes = {"a": UpstreamError("x")}
    taken = Route()
    caught_from(lambda: script.go(deployments("a", "b"), taken, seconds=seconds), UpstreamTimeout)
    assert (outcomes(taken), taken.cost) == (attempts, Decimal(0))


@pytest.mark.parametrize("error", [UpstreamTimeout("x"), UpstreamError("x", billed=Usage()), RuntimeError("x")])
def test_a_failure_that_may_have_been_charged_makes_the_cost_unknown(script: Script, error: Exception) -> None:
    script.outcomes = {"a": error}
    taken = Route()
    with pytest.raises(type(error)):
        script.go(deployments("a", price=PRICE), taken)
    assert {(attempt.usage, attempt.cost) for attempt in taken.attempts} == {(Usage(), None)}
    assert taken.cost is None


def test_an_answer_after_a_failure_of_unknown_cost_is_of_unknown_cost_and_its_tokens_count(script: Script) -> None:
    script.outcomes = {"a": UpstreamTimeout("x")}
    taken = Route()
    script.go(deployments("a", "b", price=PRICE), taken)
    assert (taken.cost, taken.usage) == (None, USAGE)


def test_the_cost_of_an_answer_is_its_usage_times_the_price(script: Script) -> None:
    taken = Route()
    script.go(deployments("a", price=PRICE), taken)
    assert (taken.cost, taken.usage) == (Decimal("3.5"), USAGE)


def test_a_failure_that_is_billed_counts_into_usage_and_cost(script: Script) -> None:
    script.outcomes = {
        "a": UpstreamError("x", billed=Usage(input_tokens=1_000_000, output_tokens=0)),
        "b": UpstreamError("x"),
    }
    taken = Route()
    script.go(deployments("a", "b", "c", price=PRICE), taken)
    assert [attempt.cost for attempt in taken.attempts] == [Decimal(1), Decimal(0), Decimal("3.5")]
    assert (taken.cost, taken.usage.prompt_tokens) == (Decimal("4.5"), 2_000_000)


def test_the_price_is_that_of_the_moment_when_the_attempt_began(script: Script) -> None:
    cards = [{"input": "1", "output": "1", "since": day} for day in ("1970-01-02", "1970-01-03")]
    price = pricing.parse("price", [cards[0], cards[1] | {"input": "2"}])
    taken = Route()
    script.clock.now, script.takes = 2 * 86_400.0 - 1, 5.0
    script.go(deployments("a", price=price), taken)
    assert taken.cost == 2


def test_a_cost_without_a_price_is_not_known(script: Script) -> None:
    taken = Route()
    script.go(deployments("a"), taken)
    assert taken.cost is None


def test_a_request_that_reached_no_provider_cost_nothing() -> None:
    assert (Route().cost, Route().usage) == (Decimal(0), Usage())
