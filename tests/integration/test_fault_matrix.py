"""Every fault of a provider, under every strategy, plain and streamed: whom it makes the gateway ask, when, and what is told."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.integration.fleets import SAID, Fleet, attempts, deployment, said_by
from tests.integration.harness import Answer, Clock, Json
from tests.upstream import Reply

TIMEOUT = 0.2
DEFAULT = Reply.default()
CHEAP, DEAR = {"input": "1", "output": "1"}, {"input": "9", "output": "9"}


@dataclass(frozen=True)
class Fault:
    """What a provider does, and what has to come of it.

    Attributes:
        reply: what it answers; None if nobody listens.
        outcome: what the attempt is called.
        told: seconds that it wants to be left alone for.
        helps: whether the same deployment may do better when asked again.
        status, code: of the answer if there is nobody else.
        charged: whether the provider may want money for it.
    """

    reply: Reply | None
    outcome: str = "upstream_error"
    told: int | None = None
    helps: bool = True
    status: int = 502
    code: str = "upstream_error"
    charged: bool = False

    def waits(self, clock: Clock) -> list[float]:
        """Before the first and the second retry: what the provider asks for and up to a tenth more, or a part of 0.5 · 2ⁿ."""
        if not self.helps:
            return []
        return [self.told * (1 + clock.chance / 10)] * 2 if self.told else [0.5 * clock.chance, 1.0 * clock.chance]


FAULTS = {
    "429 with Retry-After": Fault(Reply.rate_limited(2), "rate_limited", told=2),
    "429 without": Fault(Reply.rate_limited(), "rate_limited"),
    "500": Fault(Reply.error(500)),
    "503": Fault(Reply.error(503)),
    "503 with Retry-After": Fault(Reply.error(503, headers={"retry-after": "3"}), told=3),
    "401": Fault(Reply.error(401), "credentials_refused", helps=False),
    "refused": Fault(None),
    "reset": Fault(DEFAULT.reset(), charged=True),
    "stall": Fault(
        DEFAULT.stalled(), "upstream_timeout", helps=False, status=504, code="upstream_timeout", charged=True
    ),
    "truncated body": Fault(DEFAULT.truncated(), charged=True),
    "error inside 200": Fault(Reply.error(200, type="server_error")),
    "garbage": Fault(Reply.garbage(), charged=True),
}
FIRST: dict[str, tuple[Json, Json]] = {
    "priority": ({"priority": 0, "price": DEAR}, {"priority": 1, "price": CHEAP}),
    "round_robin": ({"weight": 1, "price": DEAR}, {"weight": 0, "price": CHEAP}),
    "cost": ({"priority": 1, "price": CHEAP}, {"priority": 0, "price": DEAR}),
    "latency": ({"priority": 1, "price": DEAR}, {"priority": 0, "price": CHEAP}),
}
"""What makes "first" a strategy's first choice, and by all else its second, and what makes "second" the reverse."""


@dataclass
class Cell:
    """One fault, at the deployment that one strategy asks first, of one request."""

    fleet: Fleet
    clock: Clock
    fault: Fault
    strategy: str
    stream: bool
    row: Json = field(default_factory=dict)

    def lone(self) -> None:
        """There is nobody but "first"."""
        self.fleet.serve(self._faulty({}), strategy=self.strategy)

    def pair(self) -> None:
        """There is "second", too, which is healthy."""
        best, other = FIRST[self.strategy]
        latencies = (1.0, 5.0) if self.strategy == "latency" else (5.0, 1.0)
        for name, seconds in zip(("first", "second"), latencies, strict=True):
            self.fleet.know(name, latency=seconds, latency_at=self.clock.now())
        self.fleet.serve(deployment("second", **other), self._faulty(best), strategy=self.strategy)

    def always(self) -> None:
        """The fault stays."""
        if self.fault.reply:
            self.fleet.servers["first"].default = self.fault.reply
        else:
            self.fleet.stop("first")

    def once(self) -> None:
        """The fault is over when the provider is asked again."""
        if self.fault.reply:
            self.fleet.servers["first"].enqueue(self.fault.reply)
        else:
            self.clock.during = self.fleet.stop("first").start

    def ask(self) -> Answer:
        """The answer, with what holds of every cell."""
        answer = self.fleet.ask(stream=self.stream)
        self.row = row = self.fleet.gateway.row()
        assert (row["request_id"], row["stream"]) == (answer.headers["x-request-id"], self.stream)
        assert (row["status"], row["strategy"]) == (answer.status, self.strategy)
        assert answer.headers["x-gateway-strategy"] == self.strategy
        assert [attempt["outcome"] != "ok" for attempt in row["attempts"]] == ["reason" in a for a in row["attempts"]]
        assert (row["cost_usd"] is None) == self.fault.charged
        if answer.status == 200:
            assert said_by(answer) == SAID
            assert answer.headers["content-type"] == ("text/event-stream" if self.stream else "application/json")
            assert not {"retry-after", "x-should-retry"} & set(answer.headers)
        else:
            assert SAID not in answer.text
            assert (answer.error["type"] == "timeout_error") == (answer.status == 504)
        return answer

    def waited(self) -> list[float]:
        """Before each of the row's attempts, in seconds."""
        return [float(attempt.get("waited_ms", 0)) / 1000 for attempt in self.row["attempts"]]

    def _faulty(self, fields: Json) -> Json:
        return deployment("first", **fields, **({"timeout": TIMEOUT} if self.fault.status == 504 else {}))


