"""From a plan to one answer: deployment after deployment, around open circuits, with retries, all within one deadline."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from gateway import retry
from gateway.attempts import Route
from gateway.calls import Call
from gateway.candidates import LeftOut, Plan, Plans, Step, nobody
from gateway.deadline import Deadline
from gateway.errors import (
    ContentFiltered,
    ContextLengthExceeded,
    GatewayError,
    Inexpressible,
    InternalError,
    InvalidRequest,
    ServiceUnavailable,
    UpstreamError,
)
from gateway.health import Health
from gateway.providers.base import Answer
from gateway.questions import Fitted, Question
from gateway.registry import MAX_DEPLOYMENTS, Deployment, Model

LEAST_SECONDS = 0.2
"""With less time than that left, nobody is asked again."""
PROBE_MARGIN = 1.0


@dataclass
class _Entry:
    """One deployment on a request's way.

    Attributes:
        fitted: the request as it can be asked it, once somebody looked; refusal: why it cannot.
        error: what asking it the last time ended in.
        ready_at: when it may be asked again; told_at: when it said that it may, None if it said nothing.
    """

    step: Step
    fitted: Fitted | None = None
    refusal: Inexpressible | None = None
    error: UpstreamError | None = None
    ready_at: float = 0.0
    told_at: float | None = None

    @property
    def name(self) -> str:
        return self.step.candidate.name


@dataclass
class Router:
    """Finds the answer to one request.

    Args:
        question: what is asked.
        health: what the fleet knows of the deployments, and is told.
        deadline: of the whole request.
        plans: makes plans for models and their fallbacks, one after the other, as they are needed.
        taken: filled in as it goes, so that the log row can tell of a failure too.
        clock: measures attempts, in seconds; sleep: waits, in seconds; chance: gives numbers from 0 to below 1.
        cover: sees to it that a call to a deployment can be paid for, by what the request has already cost, and tells the most
            that it can cost; raises if it cannot.
    """

    question: Question
    health: Health
    deadline: Deadline
    plans: Plans
    taken: Route
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    cover: Callable[[Deployment, Route], Decimal | None] = lambda _deployment, _taken: None
    _entries: list[_Entry] = field(default_factory=list)
    _left_out: list[LeftOut] = field(default_factory=list)
    _ahead_of_need: Iterator[Plan] = field(default_factory=lambda: iter(()))
    _retries: int = 0
    _waited: float = 0.0
    _fault: InvalidRequest | None = None
    _last: UpstreamError | None = None
    _left_behind: set[str] = field(default_factory=set)

    def route(self, model: str) -> Answer:
        """Ask until one answers.

        Args:
            model: the id of the model that is asked for.
        Raises:
            ProviderNotConfigured: no deployment has credentials.
            InvalidRequest: the request is at fault, or none of the deployments can express it: the first one's reason.
            UpstreamError: all failed, by the last one's error, or the deadline passed.
            ServiceUnavailable: nobody was asked, since none can be for now.
        """
        self._turn_to(model)
        while True:
            if self.deadline.remaining() < LEAST_SECONDS and self._last:
                raise self._all_failed(self._last)
            entry, probe = self._next() or (None, False)
            if entry is None:
                raise self._failure()
            most = self._covered(entry)
            try:
                return self._ask(entry, probe, most)
            except (ContextLengthExceeded, ContentFiltered) as fault:
                self._turn_to_fallbacks(fault, entry.step.candidate.model)
            except Inexpressible as refusal:
                entry.refusal = refusal
            except UpstreamError as error:
                self._remember(entry, error)

    def _remember(self, entry: _Entry, error: UpstreamError) -> None:
        now = self.deadline.now()
        self._last = entry.error = error
        entry.ready_at = now + retry.wait(self._retries, error.retry_after, self.chance)
        entry.told_at = None if error.retry_after is None else now + error.retry_after

    def _turn_to(self, *ids: str) -> None:
        """From here on ask these models, and their fallbacks; none of who has been asked."""
        self._entries.clear()
        self._ahead_of_need = self.plans(ids, {attempt.deployment.name for attempt in self.taken.attempts})

    def _take_more(self) -> bool:
        """The next model's deployments, if there is one more that has any."""
        for plan in self._ahead_of_need:
            self._left_out += plan.left_out
            if plan.steps:
                self._entries += [_Entry(step) for step in plan.steps]
                return True
        return False

    # Who is asked next.

    def _next(self) -> tuple[_Entry, bool] | None:
        """Whom to ask now, and whether as a probe: who has not been asked yet, else who may do better when asked again."""
        return self._untried() or self._lone() or self._again() or self._ahead()

    def _untried(self) -> tuple[_Entry, bool] | None:
        found = self._free_among(self._entries)
        while found is None and self._asked() < MAX_DEPLOYMENTS and self._take_more():
            found = self._free_among(self._entries)
        return found

    def _free_among(self, entries: Sequence[_Entry]) -> tuple[_Entry, bool] | None:
        for entry in entries:
            if self._tried(entry) or not self._is_able(entry) or self._asked() == MAX_DEPLOYMENTS:
                continue
            now, circuit = self.deadline.now(), self.health.circuit(entry.name)
            if circuit.blocked_until(now) is None and not circuit.is_half_open(now):
                return entry, False
            if circuit.blocked_until(now) is None and not self._is_lone(entry):
                if self._elected(entry):
                    return entry, True
                if self.health.circuit(entry.name).state(now) == "closed":  # by somebody else, meanwhile
                    return entry, False
        return None

    def _lone(self) -> tuple[_Entry, bool] | None:
        """The only one that there is, is asked whatever its circuit: after the time that it wants, if there is so much."""
        able = [entry for entry in self._entries if self._is_able(entry)]
        if len(able) != 1 or self._tried(able[0]) or self._asked() == MAX_DEPLOYMENTS:
            return None
        self._wait_until(self.health.circuit(able[0].name).limited_until, able[0])
        return able[0], False

    def _again(self) -> tuple[_Entry, bool] | None:
        """Who may do better soon: one that failed in passing, or that has said when it takes requests again."""
        if self._retries == retry.MAX_RETRIES:
            return None
        now = self.deadline.now()
        times: list[tuple[float, _Entry]] = []
        for entry in self._entries:
            circuit = self.health.circuit(entry.name)
            if not self._is_able(entry) or (entry.error and not entry.error.retryable):
                continue
            if (
                not self._tried(entry)
                and circuit.is_limited(now)
                and not circuit.openings
                and self._asked() < MAX_DEPLOYMENTS
            ):
                times.append((now + retry.wait(0, circuit.limited_until - now, self.chance), entry))
            elif self._tried(entry) and (circuit.state(entry.ready_at) == "closed" or self._is_lone(entry)):
                times.append((max(entry.ready_at, now), entry))
        if not times:
            return None
        at, entry = min(times, key=lambda found: found[0])
        if not self._wait_until(at, entry):
            return None
        self._retries += self._tried(entry)
        return entry, False

    def _ahead(self) -> tuple[_Entry, bool] | None:
        """Before giving up: who is due soonest, unless somebody is trying that, or has just tried it; then the next."""
        if self._asked() == MAX_DEPLOYMENTS:
            return None
        now = self.deadline.now()
        for entry, _ in sorted(self._blocked(now), key=lambda found: found[1]):
            circuit = self.health.circuit(entry.name)
            if circuit.may_be_probed_ahead(now) and self._elected(entry, ahead=True):
                return entry, True
        return None

    def _blocked(self, now: float) -> list[tuple[_Entry, float]]:
        """Who has not been asked because of its circuit, and until when that holds."""
        able = [entry for entry in self._entries if not self._tried(entry) and self._is_able(entry)]
        return [(entry, self.health.circuit(entry.name).blocked_until(now) or now) for entry in able]

    def _asked(self) -> int:
        return len({attempt.deployment.name for attempt in self.taken.attempts})

    def _tried(self, entry: _Entry) -> bool:
        return any(attempt.deployment.name == entry.name for attempt in self.taken.attempts)

    def _is_lone(self, entry: _Entry) -> bool:
        while self._take_more():  # whoever might be asked counts
            pass
        return all(other is entry or not self._is_able(other) for other in self._entries)

    def _is_able(self, entry: _Entry) -> bool:
        """Whether it can express the request; its adapter is loaded when that is first asked."""
        if entry.fitted is None and entry.refusal is None:
            try:
                entry.fitted = self.question.fitted(entry.step.candidate.deployment)
            except Inexpressible as refusal:
                entry.refusal = refusal
        return entry.refusal is None

    def _elected(self, entry: _Entry, *, ahead: bool = False) -> bool:
        now = self.deadline.now()
        until = now + self._seconds(entry, is_probe=True) + PROBE_MARGIN
        return self.health.elect(entry.name, now, until, ahead=ahead)

    def _wait_until(self, at: float, entry: _Entry) -> bool:
        """Wait, if there is time for that and for the deployment's answer afterwards."""
        seconds = at - self.deadline.now()
        if seconds <= 0:
            return True
        if seconds + max(LEAST_SECONDS, self.health.seconds(entry.name) or 0.0) > self.deadline.remaining():
            return False
        self.sleep(seconds)
        self._waited += seconds
        return True

    # One call.

    def _seconds(self, entry: _Entry, *, is_probe: bool) -> float:
        """What it gets for its answer, so that enough is left for who would be asked if it failed."""
        remaining, own = self.deadline.remaining(), entry.step.candidate.deployment.timeout
        others = self._others(entry, blocked=is_probe)
        if others or self._take_more():
            usual = [self.health.seconds(other.name) for other in others or self._others(entry, blocked=is_probe)]
            remaining = retry.patience(remaining, self.health.seconds(entry.name), usual, is_probe=is_probe)
        return min(remaining, own or remaining)

    def _others(self, entry: _Entry, *, blocked: bool) -> list[_Entry]:
        """Who would be asked if this one failed.

        Args:
            blocked: whether those count, too, whose circuits are open: when nobody else is left.
        """
        now, places = self.deadline.now(), MAX_DEPLOYMENTS - self._asked() - 1
        untried = [
            other for other in self._entries if other is not entry and not self._tried(other) and not other.refusal
        ]
        return [o for o in untried if blocked or self.health.circuit(o.name).state(now) == "closed"][: max(0, places)]

    def _covered(self, entry: _Entry) -> Decimal | None:
        """The most that asking costs.

        Raises:
            GatewayError: it cannot be paid for; if somebody was asked before, what came of that.
        """
        try:
            return self.cover(entry.step.candidate.deployment, self.taken)
        except GatewayError:
            if self._last:
                raise self._all_failed(self._last) from None
            raise

    def _ask(self, entry: _Entry, probe: bool, most: Decimal | None) -> Answer:
        if entry.fitted is None:
            raise InternalError("asked before it was fitted")
        seconds, (waited, self._waited) = self._seconds(entry, is_probe=probe), (self._waited, 0.0)
        call = Call(entry.step, entry.fitted, seconds, probe, waited, most)
        return call.make(self.health, self.deadline, self.taken, self.clock)

    # When it does not work out.

    def _turn_to_fallbacks(self, fault: InvalidRequest, model: Model) -> None:
        """Go on with the models that are meant for such a fault of the request.

        Raises:
            InvalidRequest: the fault itself, if there are none.
        """
        too_long = isinstance(fault, ContextLengthExceeded)
        ids = model.context_length_fallbacks if too_long else model.content_policy_fallbacks
        self._left_behind.add(model.id)
        self._turn_to(*(found for found in ids if found not in self._left_behind))
        if not self._take_more():
            raise fault
        self._fault, self._last = fault, None

    def _failure(self) -> GatewayError:
        """What the request ends in."""
        if self._last:
            return self._all_failed(self._last)
        now = self.deadline.now()
        blocked = self._blocked(now)
        if blocked and self._asked() < MAX_DEPLOYMENTS:
            return ServiceUnavailable(
                f"All deployments of '{self.question.model[:200]}' have failed lately and are not asked for now.",
                retry_after=min(until for _, until in blocked) - now,
            )
        if self._fault:
            return self._fault
        refusals = [entry.refusal for entry in self._entries if entry.refusal]
        return refusals[0] if refusals else nobody(self.question, self._left_out)

    def _all_failed(self, last: UpstreamError) -> UpstreamError:
        """The last failure, with what all of them say about trying again."""
        now = self.deadline.now()
        times = [entry.told_at for entry in self._entries if entry.error and entry.error.retryable]
        times += [until for _, until in self._blocked(now)]
        soonest = min((at for at in times if at is not None), default=now) if None not in times else now
        return type(last)(
            f"All deployments of '{self.question.model[:200]}' failed. {last.message}",
            retry_after=soonest - now if soonest > now else None,
            retryable=bool(times),
            should_retry=None if times else False,
        )
