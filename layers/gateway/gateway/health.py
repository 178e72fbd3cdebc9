"""How the deployments do, as the fleet knows it: circuits and latencies, shared between instances by the State table.

An instance reads what concerns a request at most every few seconds, beside other work; while all is well it writes nothing.
When something fails, those who see it count together what they see, and one of them opens the circuit. Whatever becomes of
the table, requests go on with what is known.
"""

import functools
import threading
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

from gateway import circuit_changes as changes
from gateway.circuits import FAILURES, MAX_LIMIT_SECONDS, Circuit, Result, slice_of
from gateway.latencies import Latency
from gateway.observability import count, logger
from gateway.settings import settings
from gateway.state import CALL_SECONDS, Change, Item, State, harmless, key_of

FRESH_SECONDS = 4.0
"""For so long an instance goes on with what it has read."""
TELL_SECONDS = 2.0
"""An instance tells what it has counted at most so often, and less often where many others do."""
MANY_REPORTS = 100
"""Of one slice: beyond that, instances tell less often."""
MAX_READ = 100
"""As many as DynamoDB takes at once."""
SAME_SECONDS = 1e-5
TRIES = 3
NEWS_SECONDS = 10.0
"""An instance tells of a deployment's latency at most so often."""


@dataclass
class _Known:
    """What this instance knows of one deployment, and has yet to tell.

    Attributes:
        calls, failed: not told yet; run: failures in a row, since it last told; counted_in: in which slice they were last
            counted.
    """

    circuit: Circuit = field(default_factory=Circuit)
    latency: Latency = field(default_factory=Latency)
    read_at: float = float("-inf")
    told_at: float = float("-inf")
    latency_told_at: float = float("-inf")
    calls: int = 0
    failed: int = 0
    run: int = 0
    counted_in: int = 0

    def count(self, now: float, *, calls: int = 0, failed: int = 0) -> None:
        """Add to what has to be told. What has not been told for long, as while the table did not answer, is old news."""
        if slice_of(now) - self.counted_in > 1:
            self.calls = self.failed = self.run = 0
        self.counted_in = slice_of(now)
        self.calls, self.failed, self.run = self.calls + calls, self.failed + failed, self.run + failed


