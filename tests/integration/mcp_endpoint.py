"""The MCP server's endpoint, as a client of one era uses it."""

from dataclasses import dataclass
from typing import Any

from tests.integration.harness import Answer, Gateway, Json
from tests.mcp_messages import NEW, Era, headers, posted, request


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


def told(answer: Answer) -> tuple[int, int, Any]:
    """An error's status, number and id."""
    return answer.status, answer.error["code"], answer.json["id"]
