"""A finished completion as events: OpenAI's chunks, which put together say what the completion said."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion
from openai.types.chat import ChatCompletionChunk

from gateway.streaming import chat_events, text_events

TOLD = {"cost_usd": "0.00012"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
FRAME = {"id": "c", "object": "chat.completion", "created": 7, "model": "m", "system_fingerprint": "fp"}
CALLS = [
    {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": '{"a": 1}'}} for name in "fg"
]


def message(content: Any = "Hi", **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content} | fields


def completion(*messages: dict[str, Any], finish: str = "stop", **fields: Any) -> dict[str, Any]:
    choices = [
        {"index": index, "message": said, "logprobs": None, "finish_reason": finish} | fields
        for index, said in enumerate(messages)
    ]
    return FRAME | {"choices": choices, "usage": USAGE}


def chunks(events: str) -> list[dict[str, Any]]:
    """The events' data, as a client that splits at line ends reads it."""
    lines = events.splitlines()
    assert lines[1::2] == [""] * (len(lines) // 2)
    assert all(line.startswith("data: ") for line in lines[::2])
    assert events.endswith("data: [DONE]\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2:2]]


def deltas(events: str, index: int = 0) -> list[dict[str, Any]]:
    return [c["delta"] for chunk in chunks(events) for c in chunk["choices"] if c["index"] == index]


def put_together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """A message out of its deltas, by the rules that clients follow: strings add up, calls are told by index."""
    whole: dict[str, Any] = {}
    for name, value in ((name, value) for part in parts for name, value in part.items()):
        if name == "tool_calls":
            calls = {call["index"]: {k: v for k, v in call.items() if k != "index"} for call in value}
            whole[name] = [calls[index] for index in range(len(calls))]
        else:
            whole[name] = whole[name] + value if isinstance(whole.get(name), str) else value
    return whole


def test_says_who_speaks_then_what_is_said_then_why_it_ended() -> None:
    read = [
        ChatCompletionChunk.model_validate(c, strict=True)
        for c in chunks(chat_events(completion(message()), False, TOLD))
    ]
    assert [(c.choices[0].delta.role, c.choices[0].delta.content, c.choices[0].finish_reason) for c in read] == [
        ("assistant", "", None),
        (None, "Hi", None),
        (None, None, "stop"),
    ]
    assert {(c.id, c.object, c.created, c.model, c.system_fingerprint) for c in read} == {
        ("c", "chat.completion.chunk", 7, "m", "fp")
    }


def test_tool_calls_carry_their_place() -> None:
    said = message(None, tool_calls=CALLS, refusal=None)
    role, calls, end = deltas(chat_events(completion(said, finish="tool_calls"), False, TOLD))
    assert role == {"role": "assistant", "content": None}
    assert calls == {"tool_calls": [{"index": 0} | CALLS[0], {"index": 1} | CALLS[1]]}
    assert end == {}


def test_tool_calls_are_counted_here_whatever_their_provider_counted() -> None:
    said = message(None, tool_calls=[CALLS[0] | {"index": 3}], refusal=None)
    _, calls, _ = deltas(chat_events(completion(said, finish="tool_calls"), False, TOLD))
    assert [call["index"] for call in calls["tool_calls"]] == [0]


def test_choices_are_told_apart_by_their_index() -> None:
    events = chat_events(completion(message("one"), message("two")), False, TOLD)
    assert [put_together(deltas(events, index))["content"] for index in (0, 1)] == ["one", "two"]


def test_a_choice_without_an_index_gets_its_place() -> None:
    answer = completion(message("one"), message("two"))
    for choice in answer["choices"]:
        del choice["index"]
    assert deltas(chat_events(answer, False, TOLD), 1)[1] == {"content": "two"}


def test_a_refusal_is_no_content() -> None:
    role, said, _ = deltas(chat_events(completion(message(None, refusal="No.")), False, TOLD))
    assert role["content"] is None
    assert said == {"refusal": "No."}


def test_log_probabilities_ride_on_the_chunk_that_has_the_text() -> None:
    logprobs: dict[str, Any] = {
        "content": [{"token": "Hi", "logprob": 0.0, "bytes": None, "top_logprobs": []}],
        "refusal": None,
    }
    sent = [c["choices"][0] for c in chunks(chat_events(completion(message(), logprobs=logprobs), False, TOLD))]
    assert [choice["logprobs"] for choice in sent] == [None, logprobs, None]


def test_an_empty_answer_has_no_chunk_in_between() -> None:
    assert deltas(chat_events(completion(message("")), False, TOLD)) == [{"role": "assistant", "content": ""}, {}]


@pytest.mark.parametrize("events", [chat_events, text_events])
def test_usage_is_a_last_chunk_without_choices_if_asked_for(events: Any) -> None:
    *others, last = chunks(events(completion(message()), True, TOLD))
    assert (last["choices"], last["usage"]) == ([], USAGE)
    assert all(chunk["choices"] and chunk["usage"] is None for chunk in others)


@pytest.mark.parametrize("events", [chat_events, text_events])
def test_usage_is_nowhere_if_not_asked_for(events: Any) -> None:
    assert all(
        chunk["choices"] and "usage" not in chunk for chunk in chunks(events(completion(message()), False, TOLD))
    )


@pytest.mark.parametrize("events", [chat_events, text_events])
def test_the_cost_is_told_beside_the_reason_why_it_ended(events: Any) -> None:
    sent = chunks(events(completion(message("one"), message("two")), True, TOLD))
    ended = [bool(chunk["choices"] and chunk["choices"][0].get("finish_reason")) for chunk in sent]
    assert ended.count(True) == 2
    assert [chunk.get("gateway") for chunk in sent] == [TOLD if end else None for end in ended]


def test_a_text_completion_is_one_chunk_a_choice() -> None:
    choices = [{"index": i, "text": text, "logprobs": None, "finish_reason": "stop"} for i, text in enumerate("ab")]
    sent = chunks(text_events(FRAME | {"object": "text_completion", "choices": choices, "usage": USAGE}, False, TOLD))
    read = [Completion.model_validate(chunk, strict=True).choices[0] for chunk in sent]
    assert [(choice.index, choice.text, choice.finish_reason) for choice in read] == [
        (0, "a", "stop"),
        (1, "b", "stop"),
    ]


@pytest.mark.parametrize(
    "text", ["\n", "\r\n\r\n", "data: [DONE]\n\n", "\x85", "\u2028", "\u2029", "\x0b\x1c", "\ud800"]
)
def test_no_text_can_break_an_event(text: str) -> None:
    events = chat_events(completion(message(text)), False, TOLD)
    assert deltas(events)[1] == {"content": text}
    assert events.encode()


TEXTS = st.none() | st.text()
MESSAGES = st.builds(
    message,
    TEXTS,
    refusal=TEXTS,
    reasoning_content=TEXTS,
    tool_calls=st.none() | st.lists(st.sampled_from(CALLS), max_size=3),
)


@given(st.lists(MESSAGES, min_size=1, max_size=3), st.booleans())
def test_the_chunks_put_together_are_the_message(messages: list[dict[str, Any]], include_usage: bool) -> None:
    events = chat_events(completion(*messages), include_usage, TOLD)
    for index, said in enumerate(messages):
        whole = put_together(deltas(events, index))
        expected = {name: value for name, value in said.items() if value or name == "content"}
        assert whole == expected
