"""scripts/simulate-routing: how near each strategy comes to the best possible in hindsight, on a virtual clock."""

import argparse
import heapq
import json
import logging
import math
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import permutations, product
from typing import Any, NamedTuple, cast
from unittest.mock import patch

from gateway import pricing
from gateway.circuits import Result
from gateway.health import Health
from gateway.registry import Deployment, Model, Provider
from gateway.state import State
from gateway.strategies import STRATEGIES, Candidate, Turns
from gateway.usage import Usage
from local import console
from local.console import Failure, say
from simulate.table import Table

HELP = """\
Simulates instances that share one State table, each with the gateway's own strategies, latency statistics and circuits.
Four deployments differ in weight, in price by input and output, and in speed: their mean times drift and, every ten
minutes or so, jump; answers vary around them (lognormal); now and then one fails for a while, always or at some rate.
Calls take virtual time and overlap. A request goes on to the next deployment when one fails, and all that it waits counts;
it asks each once at most. For every seed, all strategies get the same requests in the same world.

  seconds, $/1000  means of all requests; best: in hindsight, by the true mean times, prices and rates of failures when a
                   request comes: the order of deployments that takes the least time, and the least cost of those that
                   fail less than half of their calls
  errors%          requests that nobody answered
  dearer           calls that did not go to the cheapest deployment whose circuit was closed, probes apart
  reads, writes    of the State table, a request

Targets: latency within 15 % of the best; cost with 0 dearer calls; round_robin within 2 % of each deployment's share, in a
run without outages. The exit status is 1 if one is missed."""
HEADERS = ("seed", "strategy", "seconds", "best", "ratio", "$/1000", "best", "ratio", "errors%", "dearer", "reads", "writes")  # fmt: skip

BEGIN, RATE = 1_790_000_000.0, 0.3
"""Seconds since the epoch; requests a second, of each instance."""
ROWS = (
    ("a", "1", 1.0, {"input": "2.5", "output": "10"}),
    ("b", "2", 1.3, {"input": "0.8", "output": "12"}),
    ("c", "5", 1.8, {"input": "3", "output": "6", "above": {"4000": {"input": "6", "output": "9"}}}),
    ("d", "0.5", 2.7, {"input": "1.5", "output": "11"}),
)
"""The deployments: name, weight, the mean of their seconds at first, price."""
DRIFT, JUMP, NOISE = 0.01, 0.5, 0.4
"""Of a mean's logarithm: how far it wanders in a second, and jumps from its first value; and how answers vary around it."""
JUMP_EVERY, OUTAGE_EVERY, OUTAGE_SECONDS = 600.0, 600.0, (20.0, 90.0)
"""How often that happens to a deployment, in seconds, and how long it then fails."""
FAILING, HALF, FAILS_IN = (1.0, 1.0, 0.7, 0.3, 0.1), 0.5, 0.3
"""How likely its calls are to fail then: one of these; from a half on, it is not healthy. So much of an answer's time a
failure takes."""
PROBE_SECONDS = 15.0

DEPLOYMENTS = tuple(
    Deployment(Provider("provider", "local"), name, Decimal(weight), rank, pricing.parse(name, price))
    for rank, (name, weight, _, price) in enumerate(ROWS)
)
MODEL = Model("model", DEPLOYMENTS)
INDEX = {deployment.name: index for index, deployment in enumerate(DEPLOYMENTS)}


class Moment(NamedTuple):
    """A deployment as it truly is, for a second: the mean time of its answers, and how likely its calls are to fail."""

    seconds: float
    failing: float


@dataclass(frozen=True)
class Request:
    """One request, `at` seconds after the world began.

    For each deployment there is how many times its mean it takes, and a number from 0 to 1, its luck: the call fails if
    that is below its rate of failures.
    """

    at: float
    usage: Usage
    noise: tuple[float, ...]
    luck: tuple[float, ...]

    def cost(self, deployment: Deployment) -> Decimal:
        """US dollars."""
        return pricing.cost(self.usage, deployment.price, BEGIN + self.at) or Decimal(0)


class World:
    """Who asks, and how each deployment truly is, second by second: the same for all strategies."""

    def __init__(self, requests: list[Request], moments: list[list[Moment]]) -> None:
        self.requests = requests
        self.moments = moments
        self._least = [min(map(_expected, permutations(now))) for now in zip(*moments, strict=True)]

    def call(self, index: int, request: Request, at: float) -> tuple[bool, float]:
        """Whether a call to a deployment fails, and the seconds that it takes."""
        now = self.moments[index][min(int(at), len(self.moments[index]) - 1)]
        fails = request.luck[index] < now.failing
        return fails, now.seconds * request.noise[index] * (FAILS_IN if fails else 1)

    def best(self, request: Request) -> tuple[float, Decimal]:
        """The least expected time to an answer, and the least cost of who is healthy when it comes; of all, if nobody is."""
        second = int(request.at)
        healthy = [one for one in DEPLOYMENTS if self.moments[INDEX[one.name]][second].failing < HALF] or DEPLOYMENTS
        return self._least[second], min(map(request.cost, healthy))


