"""The scripted provider answers as Anthropic does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from anthropic.types import Message

from tests.unit import golden
from tests.upstream import Recorded, Reply, Upstream
from tests.upstream.anthropic_api.answers import THOUGHT
from tests.upstream.anthropic_api.errors import error_answer
from tests.upstream.anthropic_api.protocol import Anthropic
from tests.upstream.client import post

HELLO: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "hello there"}],
}
HEADERS = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
TOOL = {"name": "weather", "input_schema": SCHEMA}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
THINKING = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(protocol=Anthropic("sk-ant-test")) as server:
        yield server


def ask(upstream: Upstream, headers: dict[str, str] = HEADERS, **fields: Any) -> Any:
    return post(upstream, HELLO | fields, "/v1/messages", headers=headers)


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def called(*blocks: Any) -> list[dict[str, Any]]:
    """A chat in which the assistant called a tool; then comes a message of these blocks, if there are any."""
    chat: list[dict[str, Any]] = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": [USE]}]
    return [*chat, user(*blocks)] if blocks else chat


def answered(upstream: Upstream, **fields: Any) -> dict[str, Any]:
    """The answer, which is one by the types of Anthropic's package."""
    response = ask(upstream, **fields)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    Message.model_validate(body, strict=True)
    return body


@pytest.mark.parametrize("path", golden.pairs("anthropic"), ids=lambda path: path.stem)
def test_takes_all_requests_of_the_golden_pairs(path: Path) -> None:
    made = golden.read(path)["provider_request"]
    asked = Recorded("POST", "/v1/messages", made["headers"], json.dumps(made["body"]).encode(), "")
    found = Anthropic(made["headers"]["x-api-key"])(asked)
    assert found.status == 200, found.body


def test_an_answer_is_an_echo_with_every_count(upstream: Upstream) -> None:
    found = answered(upstream, system="Be brief and kind.")
    assert found["content"] == [{"type": "text", "text": "You said: hello there"}]
    assert (found["stop_reason"], found["model"]) == ("end_turn", "claude-haiku-4-5")
    usage = found["usage"]
    counts = [usage[f"{name}input_tokens"] for name in ("", "cache_read_", "cache_creation_")]
    assert (counts, usage["output_tokens"]) == ([3, 4, 2], 4)
    assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 1}


def test_the_same_request_gets_the_same_answer_and_an_id(upstream: Upstream) -> None:
    first, second = ask(upstream), ask(upstream)
    assert first.content == second.content
    assert first.headers["request-id"].startswith("req_")


def test_output_ends_at_the_cap_and_at_stop_sequences(upstream: Upstream) -> None:
    capped = answered(upstream, max_tokens=2)
    assert (capped["stop_reason"], capped["content"][0]["text"]) == ("max_tokens", "You said:")
    stopped = answered(upstream, stop_sequences=["there", "never"])
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "there")
    assert stopped["content"][0]["text"] == "You said: hello "


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "weather"}])
def test_a_tool_that_has_to_be_called_is_called(upstream: Upstream, choice: dict[str, Any]) -> None:
    found = answered(upstream, tools=[TOOL], tool_choice=choice)
    (block,) = found["content"]
    assert (found["stop_reason"], block["name"], block["input"]) == ("tool_use", "weather", {"city": "text"})


def test_a_tool_of_open_schema_is_called_with_the_echo(upstream: Upstream) -> None:
    tool = {"name": "t", "input_schema": {"type": "object", "additionalProperties": True}}
    found = answered(upstream, tools=[tool], tool_choice={"type": "any"})
    assert found["content"][0]["input"] == {"answer": "You said: hello there"}


@pytest.mark.parametrize("choice", [{"type": "none"}, {"type": "auto", "disable_parallel_tool_use": True}, None])
def test_a_tool_that_need_not_be_called_is_not(upstream: Upstream, choice: Any) -> None:
    assert answered(upstream, tools=[TOOL], tool_choice=choice)["stop_reason"] == "end_turn"


