"""Every error that a client can see: each class knows its status, type, code and whether to try again.

GatewayError
├── InvalidRequest                400   the body or a field; `param` names it
│   ├── ProtocolError             400   no message of the Model Context Protocol, or not one that is served
│   ├── Inexpressible             400   this deployment cannot; another one may
│   ├── ContextLengthExceeded     400
│   └── ContentFiltered           400
├── InvalidApiKey                 401
├── InsufficientScope             403
├── ModelNotAllowed               403
├── OriginNotAllowed              403
├── NotFound                      404
│   ├── UnknownRoute, UnsupportedEndpoint, ModelNotFound
├── MethodNotAllowed              405
├── TeamNotEmpty                  409
├── RequestTooLarge               413
├── RateLimitExceeded             429   requests or tokens of this minute, or requests at once
│   └── BudgetHeld                429   the budget would do, but for what is set aside for others
├── InsufficientQuota             429   the budget is spent
├── InternalError                 500
├── UpstreamError                 502   a provider failed: another deployment may do better
│   ├── RateLimited               502   too many requests for this deployment; `retry_after` says until when
│   ├── CredentialsRefused        502   the provider does not accept the gateway's key, or its account
│   └── UpstreamTimeout           504
├── ResponseTooLarge              502
└── ServiceUnavailable            503
    ├── IndexUnavailable          503
    └── ProviderNotConfigured     503
"""

import math
from typing import Any

from gateway.usage import Usage


class GatewayError(Exception):
    """An error with its HTTP answer, in OpenAI's format.

    Attributes:
        status: HTTP status.
        type, code: as in OpenAI's errors; code may be None.
        param: the field at fault, such as "messages[0].role", or None.
        word: what the code does not tell apart, for operators.
        should_retry: what x-should-retry says to OpenAI's clients; None leaves it to the status.
        retryable: whether the same deployment may do better when asked again.
        retry_after: seconds to wait before trying again, or None.
        headers: further response headers.
        billed: tokens that the provider charges for, though it failed; a usage without counts if it may charge, and
            nobody knows for what; None if it charges nothing.
        from_provider: whether a provider said so, and so was asked.
    """

    status = 500
    type = "api_error"
    code: str | None = None
    word: str | None = None
    should_retry: bool | None = None
    retryable = False
    billed: Usage | None = None
    from_provider = False

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
        should_retry: bool | None = None,
        headers: dict[str, str] | None = None,
        billed: Usage | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or type(self).code
        self.retry_after = retry_after
        self.should_retry = type(self).should_retry if should_retry is None else should_retry
        self.retryable = type(self).retryable if retryable is None else retryable
        self.headers = headers or {}
        self.billed = type(self).billed if billed is None else billed

    @property
    def outcome(self) -> str:
        """As attempts tell it."""
        return self.word or self.code or self.type

    def body(self) -> dict[str, Any]:
        """The error in OpenAI's format, with real nulls."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def response_headers(self) -> dict[str, str]:
        """The headers that tell a client whether, and when, to try again."""
        headers = dict(self.headers)
        if self.should_retry is not None:
            headers["x-should-retry"] = str(self.should_retry).lower()
        if self.retry_after is not None:
            headers["retry-after"] = str(max(1, math.ceil(self.retry_after)))
            headers["retry-after-ms"] = str(max(1, math.ceil(self.retry_after * 1000)))
        return headers


class InvalidRequest(GatewayError):
    """The request cannot be served as it is; `param` names the field."""

    status = 400
    type = "invalid_request_error"


class ProtocolError(InvalidRequest):
    """What was sent is no message of the Model Context Protocol, or none that is served here.

    Attributes:
        number: JSON-RPC's code of the error.
        data: what JSON-RPC's error carries beside its message.
    """

    def __init__(
        self, message: str, number: int = -32600, *, status: int = 400, code: str | None = None, data: Any = None
    ) -> None:
        super().__init__(message, code=code)
        self.number = number
        self.status = status
        self.data = data


class Inexpressible(InvalidRequest):
    """The request has what a deployment, or its provider's protocol, cannot express."""