def _expected(order: Sequence[Moment]) -> float:
    """The mean time to an answer of who asks deployments in this order, each if those before it have failed."""
    seconds, reached = 0.0, 1.0
    for one in order:
        seconds += reached * one.seconds * (1 - one.failing + FAILS_IN * one.failing)
        reached *= one.failing
    return seconds


def world(requests: int, instances: int, seed: int, *, outages: bool = True) -> World:
    """The world of a seed."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    asked, at = list[Request](), 0.0
    for _ in range(requests):
        at += chance.expovariate(RATE * instances)
        usage = Usage(input_tokens=int(chance.lognormvariate(6.7, 1)), output_tokens=int(chance.lognormvariate(5.7, 1)))
        noise = tuple(chance.lognormvariate(-NOISE * NOISE / 2, NOISE) for _ in ROWS)  # of mean 1
        asked.append(Request(at, usage, noise, tuple(chance.random() for _ in ROWS)))
    return World(asked, [_moments(row[2], int(at) + 1, outages, chance) for row in ROWS])


def _moments(first: float, length: int, outages: bool, chance: random.Random) -> list[Moment]:
    found, log, until, rate = list[Moment](), math.log(first), 0.0, 0.0
    for second in range(length):
        jumps = chance.random() < 1 / JUMP_EVERY
        log = chance.gauss(math.log(first), JUMP) if jumps else log + chance.gauss(0, DRIFT)
        if chance.random() < 1 / OUTAGE_EVERY and second >= until:
            until, rate = second + chance.uniform(*OUTAGE_SECONDS), chance.choice(FAILING)
        found.append(Moment(math.exp(log), rate if outages and second < until else 0.0))
    return found


@dataclass
class Outcome:
    """What a strategy made of a world: sums over its requests, and how often each deployment was asked `first`."""

    seed: int
    strategy: str
    outages: bool
    requests: int = 0
    answered: int = 0
    seconds: float = 0.0
    best_seconds: float = 0.0
    dollars: Decimal = Decimal(0)
    best_dollars: Decimal = Decimal(0)
    dearer: int = 0
    first: Counter[str] = field(default_factory=Counter)
    reads: int = 0
    writes: int = 0

    @property
    def slower(self) -> float:
        """Times the best possible."""
        return self.seconds / self.best_seconds

    @property
    def uneven(self) -> float:
        """How far a deployment's part of the first calls is from its share at most, in parts of that share."""
        total = sum(one.weight for one in DEPLOYMENTS)
        return max(abs(float(self.first[one.name] * total / one.weight) / self.requests - 1) for one in DEPLOYMENTS)

    def row(self) -> list[str]:
        """For the table."""
        seconds = [total / self.requests for total in (self.seconds, self.best_seconds)]
        dollars = [1000 * float(total) / max(1, self.answered) for total in (self.dollars, self.best_dollars)]
        numbers = (*seconds, self.slower, *dollars, dollars[0] / (dollars[1] or 1))
        words = [f"{self.seed}", self.strategy if self.outages else "no outages", *(f"{one:.3f}" for one in numbers)]
        errors, calls = 100 - 100 * self.answered / self.requests, (self.reads, self.writes)
        return [*words, f"{errors:.2f}", f"{self.dearer}", *(f"{count / self.requests:.3f}" for count in calls)]


