"""The circuit breaker of one deployment, as the whole fleet sees it: what the State table holds, and what follows from it.

closed      everybody may ask it. Nothing is written while it answers.
suspected   it has failed: calls are counted, in slices of a few seconds. If it has not been seen to answer for a while,
            one request at a time finds out whether it does (`due`); the others pass it over.
open        it fails too often, or its credentials do: nobody asks it until `due`, longer after each failed probe.
half-open   after `due`: one prober, elected by a conditional write, asks it; its answer closes the circuit, its failure
            opens it again.
limited     it said until when it takes no requests (429 with Retry-After); then everybody may ask again.

The circuit opens by the rate of failures, not by failures in a row: with many instances, failures in a row are what chance
makes of a deployment that fails now and then. Pure: no I/O, the time is an argument, in seconds since the epoch.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

SLICE_SECONDS = 5.0
SUSPICION_SECONDS = 30.0
"""After the last failure, for so long calls are counted."""
QUIET_SECONDS = 5.0
"""After a failure, without a known answer since, only one request at a time asks it."""
EARLY_FAILURES, FAILURES = 10, 4
"""It takes to open: at first, when only those who saw a failure tell of it; and once all who ask it count their calls."""
ACQUITTED_CALLS, ACQUITTED_RATE = 20, 0.1
"""After so many calls with so few failures, counting them tells nothing more."""
RATE = 0.5
Z = 1.96
"""The failure rate that opens, and how sure that it is beyond it: by the lower end of Wilson's 95 % interval."""
RESET_SECONDS = (2.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""How long it is open, the first time and after each failed probe."""
REFUSED_SECONDS = 60.0
"""How long after refused credentials: as long as it may take until a changed secret is read."""
MAX_LIMIT_SECONDS = 300.0
"""A longer Retry-After is believed in part: one call in so many seconds shows whether it still holds."""
AHEAD_SECONDS = 2.0
"""While nothing else is left to ask, an open circuit is probed before it is due, this often."""


@dataclass(frozen=True)
class Circuit:
    """A deployment's circuit.

    Attributes:
        slice: the number of the newest slice that something was counted in.
        calls, failed: that began, and failed, in it; calls_before, failed_before: in the one before it. Calls count when they
            begin, since failures are often quick, and answers slow: among calls that have ended, failures seem more than
            they are.
        reports: how many writes made these counts; reports_before: those of the slice before.
        since: when the present trouble began; failed_at: when it was last told of a failure.
        due: when it may be probed; None if nothing is wrong.
        answered_at: when somebody has told that a call was answered that began after the trouble did.
        openings: how often in a row it has been opened; 0 if it is not open.
        reason: why it is open, such as "failures".
        probe_until: until when a prober is at work; prober: which instance; probed_at: when it began.
        limited_until: until when it wants no requests.
    """

    slice: int = 0
    calls: int = 0
    failed: int = 0
    calls_before: int = 0
    failed_before: int = 0
    reports: int = 0
    reports_before: int = 0
    since: float = 0.0
    failed_at: float = 0.0
    answered_at: float = 0.0
    due: float | None = None
    openings: int = 0
    reason: str | None = None
    probe_until: float = 0.0
    prober: str | None = None
    probed_at: float = 0.0
    limited_until: float = 0.0

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Circuit":
        """Out of an item of the State table."""
        known = {field.name: item[field.name] for field in fields(cls) if item.get(field.name) is not None}
        return cls(**{name: READ[name](value) for name, value in known.items()})

    def state(self, now: float) -> str:
        """By the usual words: "closed", "open" or "half-open"."""
        if self.is_half_open(now):
            return "half-open"
        return "open" if self.blocked_until(now) is not None else "closed"

    def is_half_open(self, now: float) -> bool:
        """Whether it may be asked by an elected prober, and by nobody else."""
        return self.due is not None and self.due <= now and not self.is_limited(now)

    def is_open(self, now: float) -> bool:
        """Whether it has been opened, and no probe is due yet."""
        return self.openings > 0 and self.due is not None and self.due > now

    def is_limited(self, now: float) -> bool:
        """Whether it has said that it takes no requests now."""
        return self.limited_until > now

    def blocked_until(self, now: float) -> float | None:
        """Until when nobody asks it, not even a prober; None if somebody may."""
        due = self.due if self.due is not None and self.openings else 0.0
        probing = self.probe_until if self.is_half_open(now) else 0.0
        until = max(self.limited_until, due, probing)
        return until if until > now else None

    def why_blocked(self, now: float) -> str | None:
        """In a few words."""
        if self.is_limited(now):
            return "rate limited"
        return self.reason or ("no answer since it failed" if self.due is not None and self.due <= now else None)

    def is_suspected(self, now: float) -> bool:
        """Whether calls are counted: not where they have been, and hardly any failed."""
        return self.due is not None or (now - self.failed_at < SUSPICION_SECONDS and not self.is_acquitted(now))

    def is_acquitted(self, now: float) -> bool:
        """Whether enough of its calls have been counted, and hardly any failed."""
        calls, failed = self.counts(now)
        return calls >= ACQUITTED_CALLS and failed <= ACQUITTED_RATE * calls

    def wants_answers(self, now: float) -> bool:
        """Whether an answer is worth telling: nobody has told of any since trouble began, or a probe would be due soon."""
        return self.answered_at < self.since or (self.due is not None and self.due - now < QUIET_SECONDS / 2)

    def may_be_probed_ahead(self, now: float) -> bool:
        """Whether nobody probes it, or has just begun to."""
        return self.probe_until <= now and now - self.probed_at >= AHEAD_SECONDS

    def counts(self, now: float) -> tuple[int, int]:
        """Calls and failures of the last two slices."""
        age = slice_of(now) - self.slice
        if age <= 0:
            return self.calls + self.calls_before, self.failed + self.failed_before
        return (self.calls, self.failed) if age == 1 else (0, 0)

    def is_early(self, now: float) -> bool:
        """Whether trouble has only just begun: not all who ask it know of that yet, and so do not tell of answers.

        Until some failures are known, each is told at once; afterwards as calls are, or their rate would seem higher than
        it is.
        """
        has_begun = now - self.since < SLICE_SECONDS and self.counts(now)[1] < EARLY_FAILURES
        return has_begun or not self.is_suspected(now)

    def should_open(self, now: float) -> bool:
        """Whether it fails so often that hardly anybody should ask it."""
        calls, failed = self.counts(now)
        total = max(calls, failed)
        if self.openings or failed < FAILURES:
            return False
        if now - self.since < SLICE_SECONDS:  # most that began is still under way: no time for being sure
            return failed >= EARLY_FAILURES and failed >= RATE * total and self.answered_at < self.since
        return least_rate(failed, total) >= RATE


@dataclass(frozen=True)
class Result:
    """What came of a call to a deployment.

    Attributes:
        kind: "ok": it answered, be it that the request is at fault; "failed"; "limited": it takes no requests for a while;
            "refused": it does not take the gateway's credentials; "unknown": nothing that can be held against it.
        started: when it was called, in seconds since the epoch.
        probe: whether by an elected prober.
        counted: whether `calling` has counted it.
        seconds: to a full answer; None if there was none.
        retry_after: seconds that it wants to be left alone for.
    """

    kind: str
    started: float
    probe: bool = False
    counted: bool = False
    seconds: float | None = None
    retry_after: float = 0.0


COUNTERS = ("slice", "calls", "failed", "calls_before", "failed_before", "reports", "reports_before", "openings")
MOMENTS = ("since", "failed_at", "answered_at", "due", "probe_until", "probed_at", "limited_until")
READ: Mapping[str, Any] = {
    **dict.fromkeys(COUNTERS, int),
    **dict.fromkeys(MOMENTS, float),
    "reason": str,
    "prober": str,
}
"""How each attribute of an item is read."""


def slice_of(now: float) -> int:
    """The slice that a moment falls into."""
    return int(now // SLICE_SECONDS)


def reset_seconds(openings: int) -> float:
    """How long a circuit is open that has been opened so often in a row."""
    return RESET_SECONDS[min(openings, len(RESET_SECONDS)) - 1]


def least_rate(failed: int, total: int) -> float:
    """The lower end of Wilson's interval: the least rate of failures that such counts leave likely.

    Source: https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval
    """
    if not total:
        return 0.0
    rate, square = failed / total, Z * Z
    middle = rate + square / (2 * total)
    spread = Z * math.sqrt((rate * (1 - rate) + square / (4 * total)) / total)
    return (middle - spread) / (1 + square / total)
