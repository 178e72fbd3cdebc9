"""Bedrock's errors as ours.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html, and what models on Bedrock
are known to say inside a ValidationException, which is the one word for most of what can be wrong.
"""

from collections.abc import Mapping

from gateway.errors import (
    ContentFiltered,
    ContextLengthExceeded,
    CredentialsRefused,
    GatewayError,
    InvalidRequest,
    RateLimited,
    UpstreamError,
)
from gateway.providers.base import printable
from gateway.providers.reading import retry_after

REFUSED = {
    *("AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException", "ExpiredToken"),
    *("InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "IncompleteSignatureException"),
    *("MissingAuthenticationToken", "MissingAuthenticationTokenException", "InvalidClientTokenId", "OptInRequired"),
    *("NotAuthorized", "RequestExpired"),
}
RATES = {"ThrottlingException", "ServiceQuotaExceededException", "TooManyRequestsException"}
TRANSIENT = {"ModelTimeoutException", "ModelErrorException", "ModelNotReadyException", "InternalServerException"}
TRANSIENT_STATUSES = {408, 409, 424, 429}
REQUEST_FAULTS = {400, 413, 422}

TOO_LONG = (
    *("input is too long", "prompt is too long", "too many input tokens", "input tokens exceed", "context length"),
    *("exceed context limit", "context window", "number of input tokens exceeds", "expected maxlength"),
)
FILTERED = ("content filter", "content policy")
ACCOUNT = (
    *("on-demand throughput", "model identifier is invalid", "access to the model", "access to this model"),
    *("operation not allowed", "account is not authorized", "reached the end of its life", "inference profile"),
)
"""What is wrong with the deployment, or the account, though Bedrock finds fault with the request."""


def to_error(code: str, status: int, message: str, headers: Mapping[str, str]) -> GatewayError:
    """Bedrock's error as one of ours.

    Args:
        code: the exception's name, such as "ThrottlingException"; empty if it has none.
        headers: the response's, names in lower case.
    """
    told = f"Bedrock answered {printable(code)} (HTTP {status})." if code else f"Bedrock answered HTTP {status}."
    wait = retry_after(headers)
    if code in REFUSED or status in (401, 402, 403):
        return CredentialsRefused("Bedrock refused the gateway's credentials, or its account's access to the model.")
    if code in RATES or (status == 429 and code != "ModelNotReadyException"):
        return RateLimited(told, retry_after=wait, retryable=code != "ServiceQuotaExceededException")
    if code in TRANSIENT or status >= 500 or status in TRANSIENT_STATUSES:
        return UpstreamError(told, retry_after=wait)
    if status in REQUEST_FAULTS and code != "ResourceNotFoundException":
        return _fault(message or told, told)
    return UpstreamError(told, retryable=False)


def _fault(message: str, told: str) -> GatewayError:
    """What is wrong, by the words of the message: Bedrock has no other."""
    said = message.lower()
    if any(words in said for words in TOO_LONG) or ("exceeds the maximum" in said and "token" in said):
        return ContextLengthExceeded(message, param="messages")
    if any(words in said for words in FILTERED):
        return ContentFiltered(message)
    if any(words in said for words in ACCOUNT):
        return UpstreamError(f"{told} The model is not available to the gateway's account there.", retryable=False)
    return InvalidRequest(message)
