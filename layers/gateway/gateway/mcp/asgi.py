"""Calls the MCP SDK's HTTP transport, an ASGI application, from a plain handler.

An instance serves one request at a time, so one event loop serves them all: it runs while a request does, and rests in between.
The transport is stateless and answers in JSON, whichever revision of the protocol a request speaks.
Source: https://asgi.readthedocs.io/en/latest/specs/www.html and https://modelcontextprotocol.io/specification
"""

import asyncio
import logging
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from gateway.http import MAX_BODY_BYTES, Event, Response, body_bytes, request_headers, respond

ACCEPT = "application/json, text/event-stream"
"""What the transport asks of all clients; which of the two it answers in does not depend on it."""

logging.getLogger("mcp").setLevel(logging.CRITICAL)  # its lines quote requests; each request has a line of our own


class Asgi:
    """A server, ready to answer.

    Args:
        server: whatever it offers; handlers run in the context of the request that they answer.
    """

    def __init__(self, server: Server[Any]) -> None:
        self._manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=MAX_BODY_BYTES
        )
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        ready = asyncio.Event()
        self._life = self._loop.create_task(self._live(ready))
        self._loop.run_until_complete(ready.wait())

    async def _live(self, ready: asyncio.Event) -> None:
        """The manager's whole life, in one task: who begins it has to end it."""
        async with self._manager.run():
            ready.set()
            await self._ended.wait()

    def answer(self, event: Event) -> Response:
        """The transport's response to a POST.

        Args:
            event: API Gateway's.
        Raises:
            InvalidRequest, RequestTooLarge: there is no body that could be read.
        """
        exchange = _Exchange(event)
        self._loop.run_until_complete(self._manager.asgi_app(exchange.scope, exchange.receive, exchange.send))
        return exchange.response()

    def close(self) -> None:
        """End the server; an instance of a function just stops."""
        self._ended.set()
        self._loop.run_until_complete(self._life)
        self._loop.close()


class _Exchange:
    """One request and its response, as ASGI sees them."""

    def __init__(self, event: Event) -> None:
        self._body = body_bytes(event)
        headers = request_headers(event) | {"content-length": str(len(self._body))}
        accepted = headers.get("accept", "*/*")
        headers["accept"] = ACCEPT if "application/json" in accepted or "*/*" in accepted else accepted
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": event["httpMethod"],
            "scheme": "https",
            "path": str(event.get("path")),
            "raw_path": str(event.get("path")).encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers.items()],
            "client": None,
            "server": None,
        }  # fmt: skip
        self._sent = False
        self._status = 500
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []

    async def receive(self) -> dict[str, Any]:
        """The body, once; after it the client stays, and says nothing more."""
        if self._sent:
            await asyncio.Event().wait()
        self._sent = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Any) -> None:
        """Take a part of the response."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        else:
            self._parts.append(message.get("body", b""))

    def response(self) -> Response:
        """What was sent, as API Gateway takes it."""
        kept = {name: value for name, value in self._headers.items() if name in ("content-type", "allow")}
        return respond(self._status, b"".join(self._parts).decode(), kept)