class ContextLengthExceeded(InvalidRequest):
    """The messages are longer than the model's context window."""

    code = "context_length_exceeded"


class ContentFiltered(InvalidRequest):
    """The provider's content policy refused the request."""

    code = "content_filter"


class InvalidApiKey(InvalidRequest):
    """No key, or not a key of this gateway. One text for all, so that it tells nothing about which keys exist."""

    status = 401
    code = "invalid_api_key"

    def __init__(
        self, message: str = "Incorrect API key. Send a key of this gateway as 'Authorization: Bearer sk-gw-…'."
    ) -> None:
        super().__init__(message)


class InsufficientScope(InvalidRequest):
    """The key is good, but not for this."""

    status = 403
    code = "insufficient_scope"


class ModelNotAllowed(InvalidRequest):
    """The key is good, but not for this model."""

    status = 403
    code = "model_not_allowed"


class OriginNotAllowed(InvalidRequest):
    """A browser asks for a page of an origin that the deployment does not list."""

    status = 403
    code = "origin_not_allowed"

    def __init__(self, message: str = "This origin may not use the gateway: AllowedOrigins does not list it.") -> None:
        super().__init__(message)


class NotFound(InvalidRequest):
    """What the path names is not there."""

    status = 404
    code = "not_found"


class UnknownRoute(NotFound):
    """No such path."""

    code = "unknown_route"


class UnsupportedEndpoint(NotFound):
    """A path of other APIs that this gateway does not serve."""

    code = "unsupported_endpoint"


class ModelNotFound(NotFound):
    """The registry has no such model."""

    code = "model_not_found"


class MethodNotAllowed(InvalidRequest):
    """The path is there, but not for this method; the Allow header lists those it has."""

    status = 405
    code = "method_not_allowed"


class TeamNotEmpty(InvalidRequest):
    """A team cannot be deleted as long as keys are in it."""

    status = 409
    code = "team_not_empty"


class RequestTooLarge(InvalidRequest):
    """The body is larger than the gateway takes."""

    status = 413
    code = "request_too_large"


class RateLimitExceeded(GatewayError):
    """The key, or its team, has too many requests or tokens in this minute, or too many requests at once."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    should_retry = True


class BudgetHeld(RateLimitExceeded):
    """What is left of a budget is set aside for requests that are under way, and may not need it."""

    code = "budget_held"


class InsufficientQuota(GatewayError):
    """A budget is spent."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"
    should_retry = False


class InternalError(GatewayError):
    """A fault of the gateway's own; its cause is in the log, never in the answer."""

    code = "internal_error"


class UpstreamError(GatewayError):
    """A provider failed, lied or answered garbage; another deployment may do better."""

    status = 502
    code = "upstream_error"
    retryable = True


class RateLimited(UpstreamError):
    """The provider gets too many requests, or its deployment is out of quota for now."""

    word = "rate_limited"


class CredentialsRefused(UpstreamError):
    """The provider refuses the gateway's own key or account. Never shown to clients as a 401: theirs is fine."""

    word = "credentials_refused"
    retryable = False


class UpstreamTimeout(UpstreamError):
    """The deadline passed. Not to be tried again by itself: the provider may have done, and charged, the work."""

    status = 504
    type = "timeout_error"
    code = "upstream_timeout"
    should_retry = False
    retryable = False
    billed = Usage()


class ResponseTooLarge(GatewayError):
    """The answer is larger than Lambda can return."""

    status = 502
    code = "response_too_large"
    should_retry = False


class ServiceUnavailable(GatewayError):
    """The gateway cannot serve right now."""

    status = 503
    code = "service_unavailable"


class IndexUnavailable(ServiceUnavailable):
    """The products cannot be searched yet, or not at the moment."""

    code = "index_unavailable"


class ProviderNotConfigured(ServiceUnavailable):
    """The model is known, but no provider of it has credentials here."""

    code = "provider_not_configured"
    should_retry = False
