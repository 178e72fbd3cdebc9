"""What became of a request on its way: each call that was made, what it took, and what it cost."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from gateway.providers.base import Answer, printable
from gateway.registry import Deployment
from gateway.usage import Usage


@dataclass(frozen=True)
class Attempt:
    """One call to one deployment.

    Attributes:
        outcome: "ok", or the error's word or code.
        milliseconds: how long it took; waited: how long it had been waited for before, in milliseconds.
        reason: of a failure, in our own words.
        usage: tokens that the provider charges for; without counts if they are not known; None if it charges nothing.
        cost: US dollars; None if that is not known.
        probe: whether it was to find out if an open circuit can be closed.
        most: US dollars that it can have cost; None if nobody asked.
        round: in a request that runs tools, the number of the question to the model.
    """

    deployment: Deployment
    outcome: str
    milliseconds: int
    reason: str | None = None
    usage: Usage | None = None
    cost: Decimal | None = Decimal(0)
    waited: int = 0
    probe: bool = False
    most: Decimal | None = None
    round: int = 0

    @property
    def word(self) -> str:
        """The outcome, without what separates attempts and their parts: it may be a provider's own code."""
        return token(self.outcome)[:64]

    def to_row(self) -> dict[str, Any]:
        """As the log row tells it."""
        told: dict[str, Any] = {"deployment": self.deployment.name, "outcome": self.word, "ms": self.milliseconds}
        besides = {"reason": self.reason, "waited_ms": self.waited, "probe": self.probe, "round": self.round}
        return told | {name: value for name, value in besides.items() if value}


@dataclass
class Route:
    """What became of a request on its way, success or not.

    Attributes:
        strategy: by which it was routed.
        attempts: every call that was made, in order.
        dropped: what the answering deployment could not express.
        answer: the answer, once there is one.
        rounds: of a request that runs tools, how often the model was asked.
    """

    strategy: str = "priority"
    attempts: list[Attempt] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    answer: Answer | None = None
    rounds: int = 0

    def add(self, other: "Route") -> None:
        """One more round, with all that became of it.

        What was left out of messages of later rounds is the gateway's own affair: the client did not send them.
        """
        self.rounds += 1
        self.attempts += [replace(attempt, round=self.rounds) for attempt in other.attempts]
        self.dropped += [
            place
            for place in other.dropped
            if place not in self.dropped and (self.rounds == 1 or not place.startswith("messages["))
        ]
        self.answer = other.answer or self.answer

    @property
    def tokens(self) -> int:
        """All that were paid for, as a minute's limit counts them."""
        return (self.usage.prompt_tokens or 0) + (self.usage.output_tokens or 0)

    @property
    def provider_milliseconds(self) -> int:
        """Time spent with providers: calling them, and waiting before calling again."""
        return sum(attempt.milliseconds + attempt.waited for attempt in self.attempts)

    @property
    def usage(self) -> Usage:
        """All tokens that were paid for."""
        return sum((attempt.usage for attempt in self.attempts if attempt.usage), Usage())

    @property
    def cost(self) -> Decimal | None:
        """US dollars, of all attempts together; None if one's is not known."""
        costs = [attempt.cost for attempt in self.attempts]
        return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))

    @property
    def charge(self) -> Decimal:
        """US dollars that a budget is charged with: the most that it can be where the cost is not known."""
        return sum((_charge(attempt) for attempt in self.attempts), Decimal(0))

    @property
    def is_bounded(self) -> bool:
        """Whether it is known of all attempts what they cost, or can have cost at most."""
        return all(attempt.cost is not None or attempt.most is not None for attempt in self.attempts)


def _charge(attempt: Attempt) -> Decimal:
    return (attempt.most or Decimal(0)) if attempt.cost is None else attempt.cost


def token(text: str) -> str:
    """A text that cannot be read as more than one thing of a list."""
    return "".join("_" if c in ',;="\\ ' else c for c in printable(text))
