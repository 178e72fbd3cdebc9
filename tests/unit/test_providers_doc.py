"""docs/providers.md says what each adapter can do; each of its cells is tried here."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gateway.body import parse_body
from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest
from gateway.errors import Inexpressible
from gateway.providers import vocabulary
from gateway.registry import ADAPTERS, Deployment, Endpoint, Provider
from tests.unit.builders import HELLO, event, request

DOC = Path(__file__).parents[2] / "docs" / "providers.md"
PNG = "data:image/png;base64,iVBORw0KGgo="
ENDPOINT = Endpoint("https://provider.example", "key", "us-east-1")
DEADLINE = Deadline(2.0, clock=lambda: 1.0)

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
STRICT = {"type": "function", "function": TOOL["function"] | {"strict": True}}  # type: ignore[operator]
CALLS = [{"id": f"call_{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in range(2)]
RESULTS = [{"role": "tool", "tool_call_id": f"call_{n}", "content": "4"} for n in range(2)]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "s"}


def said(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hello", **fields}]}


def shown(**image: Any) -> dict[str, Any]:
    part = {"type": "image_url", "image_url": {"url": PNG, **image}}
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Look"}, part]}]}


def answered(**fields: Any) -> dict[str, Any]:
    return {"messages": [*HELLO, {"role": "assistant", "content": "Hi", **fields}, *HELLO]}


CHATS: dict[str, dict[str, Any]] = {
    "System and developer prompts": {
        "messages": [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}, *HELLO]
    },
    "Several turns": answered(),
    "Tools": {"tools": [TOOL]},
    "Tool results, of parallel calls too": {
        "tools": [TOOL],
        "messages": [*HELLO, {"role": "assistant", "content": None, "tool_calls": CALLS}, *RESULTS],
    },
    "`tool_choice` none": {"tools": [TOOL], "tool_choice": "none"},
    "`tool_choice` required": {"tools": [TOOL], "tool_choice": "required"},
    "`tool_choice` by name": {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    "`parallel_tool_calls` false": {"tools": [TOOL], "parallel_tool_calls": False},
    "Strict tools": {"tools": [STRICT]},
    "Images": shown(),
    "Image `detail` high": shown(detail="high"),
    "`response_format` JSON object": {"response_format": {"type": "json_object"}},
    "`response_format` JSON schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    },
    "`stop`": {"stop": ["END"]},
    "`seed`": {"seed": 7},
    "`temperature` up to 1": {"temperature": 0.5},
    "`temperature` up to 2": {"temperature": 1.5},
    "`top_p`": {"top_p": 0.5},
    "`top_k`": {"top_k": 40},
    "Output cap": {"max_completion_tokens": 4000},
    "Penalties": {"presence_penalty": 0.5, "frequency_penalty": 0.5},
    "`logit_bias`": {"logit_bias": {"1": 1}},
    "`logprobs`": {"logprobs": True},
    "`n`": {"n": 2},
    "`reasoning_effort`": {"reasoning_effort": "high", "max_completion_tokens": 30000},
    "Thoughts sent back (`thinking_blocks`)": answered(thinking_blocks=[THOUGHT]),
    "`user`": {"user": "u"},
    "`metadata`": {"metadata": {"a": "b"}},
    "`name` of a message": said(name="Ann"),
    "`cache_control`": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}
        ]
    },
    "Audio and files": {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
    "Fields that the gateway does not know": {"some_future_field": 1},
}
EMBEDDINGS: dict[str, dict[str, Any]] = {
    "Embeddings": {},
    "Embeddings: `dimensions`": {"dimensions": 256},
    "Embeddings: `input_type`": {"input_type": "search_query"},
    "Embeddings of token numbers": {"input": [1, 2]},
}


def table() -> dict[str, dict[str, bool]]:
    """The document's table: for each feature, each adapter's cell, whether it says yes."""
    text = DOC.read_text(encoding="utf-8")
    lines = [line for line in text[text.index("| Feature") :].split("\n\n")[0].splitlines() if line.startswith("| ")]
    head, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    cells = {row[0]: row[1:] for row in rows}
    assert all(cell.split()[0] in ("yes", "no") for row in cells.values() for cell in row)
    return {
        feature: {name: cell.startswith("yes") for name, cell in zip(head[1:], row, strict=True)}
        for feature, row in cells.items()
    }


def deployment(adapter: str, model: str = "m") -> Deployment:
    return Deployment(Provider("p", adapter, keyless=True), model, max_output_tokens=64_000, reasoning="effort")


def chats(adapter: str, fields: dict[str, Any]) -> None:
    speaker: Any = import_module(f"gateway.providers.{adapter}")
    asked, dropped = vocabulary.fitted(request(**fields), speaker.VOCABULARY, deployment(adapter))
    if dropped:
        raise Inexpressible(f"{dropped[0]}: is dropped, and told.")
    if adapter == "local":
        speaker.complete(asked, deployment(adapter), ENDPOINT, DEADLINE)
    else:
        speaker.to_request(asked, deployment(adapter), ENDPOINT)


EMBEDDERS = {"bedrock": "cohere.embed-v4:0"}


def embeds(adapter: str, fields: dict[str, Any]) -> None:
    """Ask for embeddings, as far as the network."""
    speaker: Any = import_module(f"gateway.providers.{adapter}")
    model = EMBEDDERS.get(adapter, "m")
    asked = parse_body(event({"model": "m", "input": "Hello"} | fields), EmbeddingRequest)
    speaker.embed(asked, deployment(adapter, model), ENDPOINT, DEADLINE)


class Sent(Exception):
    """The request would go out."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*args: Any, **kwargs: Any) -> Any:
        raise Sent

    monkeypatch.setattr("gateway.providers.base._post", stop)
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")


def can(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except Sent:
        return True
    except Inexpressible:
        return False
    return True


def test_the_table_is_of_all_adapters_and_features() -> None:
    told = table()
    assert list(told) == [*CHATS, *EMBEDDINGS]
    assert all(set(row) == set(ADAPTERS) for row in told.values())


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("feature", CHATS)
def test_an_adapter_can_do_what_the_table_says_of_chats(feature: str, adapter: str) -> None:
    assert can(lambda: chats(adapter, CHATS[feature])) == table()[feature][adapter]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("feature", EMBEDDINGS)
def test_an_adapter_can_do_what_the_table_says_of_embeddings(feature: str, adapter: str) -> None:
    assert can(lambda: embeds(adapter, EMBEDDINGS[feature])) == table()[feature][adapter]
