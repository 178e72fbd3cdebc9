"""Anthropic's errors as ours.

Source: https://platform.claude.com/docs/en/api/errors. A stable code, `error.details.error_code`, is there for few of
them: what else has to be told apart is told apart by Anthropic's sentences.
"""

from typing import Any

from gateway.errors import (
    ContentFiltered,
    ContextLengthExceeded,
    CredentialsRefused,
    GatewayError,
    Inexpressible,
    InvalidRequest,
    RateLimited,
    UpstreamError,
)
from gateway.providers.reading import as_dict, name, retry_after, words

ACCOUNT_STATUSES = {401, 402, 403}
ACCOUNT_TYPES = {"authentication_error", "permission_error", "billing_error"}
ACCOUNT_CODES = {
    "organization_on_hold",
    "contract_spend_limit_reached",
    "enforced_spend_limit_reached",
    "linked_organization_spend_limit_reached",
    "linked_organization_billing_unavailable",
}
ACCOUNT_SENTENCES = (
    "Your credit balance is too low",
    "You have reached your specified",
    "This organization has been disabled",
)
"""Money is a 400 there if it is prepaid, or a limit that the owner set."""

FINDINGS: dict[str, type[InvalidRequest]] = {
    "prompt is too long": ContextLengthExceeded,
    "exceed context limit": ContextLengthExceeded,
    "blocked by content filtering policy": ContentFiltered,
    "for this model": Inexpressible,
    "on this model": Inexpressible,
    "this model does not support": Inexpressible,
    "must define tools": Inexpressible,
    "when tool_choice forces tool use": Inexpressible,
}
REQUEST_FAULTS = {400, 413, 422}
RETRYABLE = {200, 408, 409, 429}


def to_error(status: int, headers: Any, body: Any) -> GatewayError:
    """Anthropic's error as one of ours.

    Args:
        status: HTTP status; 200 if the error came inside a success.
        headers: the response's, names in lower case.
        body: its JSON, or None if it is not JSON.
    """
    error = as_dict(as_dict(body).get("error"))
    kind, code = name(error.get("type")), name(as_dict(error.get("details")).get("error_code"))
    message = words(error.get("message")) or f"The provider answered HTTP {status}."
    if status in ACCOUNT_STATUSES or kind in ACCOUNT_TYPES or code in ACCOUNT_CODES or _is_about_money(status, message):
        return CredentialsRefused("The provider refused the gateway's credentials for it, or its account.")
    if status in REQUEST_FAULTS or (status == 200 and kind in ("invalid_request_error", "request_too_large")):
        return _finding(message)(message, code=code)
    told = f"error {kind or 'without a type'}" if status == 200 else f"HTTP {status}"
    found = RateLimited if status == 429 or kind == "rate_limit_error" else UpstreamError
    retryable = (status in RETRYABLE and kind != "not_found_error") or status >= 500
    return found(f"The provider answered {told}.", retry_after=retry_after(headers), retryable=retryable)


def _is_about_money(status: int, message: str) -> bool:
    return status in (200, 400) and message.startswith(ACCOUNT_SENTENCES)


def _finding(message: str) -> type[InvalidRequest]:
    """What a refused request is refused for."""
    said = message.lower()
    return next((found for words_, found in FINDINGS.items() if words_ in said), InvalidRequest)
