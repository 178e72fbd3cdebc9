"""The providers that scripts/chaos puts behind the gateway: one fails as a seed says, one dies and comes back, one is well."""

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.upstream import Recorded, Reply, Upstream
from tests.upstream.delivery import Action, Pause, actions

MODEL = "chaos"
WARM = "chaos-warm"
"""A model for warming up: its one deployment is slow, so that as many instances are started as there are requests."""
ANSWER, STALL = "answer", "stall"
FAULTS: Mapping[str, Reply] = {
    "HTTP 500": Reply.error(500),
    "HTTP 503": Reply.error(503),
    "reset": Reply.default().reset(),
    "cut off": Reply.default().cut(),
    "truncated": Reply.default().truncated(),
    "error in a 200": Reply.error(200, type="server_error"),
}
REPLIES: Mapping[str, Reply] = {ANSWER: Reply.default(), STALL: Reply.default().stalled(), **FAULTS}
JITTER = 0.2


@dataclass(frozen=True)
class Part:
    """What a deployment is like.

    Attributes:
        seconds: that it takes to answer, on average.
        failing: the share of its calls that fail.
        priority, price: by which `priority` and `cost` choose; the one that dies comes first by both.
    """

    seconds: float
    failing: float
    priority: int
    price: str


DYING = "dying"
CAST: Mapping[str, Part] = {
    "flaky": Part(0.22, 0.3, 1, "2"),
    DYING: Part(0.2, 0.0, 0, "1"),
    "healthy": Part(0.35, 0.0, 2, "3"),
}


@dataclass
class Call:
    """A call that has reached a provider.

    Attributes:
        at: when, in seconds since the epoch.
        marker: which request it is for.
        reply: what it gets.
        delivered: whether that has been sent to its end.
    """

    at: float
    marker: str
    reply: str
    delivered: bool = False


class Provider(Upstream):
    """A provider of a part.

    Attributes:
        calls: what has reached it, in order.
    """

    def __init__(self, name: str, part: Part, seed: int) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._part = part
        self._stalls = False
        self._chance = random.Random(f"{seed} {name}")  # noqa: S311 - faults, not secrets

    def die(self, how: str) -> None:
        """From now on refuse connections ("refuse"), or take requests and never answer ("stall")."""
        if how == STALL:
            self._stalls = True
        else:
            self.stop()

    def come_back(self) -> None:
        """Work as before. Who was left without an answer gets none."""
        if self._stalls:
            self._stalls = False
        else:
            self.start()

    def _respond(self, request: Recorded) -> Iterator[Action]:
        with self._changed:  # so that the n-th call gets the n-th draw
            call = Call(time.time(), request.json["messages"][-1]["content"], self._drawn())
            self.calls.append(call)
            seconds = self._part.seconds * self._chance.uniform(1 - JITTER, 1 + JITTER)
        yield Pause(seconds)
        reply = REPLIES[call.reply]
        yield from actions(reply.to_answer(lambda: self._protocol(request)), reply.faults)
        call.delivered = True

    def _drawn(self) -> str:
        if self._stalls:
            return STALL
        fails = self._chance.random() < self._part.failing
        return self._chance.choice(list(FAULTS)) if fails else ANSWER


def deployment(provider: str) -> str:
    """What the gateway calls a provider's deployment."""
    return f"{provider}/{MODEL}"


def override(urls: Mapping[str, str], strategy: str, timeout: float | None) -> dict[str, Any]:
    """The models that lead to these providers, as the gateway's SSM parameter takes them.

    Args:
        urls: where each of the cast, and the one for warming up, listens.
        timeout: of each deployment, in seconds; None for as long as the request has.
    """
    providers = {
        name: {"adapter": "openai_compatible", "base_url": f"{url}/v1", "keyless": True} for name, url in urls.items()
    }
    limits = {} if timeout is None else {"timeout": timeout}
    deployments = [
        {
            "provider": name,
            "model": MODEL,
            "priority": part.priority,
            "price": {"input": part.price, "output": part.price},
            **limits,
        }
        for name, part in CAST.items()
    ]
    return {
        "providers": providers,
        "models": {
            MODEL: {"strategy": strategy, "deployments": deployments},
            WARM: {"deployments": [{"provider": WARM, "model": MODEL, "price": {"input": "0", "output": "0"}}]},
        },
    }
