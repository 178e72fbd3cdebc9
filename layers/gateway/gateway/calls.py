"""One call to one deployment: made, judged, told to the fleet, and put on the request's record, whatever comes of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from gateway import pricing, retry
from gateway.attempts import Attempt, Route
from gateway.candidates import Step
from gateway.circuits import Result
from gateway.deadline import Deadline
from gateway.errors import (
    CredentialsRefused,
    GatewayError,
    InternalError,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.health import Health
from gateway.observability import logger
from gateway.providers.base import Answer
from gateway.questions import Fitted
from gateway.usage import Usage

FAIR_SECONDS = 5.0
"""Who had less time than that, and less than usual, is not held to have failed by not answering in it."""


@dataclass(frozen=True)
class Call:
    """A call that is about to be made.

    Attributes:
        seconds: that it gets.
        probe: whether it is to find out if an open circuit can be closed.
        waited: seconds that it has been waited for.
        most: US dollars that it can cost; None if nobody asked.
    """

    step: Step
    fitted: Fitted
    seconds: float
    probe: bool
    waited: float
    most: Decimal | None = None

    def make(self, health: Health, deadline: Deadline, taken: Route, clock: Callable[[], float]) -> Answer:
        """Make it.

        Args:
            taken: the request's record, which gets an attempt, unless nobody was asked after all.
            clock: measures, in seconds.
        Raises:
            GatewayError: as the adapter does.
        """
        deployment = self.step.candidate.deployment
        at, started = deadline.now(), clock()
        result = Result("unknown", at, self.probe, health.calling(deployment.name, at))
        taken.dropped = self.fitted.dropped
        attempt = Attempt(
            deployment, InternalError.code, 0, usage=Usage(), waited=_ms(self.waited), probe=self.probe, most=self.most
        )
        was_asked = True
        try:
            answer = self.fitted.ask(self.step.endpoint, deadline.within(self.seconds, deployment.first_byte_timeout))
            attempt = replace(attempt, outcome="ok", usage=answer.usage)
            result = replace(result, kind="ok", seconds=clock() - started)
            taken.answer = answer
            return answer
        except GatewayError as error:
            attempt = replace(attempt, outcome=error.outcome, usage=error.billed, reason=_reason(error))
            was_asked = isinstance(error, UpstreamError) or error.from_provider
            if was_asked:
                result = replace(result, kind=self._kind(error, health), retry_after=error.retry_after or 0.0)
                level = logger.error if isinstance(error, CredentialsRefused) else logger.warning
                level("attempt failed", deployment=deployment.name, outcome=attempt.outcome, reason=attempt.reason)
            raise
        finally:
            if was_asked:
                cost = Decimal(0) if attempt.usage is None else pricing.cost(attempt.usage, deployment.price, at)
                taken.attempts.append(replace(attempt, milliseconds=_ms(clock() - started), cost=cost))
            health.report(deployment.name, result, deadline.now())

    def _kind(self, error: GatewayError, health: Health) -> str:
        """What an error says of the deployment's health. One that finds fault with the request is as good as an answer."""
        if not isinstance(error, UpstreamError):
            return "ok"
        if isinstance(error, CredentialsRefused):
            return "refused"
        if isinstance(error, RateLimited) and error.retry_after:
            return "limited"
        return "unknown" if isinstance(error, UpstreamTimeout) and not self._was_fair(health) else "failed"

    def _was_fair(self, health: Health) -> bool:
        """Whether the deployment had time enough to answer."""
        deployment = self.step.candidate.deployment
        usual = health.seconds(deployment.name)
        is_usual = usual is not None and self.seconds >= retry.PATIENCE * usual
        return self.seconds >= FAIR_SECONDS or self.seconds == deployment.timeout or is_usual


def _reason(error: GatewayError) -> str | None:
    """What a provider says of a request may quote it; what we say of the provider does not."""
    return error.message if isinstance(error, UpstreamError) else None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
