"""scripts/simulate-routing computes what it says: worlds, what was best in hindsight, and what the strategies made of them."""

import argparse
import json
from decimal import Decimal

import pytest

from gateway.strategies import STRATEGIES
from gateway.usage import Usage
from local.console import Failure
from simulate import routing
from simulate.routing import DEPLOYMENTS, FAILS_IN, Fleet, Moment, Outcome, Request, World, simulate, targets, world

NOISE = (2.0, 3.0, 5.0, 7.0)
SLOW = Moment(9.0, 0.0)


def asked(at: float = 0.0) -> Request:
    return Request(at, Usage(input_tokens=1000, output_tokens=100), NOISE, (0.5,) * 4)


def made(*moments: Moment, strategy: str = "priority") -> Outcome:
    """What becomes of one request to deployments that stay as they are."""
    return Fleet(Outcome(1, strategy, outages=True), World([asked()], [[moment] for moment in moments]), 1).run()


def outcome(strategy: str, outages: bool = True, seconds: float = 1.0, dearer: int = 0, part: int = 20) -> Outcome:
    """One that reached all, if nothing else is said; `part` of 170 requests first went to the deployment of share 20."""
    found = Outcome(1, strategy, outages, 170, 170, seconds, 1.0, Decimal(1), Decimal(1), dearer)
    shares = dict(zip((one.name for one in DEPLOYMENTS), (part, 40, 100, 10), strict=True))
    found.first.update(shares)
    return found


def test_a_seed_makes_one_world_and_without_outages_only_the_failures_are_missing() -> None:
    one, again, calm = world(300, 2, 4), world(300, 2, 4), world(300, 2, 4, outages=False)
    assert (one.requests, one.moments) == (again.requests, again.moments)
    assert one.requests == calm.requests
    assert [[moment.seconds for moment in path] for path in one.moments] == [
        [moment.seconds for moment in path] for path in calm.moments
    ]
    assert any(moment.failing for path in one.moments for moment in path)
    assert not any(moment.failing for path in calm.moments for moment in path)
    assert world(300, 2, 5).requests != one.requests


def test_the_cheapest_depends_on_the_mix_of_input_and_output() -> None:
    def cheapest(read: int, written: int) -> str:
        found = Request(0.0, Usage(input_tokens=read, output_tokens=written), NOISE, NOISE)
        return min(DEPLOYMENTS, key=found.cost).model

    mixes = [(5000, 6000), (1000, 10), (100, 1000), (5000, 4000)]
    assert [cheapest(*mix) for mix in mixes] == ["a", "b", "c", "d"]
    assert asked().cost(DEPLOYMENTS[0]) == Decimal("0.0035")


@pytest.mark.parametrize(
    ("moments", "seconds"),
    [
        ([Moment(1.0, 0.0), Moment(2.0, 0.0), SLOW, SLOW], 1.0),
        ([Moment(1.0, 1.0), Moment(2.0, 0.0), SLOW, SLOW], 2.0),
        ([Moment(1.0, 0.5), Moment(2.0, 0.0), SLOW, SLOW], 0.5 + 0.5 * FAILS_IN + 0.5 * 2.0),
        ([Moment(1.0, 1.0)] * 4, 4 * FAILS_IN),
    ],
)
def test_the_best_time_is_that_of_the_best_order_with_the_failures_on_its_way(
    moments: list[Moment], seconds: float
) -> None:
    best, _ = World([], [[moment] for moment in moments]).best(asked())
    assert best == pytest.approx(seconds)


def test_the_best_cost_is_that_of_the_healthy() -> None:
    costs = [asked().cost(one) for one in DEPLOYMENTS]
    assert costs.index(min(costs)) == 1
    dead, alive = Moment(1.0, 1.0), Moment(1.0, 0.3)
    assert World([], [[alive], [alive], [alive], [alive]]).best(asked())[1] == costs[1]
    assert World([], [[alive], [dead], [dead], [alive]]).best(asked())[1] == min(costs[0], costs[3])
    assert World([], [[dead]] * 4).best(asked())[1] == costs[1]


