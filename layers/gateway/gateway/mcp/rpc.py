"""JSON-RPC's errors: what the gateway refuses anywhere else in OpenAI's format, an MCP client is told in the protocol's own."""

from collections.abc import Callable
from typing import Any

from mcp_types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
)

from gateway.body import json_value
from gateway.errors import GatewayError, InvalidRequest, ProtocolError
from gateway.http import Event, Response, json_response, unexpected

REFUSED = -32000
"""Of the numbers that are an implementation's own, the one that other servers give for what HTTP itself refuses: no key, a limit."""

LONGEST_ID = 65_536
"""One as long as a message may be would make any answer, an error too, longer than Lambda returns."""

OLD_NOT_FOUND = -32002
"""Of a resource, before 2026-07-28."""

CODES = {
    PARSE_ERROR: "parse_error",
    INVALID_REQUEST: "invalid_request",
    METHOD_NOT_FOUND: "method_not_found",
    INVALID_PARAMS: "invalid_params",
    INTERNAL_ERROR: "internal_error",
    OLD_NOT_FOUND: "not_found",
    HEADER_MISMATCH: "header_mismatch",
    UNSUPPORTED_PROTOCOL_VERSION: "unsupported_protocol_version",
}
"""As rows and logs tell the protocol's own errors, which have a number only."""


def protocol_error(message: str, number: int, status: int = 400, data: dict[str, Any] | None = None) -> ProtocolError:
    """One of the protocol's own errors, with the word that rows and logs have for it."""
    return ProtocolError(message, number, status=status, code=CODES[number], data=data)


def answered(event: Event, answer: Callable[[Event], Response]) -> Response:
    """A request's response, or the JSON-RPC error that names the request."""
    try:
        return answer(event)
    except GatewayError as error:
        return error_response(error, request_id(event))
    except Exception as error:  # noqa: BLE001 - as in gateway.http, but in the format that these clients read
        return error_response(unexpected(error), request_id(event))


def error_response(error: GatewayError, identifier: int | str | None) -> Response:
    """A JSON-RPC error, with the HTTP status and headers that the error has everywhere.

    Args:
        identifier: the request's; None if it could not be read.
    """
    body = {"jsonrpc": "2.0", "id": identifier, "error": error_object(error)}
    headers = error.response_headers() | ({"www-authenticate": "Bearer"} if error.status == 401 else {})
    return json_response(error.status, body, headers)


def error_object(error: GatewayError) -> dict[str, Any]:
    """JSON-RPC's error: its data is what the gateway's errors tell beside their message."""
    data: dict[str, Any] = {"type": error.type, "code": error.code or CODES[number(error)]}
    if error.param is not None:
        data["param"] = error.param
    if error.retry_after is not None:
        data["retry_after"] = error.retry_after
    more = error.data if isinstance(error, ProtocolError) else None
    return {"code": number(error), "message": error.message, "data": data | (more or {})}


def number(error: GatewayError) -> int:
    """JSON-RPC's number of an error."""
    if isinstance(error, ProtocolError):
        return error.number
    if error.status >= 500:
        return INTERNAL_ERROR
    return INVALID_PARAMS if error.status in (400, 404) else REFUSED


def request_id(event: Event) -> int | str | None:
    """The id of the request in an event; None if it has none that can be read."""
    try:
        message = json_value(event)
    except InvalidRequest:
        return None
    identifier = message.get("id") if isinstance(message, dict) else None
    return identifier if is_id(identifier) else None


def is_id(value: Any) -> bool:
    """Whether the protocol takes it as a request's id, and an answer can carry it back."""
    if isinstance(value, str):
        return len(value) <= LONGEST_ID
    return isinstance(value, int) and not isinstance(value, bool)
