"""Whatever is sent, it is a request or a refusal that names a real place, and never anything else."""

import copy
import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import legacy
from gateway.body import json_body, parse_body
from gateway.schemas import ChatCompletionRequest
from tests.unit.builders import chat, event, outcome, well_formed

Path = list[str | int]

NAMES = st.sampled_from(
    [
        "model",
        "messages",
        "role",
        "content",
        "name",
        "type",
        "text",
        "image_url",
        "url",
        "detail",
        "tools",
        "tool_choice",
        "function",
        "parameters",
        "stop",
        "stream",
        "tool_calls",
        "tool_call_id",
        "function_call",
        "functions",
        "response_format",
        "json_schema",
        "schema",
        "metadata",
        "logit_bias",
        "user",
        "prompt",
        "wire",
        "model_dump",
        "model_extra",
        "_sent",
        "schema_",
        "<text>",
        "<array>",
        "<user>",
        "string",
    ]
)
WORDS = st.sampled_from(
    ["user", "assistant", "tool", "text", "image_url", "function", "json_schema", "auto", "", "é\x00"]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)

EVERYTHING = chat(
    messages=[
        {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://e.com", "detail": "low"}}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "4"},
        {"role": "function", "name": "f", "content": "4"},
    ],
    tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}],
    tool_choice={"type": "function", "function": {"name": "f"}},
    functions=[{"name": "f"}],
    function_call={"name": "f"},
    response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    stop=["a", "b"],
    stream=True,
    stream_options={"include_usage": True},
    metadata={"a": "b"},
    logit_bias={"1": 1},
    max_tokens=5,
    temperature=1,
    seed=1,
)


def paths(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The places of all that is in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for name, part in inner for path in paths(part, (*at, name)))]


def names_a_place(param: str, body: Any) -> bool:
    """Whether a param such as `messages[0].role` is in the body, or is missing from an object that is there."""
    *parents, last = re.findall(r"\[\d+\]|[^.\[\]]+", param)
    for part in parents:
        body = body[int(part[1:-1])] if part.startswith("[") else body[part]
    return int(last[1:-1]) < len(body) if last.startswith("[") else isinstance(body, dict)


def check(body: Any) -> None:
    found = outcome(lambda: parse_body(event(body), ChatCompletionRequest))
    if isinstance(found, ChatCompletionRequest):
        assert found.wire() == body
    else:
        assert well_formed(found).param is None if not isinstance(body, dict) else names_a_place(found.param, body)


@given(VALUES)
def test_any_json_value_is_a_request_or_a_refusal(value: Any) -> None:
    check(value)


@given(st.dictionaries(st.sampled_from(sorted(EVERYTHING)), VALUES, max_size=3))
def test_any_field_may_hold_anything(fields: dict[str, Any]) -> None:
    check(chat(**fields))


@given(st.data())
@settings(max_examples=300)
def test_anything_may_stand_anywhere_in_a_request(data: st.DataObject) -> None:
    body = copy.deepcopy(EVERYTHING)
    *parents, last = data.draw(st.sampled_from(paths(EVERYTHING)[1:]))
    target = body
    for part in parents:
        target = target[part]  # type: ignore[index]  # paths() made them from this very value
    if data.draw(st.booleans()) and isinstance(target, dict):
        del target[str(last)]
    else:
        target[last] = data.draw(VALUES)  # type: ignore[index]
    check(body)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_fields_that_nobody_knows_come_out_as_they_went_in(fields: dict[str, Any]) -> None:
    unknown = {f"x_{name}": value for name, value in fields.items()}
    body = chat(messages=[{"role": "user", "content": "Hello"} | unknown], **unknown)
    assert parse_body(event(body), ChatCompletionRequest).wire() == body


@given(st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
def test_any_bytes_are_an_object_or_a_refusal(body: bytes) -> None:
    found = outcome(lambda: json_body({"body": body.decode("utf-8", "surrogateescape")}))
    assert isinstance(found, dict) or well_formed(found).param is None


@given(VALUES, st.dictionaries(NAMES | st.sampled_from(sorted(EVERYTHING)), VALUES, max_size=4))
def test_anything_sent_to_completions_is_a_request_or_a_refusal(prompt: Any, fields: dict[str, Any]) -> None:
    body = {"model": "m", "prompt": prompt} | fields
    found = outcome(lambda: legacy.parse(json_body(event(body))))
    assert isinstance(found, tuple) or names_a_place(str(well_formed(found).param), body)


def test_the_check_itself_knows_a_real_place_from_an_invented_one() -> None:
    body = {"messages": [{"role": "user"}]}
    assert names_a_place("messages[0].content", body)
    assert not names_a_place("messages[1]", body)
    assert not names_a_place("messages.role", json.loads('{"messages": "text"}'))
