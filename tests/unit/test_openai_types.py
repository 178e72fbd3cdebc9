"""What the types of the `openai` package let clients send is accepted, and goes on exactly as it came."""

import json
from typing import Any

import pytest
from openai.types.chat import completion_create_params
from openai.types.completion_create_params import CompletionCreateParamsBase
from typing_extensions import get_type_hints

from gateway.body import parse_body
from gateway.schemas import ChatCompletionRequest, LegacyCompletionRequest
from tests.unit.builders import chat, event, request
from tests.unit.openai_examples import examples

FIELDS = get_type_hints(completion_create_params.CompletionCreateParamsStreaming)
LEGACY_FIELDS = get_type_hints(CompletionCreateParamsBase)
LEGACY_UNSUPPORTED = {"suffix", "logprobs"}


def test_the_examples_are_of_all_the_fields_there_are() -> None:
    assert {"messages", "tools", "tool_choice", "response_format", "audio", "prediction"} <= set(FIELDS)
    roles = {message["role"] for (message,) in examples(FIELDS["messages"])}
    assert roles == {"developer", "system", "user", "assistant", "tool", "function"}
    assert {tool["type"] for (tool,) in examples(FIELDS["tools"])} == {"function", "custom"}


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_accepts_every_value_of_the_field_and_passes_it_on_unchanged(field: str) -> None:
    for value in examples(FIELDS[field]):
        if field == "messages" and value[0]["role"] == "tool":
            call = {"id": value[0]["tool_call_id"], "type": "function", "function": {"name": "f", "arguments": "{}"}}
            value.insert(0, {"role": "assistant", "tool_calls": [call]})
        body = chat(**({"stream": True} if field == "stream_options" else {}) | {field: value})
        sent = json.dumps(body, sort_keys=True)
        assert json.dumps(parse_body(event(body), ChatCompletionRequest).wire(), sort_keys=True) == sent


@pytest.mark.parametrize("field", sorted(set(LEGACY_FIELDS) - LEGACY_UNSUPPORTED - {"prompt"}))
def test_accepts_every_value_of_the_legacy_field(field: str) -> None:
    for value in examples(LEGACY_FIELDS[field]):
        stream = {"stream": True} if field == "stream_options" else {}
        body = {"model": "m", "prompt": "Hello"} | stream | {field: value}
        assert parse_body(event(body), LegacyCompletionRequest).model


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0, "logit_bias": {"50256": -100}},
        {"temperature": 0.0, "logit_bias": {"50256": -100.0}},
        {"tools": None, "stop": None, "stream": None, "metadata": None, "max_tokens": None, "unknown": None},
        {"schema_": 1, "wire": 2, "model_dump": 3, "_sent": 4, "__dict__": 5, "model_extra": 6},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}, "schema_": 2}}},
        {"messages": [{"role": "user", "content": "\x00 é 😀 \u2028", "cache_control": {"type": "ephemeral"}}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA=="}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
        {"provider": {"order": ["a"]}, "top_k": 40, "chat_template_kwargs": {"enable_thinking": False}},
    ],
)
def test_what_goes_on_is_to_the_letter_what_came(fields: dict[str, Any]) -> None:
    assert json.dumps(request(**fields).wire()) == json.dumps(chat(**fields))


def test_changing_the_wire_form_does_not_change_the_request() -> None:
    read = request(seed=1)
    read.wire()["seed"] = 2
    assert read.wire()["seed"] == 1