class Health:
    """One instance's view of all deployments.

    Args:
        state: the table that it shares with the others.
        name: tells this instance from them.
    """

    def __init__(self, state: State, name: str | None = None) -> None:
        self._state = state
        self._all: dict[str, _Known] = {}
        self._name = name or uuid.uuid4().hex

    # What is known.

    def refresh(self, names: Iterable[str], now: float) -> None:
        """Read what is older than a few seconds, all at once."""
        stale = self._stale(names, now)
        if not stale:
            return
        with harmless("read"):
            found = self._state.read([key_of(name) for name in stale], now)
            for name in stale:
                if key_of(name) in found:
                    self._learn(name, found[key_of(name)], now)

    def refreshing(self, names: Iterable[str], now: float) -> Callable[[], None]:
        """Begin to read beside other work.

        Returns:
            Waits until it is done, or has taken too long.
        """
        wanted = self._stale(names, now)
        if not wanted:
            return lambda: None
        done: Future[None] = Future()

        def read() -> None:
            try:
                self.refresh(wanted, now)
            finally:
                done.set_result(None)

        threading.Thread(target=read, daemon=True).start()
        return lambda: (wait([done], CALL_SECONDS), None)[1]

    def circuit(self, name: str) -> Circuit:
        """A deployment's circuit, as far as it is known."""
        return self._known(name).circuit

    def seconds(self, name: str) -> float | None:
        """What a deployment takes to answer; None if nobody has seen it answer."""
        return self._known(name).latency.seconds

    # Probes.

    def elect(self, name: str, now: float, until: float, *, ahead: bool = False) -> bool:
        """Become the one who finds out whether a deployment works again.

        Args:
            until: when the probe will have ended at the latest.
            ahead: before it is due, because there is nobody else to ask.
        Returns:
            Whether this request is the prober. If not, the circuit is known anew: it may have been closed.
        """
        with harmless("elect", deployment=name):
            elected = self._change(name, changes.elected(now, until, self._name, ahead=ahead), now)
            circuit = self.circuit(name)  # ours already, if our own write was sent twice
            return elected or (circuit.prober == self._name and abs(circuit.probe_until - until) < SAME_SECONDS)
        return True

    # Calls.

    def calling(self, name: str, now: float) -> bool:
        """Count a call that begins, if its deployment is suspected.

        Returns:
            Whether it was counted.
        """
        known = self._known(name)
        if known.circuit.openings or not known.circuit.is_suspected(now):
            return False
        known.count(now, calls=1)
        if _may_tell(known, now):
            with harmless("tell", deployment=name):
                self._tell(name, known, now)
        return True

    def report(self, name: str, result: Result, now: float) -> None:
        """Take in what came of a call, and tell the fleet if it has to know.

        Args:
            now: seconds since the epoch.
        """
        known = self._known(name)
        with harmless("tell", deployment=name):
            if result.kind == "ok":
                self._answered(name, known, result, now)
            elif result.kind == "limited":
                self._limit(name, known, result, now)
            elif result.kind == "refused":
                self._refuse(name, known, now)
            elif result.kind == "failed":
                self._failed(name, known, result, now)
            if result.probe and result.kind in ("unknown", "limited", "refused"):
                self._change(name, changes.released(self._name), now)

    def _answered(self, name: str, known: _Known, result: Result, now: float) -> None:
        circuit = known.circuit
        if result.probe or (circuit.openings and _is_trial(circuit, result)):
            self._close(name, known, now, probed=result.probe)
        elif circuit.is_suspected(now) and not circuit.openings and result.started >= circuit.since:
            known.run = 0
            is_old_view = now - known.read_at > TELL_SECONDS and _may_tell(known, now)
            if circuit.wants_answers(now) or is_old_view:
                self._tell(name, known, now, alive=True)
        if result.seconds is not None:
            known.latency.add(result.seconds, now)
            if known.latency.is_news() and now - known.latency_told_at >= NEWS_SECONDS:
                self._tell_latency(name, known, now)

    def _failed(self, name: str, known: _Known, result: Result, now: float) -> None:
        circuit = known.circuit
        if result.probe or (circuit.openings and _is_trial(circuit, result)):
            self._open(name, known, now, probed=result.probe)
        elif not circuit.openings:
            known.count(now, calls=not result.counted, failed=1)
            if circuit.is_early(now) or known.run >= FAILURES or not known.calls or _may_tell(known, now):
                self._tell(name, known, now)
                if known.circuit.should_open(now):
                    self._open(name, known, now, probed=False)

    def _tell(self, name: str, known: _Known, now: float, *, alive: bool = False) -> None:
        """Add what was counted here to the fleet's counts."""
        for _ in range(TRIES):
            change = changes.counted(known.circuit, known.calls, known.failed, now, alive=alive)
            if self._change(name, change, now) or known.circuit.openings:
                break  # else a new slice was begun meanwhile
        known.calls, known.failed, known.run, known.told_at = 0, 0, 0, now

    def _open(self, name: str, known: _Known, now: float, *, probed: bool) -> None:
        """Open the circuit, or open it again; a probe before its time leaves it as it is."""
        again = known.circuit.openings > 0
        calls, failed = known.circuit.counts(now)
        if known.circuit.is_open(now) or not self._change(name, changes.opened(known.circuit, now, probed=probed), now):
            if probed:
                self._change(name, changes.released(self._name), now)
        elif again:
            logger.warning("circuit stays open", deployment=name)
        else:
            logger.error("circuit opened", deployment=name, reason="failures", calls=calls, failures=failed)
            count("CircuitOpened", deployment=name)

    def _close(self, name: str, known: _Known, now: float, *, probed: bool) -> None:
        was_open = known.circuit.openings > 0
        if not self._change(name, changes.closed(known.circuit, now), now):
            if probed:
                self._change(name, changes.released(self._name), now)
        elif was_open:
            logger.warning("circuit closed", deployment=name)
            count("CircuitClosed", deployment=name)

    def _limit(self, name: str, known: _Known, result: Result, now: float) -> None:
        """Leave it alone for as long as it says; told again only if that is notably later than what is known."""
        seconds = min(result.retry_after, MAX_LIMIT_SECONDS)
        if now + seconds > known.circuit.limited_until + max(1.0, seconds / 4):
            self._change(name, changes.limited(now + seconds), now)

    def _refuse(self, name: str, known: _Known, now: float) -> None:
        if not known.circuit.is_open(now) and self._change(name, changes.refused(now), now):
            logger.error("circuit opened", deployment=name, reason="credentials refused")
            count("CircuitOpened", deployment=name)

    def _tell_latency(self, name: str, known: _Known, now: float) -> None:
        known.latency_told_at = now
        self._change(name, changes.timed(known.latency.mean, known.latency.shared_at), now)

    # What both share.

    def _known(self, name: str) -> _Known:
        return self._all.setdefault(name, _Known())

    def _stale(self, names: Iterable[str], now: float) -> list[str]:
        """What has to be read, each once: DynamoDB refuses to be asked for one thing twice."""
        return [name for name in dict.fromkeys(names) if self._is_stale(self._known(name), now)][:MAX_READ]

    def _is_stale(self, known: _Known, now: float) -> bool:
        """Older than a few seconds; or something came due since, and a read is cheaper than a lost election."""
        came_due = known.circuit.is_half_open(now) and not known.circuit.is_half_open(known.read_at)
        return came_due or not 0 <= now - known.read_at < FRESH_SECONDS

    def _change(self, name: str, change: Change, now: float) -> bool:
        changed, item = self._state.update(key_of(name), change, now)
        self._learn(name, item, now)
        return changed

    def _learn(self, name: str, item: Item, now: float) -> None:
        known = self._known(name)
        if 0 < known.read_at - now < FRESH_SECONDS:
            return  # a read that was left behind
        known.read_at = now
        try:
            known.circuit = Circuit.from_item(item)
            if item.get("latency") is not None:
                known.latency.adopt(float(item["latency"]), float(item["latency_at"]))
        except (KeyError, ValueError, TypeError, ArithmeticError):  # somebody else has written it
            logger.error("state item unreadable", deployment=name)


def _is_trial(circuit: Circuit, result: Result) -> bool:
    """Whether a call began after the circuit was due: it tells what a probe would, of a deployment that is never blocked."""
    return circuit.due is not None and circuit.due <= result.started


def _may_tell(known: _Known, now: float) -> bool:
    crowd = max(known.circuit.reports, known.circuit.reports_before) / MANY_REPORTS
    return now - known.told_at >= TELL_SECONDS * max(1.0, crowd)


@functools.cache
def fleet() -> Health:
    """The running instance's view."""
    return Health(State(settings().state_table))
