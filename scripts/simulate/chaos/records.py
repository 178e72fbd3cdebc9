"""What a run leaves behind, from each side: what clients saw, what the gateway's rows tell, what reached the providers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simulate.chaos.providers import CAST, DYING, Call, deployment


@dataclass(frozen=True)
class Sent:
    """A request as its client saw it.

    Attributes:
        marker: its only message, which the answer has to repeat.
        at: when it was sent, in seconds since the epoch; seconds: until it was answered.
        status: HTTP status; 0 if there was no answer.
        headers: the answer's, names in lower case; content, completion: its message and its id.
        error: what went wrong, in words.
    """

    marker: str
    at: float
    seconds: float
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: str | None = None
    completion: str | None = None
    error: str = ""


@dataclass(frozen=True)
class Attempt:
    """A call that a row tells of.

    Attributes:
        at: when it began, to some hundredths of a second: rows keep how long calls took.
    """

    marker: str
    deployment: str
    at: float
    outcome: str
    reason: str
    probe: bool

    @property
    def failed(self) -> bool:
        """Whether it did not lead to an answer."""
        return self.outcome != "ok"

    @property
    def unreached(self) -> bool:
        """Whether the provider may not have seen it, by what the gateway says of its end."""
        return "connection" in self.reason


@dataclass(frozen=True)
class Event:
    """A line of the functions' log that is more than information, or a metric."""

    at: float
    level: str
    message: str
    deployment: str | None = None
    details: str = ""


@dataclass(frozen=True)
class Run:
    """All of it.

    Attributes:
        dead: how one provider was dead: "refuse" or "stall".
        died, back: when, in seconds since the epoch.
        rows: those of the model, as the Requests table has them.
        calls: by provider.
    """

    dead: str
    started: float
    died: float
    back: float
    ended: float
    sent: Sequence[Sent]
    rows: Sequence[Mapping[str, Any]]
    calls: Mapping[str, Sequence[Call]]
    events: Sequence[Event] = ()

    @cached_property
    def attempts(self) -> list[Attempt]:
        """All calls that rows tell of."""
        return [attempt for row in self.rows for attempt in _attempts(row)]

    def of(self, provider: str) -> list[Attempt]:
        """The calls to one provider that rows tell of, by their time."""
        return sorted((a for a in self.attempts if a.deployment == deployment(provider)), key=lambda a: a.at)

    def while_dead(self) -> list[Attempt]:
        """The calls to the dead one. One that it still answered was begun before."""
        return [a for a in self.of(DYING) if self.died <= a.at < self.back and a.failed]

    def phase(self, at: float) -> str:
        """Which part of the run a moment falls into, by the state of the one that dies."""
        return "before" if at < self.died else "dead" if at < self.back else "after"


PHASES = ("before", "dead", "after")
PROVIDERS = tuple(CAST)


def marker_of(row: Mapping[str, Any]) -> str:
    """Which request a row is of."""
    return str(row.get("client_request_id"))


def ended(row: Mapping[str, Any]) -> float:
    """When a row's request was through, in seconds since the epoch."""
    return float(row["created_at"] + row["latency_ms"]) / 1000


def _attempts(row: Mapping[str, Any]) -> Iterator[Attempt]:
    at = float(row["created_at"]) / 1000
    for told in row["attempts"]:
        at += float(told.get("waited_ms", 0)) / 1000
        reason, probe = told.get("reason", ""), bool(told.get("probe"))
        yield Attempt(marker_of(row), told["deployment"], at, told["outcome"], reason, probe)
        at += float(told["ms"]) / 1000
