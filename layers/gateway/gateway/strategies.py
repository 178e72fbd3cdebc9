"""In which order deployments are asked: pure functions over candidates and one number of chance.

`priority` asks by rank, `round_robin` spreads by weight, `cost` asks the cheapest for this very request, `latency` the
fastest. Which of the candidates may be asked at all is for others to say.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from gateway.errors import InvalidRequest
from gateway.pricing import dollars
from gateway.registry import STRATEGIES as NAMES
from gateway.registry import Deployment, Model

HEADER = "x-gateway-strategy"
NEAR = 1.1
"""Who takes at most so many times the best one's time is as good as it."""
EXPLORED = 0.02
"""The share of requests that `latency` sends to the others, so that one that has become fast is found."""
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Candidate:
    """A deployment that may serve a request.

    Attributes:
        model: for which it stands: the one that was asked for, or a fallback of it.
        cost: US dollars that this request is expected to cost there; None if that is not known.
        seconds: to the full answer, by what the fleet has seen lately; None if it has seen nothing.
    """

    deployment: Deployment
    model: Model
    cost: Decimal | None = None
    seconds: float | None = None

    @property
    def name(self) -> str:
        """The deployment's."""
        return self.deployment.name


Placed = tuple[Candidate, str]
"""A candidate, and why it is where it is."""
Strategy = Callable[[Sequence[Candidate], float], list[Placed]]


def priority(candidates: Sequence[Candidate], turn: float) -> list[Placed]:
    """The lowest `priority` first. Within a rank as listed, or drawn by weight if the weights differ."""
    ranked = sorted(candidates, key=_rank)
    placed: list[Placed] = []
    for rank, group in groupby(ranked, key=_rank):
        peers = list(group)
        alike = len({peer.deployment.weight for peer in peers}) == 1
        placed += [(peer, f"priority {rank}") for peer in (peers if alike else drawn(peers, turn))]
    return placed


def round_robin(candidates: Sequence[Candidate], turn: float) -> list[Placed]:
    """Drawn by weight, whatever the priorities; the numbers of `Turns` make the draws even."""
    total = sum(candidate.deployment.weight for candidate in candidates)
    return [(one, f"drawn by its weight, {one.deployment.weight} of {total}") for one in drawn(candidates, turn)]


def cost(candidates: Sequence[Candidate], _: float) -> list[Placed]:
    """The cheapest for this request first; those of equal cost by priority; unknown costs last."""

    def key(candidate: Candidate) -> tuple[bool, Decimal, int]:
        return candidate.cost is None, candidate.cost or Decimal(0), candidate.deployment.priority

    return [(candidate, _price(candidate)) for candidate in sorted(candidates, key=key)]


def latency(candidates: Sequence[Candidate], turn: float) -> list[Placed]:
    """The fastest first: all near the best share by weight, and so do those never measured; the others by their time.

    A few per cent of the turns go to one of the others first, the likelier the less slower it is.
    """
    known = [candidate.seconds for candidate in candidates if candidate.seconds is not None]
    bound = NEAR * min(known) if known else 0.0
    near = [one for one in candidates if one.seconds is None or one.seconds <= bound]
    far = sorted((one for one in candidates if one not in near), key=lambda one: one.seconds or 0.0)
    if not any(_weight(one) for one in far):
        turn = EXPLORED + turn * (1 - EXPLORED)
    if turn >= EXPLORED:
        first = drawn(near, (turn - EXPLORED) / (1 - EXPLORED))
        return [*((one, f"{_time(one)}, among the fastest") for one in first), *((one, _time(one)) for one in far)]
    explored = drawn(far, turn / EXPLORED, _nearness)[0]
    rest = [one for one in (*near, *far) if one is not explored]
    return [
        (explored, f"{_time(explored)}, out of turn, to see whether it still does"),
        *((one, _time(one)) for one in rest),
    ]


STRATEGIES: Mapping[str, Strategy] = {
    "priority": priority,
    "round_robin": round_robin,
    "cost": cost,
    "latency": latency,
}


def requested(headers: Mapping[str, str]) -> str | None:
    """The strategy that a request asks for itself; None if it leaves it to the model.

    Args:
        headers: the request's, names in lower case.
    Raises:
        InvalidRequest: there is no such strategy.
    """
    word = headers.get(HEADER, "").strip().lower()
    if word and word not in STRATEGIES:
        raise InvalidRequest(f"{HEADER}: must be one of {', '.join(NAMES)}.", param=HEADER)
    return word or None


def _weight(candidate: Candidate) -> float:
    return float(candidate.deployment.weight)


def _nearness(candidate: Candidate) -> float:
    """What may overtake soonest is looked at most: by the inverse square of its time."""
    return _weight(candidate) / max(candidate.seconds or 0.0, 0.001) ** 2


def drawn(
    candidates: Sequence[Candidate], turn: float, share: Callable[[Candidate], float] = _weight
) -> list[Candidate]:
    """All of them in an order that gives each the first place by its share, the second by its share among the rest, …

    Args:
        turn: at least 0, less than 1. What it says beyond one draw says the next: one number is enough.
    """
    left, order = list(candidates), list[Candidate]()
    while left:
        shares = [share(candidate) for candidate in left]
        point, index = turn * sum(shares), 0
        while index < len(left) - 1 and point >= shares[index]:
            point -= shares[index]
            index += 1
        index = index if any(shares) else 0
        turn = min(max(point / shares[index], 0.0), math.nextafter(1, 0)) if shares[index] else 0.0
        order.append(left.pop(index))
    return order


class Turns:
    """An instance's numbers of chance: for each model a sequence that falls evenly everywhere between 0 and 1.

    The fractional parts of multiples of the golden ratio, from a random start: of n of them, any share of the range gets
    its share of n to within about one (Weyl's sequence). So 50 instances that know nothing of each other spread their
    requests by the weights far more evenly than by drawing lots.

    Args:
        chance: gives numbers from 0 to below 1, for the starts.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._last: dict[str, float] = {}

    def next(self, model: str) -> float:
        """The model's next number, at least 0 and less than 1."""
        last = self._last.get(model)
        self._last[model] = turn = self._chance() if last is None else (last + GOLDEN) % 1.0
        return turn


def _rank(candidate: Candidate) -> int:
    return candidate.deployment.priority


def _price(candidate: Candidate) -> str:
    return "what it costs is not known" if candidate.cost is None else f"expected to cost ${dollars(candidate.cost)}"


def _time(candidate: Candidate) -> str:
    if candidate.seconds is None:
        return "no answer of it has been measured yet"
    return f"expected to answer in {candidate.seconds:.2f} s"
