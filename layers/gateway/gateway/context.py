"""What is known of the request that this instance is serving: its id, its owner, its deadline."""

import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ulid import ULID

from gateway.deadline import Deadline

SETTLING_SECONDS = 1.0
"""Kept back from the deadline: the log row and the answer still have to be written after the last provider call."""

SAMPLE_AGE_SECONDS = 300.0
"""An event that claims to be older is a saved sample, or its clock is wrong: it starts now."""


@dataclass
class RequestContext:
    """One request's identity, from its first line of log to its row.

    Attributes:
        ulid: the random, time-ordered part of the id.
        started: when the gateway took it up, in seconds since the epoch.
        deadline: when it has to have its answer.
        route: the path as template.yaml declares it, such as "/api/v1/models/{model+}".
        owner: the API key's id once it is known; the log row is kept under it.
        log: fields that the request's last log line carries.
        tools: each tool that was run for it: "tool", "outcome" and "ms"; its row tells them.
    """

    ulid: str
    started: float
    deadline: Deadline
    route: str
    client_request_id: str | None = None
    owner: str | None = None
    log: dict[str, Any] = field(default_factory=dict)
    tools: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """`req_<key id>_<ULID>`, or `req_<ULID>` before the key is known. Always ours: it keys the log row."""
        return f"req_{self.owner}_{self.ulid}" if self.owner else f"req_{self.ulid}"


_current: ContextVar[RequestContext] = ContextVar("request")


def current() -> RequestContext:
    """The request that is being served."""
    return _current.get()


def begin(event: dict[str, Any], lambda_context: Any, headers: dict[str, str], timeout: float) -> RequestContext:
    """Make the context of a new request, and make it current.

    The deadline is the earlier of API Gateway's clock (which started before a cold start did) and of Lambda's.

    Args:
        event: API Gateway's event.
        lambda_context: Lambda's; it knows how long the function may still run.
        headers: the request's headers, names in lower case.
        timeout: seconds the gateway may take for a request.
    """
    now = time.time()
    age = now - (_arrival(event.get("requestContext") or {}) or now)
    started = now - age if 0 <= age < SAMPLE_AGE_SECONDS else now
    ends = min(started + timeout, now + lambda_context.get_remaining_time_in_millis() / 1000)
    request = RequestContext(
        ulid=str(ULID.from_timestamp(now)),
        started=now,
        deadline=Deadline(ends - SETTLING_SECONDS),
        route=str(event.get("resource") or event.get("path")),
        client_request_id=headers.get("x-client-request-id", "")[:128] or None,
    )
    _current.set(request)
    return request


def _arrival(gateway: dict[str, Any]) -> float | None:
    """When API Gateway took the request in, in seconds since the epoch.

    Only if it really was API Gateway: `sam local` stamps all requests with the time of its own start, and gives them no
    extended id.
    """
    stamp = gateway.get("requestTimeEpoch")
    return stamp / 1000 if isinstance(stamp, int) and gateway.get("extendedRequestId") else None
