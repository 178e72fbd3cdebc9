"""From a model's deployments to one answer: each in turn, the next when one fails, all within one deadline."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.deadline import Deadline
from gateway.errors import (
    CredentialsRefused,
    GatewayError,
    InvalidRequest,
    ProviderNotConfigured,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.observability import logger
from gateway.providers import adapter
from gateway.providers.base import Answer
from gateway.registry import Deployment, Endpoint, Model
from gateway.schemas import ChatCompletionRequest

STRATEGY = "priority"


@dataclass(frozen=True)
class Attempt:
    """One call to one deployment.

    Attributes:
        outcome: "ok", or the error's code.
        milliseconds: how long it took.
        reason: of a failure, in our own words.
    """

    deployment: Deployment
    outcome: str
    milliseconds: int
    reason: str | None = None

    def to_row(self) -> dict[str, Any]:
        """As the log row tells it."""
        told = {"deployment": self.deployment.name, "outcome": self.outcome, "ms": self.milliseconds}
        return told | ({"reason": self.reason} if self.reason else {})


@dataclass
class Route:
    """What became of a request on its way, success or not.

    Attributes:
        attempts: every call that was made, in order.
        dropped: fields that the answering deployment could not express.
        answer: the answer, once there is one.
    """

    attempts: list[Attempt] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    answer: Answer | None = None

    @property
    def provider_milliseconds(self) -> int:
        """Time spent waiting for providers."""
        return sum(attempt.milliseconds for attempt in self.attempts)


def route(
    request: ChatCompletionRequest,
    model: Model,
    secrets: Mapping[str, str],
    deadline: Deadline,
    taken: Route,
    clock: Callable[[], float] = time.monotonic,
) -> Answer:
    """Ask the model's deployments in their order until one answers.

    Args:
        secrets: the providers' keys by name.
        taken: filled in as it goes, so that the log row can tell of a failure too.
        clock: measures attempts, in seconds.
    Raises:
        ProviderNotConfigured: no deployment has credentials.
        InvalidRequest: the request is at fault; no other deployment is asked.
        UpstreamError: all failed, by the last one's error.
    """
    ready = [(d, e) for d in model.deployments if (e := d.provider.endpoint(secrets))]
    if not ready:
        names = ", ".join(dict.fromkeys(d.provider.name for d in model.deployments))
        raise ProviderNotConfigured(
            f"The model '{model.id}' needs credentials for {names}, which this gateway does not have."
        )
    failure = UpstreamError("")
    for deployment, endpoint in ready:
        try:
            taken.answer = _attempt(request, deployment, endpoint, deadline, taken, clock)
            return taken.answer
        except UpstreamTimeout:
            raise
        except UpstreamError as error:
            failure = error
    raise type(failure)(f"All deployments of '{model.id}' failed. {failure.message}", retry_after=failure.retry_after)


def _attempt(
    request: ChatCompletionRequest,
    deployment: Deployment,
    endpoint: Endpoint,
    deadline: Deadline,
    taken: Route,
    clock: Callable[[], float],
) -> Answer:
    speaker = adapter(deployment.provider.adapter)
    taken.dropped = []
    if not speaker.PASSES_UNKNOWN_FIELDS:
        request, taken.dropped = without_unknown_fields(request, deployment)
    started, outcome, reason = clock(), "internal_error", None
    try:
        answer = speaker.complete(request, deployment, endpoint, deadline)
        outcome = "ok"
        return answer
    except GatewayError as error:
        outcome = error.code or error.type
        # What a provider says of a request may quote it; what we say of the provider does not.
        reason = error.message if isinstance(error, UpstreamError) else None
        level = logger.error if isinstance(error, CredentialsRefused) else logger.warning
        level("attempt failed", deployment=deployment.name, outcome=outcome, reason=reason)
        raise
    finally:
        taken.attempts.append(Attempt(deployment, outcome, round((clock() - started) * 1000), reason))


def without_unknown_fields(
    request: ChatCompletionRequest, deployment: Deployment
) -> tuple[ChatCompletionRequest, list[str]]:
    """The request as a deployment can express it, and the names of the fields left out.

    Raises:
        InvalidRequest: there are such fields, and the deployment does not say that they may be dropped.
    """
    unknown = sorted(request.model_extra or {})
    if not unknown:
        return request, []
    if not deployment.drop_params:
        name = unknown[0][:256]
        raise InvalidRequest(f"{name}: {deployment.name} has no such parameter.", param=name)
    known = {name: value for name, value in request.wire().items() if name not in unknown}
    return ChatCompletionRequest.model_validate(known), unknown
