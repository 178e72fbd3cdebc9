"""Anthropic's protocol, by golden pairs, by the types of Anthropic's own package, and against any answer at all."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import Message
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.body import parse_body
from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest
from gateway.errors import GatewayError, Inexpressible, InvalidRequest
from gateway.providers import anthropic, vocabulary
from gateway.providers.base import HttpRequest
from gateway.providers.json_mode import JSON_TOOL
from gateway.registry import Deployment, Endpoint, Provider
from tests.unit import golden
from tests.unit.builders import HELLO, caught_from, event, request

PAIRS = golden.pairs("anthropic")
PROVIDER = {"adapter": "anthropic", "base_url": "https://api.anthropic.com", "api_key": "ANTHROPIC_API_KEY"}
DEPLOYMENT = Deployment(Provider("anthropic", "anthropic"), "claude-opus-4-8")
ENDPOINT = Endpoint("https://api.anthropic.com", "sk-ant-0123456789")
NOW = 1790000000.5
TOOL = {"type": "function", "function": {"name": "f"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
BMP = "data:image/bmp;base64,Qk0="


def fitted(deployment: Deployment = DEPLOYMENT, **fields: Any) -> HttpRequest:
    """What becomes of a chat with these fields."""
    asked, _ = vocabulary.fitted(request(**fields), anthropic.VOCABULARY, deployment)
    return anthropic.to_request(asked, deployment, ENDPOINT)


def thinks(how: str, **fields: Any) -> Deployment:
    return Deployment(DEPLOYMENT.provider, DEPLOYMENT.model, reasoning=how, **fields)


def with_image(role: str, url: str) -> list[dict[str, Any]]:
    return [*HELLO, {"role": role, "content": [{"type": "image_url", "image_url": {"url": url}}]}]


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_translates_as_the_golden_pair_says(path: Path) -> None:
    pair = golden.read(path)
    deployment = golden.deployment(PROVIDER, {"model": "claude-opus-4-8"}, pair)
    asked, dropped = vocabulary.fitted(golden.chat_request(pair), anthropic.VOCABULARY, deployment)
    assert golden.sent(anthropic.to_request(asked, deployment, ENDPOINT)) == pair["provider_request"]
    assert dropped == pair.get("dropped", [])
    answer = golden.response(**pair["provider_response"])
    if "error" in pair:
        with pytest.raises(GatewayError) as caught:
            anthropic.from_response(answer, deployment, NOW)
        assert golden.told(caught.value) == pair["error"]
    else:
        assert golden.answered(anthropic.from_response(answer, deployment, NOW), pair["answer"]) == pair["answer"]


# By the types of Anthropic's package.

REQUESTS: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsNonStreaming)
SAMPLING = ("temperature", "top_p", "top_k")
"""In the version that is spoken here, 2023-06-01, but not in the one that the package speaks."""


def by_the_types(body: dict[str, Any]) -> Any:
    """What the types know of a request's body, at any depth."""
    return whole(REQUESTS.validate_python({name: value for name, value in body.items() if name not in SAMPLING}))


def whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: whole(inner) for name, inner in value.items()}
    return [whole(inner) for inner in value] if isinstance(value, list | Iterator) else value


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_requests_are_as_anthropic_s_package_has_them(path: Path) -> None:
    body = golden.read(path)["provider_request"]["body"]
    assert by_the_types(body) == {name: value for name, value in body.items() if name not in SAMPLING}


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", "name": "x"}]}]},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
        {"output_config": {"effort": "minimal"}},
        {"max_tokens": None},
    ],
)
def test_the_package_s_types_would_notice(change: dict[str, Any]) -> None:
    body = golden.sent(fitted())["body"] | change
    with suppress(ValidationError):
        assert by_the_types(body) != body


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_golden_answers_are_as_anthropic_s_package_has_them(path: Path) -> None:
    pair = golden.read(path)
    if "answer" in pair and not path.stem.startswith(("garbage_", "future_")):
        Message.model_validate(pair["provider_response"]["body"], strict=True)


# What cannot be asked.


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"seed": 1}, "seed"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"store": True}, "store"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"something": 1}, "something"),
        ({"temperature": 1.1}, "temperature"),
        ({"top_k": "many"}, "top_k"),
        ({"top_k": True}, "top_k"),
        ({"stop": [" ", "END"]}, "stop"),
        ({"user": "me@example.com"}, "user"),
        ({"user": "x" * 257}, "user"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": JSON_TOOL}}]}, "tools[0].function.name"),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.type"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"messages": [{"role": "user", "name": "Ann", "content": "Hi"}]}, "messages[0].name"),
        ({"messages": [*HELLO, {"role": "function", "name": "f", "content": "x"}]}, "messages[1].role"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages[0].content[0].type"),
        ({"messages": with_image("user", BMP)}, "messages[1].content[0].image_url.url"),
        ({"messages": with_image("assistant", "https://example.com/a.png")}, "messages[1].content[0].image_url.url"),
        ({"response_format": {"type": "json_object"}, "tools": [TOOL]}, "response_format"),
        ({"reasoning_effort": "low"}, "reasoning_effort"),
        ({"messages": [{"role": "assistant", "content": "How can I help?"}, *HELLO]}, "messages"),
    ],
)
def test_what_anthropic_cannot_do_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    error = caught_from(lambda: fitted(**fields), Inexpressible)
    assert error.param == param
    assert error.message.startswith(f"{param}: ")


