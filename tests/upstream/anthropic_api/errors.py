"""Errors in Anthropic's shape."""

from collections.abc import Mapping
from typing import Any

from tests.upstream.messages import Answer

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class ApiError(Exception):
    """What is wrong with a request, as Anthropic says it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def error_answer(
    status: int,
    message: str = "The upstream failed as it was told to.",
    kind: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
    request_id: str = "req_scripted",
) -> Answer:
    """One error; its type follows from the status unless given. With status 200 it is the error inside a success."""
    kind = kind or KINDS.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
    error: dict[str, Any] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    body = {"type": "error", "error": error, "request_id": request_id}
    return Answer.json(body, status, {"request-id": request_id, **(headers or {})})
