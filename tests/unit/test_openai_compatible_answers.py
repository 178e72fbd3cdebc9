"""Answers of those who come near to OpenAI's protocol: clients can read them, and send their messages back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UpstreamError
from gateway.providers import openai_compatible
from gateway.providers.base import HttpResponse
from gateway.registry import Deployment, Provider
from gateway.schemas import ChatCompletionRequest
from gateway.usage import Usage
from tests.unit.builders import HELLO, caught_from

DEPLOYMENT = Deployment(Provider("p", "openai_compatible"), "m")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}

TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "text", "name", "id", "thinking"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of these fields, each of its own kind or of any other."""
    return st.fixed_dictionaries({}, optional={name: kind | JSON for name, kind in fields.items()})


FUNCTIONS = some(name=st.just("f"), arguments=st.just("{}"))
CALLS = st.lists(some(id=st.just("c"), type=st.just("function"), function=FUNCTIONS), max_size=2)
PARTS = st.lists(st.sampled_from([{"type": "text", "text": "Hi"}, {"type": "thinking", "thinking": [{"text": "Hm"}]}]))
MESSAGES = some(role=st.just("assistant"), content=TEXT | PARTS, tool_calls=CALLS, refusal=st.just("No."))
CHOICES = some(index=st.integers(), message=MESSAGES, finish_reason=st.sampled_from(["stop", "eos", "tool_calls"]))


def read(body: dict[str, Any]) -> dict[str, Any]:
    return openai_compatible.from_response(HttpResponse(200, {}, json.dumps(body).encode()), DEPLOYMENT).body


@given(st.lists(CHOICES, min_size=1, max_size=2))
def test_whatever_is_answered_can_be_sent_back(choices: list[dict[str, Any]]) -> None:
    try:
        body = read({"choices": choices})
    except UpstreamError:
        return
    assert (body["object"], body["model"]) == ("chat.completion", "m")
    assert body["id"].startswith("chatcmpl-")
    for choice in body["choices"]:
        message = choice["message"]
        assert choice["finish_reason"] in ("stop", "tool_calls")
        assert isinstance(choice["index"], int)
        assert message["content"] is not None or message.get("tool_calls") or message.get("refusal")
        ids = [call["id"] for call in message.get("tool_calls") or ()]
        results = [{"role": "tool", "tool_call_id": call, "content": "4"} for call in ids]
        ChatCompletionRequest.model_validate({"model": "m", "messages": [*HELLO, message, *results]})


def test_calls_without_ids_get_some_that_no_other_has() -> None:
    calls = [{"function": {"name": "f", "arguments": "{}"}}] * 2
    bodies = [{"id": name, "choices": [{"message": {"tool_calls": calls}}] * 2} for name in "ab"]
    found = [
        call["id"]
        for body in [*bodies, bodies[0]]
        for choice in read(body)["choices"]
        for call in choice["message"]["tool_calls"]
    ]
    assert found[:4] == found[8:]
    assert len(set(found)) == 8


@pytest.mark.parametrize(
    "choice",
    [
        {"message": 5},
        {"message": {"content": "Hal"}, "finish_reason": "error"},
        {"message": {"content": "Hal"}, "finish_reason": "insufficient_system_resource"},
        {"message": {"content": "Hal"}, "error": {"code": 502}},
        {"message": {"tool_calls": [{"id": "c", "function": {"arguments": "{}"}}]}},
    ],
)
def test_what_is_no_answer_is_billed_nevertheless(choice: dict[str, Any]) -> None:
    error = caught_from(lambda: read({"choices": [choice], "usage": USAGE}), UpstreamError)
    assert error.billed == Usage(input_tokens=3, output_tokens=2)
    assert caught_from(lambda: read({"choices": [choice]}), UpstreamError).billed == Usage()


@pytest.mark.parametrize("usage", [5, [], {}, {"prompt_tokens": "5"}, {"prompt_tokens": 5}])
def test_counts_that_are_none_are_none_for_the_client_too(usage: Any) -> None:
    assert read({"choices": [{"message": {"content": "Hi"}}], "usage": usage})["usage"] is None