def test_a_failed_first_call_and_the_second_both_count() -> None:
    found = made(Moment(1.0, 1.0), Moment(2.0, 0.0), SLOW, SLOW)
    assert found.seconds == pytest.approx(1.0 * FAILS_IN * NOISE[0] + 2.0 * NOISE[1])
    assert (found.requests, found.answered, found.best_seconds) == (1, 1, 2.0)
    assert found.dollars == asked().cost(DEPLOYMENTS[1])
    assert found.first == {DEPLOYMENTS[0].name: 1}


def test_a_request_that_nobody_answers_is_an_error_and_costs_its_time() -> None:
    found = made(*[Moment(1.0, 1.0)] * 4)
    assert (found.requests, found.answered, found.dollars) == (1, 0, Decimal(0))
    assert found.seconds == pytest.approx(FAILS_IN * sum(NOISE))
    assert found.row()[8] == "100.00"


def test_a_call_is_dearer_if_another_that_may_be_called_costs_less() -> None:
    alive = [Moment(1.0, 0.0)] * 4
    assert made(*alive, strategy="priority").dearer == 1
    assert made(*alive, strategy="cost").dearer == 0
    # The cheapest fails; of those that are left, the next is the cheapest again.
    assert made(alive[0], Moment(1.0, 1.0), *alive[2:], strategy="cost").dearer == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_by_cost_every_request_goes_to_the_cheapest_whose_circuit_is_closed(seed: int) -> None:
    found = simulate("cost", 500, 4, seed)
    assert (found.requests, found.dearer) == (500, 0)
    calm = simulate("cost", 300, 4, seed, outages=False)
    assert (calm.answered, calm.dearer, calm.dollars) == (300, 0, calm.best_dollars)


def test_without_outages_round_robin_keeps_its_shares_and_the_table_is_hardly_written() -> None:
    found = simulate("round_robin", 1700, 5, 1, outages=False)
    assert sum(found.first.values()) == found.requests == found.answered == 1700
    assert found.uneven < 0.1
    assert 0 < found.writes < 0.05 * 1700
    assert 0 < found.reads <= 1700


def test_by_latency_answers_come_sooner_than_in_turns() -> None:
    turns, fastest = simulate("round_robin", 600, 4, 3), simulate("latency", 600, 4, 3)
    assert turns.best_seconds == fastest.best_seconds
    assert fastest.seconds < 0.9 * turns.seconds


def test_the_same_seed_gives_the_same_outcome() -> None:
    assert simulate("latency", 200, 3, 1) == simulate("latency", 200, 3, 1)


def test_each_target_is_held_against_its_own_runs() -> None:
    runs = [outcome("latency", seconds=1.2), outcome("cost", dearer=3), outcome("round_robin", part=19)]
    calm = outcome("round_robin", outages=False, part=21)
    assert [(most, values) for _, most, values in targets([*runs, calm])] == [
        (1.15, [1.2]),
        (0, [3.0]),
        (0.02, [pytest.approx(0.05)]),
    ]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("slower", [1.1, 1.2])
def test_a_missed_target_is_told_and_fails_the_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool, slower: float
) -> None:
    def simulated(strategy: str, requests: int, instances: int, seed: int, *, outages: bool) -> Outcome:
        assert (requests, instances, seed) == (10, 2, 7)
        return outcome(strategy, outages, seconds=slower)

    monkeypatch.setattr(routing, "simulate", simulated)
    options = argparse.Namespace(requests=10, instances=2, seed=[7], json=as_json)
    if slower > 1.15:
        with pytest.raises(Failure, match=r"Missed: latency, times the best\."):
            routing.run(options)
    else:
        routing.run(options)
    out = capsys.readouterr().out
    if as_json:
        told = json.loads(out)
        assert [run["strategy"] for run in told["runs"]] == [*STRATEGIES, "round_robin"]
        assert [target[1] for target in told["targets"]] == [1.15, 0, 0.02]
    else:
        assert ("MISSED" in out) == (slower > 1.15)
        assert len(out.splitlines()) == 1 + 5 + 3


@pytest.mark.parametrize(("requests", "instances"), [(0, 1), (1, 0), (-1, 1)])
def test_nothing_cannot_be_simulated(requests: int, instances: int) -> None:
    with pytest.raises(Failure, match="have to be requests"):
        routing.run(argparse.Namespace(requests=requests, instances=instances, seed=[1], json=False))
