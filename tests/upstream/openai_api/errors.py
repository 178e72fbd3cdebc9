"""Errors in OpenAI's shape."""

from collections.abc import Mapping

from tests.upstream.messages import Answer


class ApiError(Exception):
    """What is wrong with a request, as OpenAI says it."""

    def __init__(
        self,
        message: str,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.answer = error_answer(status, message, None, code, param, headers)


def error_answer(
    status: int,
    message: str,
    kind: str | None = None,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One error; its type follows from the status unless given."""
    kind = kind or ("server_error" if status >= 500 else "invalid_request_error")
    return Answer.json({"error": {"message": message, "type": kind, "param": param, "code": code}}, status, headers)
