"""How long a deployment takes: each instance's own estimate, and when it is news to the fleet.

An instance starts from the fleet's figure, follows what it sees by an exponentially weighted mean, and writes only when the
two differ by more than chance explains. A fleet whose deployments stay as fast as they are writes nothing.
"""

import math
from dataclasses import dataclass

WEIGHT = 0.1
"""Of a new answer, at least."""
MEMORY_SECONDS = 30.0
"""An estimate that is so old counts for a third of a new answer: who is asked rarely is soon known anew."""
NEWS = 0.25
"""Differences below this share are none."""
LEAST_SEEN = 8
SIGMAS = 4.0


@dataclass
class Latency:
    """An instance's estimate of one deployment. Times are in seconds, moments in seconds since the epoch.

    Attributes:
        shared: the fleet's figure, None if there is none; shared_at: when it was written.
        mean, variance: by what this instance knows.
        error: the variance of the mean, as a share of the variance: one over the number of answers that it stands on.
        seen: how many answers this instance has seen since it took the fleet's figure over; seen_at: the last one's moment.
    """

    shared: float | None = None
    shared_at: float | None = None
    mean: float = 0.0
    variance: float = 0.0
    error: float = 1.0
    seen: int = 0
    seen_at: float = 0.0

    @property
    def seconds(self) -> float | None:
        """The estimate; None before the first answer."""
        return self.shared if not self.seen else self.mean

    def adopt(self, seconds: float, at: float) -> None:
        """Start anew from a figure that somebody has written to the fleet; it is worth one answer."""
        if at != self.shared_at:
            self.shared, self.shared_at = seconds, at
            self.mean, self.variance, self.error, self.seen, self.seen_at = seconds, 0.0, 1.0, 0, at

    def add(self, seconds: float, now: float) -> None:
        """Take in one answer's time.

        Source of the weight by age: https://oroboro.com/irregular-ema/ (Zumbach and Müller, Operators on Inhomogeneous
        Time Series).
        """
        weight = 1.0
        if self.seen or self.shared is not None:
            aged = 1 - math.exp(-max(0.0, now - self.seen_at) / MEMORY_SECONDS)
            weight = max(self.error / (1 + self.error), WEIGHT, aged)
        off = seconds - self.mean
        self.mean += weight * off
        known = max(1 / (self.seen + 1), WEIGHT)  # how much they vary does not age
        self.variance += known * (off * off - self.variance)
        self.error = (1 - weight) ** 2 * self.error + weight**2
        self.seen, self.seen_at = self.seen + 1, now

    def is_news(self) -> bool:
        """Whether the fleet would be told something: a first figure, or one that chance does not explain."""
        if self.shared is None:
            return self.seen > 0
        if self.seen < LEAST_SEEN:
            return False
        chance = SIGMAS * math.sqrt(self.variance * self.error)
        return abs(self.mean - self.shared) > max(NEWS * self.shared, chance)