@pytest.mark.parametrize(
    ("how", "fields", "param"),
    [
        ("effort", {"reasoning_effort": "enormous"}, "reasoning_effort"),
        ("budget", {"reasoning_effort": "max"}, "reasoning_effort"),
        ("budget", {"reasoning_effort": "low", "max_tokens": 1024}, "reasoning_effort"),
        ("budget", {"reasoning_effort": "low", "tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
        ("effort", {"reasoning_effort": "low", "temperature": 0}, "temperature"),
        ("budget", {"reasoning_effort": "low", "top_p": 0.9}, "top_p"),
        ("effort", {"reasoning_effort": "low", "top_k": 5}, "top_k"),
        ("effort", {"reasoning_effort": "low", "response_format": {"type": "json_object"}}, "response_format"),
    ],
)
def test_what_does_not_go_with_thoughts_is_refused_by_name(how: str, fields: dict[str, Any], param: str) -> None:
    error = caught_from(lambda: fitted(thinks(how), **fields), Inexpressible)
    assert error.param == param
    assert error.message.startswith(f"{param}: ")


def test_a_budget_needs_the_thoughts_that_led_to_a_call() -> None:
    told = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "x"},
    ]
    asked = {"messages": told, "reasoning_effort": "low", "tools": [TOOL]}
    assert caught_from(lambda: fitted(thinks("budget"), **asked), Inexpressible).param == "reasoning_effort"
    fitted(thinks("effort"), **asked)
    fitted(thinks("budget"), **asked | {"messages": [*told, {"role": "assistant", "content": "y"}, *HELLO]})


@pytest.mark.parametrize(
    "blocks",
    [
        *("thoughts", ["thinking"], {"type": "thinking"}, [{"type": "image"}], [{"type": ["thinking"]}]),
        [{"type": "thinking", "thinking": "Hm."}],
        [{"type": "thinking", "thinking": "Hm.", "signature": ""}],
        [{"type": "redacted_thinking", "data": 5}],
    ],
)
def test_thoughts_that_are_none_are_dropped_and_told(blocks: Any) -> None:
    asked = request(messages=[*HELLO, {"role": "assistant", "content": "x", "thinking_blocks": blocks}])
    _, dropped = vocabulary.fitted(asked, anthropic.VOCABULARY, DEPLOYMENT)
    assert dropped == ["messages[1].thinking_blocks"]


def test_a_model_that_cannot_be_made_to_call_a_tool_has_no_json_mode() -> None:
    deployment = Deployment(DEPLOYMENT.provider, DEPLOYMENT.model, unsupported=frozenset({"tool_choice"}))
    error = caught_from(lambda: fitted(deployment, response_format={"type": "json_object"}), Inexpressible)
    assert error.param == "response_format"
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    fitted(deployment, response_format=schema)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice.function"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}},
            "response_format.json_schema.schema",
        ),
        ({"messages": with_image("system", "https://example.com/a.png")}, "messages[1].content[0].image_url.url"),
    ],
)
def test_what_is_wrong_anywhere_is_the_request_s_fault(fields: dict[str, Any], param: str) -> None:
    error = caught_from(lambda: fitted(**fields), InvalidRequest)
    assert error.param == param
    assert error.message.startswith(f"{param}: ")


@given(
    st.sampled_from(["minimal", "low", "medium", "high", "xhigh"]),
    st.none() | st.integers(1025, 100_000),
    st.none() | st.integers(1025, 100_000),
)
def test_a_budget_always_fits_below_the_cap(word: str, cap: int | None, most: int | None) -> None:
    sent: Any = fitted(thinks("budget", max_output_tokens=most), reasoning_effort=word, max_tokens=cap).body
    assert 1024 <= sent["thinking"]["budget_tokens"] < sent["max_tokens"]
    assert sent["max_tokens"] == (cap or most or sent["thinking"]["budget_tokens"] + 4096)


def test_more_effort_is_never_a_smaller_budget() -> None:
    words = ("minimal", "low", "medium", "high", "xhigh")
    sent: list[Any] = [fitted(thinks("budget"), reasoning_effort=word).body for word in words]
    budgets = [body["thinking"]["budget_tokens"] for body in sent]
    assert budgets == sorted(set(budgets))


@pytest.mark.parametrize("base_url", ["https://proxy.example", "https://proxy.example/v1"])
def test_the_version_is_in_the_path_once(base_url: str) -> None:
    sent = anthropic.to_request(request(), DEPLOYMENT, Endpoint(base_url, None))
    assert sent.url == "https://proxy.example/v1/messages"
    assert "x-api-key" not in sent.headers


def test_there_are_no_embeddings() -> None:
    asked = parse_body(event({"model": "m", "input": "Hi"}), EmbeddingRequest)
    error = caught_from(lambda: anthropic.embed(asked, DEPLOYMENT, ENDPOINT, Deadline(0)), Inexpressible)
    assert error.message == "model: anthropic/claude-opus-4-8 makes no embeddings."
