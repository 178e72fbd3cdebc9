"""A fleet of instances that share the State table, on a virtual clock: how soon they leave a deployment, and come back.

Every instance is a real `gateway.health.Health`. Requests come at random moments to random instances, which decide as the
router does: a closed circuit is called, a half-open one by an elected prober, an open one is passed over for another
deployment. Calls overlap: each is reported when it ends.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.circuits import Circuit, Result, reset_seconds
from gateway.health import Health
from gateway.state import State

NAME, OTHER = "provider/under-test", "provider/other"
BEGIN = 1_800_000_000.0
PROBE_SECONDS = 15.0
FLAKY = 0.3


@dataclass
class Phase:
    """What happened while the deployment was in one condition.

    Attributes:
        requests: that came; calls: of them to the deployment; failed: of those; probes: of those, by elected probers.
        blocked: requests that passed it over; wrongly: of them, those that it would have answered.
        reads, read_items, writes: of the State table.
        first_failure, last_call, first_answer: moments, in seconds since the phase began; of calls by who was not a prober
            (answers: by whomever).
        left: when the table first said that it is not to be asked; failures_then: those that had been told by then.
        reset: how long the circuit was open when the phase began.
        at_once: the most probes under way at one moment.
    """

    requests: int = 0
    calls: int = 0
    failed: int = 0
    probes: int = 0
    blocked: int = 0
    wrongly: int = 0
    reads: int = 0
    read_items: int = 0
    writes: int = 0
    first_failure: float | None = None
    last_call: float | None = None
    first_answer: float | None = None
    first_chance: float | None = None
    left: float | None = None
    failures_then: int = 0
    reset: float = 0.0
    at_once: int = 0


@dataclass
class Fleet:
    """The fleet and its clock.

    Args:
        instances: how many; rate: requests a second, of all together.
        table: with the calls of a DynamoDB client; counts them as `reads`, `read_items` and `writes`.
        chance: of arrivals, instances and failures.
        answers_in, fails_in: seconds that a call takes, on the average.
    """

    instances: int
    rate: float
    table: Any
    chance: random.Random
    answers_in: float = 0.3
    fails_in: float = 0.05
    now: float = BEGIN
    _all: dict[int, Health] = field(default_factory=dict)
    _ends: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _probing: int = 0

    def run(self, seconds: float, failing: float, *, least: int = 0, most: int | None = None) -> Phase:
        """Let time go on.

        Args:
            seconds: at least; longer if fewer than `least` requests have come by then, shorter once `most` have.
            failing: how likely a call is to fail.
        """
        phase, began = Phase(), self.now
        circuit = self._circuit()
        phase.reset = reset_seconds(circuit.openings) if circuit.openings else 0.0
        before = (self.table.reads, self.table.read_items, self.table.writes)
        next_at = self.now + self.chance.expovariate(self.rate)
        while (next_at < began + seconds or phase.requests < least) and phase.requests != most:
            self._finish(next_at)
            self.now = next_at
            self._watch(phase, began)
            self._request(phase, began, failing)
            self._watch(phase, began)
            next_at = self.now + self.chance.expovariate(self.rate)
        self._finish(self.now + PROBE_SECONDS)
        after = (self.table.reads, self.table.read_items, self.table.writes)
        phase.reads, phase.read_items, phase.writes = (b - a for a, b in zip(before, after, strict=True))
        return phase

    def _request(self, phase: Phase, began: float, failing: float) -> None:
        health = self._instance()
        health.refresh([NAME, OTHER], self.now)
        phase.requests += 1
        fails, probe = self.chance.random() < failing, False
        circuit = health.circuit(NAME)
        if not fails and circuit.blocked_until(self.now) is None and phase.first_chance is None:
            phase.first_chance = self.now - began
        if circuit.is_half_open(self.now) and circuit.blocked_until(self.now) is None:
            probe = health.elect(NAME, self.now, self.now + PROBE_SECONDS)
        if not probe and health.circuit(NAME).state(self.now) != "closed":
            phase.blocked += 1
            phase.wrongly += not fails
            return
        self._call(phase, began, health, fails=fails, probe=probe)

    def _call(self, phase: Phase, began: float, health: Health, *, fails: bool, probe: bool) -> None:
        started = self.now
        phase.calls += 1
        phase.probes += probe
        phase.failed += fails
        self._probing += probe
        phase.at_once = max(phase.at_once, self._probing)
        if not probe:
            phase.last_call = started - began
        if not fails and phase.first_answer is None:
            phase.first_answer = started - began
        takes = self.fails_in if fails else self.answers_in * self.chance.lognormvariate(0, 0.4)
        takes = min(takes, PROBE_SECONDS) if probe else takes  # the router would not wait for longer
        counted = health.calling(NAME, started)
        result = Result("failed" if fails else "ok", started, probe, counted, None if fails else takes)

        def end() -> None:
            self._probing -= probe
            if fails and phase.first_failure is None:
                phase.first_failure = self.now - began
            if fails and phase.left is None:
                phase.failures_then += 1
            health.report(NAME, result, self.now)
            self._watch(phase, began)

        heapq.heappush(self._ends, (started + takes, next(self._numbers), end))

    def _finish(self, until: float) -> None:
        """Let the calls end that end until then."""
        while self._ends and self._ends[0][0] <= until:
            self.now, _, end = heapq.heappop(self._ends)
            end()

    def _watch(self, phase: Phase, began: float) -> None:
        circuit = self._circuit()
        if phase.left is None and phase.failed and circuit.state(self.now) != "closed":
            since = self.now if circuit.openings or circuit.due is None else circuit.due
            phase.left = since - began

    def _circuit(self) -> Circuit:
        """As the table has it."""
        return Circuit.from_item(self.table.items.get(f"deployment#{NAME}", {}))

    def _instance(self) -> Health:
        number = self.chance.randrange(self.instances)
        if number not in self._all:
            self._all[number] = Health(State("state", lambda: self.table, within=lambda _, call: call()))
        return self._all[number]
