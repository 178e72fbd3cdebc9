"""A provider whose model calls tools, and some tools to call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from gateway.errors import InvalidRequest
from gateway.tools.definitions import Tool
from tests.conftest import LambdaContext
from tests.integration.harness import Answer, Gateway, Json
from tests.integration.speakers import SPEAKERS, calling, texts_of
from tests.upstream import Reply, Upstream

QUERY = {"type": "object", "properties": {"query": {"type": "string"}}}
ENTRY = {"type": "mcp", "server_label": "catalogue", "require_approval": "never"}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}  # fmt: skip
COST = Decimal("100") * Decimal("0.000001") + Decimal("40") * Decimal("0.0000001") + Decimal("7") * Decimal("0.00001")
"""Of an answer, by the contract's price, without what was written into the cache."""


def tool(name: str, answer: Callable[[Json], Json]) -> Tool:
    return Tool(name, name, f"The tool {name}.", QUERY, {"type": "object"}, answer)


def fail(_: Json) -> Json:
    raise InvalidRequest("query: must not be empty.", param="query")


def burst(arguments: Json) -> Json:
    raise ZeroDivisionError(str(arguments))


TOOLS = {
    one.name: one
    for one in (
        tool("search_catalog", lambda arguments: {"found": arguments}),
        tool("get_product", lambda arguments: {"product": arguments}),
        tool("fails", fail),
        tool("bursts", burst),
        tool("talks", lambda _: {"text": "x" * 2_000_000}),
    )
}


@dataclass
class Model:
    """A model "m" of one provider, scripted."""

    provider: str
    gateway: Gateway
    upstream: Upstream
    said: list[Json] = field(default_factory=lambda: [{"role": "user", "content": "Headphones?"}])

    def plans(self, *replies: Reply | tuple[str, Json | str] | list[tuple[str, Json | str]]) -> None:
        """What it answers next: calls, or replies."""
        self.upstream.enqueue(*map(self._reply, replies))

    def _reply(self, reply: Any) -> Reply:
        if isinstance(reply, Reply):
            return reply
        return calling(self.provider, *(reply if isinstance(reply, list) else [reply]))

    @property
    def text(self) -> Reply:
        """ "Four.", said as an answer."""
        return SPEAKERS[self.provider].answers["text"]

    def ask(self, *tools: Json, context: LambdaContext | None = None, **body: Any) -> Answer:
        asked = {"model": "m", "messages": self.said, "tools": list(tools) or [ENTRY]}
        return self.gateway.chat(context, **(asked | body))

    def sent(self, number: int = -1) -> str:
        """What it was sent, as a text."""
        return texts_of(self.upstream.requests[number])


def message_of(answer: Answer) -> Json:
    assert answer.status == 200, answer.text
    message: Json = answer.json["choices"][0]["message"]
    return message


def finish_of(answer: Answer) -> str:
    return str(answer.json["choices"][0]["finish_reason"])


def results(answer: Answer) -> list[tuple[int, str, str | None, str | None]]:
    """The calls that an answer tells of."""
    calls = message_of(answer).get("mcp_calls", [])
    return [(call["round"], call["name"], call["output"], call["error"]) for call in calls]