def test_json_follows_the_schema(upstream: Upstream) -> None:
    found = answered(upstream, output_config={"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"})
    assert json.loads(found["content"][0]["text"]) == {"city": "text"}


def test_thoughts_are_shown_when_asked_for(upstream: Upstream) -> None:
    silent = answered(upstream, thinking={"type": "adaptive"})
    shown = answered(upstream, thinking={"type": "adaptive", "display": "summarized"})
    paid = answered(upstream, thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=1025)
    assert [found["content"][0]["thinking"] for found in (silent, shown, paid)] == ["", THOUGHT, THOUGHT]
    assert {found["usage"]["output_tokens_details"]["thinking_tokens"] for found in (silent, shown, paid)} == {8}
    assert answered(upstream, thinking={"type": "disabled"})["content"][0]["type"] == "text"


def test_results_and_images_are_read(upstream: Upstream) -> None:
    image = {"type": "image", "source": PNG}
    found = answered(upstream, messages=called({**RESULT, "content": [{"type": "text", "text": "sunny"}, image]}))
    assert found["content"][0]["text"] == "You said: sunny"
    with_image = answered(upstream, messages=[user({"type": "text", "text": "hello there"}, image)])
    assert with_image["usage"]["cache_read_input_tokens"] == (3 + 2 + 85) // 2


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": "5"}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
    ({"messages": None}, "messages: Field required"),
    ({"messages": []}, "messages: at least one message is required"),
    ({"seed": 1}, "seed: Extra inputs are not permitted"),
    ({"n": 2}, "n: Extra inputs are not permitted"),
    ({"temperature": 1.5}, "temperature: range: 0..1"),
    ({"stop_sequences": ["\n"]}, "stop_sequences: each stop sequence must contain non-whitespace"),
    ({"metadata": {"user_id": "me@example.com"}}, "metadata.user_id: user_id appears to contain an email address."),
    ({"messages": [{"role": "system", "content": "x"}]}, 'messages: Unexpected role "system".'),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role: Input should be 'user' or 'assistant'"),
    ({"messages": [{"role": "user", "content": ""}]}, "messages.0: all messages must have non-empty content"),
    ({"messages": [{"role": "user", "content": " "}]}, "messages: text content blocks must contain non-whitespace"),
    ({"messages": [user({"type": "image_url"})]}, "messages.0.content.0: Input tag 'image_url' found"),
    ({"messages": [user({"type": "image"})]}, "messages.0.content.0.image.source: Field required"),
    (
        {"messages": [user({"type": "image", "source": {"type": "url", "url": "http://example.com/a.png"}})]},
        "messages.0.content.0.image.source.url.url: Only HTTPS URLs are supported.",
    ),
    (
        {"messages": [user({"type": "image", "source": {**PNG, "media_type": "image/bmp"}})]},
        "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg'",
    ),
    (
        {"messages": [user(RESULT)]},
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1.",
    ),
    ({"messages": [{"role": "assistant", "content": "x"}]}, 'messages: first message must use the "user" role'),
    (
        {"messages": [*HELLO["messages"], {"role": "assistant", "content": [THINKING]}]},
        "messages.1: The final block in an assistant message cannot be `thinking`.",
    ),
    (
        {"messages": [*HELLO["messages"], {"role": "assistant", "content": "x "}]},
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    ({"messages": called()}, "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after"),
    (
        {"messages": called({"type": "text", "text": "Quick!"}, RESULT)},
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
    ),
    (
        {"messages": [*called(RESULT), {"role": "assistant", "content": "x"}, user(RESULT)]},
        "messages.4.content.0: unexpected `tool_use_id`",
    ),
    (
        {"messages": [{"role": "assistant", "content": [{**USE, "id": "a:1"}]}]},
        "messages.0.content.0.tool_use.id: String should match pattern",
    ),
    (
        {"messages": [{"role": "assistant", "content": [{**USE, "input": "{}"}]}]},
        "messages.0.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    ({"tools": [{"name": "a b", "input_schema": SCHEMA}]}, "tools.0.custom.name: String should match pattern"),
    ({"tools": [{"name": "a", "input_schema": {}}]}, "tools.0.custom.input_schema.type: Input should be 'object'"),
    ({"tool_choice": {"type": "auto"}}, "tool_choice may only be specified while providing tools."),
    ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "x"}}, "Tool 'x' not found in provided tools"),
    ({"tools": [TOOL], "tool_choice": {"type": "required"}}, "tool_choice: Input tag does not match"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
        "tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted",
    ),
    (
        {"tools": [TOOL], "tool_choice": {"type": "any"}, "thinking": {"type": "adaptive"}},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    (
        {"thinking": {"type": "adaptive"}, "temperature": 0},
        "`temperature` may only be set to 1 when thinking is enabled.",
    ),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 1000}},
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 1024},
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    ({"output_config": {"effort": "minimal"}}, "output_config.effort: Input should be"),
    ({"output_config": {"format": {"type": "json_object"}}}, "output_config.format.schema: Field required"),
    (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    (
        {"tools": [{**TOOL, "name": f"t{i}", "cache_control": {"type": "ephemeral"}} for i in range(5)]},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    ({"stream": True}, "stream: this upstream answers whole"),
]


@pytest.mark.parametrize(
    ("fields", "message"), REFUSALS, ids=lambda value: value[:50] if isinstance(value, str) else ""
)
def test_refuses_in_anthropic_s_words(upstream: Upstream, fields: dict[str, Any], message: str) -> None:
    response = ask(upstream, **fields)
    body = response.json()
    assert response.status_code == 400
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
    assert body["error"]["message"].startswith(message)
    assert body["request_id"] == response.headers["request-id"]


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 401, "x-api-key header is required"),
        ({**HEADERS, "x-api-key": "sk-ant-other"}, 401, "invalid x-api-key"),
        ({"authorization": "Bearer sk-ant-other", "anthropic-version": "2023-06-01"}, 401, "invalid x-api-key"),
        ({"x-api-key": "sk-ant-test"}, 400, "anthropic-version: header is required"),
        ({**HEADERS, "anthropic-version": "v1"}, 400, 'anthropic-version: "v1" is not a valid version'),
    ],
)
def test_wants_its_key_and_a_version(upstream: Upstream, headers: dict[str, str], status: int, message: str) -> None:
    response = ask(upstream, headers)
    assert (response.status_code, response.json()["error"]["message"]) == (status, message)


