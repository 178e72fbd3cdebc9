"""scripts/simulate-fleet: prints how fleets of several sizes fare, beside the targets."""

import argparse
import json
import logging
import random
import sys
from dataclasses import asdict, dataclass
from unittest.mock import patch

from local import console
from local.console import Failure, say
from simulate.fleet import FLAKY, Fleet, Phase
from simulate.table import Table

HELP = """\
Simulates fleets of instances that share circuit breakers, by the gateway's own code, on a clock and a table of their own.

For each size and rate: a healthy minute, then the deployment dies, comes back after two minutes, and fails 30 % of its calls
for three. Rates are requests a second of the whole fleet; but for the last phase, at most 60,000 requests a phase are simulated.

  left s / failures   until the table says that the deployment is not to be asked, since the first failed call, and the failed
                      calls until then (target: within 10 s and 20 failures)
  last s, wasted      until the last instance learned it, and all calls that failed while it was dead, probes included
  probes at once      (target: 1)
  back s, reset       until it answers again, and how long the circuit was open when it came back (target: reset + 5 s, and
                      the wait for the next request)
  wrongly %           of the requests while it failed 30 %, those kept from it that it would have answered (target: 10 %)
  reads, items, writes   of the State table, a request, while all is well (targets at 1 request a second of each instance:
                      0.3 reads, 0.01 writes)"""

SIZES, RATES = (5, 100, 1000), (0.1, 1.0, 50.0, 500.0)
MOST = 60_000
HEADERS = ("instances", "requests/s", "left s", "failures", "last s", "wasted", "probes", "at once", "back s", "reset s", "wrongly %", "reads", "items", "writes")  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What became of one fleet."""

    instances: int
    rate: float
    healthy: Phase
    dead: Phase
    back: Phase
    flaky: Phase

    @property
    def left(self) -> float:
        """Seconds since the first failed call."""
        return (self.dead.left or float("inf")) - (self.dead.first_failure or 0.0)

    @property
    def wrongly(self) -> float:
        """Share of requests."""
        return self.flaky.wrongly / self.flaky.requests

    def row(self) -> list[str]:
        """For the table."""
        used = float("inf") if self.back.first_answer is None else self.back.first_answer
        per = [number / self.healthy.requests for number in (self.healthy.reads, self.healthy.read_items)]
        last = (self.dead.last_call or 0.0) - (self.dead.first_failure or 0.0)
        return [
            *(f"{self.instances}", f"{self.rate:g}", f"{self.left:.2f}", f"{self.dead.failures_then}"),
            *(f"{max(last, 0):.1f}", f"{self.dead.failed}", f"{self.dead.probes}", f"{self.at_once}"),
            *(f"{used:.1f}", f"{self.back.reset:g}", f"{100 * self.wrongly:.1f}"),
            *(f"{value:.3f}" for value in (*per, self.healthy.writes / self.healthy.requests)),
        ]

    @property
    def at_once(self) -> int:
        """Probes."""
        return max(phase.at_once for phase in (self.dead, self.back, self.flaky))

    def missed(self) -> list[str]:
        """Targets that it missed."""
        chance = max(self.back.first_chance or 0.0, self.back.reset)
        targets = {
            "left too late": self.left <= 10 and self.dead.failures_then <= 20,
            "more than one probe at once": self.at_once <= 1,
            "back too late": self.back.first_answer is not None and self.back.first_answer <= chance + 5,
            "blocks too much": self.wrongly <= 0.1,
            "reads too much": self.rate < self.instances or self.healthy.reads <= 0.3 * self.healthy.requests,
            "writes too much": self.healthy.writes <= max(1, 0.01 * self.healthy.requests),
        }
        return [target for target, met in targets.items() if not met]


def simulated(instances: int, rate: float, seed: int, answers_in: float = 0.3, fails_in: float = 0.05) -> Outcome:
    """One fleet through all phases."""
    fleet = Fleet(instances, rate, Table(), random.Random(seed), answers_in, fails_in)  # noqa: S311 - no secret
    fleet.run(20, 0.0, least=20, most=MOST)  # instances start, and the first latency is told
    healthy = fleet.run(60, 0.0, least=100, most=MOST)
    dead = fleet.run(120, 1.0, least=10, most=MOST)
    back = fleet.run(60, 0.0, least=10, most=MOST)
    flaky = fleet.run(180, FLAKY, least=500)
    return Outcome(instances, rate, healthy, dead, back, flaky)


def main() -> None:
    """Parse, simulate, print."""
    parser = argparse.ArgumentParser(
        "scripts/simulate-fleet", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--instances", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rates", type=float, nargs="+", help="(default: 0.1 1 50 500, and 1 of each instance)")
    parser.add_argument("--seed", type=int, default=1, help="another run of chance (default: 1)")
    parser.add_argument("--answers-in", type=float, default=0.3, help="seconds that an answer takes (default: 0.3)")
    parser.add_argument("--fails-in", type=float, default=0.05, help="seconds that a failure takes (default: 0.05)")
    parser.add_argument("--json", action="store_true", help="print every number as JSON")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    console.main(lambda: run(options))


def run(options: argparse.Namespace) -> None:
    """All fleets, one after the other."""
    found = []
    tell = _nothing if options.json else say
    tell(" ".join(f"{header:>10}" for header in HEADERS))
    for instances in options.instances:
        for rate in options.rates or (*RATES, float(instances)):
            print(
                f"  simulating {instances} instances at {rate:g} requests a second …", end="\x1b[K\r", file=sys.stderr
            )
            with patch("gateway.health.count"):
                found.append(simulated(instances, rate, options.seed, options.answers_in, options.fails_in))
            tell(" ".join(f"{cell:>10}" for cell in found[-1].row()))
    if options.json:
        say(json.dumps([asdict(outcome) for outcome in found]))
    if missed := [f"{one.instances} × {one.rate:g}: {target}" for one in found for target in one.missed()]:
        raise Failure("Missed: " + "; ".join(missed) + ".")
    tell("All targets met.")


def _nothing(_: str) -> None:
    """Said."""


if __name__ == "__main__":
    main()
