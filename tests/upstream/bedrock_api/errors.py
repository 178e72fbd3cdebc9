"""Errors in AWS's shape: a message in the body, the exception's name in a header."""

from collections.abc import Mapping

from tests.upstream.messages import Answer, lower

KINDS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


class ApiError(Exception):
    """What is wrong with a request, as Bedrock says it."""

    def __init__(self, message: str, status: int = 400, kind: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind


def error_answer(
    status: int,
    message: str = "The upstream failed as it was told to.",
    kind: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One error; its exception follows from the status unless given, by either name."""
    kind = kind or code or KINDS.get(status)
    named = {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"} if kind else {}
    return Answer.json({"message": message}, status, {**named, **lower(headers)})
