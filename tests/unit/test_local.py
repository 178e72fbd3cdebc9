"""The local provider answers as a model would: always the same, in the right shapes, with plausible counts."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from gateway.deadline import Deadline
from gateway.errors import InvalidRequest, UpstreamTimeout
from gateway.providers import local
from gateway.providers.base import Answer
from gateway.registry import Deployment, Endpoint, Provider
from tests.unit.builders import caught_from, request

DEPLOYMENT = Deployment(Provider("local", "local", keyless=True), "chat")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TIME = {"type": "function", "function": {"name": "get_time", "description": "Tells what o'clock it is"}}
ASKED = [{"role": "user", "content": "What is the weather in Paris?"}]


def answer(now: float = 1000.0, **fields: Any) -> Answer:
    deadline = Deadline(2000.0, clock=lambda: now)
    return local.complete(request(**fields), DEPLOYMENT, Endpoint("", None), deadline)


def choice(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer(**fields).body["choices"][0]
    return found


def text(**fields: Any) -> Any:
    return choice(**fields)["message"]["content"]


def called(**fields: Any) -> list[str]:
    calls = choice(messages=ASKED, **fields)["message"].get("tool_calls", [])
    return [call["function"]["name"] for call in calls]


def said(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def test_says_the_user_s_words_back() -> None:
    assert text() == "You said: Hello"
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "https://u"}},
        {"type": "text", "text": "b"},
    ]
    assert text(messages=said(parts)) == "You said: a\nb"
    assert text(messages=[*said("first"), {"role": "assistant", "content": "x"}, *said("last")]) == "You said: last"
    assert text(messages=[{"role": "system", "content": "x"}]) == "You said: "


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": 3, "logprobs": True, "top_logprobs": 2},
        {"messages": ASKED, "tools": [WEATHER]},
        {"response_format": {"type": "json_object"}},
        {"max_tokens": 1},
    ],
)
def test_answers_in_the_shape_that_openai_s_client_knows(fields: dict[str, Any]) -> None:
    read = ChatCompletion.model_validate(answer(**fields).body, strict=True)
    assert (read.object, read.created, read.model) == ("chat.completion", 1000, "local/chat")
    assert [c.index for c in read.choices] == list(range(fields.get("n", 1)))


def test_the_same_request_gets_the_same_answer_at_any_time() -> None:
    first, later = answer(now=1000.0, seed=1).body, answer(now=1500.0, seed=1).body
    assert first | {"created": 1500} == later
    assert answer(seed=2).body["id"] != first["id"]


def test_the_answer_says_its_tokens_and_its_model() -> None:
    found = answer(n=2)
    usage = found.body["usage"]
    assert (found.usage.input_tokens, found.usage.output_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert found.model == found.body["model"] == "local/chat"


def test_output_tokens_are_those_of_all_choices() -> None:
    assert answer(n=5).usage.output_tokens == 5 * (answer().usage.output_tokens or 0)


@given(st.text(max_size=200))
def test_token_counts_grow_with_the_text_and_are_its_log_probabilities(content: str) -> None:
    found = answer(messages=said(content), logprobs=True)
    (only,) = found.body["choices"]
    tokens = [entry["token"] for entry in only["logprobs"]["content"]]
    assert "".join(tokens) == only["message"]["content"] == f"You said: {content}"
    assert found.usage.output_tokens == len(tokens)
    longer = answer(messages=said(content + " indeed"))
    assert (longer.usage.input_tokens or 0) > (found.usage.input_tokens or 0)


def test_tools_count_as_input() -> None:
    assert (answer(tools=[WEATHER]).usage.input_tokens or 0) > (answer().usage.input_tokens or 0) + 20


@pytest.mark.parametrize("cap", ["max_tokens", "max_completion_tokens"])
def test_stops_at_the_cap_by_either_name(cap: str) -> None:
    assert choice(**{cap: 2})["message"]["content"] == "You said"
    assert choice(**{cap: 2})["finish_reason"] == "length"
    assert answer(**{cap: 2}).usage.output_tokens == 2
    assert choice(**{cap: 100})["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("stop", "expected"),
    [("Hello", "You said: "), (["lo", "said"], "You "), ([], "You said: Hello"), (["", "zebra"], "You said: Hello")],
)
def test_ends_before_the_first_stop_sequence(stop: Any, expected: str) -> None:
    assert (text(stop=stop), choice(stop=stop)["finish_reason"]) == (expected, "stop")


def test_a_cap_before_a_stop_sequence_counts() -> None:
    assert choice(stop="Hello", max_tokens=1)["finish_reason"] == "length"


def test_log_probabilities_only_when_asked_for() -> None:
    assert choice()["logprobs"] is None
    entry = choice(logprobs=True, messages=said("é"))["logprobs"]["content"][-1]
    assert entry == {"token": " é", "logprob": 0.0, "bytes": [32, 195, 169], "top_logprobs": []}
    assert [e["token"] for e in choice(logprobs=True, top_logprobs=5)["logprobs"]["content"][0]["top_logprobs"]] == [
        "You"
    ]


def test_calls_the_tool_that_the_user_s_words_are_about() -> None:
    found = choice(messages=ASKED, tools=[TIME, WEATHER])
    (call,) = found["message"]["tool_calls"]
    assert found["finish_reason"] == "tool_calls"
    assert found["message"]["content"] is None
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "What is the weather in Paris?"}


def test_leaves_tools_alone_that_nobody_asked_about() -> None:
    assert text(tools=[TIME, WEATHER]) == "You said: Hello"


def test_the_tool_choice_is_obeyed() -> None:
    named = {"type": "function", "function": {"name": "get_time"}}
    assert called(tools=[TIME, WEATHER], tool_choice="auto") == ["get_weather"]
    assert called(tools=[TIME, WEATHER], tool_choice="none") == []
    assert called(tools=[TIME], tool_choice="auto") == []
    assert called(tools=[TIME], tool_choice="required") == ["get_time"]
    assert called(tools=[TIME, WEATHER], tool_choice=named) == ["get_time"]


@pytest.mark.parametrize(
    ("choice_of_tool", "tools"),
    [
        ({"type": "function", "function": {"name": "missing" * 1000}}, [WEATHER]),
        ({"type": "function", "function": {"name": "get_weather"}}, None),
        ({"type": "custom", "custom": {"name": "get_weather"}}, [WEATHER]),
        ("required", None),
        ("required", [{"type": "custom", "custom": {"name": "c"}}]),
    ],
)
def test_refuses_a_tool_choice_that_cannot_be_met(choice_of_tool: Any, tools: Any) -> None:
    error = caught_from(lambda: answer(tool_choice=choice_of_tool, tools=tools), InvalidRequest)
    assert error.param == "tool_choice"
    assert error.message.startswith("tool_choice: there is no function")
    assert len(error.message) < 200


def test_tells_what_a_tool_answered_instead_of_calling_it_again() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    turns = [*ASKED, {"role": "assistant", "tool_calls": [call]}]
    result = {"role": "tool", "tool_call_id": "c", "content": "Sunny."}
    assert text(messages=[*turns, result], tools=[WEATHER]) == "The tool answered: Sunny."
    old = {"role": "function", "name": "get_weather", "content": None}
    assert text(messages=[*turns, old], tools=[WEATHER]) == "The tool answered: "


def test_follows_the_response_format() -> None:
    assert text(response_format={"type": "text"}) == "You said: Hello"
    assert json.loads(text(response_format={"type": "json_object"})) == {"answer": "Hello"}
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    assert json.loads(text(response_format=wanted)) == {"age": 1}


def test_a_schema_that_cannot_be_followed_is_the_client_s_fault() -> None:
    schema = {"name": "n", "schema": {"type": []}}
    wanted = {"type": "json_schema", "json_schema": schema}
    error = caught_from(lambda: answer(response_format=wanted), InvalidRequest)
    assert error.param == "response_format.json_schema.schema"
    broken = {"type": "function", "function": {"name": "weather", "parameters": {"properties": "x"}}}
    error = caught_from(lambda: answer(messages=ASKED, tools=[TIME, broken]), InvalidRequest)
    assert error.param == "tools[1].function.parameters"


def test_calls_all_matching_tools_at_once_if_that_is_asked_for() -> None:
    asked = said("What is the weather, and what o'clock is it?")
    one = choice(messages=asked, tools=[TIME, WEATHER])["message"]["tool_calls"]
    both = choice(messages=asked, tools=[TIME, WEATHER], parallel_tool_calls=True)["message"]["tool_calls"]
    assert len(one) == 1
    assert {call["function"]["name"] for call in both} == {"get_time", "get_weather"}
    assert len({call["id"] for call in both}) == 2


def test_a_huge_request_is_answered_at_bearable_length_and_speed() -> None:
    started = time.monotonic()
    found = answer(messages=said("word " * 200_000), n=128, stop=["zebra"] * 10_000)
    assert time.monotonic() - started < 5
    contents = [c["message"]["content"] for c in found.body["choices"]]
    assert len(contents) == 128
    assert sum(map(len, contents)) <= local.MAX_CHARACTERS
    assert {c["finish_reason"] for c in found.body["choices"]} == {"length"}


def test_a_request_past_its_deadline_is_not_answered() -> None:
    caught_from(lambda: answer(now=2000.0), UpstreamTimeout)


def test_refuses_the_functions_of_old_instead_of_ignoring_them() -> None:
    error = caught_from(lambda: answer(messages=ASKED, functions=[{"name": "f"}]), InvalidRequest)
    assert error.param == "functions"


@pytest.mark.parametrize(
    ("field", "param"),
    [({"tool_choice": "any"}, "tool_choice"), ({"response_format": {"type": "grammar"}}, "response_format.type")],
)
def test_refuses_words_that_it_does_not_know(field: dict[str, Any], param: str) -> None:
    assert caught_from(lambda: answer(messages=ASKED, **field), InvalidRequest).param == param
