"""Errors in Google's shape."""

from collections.abc import Mapping
from typing import Any

from tests.upstream.messages import Answer

WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
TYPE = "type.googleapis.com/google.rpc."


class ApiError(Exception):
    """What is wrong with a request, as Google says it."""

    def __init__(self, message: str, status: int = 400, details: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.answer = error_answer(status, message, details=details)


def error_answer(
    status: int,
    message: str = "The upstream failed as it was told to.",
    kind: str | None = None,
    details: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
    code: int | None = None,
) -> Answer:
    """One error; its word follows from the status unless given. With status 200 it is an error inside a success.

    Args:
        code: the number in the body, if it differs from the status.
    """
    code = code or (500 if status == 200 else status)
    error: dict[str, Any] = {"code": code, "message": message, "status": kind or WORDS.get(code, "UNKNOWN")}
    return Answer.json({"error": error | ({"details": details} if details else {})}, status, headers)


def retry_info(delay: str) -> dict[str, Any]:
    """How Google says when to try again, such as "34.07s"."""
    return {"@type": f"{TYPE}RetryInfo", "retryDelay": delay}


def error_info(reason: str) -> dict[str, Any]:
    """How Google says what it means, such as "API_KEY_INVALID"."""
    return {"@type": f"{TYPE}ErrorInfo", "reason": reason, "domain": "googleapis.com"}
