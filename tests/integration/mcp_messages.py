"""Messages as MCP's clients of both eras send them, and the endpoint that they send them to."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from tests.integration.harness import Answer, Gateway, Json, event_with

Era = Literal["2026-07-28", "2025-11-25"]
NEW: Era = "2026-07-28"
OLD: Era = "2025-11-25"
ERAS: tuple[Era, ...] = (NEW, OLD)
META: Json = {"io.modelcontextprotocol/protocolVersion": NEW, "io.modelcontextprotocol/clientCapabilities": {}}
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


def request(era: Era, method: str, params: Json | None = None, identifier: Any = 1) -> Json:
    """A request's message."""
    given = (params or {}) | ({"_meta": META | (params or {}).get("_meta", {})} if era == NEW else {})
    return {"jsonrpc": "2.0", "id": identifier, "method": method, "params": given}


def headers(era: Era, message: Any) -> dict[str, str]:
    """The headers that go with a message."""
    told: dict[str, str] = {"MCP-Protocol-Version": era}
    if era == NEW and isinstance(message, dict) and isinstance(message.get("method"), str):
        told["Mcp-Method"] = message["method"]
        name = (message.get("params") or {}).get(NAMED.get(message["method"], ""))
        told |= {"Mcp-Name": name} if isinstance(name, str) else {}
    return told


def posted(message: Any, more: dict[str, str | None]) -> Json:
    """The event of a POST.

    Args:
        message: as a string it goes as it is.
        more: headers; None takes one away.
    """
    event = event_with("mcp_initialize", message if isinstance(message, str) else json.dumps(message))
    kept = {name: value for name, value in {**event["headers"], **more}.items() if value is not None}
    return event | {"headers": kept, "multiValueHeaders": {name: [value] for name, value in kept.items()}}


@dataclass(frozen=True)
class Endpoint:
    """The gateway's endpoint, asked by a client of one era."""

    gateway: Gateway
    era: Era

    def post(self, message: Any, **more: str | None) -> Answer:
        """Send a message. Of further headers the names are written with _ for -."""
        changed = {name.replace("_", "-"): value for name, value in more.items()}
        known = {
            name.lower(): name for name in (*headers(NEW, request(NEW, "tools/call", {"name": "x"})), "Content-Type")
        }
        named = {known.get(name.lower(), name): value for name, value in changed.items()}
        return self.gateway.send("mcp", posted(message, {**headers(self.era, message), **named}))

    def ask(self, method: str, params: Json | None = None, identifier: Any = 1) -> Answer:
        """Send a request."""
        return self.post(request(self.era, method, params, identifier))

    def result(self, method: str, params: Json | None = None) -> Json:
        """What a request that succeeds is answered."""
        answer = self.ask(method, params)
        assert answer.status == 200, answer.text
        result: Json = answer.json["result"]
        return result

    def error(self, method: str, params: Json | None = None) -> Json:
        """The error that a request is answered."""
        error: Json = self.ask(method, params).json["error"]
        return error

    def call(self, tool: str, arguments: Json | None = None) -> Json:
        """The result of calling a tool."""
        return self.result("tools/call", {"name": tool, "arguments": arguments or {}})
