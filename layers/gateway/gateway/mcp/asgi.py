"""Calls the MCP SDK's HTTP transport, an ASGI application, from a plain handler.

The transport is stateless and answers in JSON, whichever revision of the protocol a request speaks. Each request has an event
loop and a session manager of its own: they take a fraction of a millisecond, and nothing outlives the request they serve.
"""

import asyncio
import json
import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import mcp_types as types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, METHOD_NOT_FOUND
from pydantic import ValidationError

from gateway.body import field_error
from gateway.errors import GatewayError, InternalError, InvalidRequest, ProtocolError, ResponseTooLarge
from gateway.http import (
    MAX_ANSWER_BYTES,
    Event,
    Response,
    request_headers,
    respond,
    to_json,
    unexpected,
)
from gateway.mcp.messages import JSON, Message, read
from gateway.mcp.rpc import CODES, error_object, protocol_error

STREAMED = "subscriptions/listen"
"""Answered by a stream alone, which Lambda behind this API cannot give."""

BRANCH = re.compile(r"\.([A-Z]\w+|str|int)(?=[.[]|$)")

logging.getLogger("mcp").setLevel(logging.CRITICAL + 1)  # its lines quote requests; each request has a line of our own


class Asgi:
    """A server, ready to answer.

    Args:
        server: whatever it offers. Its handlers run in the context of the request that they answer; what they raise is told in
            the gateway's words.
        heard: is told of each message that was understood, before it is answered.
    """

    def __init__(self, server: Server[Any], heard: Callable[[Message], None] = lambda _: None) -> None:
        server.middleware.insert(0, self._in_our_words)
        self._server = server
        self._heard = heard

    def answer(self, event: Event) -> Response:
        """The response to a POST.

        Args:
            event: API Gateway's.
        Raises:
            ProtocolError: JSON-RPC's error is the answer.
            RequestTooLarge, ResponseTooLarge: the one or the other is larger than Lambda takes.
        """
        message = read(event)
        self._heard(message)
        if not message.is_request and not message.is_stateless:
            return _accepted()  # a notification, or a response to what was never asked: there is no session to tell
        if message.method == STREAMED:
            raise _unknown_method(STREAMED, 404 if message.is_stateless else 200)
        exchange = _Exchange(event, message)
        asyncio.run(self._serve(exchange))
        return exchange.response()

    async def _serve(self, exchange: "_Exchange") -> None:
        manager = StreamableHTTPSessionManager(
            self._server, json_response=True, stateless=True, max_request_body_size=sys.maxsize
        )  # its size was checked as it was sent; written anew it may be longer: 1e15 becomes 1000000000000000.0
        async with manager.run():
            await manager.handle_request(exchange.scope, exchange.receive, exchange.send)

    async def _in_our_words(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """What a handler raises, as an error of the protocol; the SDK would tell nothing of it, or too much."""
        try:
            return await call_next(ctx)
        except MCPError:
            raise
        except ValidationError as error:
            if ctx.method != "initialize" and self._server.get_request_handler(ctx.method) is None:
                raise MCPError(METHOD_NOT_FOUND, "") from None  # parameters are checked of what is not served, too
            raise _told(_by_its_path(field_error(error))) from None
        except GatewayError as error:
            raise _told(error) from None
        except Exception as error:  # noqa: BLE001 - a fault of a handler's is its request's alone
            raise _told(unexpected(error)) from None


def _by_its_path(error: InvalidRequest) -> InvalidRequest:
    """Named from the message down, without the names of the SDK's classes, which stand for the branches of a union."""
    found = error.param or ""
    path = BRANCH.sub(lambda name: name[0] if name[1][0].isupper() and not hasattr(types, name[1]) else "", found)
    param = path if path.partition(".")[0] == "params" else f"params.{path}"
    return InvalidRequest(param + error.message.removeprefix(found), param=param)


def _told(error: GatewayError) -> MCPError:
    told = error_object(error)
    return MCPError(told["code"], told["message"], told["data"])


class _Exchange:
    """One request and its response, as ASGI sees them."""

    def __init__(self, event: Event, message: Message) -> None:
        self._message = message
        self._body = to_json(message.body).encode()
        headers = {name: value for name, value in request_headers(event).items() if name.startswith("mcp-")}
        headers |= {"content-type": JSON, "accept": JSON, "content-length": str(len(self._body))}
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers.items()],
            "client": None,
            "server": None,
        }  # fmt: skip
        self._received = False
        self._status = 500
        self._parts: list[bytes] = []

    async def receive(self) -> dict[str, Any]:
        """The body, once; after it the client stays, and says nothing more."""
        if self._received:
            await asyncio.Event().wait()
        self._received = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, part: Any) -> None:
        """Take a part of the response."""
        if part["type"] == "http.response.start":
            self._status = int(part["status"])
        else:
            self._parts.append(part.get("body", b""))

    def response(self) -> Response:
        """What was sent, as API Gateway takes it.

        Raises:
            ProtocolError: an error was sent.
            ResponseTooLarge: it was more than Lambda returns.
        """
        if self._status == 202:
            return _accepted()
        text = b"".join(self._parts).decode()
        answer = _object(text)
        if self._status >= 500 or not {"error", "result"}.intersection(answer):
            raise unexpected(RuntimeError(f"the MCP transport answered by {self._status}"))
        if "error" in answer:
            raise self._error(answer["error"])
        if len(to_json(text).encode()) > MAX_ANSWER_BYTES:
            raise ResponseTooLarge("The answer is larger than the gateway can return: ask for less at once.")
        return respond(self._status, text)

    def _error(self, error: dict[str, Any]) -> GatewayError:
        number = error["code"]
        if number == METHOD_NOT_FOUND:
            return _unknown_method(str(self._message.method), self._status)
        data: dict[str, Any] = error["data"] if isinstance(error.get("data"), dict) else {}
        code = data.get("code") or CODES.get(number, "mcp_error")
        told = ProtocolError(error["message"], number, status=self._status, code=code, data=data)
        if number == INTERNAL_ERROR:
            told.type = data.get("type") or InternalError.type
        return told


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _unknown_method(method: str, status: int) -> ProtocolError:
    message = f"There is no method '{method}' here, or not in this protocol version."
    return protocol_error(message, METHOD_NOT_FOUND, status)


def _accepted() -> Response:
    return {"statusCode": 202, "headers": {}, "body": ""}