@pytest.fixture(params=["plain", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "stream")


@pytest.fixture(params=FIRST)
def strategy(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=FAULTS)
def cell(request: pytest.FixtureRequest, fleet: Fleet, clock: Clock, strategy: str, stream: bool) -> Cell:
    return Cell(fleet, clock, FAULTS[request.param], strategy, stream)


def test_a_fault_is_made_up_for_by_the_next_deployment_at_once(cell: Cell) -> None:
    cell.pair()
    cell.always()
    answer = cell.ask()
    assert answer.status == 200
    assert attempts(answer, cell.row) == [("first", cell.fault.outcome), ("second", "ok")]
    assert answer.headers["x-gateway-provider"] == "second"
    assert (cell.clock.waits, cell.waited()) == ([], [0, 0])
    assert cell.fleet.asked() == {"second": 1} | ({"first": 1} if cell.fault.reply else {})


def test_a_fault_that_lasts_at_a_lone_deployment_is_told_after_the_retries_that_may_help(cell: Cell) -> None:
    cell.lone()
    cell.always()
    answer, fault = cell.ask(), cell.fault
    assert (answer.status, answer.error["code"]) == (fault.status, fault.code)
    assert answer.error["message"].startswith("All deployments of 'm' failed. ")
    assert attempts(answer, cell.row) == [("first", fault.outcome)] * (3 if fault.helps else 1)
    assert answer.headers["x-gateway-provider"] == "first"
    assert answer.headers.get("retry-after") == (str(fault.told) if fault.told else None)
    assert answer.headers.get("x-should-retry") == (None if fault.helps else "false")
    assert cell.clock.waits == pytest.approx(fault.waits(cell.clock), abs=1e-3)
    assert cell.waited() == pytest.approx([0, *fault.waits(cell.clock)], abs=1e-3)


def test_a_fault_that_passes_at_a_lone_deployment_is_made_up_for_by_a_retry_if_that_may_help(cell: Cell) -> None:
    cell.lone()
    cell.once()
    answer, fault = cell.ask(), cell.fault
    waits = fault.waits(cell.clock)[:1]
    assert answer.status == (200 if fault.helps else fault.status)
    assert attempts(answer, cell.row) == [("first", fault.outcome), *([("first", "ok")] if fault.helps else [])]
    assert cell.clock.waits == pytest.approx(waits, abs=1e-3)
    assert cell.waited() == pytest.approx([0, *waits], abs=1e-3)


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.999])
def test_a_backoff_without_retry_after_is_any_part_of_half_a_second_and_then_of_a_whole_one(
    fleet: Fleet, clock: Clock, chance: float
) -> None:
    clock.chance = chance
    fleet.serve(deployment("first"))
    fleet.servers["first"].default = Reply.error(500)
    assert fleet.attempts(fleet.ask()) == [("first", "upstream_error")] * 3
    assert clock.waits == pytest.approx([0.5 * chance, 1.0 * chance] if chance else [], abs=1e-3)