def test_the_later_version_has_no_sampling(upstream: Upstream) -> None:
    assert ask(upstream, temperature=1).status_code == 200
    later = ask(upstream, HEADERS | {"anthropic-version": "2026-10-21"}, temperature=1)
    assert later.json()["error"]["message"] == "temperature: Extra inputs are not permitted"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(upstream: Upstream, data: bytes) -> None:
    response = requests.post(f"{upstream.url}/v1/messages", data=data, headers=HEADERS, timeout=5)
    assert response.status_code == 400


def test_other_routes_and_methods_are_not_there(upstream: Upstream) -> None:
    assert post(upstream, HELLO, "/v1/complete", headers=HEADERS).status_code == 404
    assert post(upstream, HELLO, "/v1/v1/messages", headers=HEADERS).json()["error"]["type"] == "not_found_error"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "invalid_request_error"),
        (400, "invalid_request_error"),
        (402, "billing_error"),
        (413, "request_too_large"),
        (418, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_scripted_errors_have_anthropic_s_shape(upstream: Upstream, status: int, kind: str) -> None:
    upstream.enqueue(Reply(error_answer(status, "Sorry.", headers={"Retry-After": "7"}, code="c")))
    response = ask(upstream)
    error = {"type": kind, "message": "Sorry.", "details": {"error_code": "c"}}
    assert response.json() == {"type": "error", "error": error, "request_id": "req_scripted"}
    assert (response.status_code, response.headers["retry-after"]) == (status, "7")
