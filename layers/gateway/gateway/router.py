"""From a model's deployments to one answer: each in turn, the next when one fails, all within one deadline."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from gateway import pricing
from gateway.deadline import Deadline
from gateway.errors import (
    CredentialsRefused,
    GatewayError,
    Inexpressible,
    InternalError,
    ProviderNotConfigured,
    UpstreamError,
)
from gateway.observability import logger
from gateway.providers.base import Answer
from gateway.questions import Fitted, Question
from gateway.registry import MAX_DEPLOYMENTS, Deployment, Endpoint
from gateway.usage import Usage

STRATEGY = "priority"


@dataclass(frozen=True)
class Attempt:
    """One call to one deployment.

    Attributes:
        outcome: "ok", or the error's code.
        milliseconds: how long it took.
        reason: of a failure, in our own words.
        usage: tokens that the provider charges for; without counts if they are not known; None if it charges nothing.
        cost: US dollars; None if that is not known.
    """

    deployment: Deployment
    outcome: str
    milliseconds: int
    reason: str | None = None
    usage: Usage | None = None
    cost: Decimal | None = Decimal(0)

    def to_row(self) -> dict[str, Any]:
        """As the log row tells it."""
        told = {"deployment": self.deployment.name, "outcome": self.outcome, "ms": self.milliseconds}
        return told | ({"reason": self.reason} if self.reason else {})


@dataclass
class Route:
    """What became of a request on its way, success or not.

    Attributes:
        attempts: every call that was made, in order.
        dropped: what the answering deployment could not express.
        answer: the answer, once there is one.
    """

    attempts: list[Attempt] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    answer: Answer | None = None

    @property
    def provider_milliseconds(self) -> int:
        """Time spent waiting for providers."""
        return sum(attempt.milliseconds for attempt in self.attempts)

    @property
    def usage(self) -> Usage:
        """All tokens that were paid for."""
        return sum((attempt.usage for attempt in self.attempts if attempt.usage), Usage())

    @property
    def cost(self) -> Decimal | None:
        """US dollars, of all attempts together; None if one's is not known."""
        costs = [attempt.cost for attempt in self.attempts]
        return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))


def route(
    question: Question,
    candidates: Sequence[Deployment],
    secrets: Mapping[str, str],
    deadline: Deadline,
    taken: Route,
    clock: Callable[[], float] = time.monotonic,
) -> Answer:
    """Ask deployments in their order until one answers. Those that cannot express the request are passed over.

    Args:
        candidates: who may serve it; five at most are asked.
        secrets: the providers' keys by name.
        taken: filled in as it goes, so that the log row can tell of a failure too.
        clock: measures attempts, in seconds.
    Raises:
        ProviderNotConfigured: no deployment has credentials.
        InvalidRequest: the request is at fault, or none of the deployments can express it: the first one's reason.
        UpstreamError: all failed, by the last one's error, or the deadline passed.
    """
    failure: UpstreamError | None = None
    refusals: list[Inexpressible] = []
    for deployment, endpoint in _configured(question, candidates, secrets):
        if len(taken.attempts) == MAX_DEPLOYMENTS:
            break
        deadline.remaining()  # a deployment's own time may have been up, or the request's
        try:
            fitted = question.fitted(deployment)
            taken.answer = _attempt(fitted, deployment, endpoint, deadline, taken, clock)
            return taken.answer
        except UpstreamError as error:
            failure = error
        except Inexpressible as error:
            refusals.append(error)
    raise _all_failed(question, failure) if failure else refusals[0]


def _configured(
    question: Question, candidates: Sequence[Deployment], secrets: Mapping[str, str]
) -> list[tuple[Deployment, Endpoint]]:
    ready = [(d, e) for d in candidates if (e := d.provider.endpoint(secrets))]
    if not ready:
        names = ", ".join(dict.fromkeys(d.provider.name for d in candidates))
        raise ProviderNotConfigured(
            f"The model '{question.model[:200]}' needs credentials for {names}, which this gateway does not have."
        )
    return ready


def _all_failed(question: Question, failure: UpstreamError) -> UpstreamError:
    told = f"All deployments of '{question.model[:200]}' failed. {failure.message}"
    return type(failure)(told, retry_after=failure.retry_after, retryable=failure.retryable)


def _attempt(
    fitted: Fitted,
    deployment: Deployment,
    endpoint: Endpoint,
    deadline: Deadline,
    taken: Route,
    clock: Callable[[], float],
) -> Answer:
    taken.dropped = fitted.dropped
    at, started = deadline.now(), clock()
    outcome, reason = InternalError.code, None
    usage: Usage | None = Usage()
    was_asked = True
    try:
        answer = fitted.ask(endpoint, deadline.within(deployment.timeout))
        outcome, usage = "ok", answer.usage
        return answer
    except GatewayError as error:
        outcome, usage = error.code or error.type, error.billed
        was_asked = isinstance(error, UpstreamError) or error.from_provider
        # What a provider says of a request may quote it; what we say of the provider does not.
        reason = error.message if isinstance(error, UpstreamError) else None
        level = logger.error if isinstance(error, CredentialsRefused) else logger.warning
        if was_asked:
            level("attempt failed", deployment=deployment.name, outcome=outcome, reason=reason)
        raise
    finally:
        if was_asked:
            paid = Decimal(0) if usage is None else pricing.cost(usage, deployment.price, at)
            milliseconds = round((clock() - started) * 1000)
            taken.attempts.append(Attempt(deployment, outcome, milliseconds, reason, usage, paid))
