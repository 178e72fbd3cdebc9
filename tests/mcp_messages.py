"""Messages as MCP's clients of both eras send them."""

import json
from typing import Any, Literal

from tests.conftest import load_event

Json = dict[str, Any]
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
    event = load_event("mcp_initialize")
    kept = {name: value for name, value in {**event["headers"], **more}.items() if value is not None}
    body = message if isinstance(message, str) else json.dumps(message)
    return event | {"body": body, "headers": kept, "multiValueHeaders": {name: [value] for name, value in kept.items()}}
