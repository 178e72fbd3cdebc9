"""Google's errors as ours: what the Gemini API says when it does not answer.

Source: https://ai.google.dev/gemini-api/docs/troubleshooting and https://cloud.google.com/apis/design/errors.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from gateway.errors import (
    ContextLengthExceeded,
    CredentialsRefused,
    GatewayError,
    Inexpressible,
    InvalidRequest,
    RateLimited,
    UpstreamError,
)
from gateway.providers.base import HttpResponse
from gateway.providers.reading import MAX_RETRY_AFTER, as_dict, as_objects, as_text, json_of, name, retry_after, words

STATUSES = {
    "INVALID_ARGUMENT": 400,
    "OUT_OF_RANGE": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""HTTP's word for each of Google's."""

REQUEST_FAULTS = {400, 413, 422}
RETRYABLE = {408, 409, 499, 500, 502, 503, 504, 529}

BAD_KEY = re.compile(r"api key (not valid|not found|expired|was reported)", re.IGNORECASE)
NO_CREDIT = re.compile(r"prepayment credits|billing account", re.IGNORECASE)
TOO_LONG = re.compile(r"token count .*exceeds the maximum number of tokens", re.IGNORECASE | re.DOTALL)
CANNOT = re.compile(
    r"(is|are) not (enabled|supported) |is unsupported|unsupported mime type|only works in", re.IGNORECASE
)
"""What another model may well do, in Google's words."""
DELAY = re.compile(r"(\d{1,5}(?:\.\d{1,9})?)s")


def success_of(response: HttpResponse) -> dict[str, Any]:
    """The answer's JSON.

    Raises:
        GatewayError: it is an error, be it inside a success, or no JSON.
    """
    body = json_of(response)
    if response.status != 200 or _error_in(body):
        raise to_error(response.status, response.headers, body)
    return as_dict(body)


def to_error(status: int, headers: Mapping[str, str], body: Any) -> GatewayError:
    """Google's error as one of ours.

    Args:
        status: HTTP status; 200 if the error came inside a success.
        headers: the response's, names in lower case.
        body: its JSON, or None if it is not JSON; streams' errors are in an array.
    """
    error = as_dict(_error_in(body))
    kind = name(error.get("status"))
    told = f"HTTP {status}" if status != 200 else f"error {kind or 'without a status'}"
    status = status if status != 200 else STATUSES.get(kind or "", 500)
    message = words(error.get("message")) or f"The provider answered {told}."
    if _is_about_the_account(status, kind, error, message):
        return CredentialsRefused("The provider refused the gateway's credentials for it.")
    if status in REQUEST_FAULTS:
        return _finding(message)(message)
    return (RateLimited if status == 429 else UpstreamError)(
        f"The provider answered {told}.",
        retry_after=_retry_after(error, headers),
        retryable=status == 429 or status in RETRYABLE,
    )


def _finding(message: str) -> type[InvalidRequest]:
    """What a refused request is refused for."""
    if TOO_LONG.search(message):
        return ContextLengthExceeded
    return Inexpressible if CANNOT.search(message) else InvalidRequest


def _error_in(body: Any) -> Any:
    """What is under `error`, in an array too; None if there is none."""
    first = body[0] if isinstance(body, list) and body else body
    return as_dict(first).get("error")


def _is_about_the_account(status: int, kind: str | None, error: dict[str, Any], message: str) -> bool:
    """Whether the key, the account or its country is refused: at Google that can be a 400 or a 429, too."""
    if status in (401, 402, 403) or kind == "FAILED_PRECONDITION":
        return True
    if status == 429:
        return bool(NO_CREDIT.search(message))
    reasons = (as_text(detail.get("reason")) for detail in as_objects(error.get("details")))
    return status == 400 and (any(r.startswith("API_KEY_") for r in reasons) or bool(BAD_KEY.search(message)))


def _retry_after(error: dict[str, Any], headers: Mapping[str, str]) -> float | None:
    """Seconds by RetryInfo, in whole ones, or by the header."""
    delays = (DELAY.fullmatch(as_text(detail.get("retryDelay"))) for detail in as_objects(error.get("details")))
    found = next((float(math.ceil(float(delay[1]))) for delay in delays if delay), None)
    return retry_after(headers) if found is None else min(found, MAX_RETRY_AFTER)
