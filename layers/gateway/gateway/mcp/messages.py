"""The one message that a POST carries, checked as far as JSON-RPC and HTTP go; what it asks for is the SDK's to check."""

from dataclasses import dataclass
from typing import Any

from mcp_types import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    PROTOCOL_VERSION_META_KEY,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, KNOWN_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from gateway.body import json_value
from gateway.errors import InvalidRequest, ProtocolError, RequestTooLarge
from gateway.http import Event, request_headers
from gateway.mcp.rpc import LONGEST_ID, is_id, protocol_error

JSON = "application/json"
VERSION_HEADER = "mcp-protocol-version"
LONGEST_METHOD = 128


@dataclass(frozen=True)
class Message:
    """A JSON-RPC message.

    Attributes:
        body: all of it.
        method: what a request or a notification asks for; None in a response.
        is_request: whether it wants an answer.
        is_stateless: whether it is of the revisions without a handshake.
    """

    body: dict[str, Any]
    method: str | None
    is_request: bool
    is_stateless: bool


def read(event: Event) -> Message:
    """The message that an event carries.

    Raises:
        ProtocolError: it is none, or its headers do not fit it.
        RequestTooLarge: it is over 5 MiB.
    """
    headers = request_headers(event)
    _check_media_types(headers)
    body = _parsed(event)
    _check_envelope(body)
    version = headers.get(VERSION_HEADER)
    _check_version(body, version)
    is_stateless = version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS
    return Message(body, body.get("method"), "method" in body and "id" in body, is_stateless)


def _check_media_types(headers: dict[str, str]) -> None:
    """A client that names no type is taken to mean JSON: there is nothing else to mean."""
    sent = headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if sent != JSON:
        raise protocol_error(f"Content-Type must be {JSON}, not '{sent[:64]}'.", INVALID_REQUEST, 415)
    accepted = [kind.partition(";")[0].strip().lower() for kind in headers.get("accept", "*/*").split(",")]
    if not {JSON, "application/*", "*/*"}.intersection(accepted):
        raise protocol_error(f"Answers are in {JSON}; Accept must allow it.", INVALID_REQUEST, 406)


def _parsed(event: Event) -> dict[str, Any]:
    try:
        value = json_value(event)
    except RequestTooLarge:
        raise
    except InvalidRequest as error:
        raise protocol_error(error.message, PARSE_ERROR) from None
    if isinstance(value, list):
        raise _invalid("Batches are not taken: send one message in each request.")
    if not isinstance(value, dict):
        raise _invalid("The request body must be a JSON-RPC message, which is an object.")
    return value


def _check_envelope(body: dict[str, Any]) -> None:
    if body.get("jsonrpc") != "2.0":
        raise _invalid('jsonrpc: must be "2.0".')
    if "id" in body and not is_id(body["id"]):
        raise _invalid(f"id: must be a string of at most {LONGEST_ID} characters, or a whole number.")
    if "method" not in body and ("result" in body or "error" in body):
        return
    method = body.get("method")
    if not isinstance(method, str) or not 0 < len(method) <= LONGEST_METHOD:
        raise _invalid(f"method: must be a string of 1 to {LONGEST_METHOD} characters.")
    if not isinstance(body.get("params", {}), dict):
        raise protocol_error("params: must be an object.", INVALID_PARAMS)


def _check_version(body: dict[str, Any], header: str | None) -> None:
    """The SDK goes by the header alone; a body that says otherwise would be read by the rules of another revision."""
    named = _named_version(body)
    if named is not None and body.get("method") != "initialize" and header in (None, *HANDSHAKE_PROTOCOL_VERSIONS):
        told = f"The header {VERSION_HEADER} must be the protocol version that params._meta names."
        raise protocol_error(told, HEADER_MISMATCH)
    if named is None and header is not None and header not in KNOWN_PROTOCOL_VERSIONS:
        data = {"supported": list(MODERN_PROTOCOL_VERSIONS), "requested": header[:64]}
        told = f"The protocol version '{header[:64]}' is not served."
        raise protocol_error(told, UNSUPPORTED_PROTOCOL_VERSION, data=data)


def _named_version(body: dict[str, Any]) -> Any:
    meta = (body.get("params") or {}).get("_meta")
    return meta.get(PROTOCOL_VERSION_META_KEY) if isinstance(meta, dict) else None


def _invalid(message: str) -> ProtocolError:
    return protocol_error(message, INVALID_REQUEST)