class Fleet:
    """Instances that serve a world's requests by one strategy; `now` is in seconds since the world began."""

    def __init__(self, outcome: Outcome, world: World, instances: int) -> None:
        self.now = 0.0
        self.table = Table()
        self.outcome = outcome
        self._world = world
        self._chance = random.Random(-outcome.seed)  # noqa: S311 - no secret
        self._idle = [self._instance() for _ in range(instances)]

    def run(self) -> Outcome:
        """Serve all requests, what happens first before what happens later."""
        ahead = [(request.at, number, self._serve(request)) for number, request in enumerate(self._world.requests)]
        while ahead:
            self.now, number, process = heapq.heappop(ahead)
            if seconds := next(process, None):
                heapq.heappush(ahead, (self.now + seconds, number, process))
        self.outcome.reads, self.outcome.writes = self.table.reads, self.table.writes
        return self.outcome

    def _instance(self) -> tuple[Health, Turns]:
        state = State("state", lambda: cast(Any, self.table), within=lambda _, call: call())
        return Health(state), Turns(self._chance.random)

    def _serve(self, request: Request) -> Iterator[float]:
        """One request's way; yields the seconds that it waits. An instance serves one at a time; if none is idle, one starts."""
        idle, outcome = self._idle, self.outcome
        health, turns = idle.pop(self._chance.randrange(len(idle))) if idle else self._instance()
        health.refresh(INDEX, BEGIN + self.now)
        left = self._ordered(request, health, turns)
        best_seconds, best_dollars = self._world.best(request)
        outcome.requests += 1
        outcome.best_seconds += best_seconds
        outcome.first[left[0].name] += 1
        while found := self._next(left, health):
            candidate, probe = found
            outcome.dearer += not probe and self._is_dearer(candidate, left, health)
            left.remove(candidate)
            fails, seconds = self._world.call(INDEX[candidate.name], request, self.now)
            outcome.seconds += seconds
            counted = health.calling(candidate.name, BEGIN + self.now)
            spent = None if fails else seconds
            result = Result("failed" if fails else "ok", BEGIN + self.now, probe, counted, spent)
            yield seconds
            health.report(candidate.name, result, BEGIN + self.now)
            if not fails:
                outcome.answered += 1
                outcome.dollars += request.cost(candidate.deployment)
                outcome.best_dollars += best_dollars
                break
        idle.append((health, turns))

    def _ordered(self, request: Request, health: Health, turns: Turns) -> list[Candidate]:
        candidates = [Candidate(one, MODEL, request.cost(one), health.seconds(one.name)) for one in DEPLOYMENTS]
        return [one for one, _ in STRATEGIES[self.outcome.strategy](candidates, turns.next(MODEL.id))]

    def _next(self, left: Sequence[Candidate], health: Health) -> tuple[Candidate, bool] | None:
        """Whom to call, and whether as a probe: as the router finds who has not been asked."""
        now = BEGIN + self.now
        for one in left:
            circuit = health.circuit(one.name)
            is_free = circuit.is_half_open(now) and circuit.blocked_until(now) is None
            if is_free and health.elect(one.name, now, now + PROBE_SECONDS):
                return one, True
            if health.circuit(one.name).state(now) == "closed":
                return one, False
        return None

    def _is_dearer(self, candidate: Candidate, left: Sequence[Candidate], health: Health) -> bool:
        """Whether another would have cost less whose circuit is closed, as far as the instance knows."""
        closed = (one for one in left if health.circuit(one.name).state(BEGIN + self.now) == "closed")
        return any((one.cost or 0) < (candidate.cost or 0) for one in closed)


def simulate(strategy: str, requests: int, instances: int, seed: int, *, outages: bool = True) -> Outcome:
    """One strategy in the world of a seed."""
    with patch("gateway.health.count"):
        found = world(requests, instances, seed, outages=outages)
        return Fleet(Outcome(seed, strategy, outages), found, instances).run()


def targets(outcomes: Sequence[Outcome]) -> list[tuple[str, float, list[float]]]:
    """What is to be reached, the most that it may be, and what it was for each seed."""
    slower = [one.slower for one in outcomes if one.strategy == "latency"]
    dearer = [float(one.dearer) for one in outcomes if one.strategy == "cost"]
    uneven = ("round_robin, off a share by", 0.02, [one.uneven for one in outcomes if not one.outages])
    return [("latency, times the best", 1.15, slower), ("cost, dearer calls", 0, dearer), uneven]


def line(cells: Sequence[str]) -> str:
    """Of the table."""
    return "".join(f"{cell:>{12 if index == 1 else 8}}" for index, cell in enumerate(cells))


def main() -> None:
    """Parse, simulate, print."""
    parser = argparse.ArgumentParser(
        "scripts/simulate-routing", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=10_000, help="of each run (default: 10000)")
    parser.add_argument("--instances", type=int, default=50, help="at first (default: 50)")
    parser.add_argument("--seed", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="(default: 1 2 3 4 5)")
    parser.add_argument("--json", action="store_true", help="print every number as JSON")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    console.main(lambda: run(options))


def run(options: argparse.Namespace) -> None:
    """All strategies for all seeds, one after the other."""
    if min(options.requests, options.instances) < 1:
        raise Failure("There have to be requests, and instances.")
    outcomes = list[Outcome]()
    tell = (lambda _: None) if options.json else say
    tell(line(HEADERS))
    runs = [*((strategy, True) for strategy in STRATEGIES), ("round_robin", False)]
    for seed, (strategy, outages) in product(options.seed, runs):
        print(f"  simulating {strategy}, seed {seed} …", end="\x1b[K\r", file=sys.stderr, flush=True)
        outcomes.append(simulate(strategy, options.requests, options.instances, seed, outages=outages))
        tell(line(outcomes[-1].row()))
    found = targets(outcomes)
    for name, most, values in found:
        met = "met   " if max(values) <= most else "MISSED"
        tell(f"{met} {name} (at most {most:g}): {' '.join(f'{value:.4g}' for value in values)}")
    if options.json:
        say(json.dumps({"runs": [vars(one) for one in outcomes], "targets": found}, default=str))
    if missed := [name for name, most, values in found if max(values) > most]:
        raise Failure(f"Missed: {'; '.join(missed)}.")


if __name__ == "__main__":
    main()
