"""Whatever Anthropic answers is an answer or one of our errors, and is counted no more than once."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GatewayError, UpstreamError
from gateway.providers import anthropic
from gateway.providers.anthropic_answers import usage_of
from gateway.providers.base import Answer
from gateway.providers.json_mode import JSON_TOOL
from gateway.registry import Deployment, Provider
from tests.unit import golden
from tests.unit.builders import caught_from

DEPLOYMENT = Deployment(Provider("anthropic", "anthropic"), "claude-opus-4-8")
NOW = 1790000000.5

TEXTS = st.text(max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
KINDS = st.sampled_from(["text", "tool_use", "thinking", "redacted_thinking", "server_tool_use", "error"])
BLOCKS = st.fixed_dictionaries(
    {},
    optional={
        "type": KINDS | JSON,
        "text": TEXTS | JSON,
        "id": TEXTS | JSON,
        "name": st.just(JSON_TOOL) | TEXTS | JSON,
        "input": st.dictionaries(TEXTS, JSON, max_size=2) | JSON,
        "thinking": TEXTS | JSON,
        "signature": TEXTS | JSON,
        "data": TEXTS | JSON,
    },
)
USAGES = st.dictionaries(
    st.sampled_from(
        [
            *("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
            *("cache_creation", "output_tokens_details", "service_tier", "speed", "inference_geo", "server_tool_use"),
        ]
    ),
    JSON | st.dictionaries(st.sampled_from(["ephemeral_1h_input_tokens", "thinking_tokens"]), JSON),
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "type": st.sampled_from(["message", "error"]) | JSON,
        "model": TEXTS | JSON,
        "content": st.lists(BLOCKS | JSON, max_size=4) | JSON,
        "stop_reason": st.sampled_from(["end_turn", "tool_use", "refusal", "max_tokens"]) | JSON,
        "stop_details": JSON | st.dictionaries(st.just("explanation"), JSON),
        "usage": USAGES | JSON,
        "error": JSON | st.dictionaries(st.sampled_from(["type", "message", "details"]), JSON),
    },
)


@given(BODIES | JSON, st.sampled_from([200, 200, 200, 201, 301, 400, 401, 404, 413, 429, 500, 529]))
def test_any_answer_is_an_answer_or_one_of_our_errors(body: Any, status: int) -> None:
    response = golden.response(status, json.dumps(body))
    try:
        found = anthropic.from_response(response, DEPLOYMENT, NOW)
    except GatewayError as error:
        json.dumps(error.body())
        return
    assert status == 200
    assert found.model
    assert found.body["model"] == found.model
    assert found.body["choices"][0]["finish_reason"] in ("stop", "length", "tool_calls", "content_filter")
    said = found.body["choices"][0]["message"]
    assert said["content"] is not None or said.get("tool_calls") or said["refusal"]
    json.dumps(found.body)


@given(USAGES)
def test_parts_of_a_count_are_never_more_than_the_whole(usage: dict[str, Any]) -> None:
    found = usage_of({"usage": usage})
    assert (found.cache_write_1h_tokens or 0) <= (found.cache_write_tokens or 0)
    assert (found.reasoning_tokens or 0) <= (found.output_tokens or 0)


def message(*content: Any) -> str:
    return json.dumps({"type": "message", "content": content, "usage": {"input_tokens": 5, "output_tokens": 7}})


@pytest.mark.parametrize(
    "block",
    [
        None,
        "text",
        {},
        {"type": ["text"]},
        {"type": "text"},
        {"type": "text", "text": None, "name": JSON_TOOL},
        {"type": "tool_use", "id": "", "name": "f", "input": {}},
        {"type": "tool_use", "id": "t", "name": "", "input": {}},
        {"type": "tool_use", "id": "t", "name": JSON_TOOL},
        {"type": "thinking", "thinking": "Hm."},
        {"type": "redacted_thinking", "data": 5},
    ],
)
def test_a_block_that_nobody_could_read_fails_but_is_paid_for(block: Any) -> None:
    def read() -> Answer:
        return anthropic.from_response(golden.response(200, message(block)), DEPLOYMENT, NOW)

    error = caught_from(read, UpstreamError)
    assert error.message == "The provider's answer is not a message."
    assert error.billed is not None
    assert (error.billed.input_tokens, error.billed.output_tokens) == (5, 7)


@pytest.mark.parametrize("depth", [500, 940, 960, 980, 20_000])
def test_a_call_of_any_depth_is_an_answer_or_an_error(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    body = message({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 0}}).replace("0", deep, 1)
    try:
        anthropic.from_response(golden.response(200, body), DEPLOYMENT, NOW)
    except UpstreamError:
        assert depth > 500


def test_what_the_provider_says_of_a_failure_of_its_own_stays_there() -> None:
    body = {"type": "error", "error": {"type": "api_error", "message": "Secret prompt"}}
    assert "Secret" not in anthropic.to_error(500, {}, body).message
