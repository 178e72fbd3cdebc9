"""Small fleets of the real code, simulated: what scripts/simulate-fleet measures holds for them."""

import logging
import random
from collections.abc import Iterator

import pytest

from simulate import fleets
from simulate.fleet import Fleet
from simulate.table import Table


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("gateway.health.count", lambda *_, **__: None)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("instances", "rate"), [(5, 0.1), (5, 1.0), (5, 50.0), (100, 1.0), (1000, 0.1), (20, 20.0)])
def test_a_fleet_meets_its_targets(instances: int, rate: float) -> None:
    outcome = fleets.simulated(instances, rate, seed=7)
    assert outcome.missed() == []
    assert outcome.dead.requests > 0
    assert outcome.dead.calls == outcome.dead.failed


@pytest.mark.parametrize("seed", range(5))
def test_a_busy_fleet_leaves_a_dead_deployment_within_twenty_failures(seed: int) -> None:
    fleet = Fleet(200, 400.0, Table(), random.Random(seed))
    fleet.run(10, 0.0)
    dead = fleet.run(15, 1.0)
    assert dead.left is not None
    assert (dead.left < 1, dead.failures_then <= 20) == (True, True)
    assert dead.failed < 250
    assert dead.last_call is not None
    assert dead.last_call < 6


def test_a_healthy_fleet_writes_nothing_but_first_latencies() -> None:
    fleet = Fleet(20, 20.0, Table(), random.Random(1))
    fleet.run(20, 0.0)
    healthy = fleet.run(120, 0.0)
    assert healthy.blocked == 0
    assert healthy.writes <= 0.01 * healthy.requests
    assert healthy.reads < 0.3 * healthy.requests


def test_a_fleet_with_a_failure_now_and_then_blocks_nobody() -> None:
    fleet = Fleet(50, 100.0, Table(), random.Random(2))
    fleet.run(20, 0.0)
    noisy = fleet.run(120, 0.01)
    assert noisy.failed > 50
    assert noisy.blocked == 0
