"""What a deployment cannot express is refused, naming the place, or dropped and told; nothing else is touched."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Inexpressible
from gateway.providers.vocabulary import ECHOES, SAYS_NOTHING, Vocabulary, fitted
from gateway.registry import Deployment, Provider
from gateway.schemas import ChatCompletionRequest
from tests.unit.builders import HELLO, caught_from, request

PROVIDER = Provider("p", "local", keyless=True)
SMALL: Vocabulary = {
    "messages": None,
    "messages.role": None,
    "messages.content": None,
    "messages.content.type": lambda kind: kind in ("text", "image_url"),
    "messages.content.text": None,
    "messages.content.image_url": None,
    "messages.content.image_url.url": None,
    "temperature": lambda value: value <= 1,
    "tools": None,
    "tools.type": None,
    "tools.function": None,
    "tools.function.name": None,
    "tools.function.parameters": None,
    "tools.function.parameters.*": None,
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "nonsense": {"deep": 1}}}}


def said(part: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": "Hi"}, part], **fields}]


IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}


def refused(vocabulary: Vocabulary | None = SMALL, drop: Any = False, **fields: Any) -> str | None:
    deployment = Deployment(PROVIDER, "m", drop_params=drop)
    error = caught_from(lambda: fitted(request(**fields), vocabulary, deployment), Inexpressible)
    assert error.message == f"{error.param}: p/m cannot do this."
    return error.param


def passes(vocabulary: Vocabulary | None = SMALL, drop: Any = False, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    found, dropped = fitted(request(**fields), vocabulary, Deployment(PROVIDER, "m", drop_params=drop))
    return found.wire(), dropped


def test_what_can_be_expressed_goes_on_as_it_came() -> None:
    asked = request(
        messages=said(IMAGE), tools=[TOOL], temperature=1, stream=True, stream_options={"include_usage": True}
    )
    found, dropped = fitted(asked, SMALL, Deployment(PROVIDER, "m"))
    assert found is asked
    assert dropped == []


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"seed": 1}, "seed"),
        ({"temperature": 1.5}, "temperature"),
        ({"messages": said({"type": "input_audio", "input_audio": {}})}, "messages[0].content[1].type"),
        ({"messages": said(IMAGE, name="Ann")}, "messages[0].name"),
        (
            {"messages": said({"type": "image_url", "image_url": {"url": "https://e.com", "detail": "high"}})},
            "messages[0].content[1].image_url.detail",
        ),
        ({"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}, "tools[0].function.strict"),
        ({"n": 2}, "n"),
        ({"x" * 300: 1}, "x" * 256),
    ],
)
def test_what_cannot_be_expressed_is_refused_by_its_place(fields: dict[str, Any], place: str) -> None:
    assert refused(**fields) == place


@pytest.mark.parametrize(("path", "values"), [(p, v) for p, v in SAYS_NOTHING.items() if "." not in p], ids=str)
def test_values_that_ask_for_nothing_are_no_reason_to_refuse(path: str, values: tuple[Any, ...]) -> None:
    for value in values:
        if path not in ("tool_choice", "parallel_tool_calls"):
            assert passes(**{path: value})[1] == []
            continue
        assert passes(tools=[TOOL], **{path: value})[1] == []


@pytest.mark.parametrize("fields", [{"presence_penalty": 0}, {"presence_penalty": 0.0}, {"frequency_penalty": 0.0}])
def test_zero_is_nothing_however_it_is_written(fields: dict[str, Any]) -> None:
    assert passes(**fields)[1] == []


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"service_tier": "flex"}, "service_tier"),
        ({"store": True}, "store"),
        ({"n": 2}, "n"),
        ({"parallel_tool_calls": False, "tools": [TOOL]}, "parallel_tool_calls"),
        ({"presence_penalty": 0.1}, "presence_penalty"),
        (
            {"messages": said({"type": "image_url", "image_url": {"url": "https://e.com", "detail": "low"}})},
            "messages[0].content[1].image_url.detail",
        ),
    ],
)
def test_other_values_of_the_same_fields_do_ask_for_something(fields: dict[str, Any], place: str) -> None:
    assert refused(**fields) == place


@pytest.mark.parametrize("strict", [True, False])
def test_a_schema_is_followed_whether_strictly_or_not_where_it_can_be(strict: bool) -> None:
    known = (
        "response_format",
        "response_format.type",
        "response_format.json_schema",
        "response_format.json_schema.name",
    )
    schema: Vocabulary = {**SMALL, **dict.fromkeys(known)}
    asked = {"type": "json_schema", "json_schema": {"name": "n", "strict": strict}}
    assert passes(schema, response_format=asked)[1] == []


@pytest.mark.parametrize("nothing", [None, [], {}])
def test_null_and_empty_values_ask_for_nothing(nothing: Any) -> None:
    assert passes(some_future_field=nothing)[1] == []


@pytest.mark.parametrize("value", [0, False, "", 0.0])
def test_zero_and_false_of_unknown_fields_do_ask_for_something(value: Any) -> None:
    assert refused(some_future_field=value) == "some_future_field"


def test_dropped_fields_are_told_and_the_rest_is_untouched() -> None:
    body, dropped = passes(drop=True, seed=1, temperature=2, tools=[TOOL], messages=said(IMAGE, name="Ann"))
    assert sorted(dropped) == ["messages[0].name", "seed", "temperature"]
    assert body == {"model": "local/chat", "tools": [TOOL], "messages": said(IMAGE)}


def test_only_listed_paths_are_dropped_if_paths_are_listed() -> None:
    assert passes(drop=("seed", "n"), seed=1, n=3)[1] == ["seed", "n"]
    assert refused(drop=("seed",), seed=1, top_k=4) == "top_k"
    assert passes(
        drop=("tools.function.strict",), tools=[{"type": "function", "function": {"name": "f", "strict": True}}]
    )[1] == ["tools[0].function.strict"]


def test_the_customer_s_words_are_never_dropped() -> None:
    assert (
        refused(drop=True, messages=said({"type": "file", "file": {"file_id": "f"}})) == "messages[0].content[1].type"
    )
    assert refused(drop=True, tools=[{"type": "custom", "custom": {"name": "c"}}]) == "tools[0].custom"


@pytest.mark.parametrize("name", [path.split(".")[1] for path in ECHOES if path.count(".") == 1])
def test_what_a_client_echoes_of_an_answer_is_dropped_and_told(name: str) -> None:
    messages = [*HELLO, {"role": "assistant", "content": "Hi", name: "x"}, *HELLO]
    body, dropped = passes(messages=messages)
    assert dropped == [f"messages[1].{name}"]
    assert body["messages"][1] == {"role": "assistant", "content": "Hi"}


def test_sound_is_no_echo_where_it_is_all_that_a_message_says() -> None:
    spoken = {"role": "assistant", "audio": {"id": "audio_1"}, "annotations": [1]}
    assert refused(messages=[*HELLO, spoken, *HELLO]) == "messages[1].audio"
    assert passes(messages=[*HELLO, spoken | {"content": "Hi"}, *HELLO])[1] == [
        "messages[1].audio",
        "messages[1].annotations",
    ]


def test_what_a_request_cannot_be_without_is_not_dropped() -> None:
    formats: Vocabulary = {**SMALL, "response_format": None}
    assert refused(formats, True, response_format={"type": "json_object"}) == "response_format.type"
    assert refused(drop=("messages",), vocabulary={}) == "messages"


ALL_OF_A_MESSAGE: Vocabulary = {
    **SMALL,
    "messages.tool_calls": lambda calls: all(call["id"] for call in calls),
    "messages.refusal": lambda refusal: refusal.strip(),
    "messages.tool_call_id": None,
    "messages.content.image_url.url": lambda url: url.strip(),
}


@pytest.mark.parametrize("value", [5, "text", [5], [[]], [None], {"a": 1}, True])
@pytest.mark.parametrize("field", ["tool_calls", "refusal", "tool_call_id"])
def test_a_field_in_a_message_of_another_role_is_refused_whatever_it_is(field: str, value: Any) -> None:
    for role in ("user", "system"):
        messages = [{"role": role, "content": "Hi", field: value}, *HELLO]
        assert refused(ALL_OF_A_MESSAGE, messages=messages) == f"messages[0].{field}"
    assert passes(ALL_OF_A_MESSAGE, messages=[{"role": "user", "content": "Hi", field: None}])[1] == []


def test_a_field_in_a_part_of_another_type_is_refused_whatever_it_is() -> None:
    part = {"image_url": {"url": 5}, "type": "text", "text": "Hi"}
    assert refused(ALL_OF_A_MESSAGE, messages=said(part)) == "messages[0].content[1].image_url"


def test_marks_for_the_cache_may_be_dropped_for_they_save_money_only() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    asked: Any = {"messages": said({"type": "text", "text": "x", **mark}, **mark), "tools": [TOOL | mark]}
    places = ["messages[0].content[1].cache_control", "messages[0].cache_control", "tools[0].cache_control"]
    assert sorted(passes(drop=True, **asked)[1]) == sorted(places)
    assert refused(**asked) == places[0]


def test_a_protocol_that_takes_everything_refuses_only_what_its_vendor_lacks() -> None:
    everything = Deployment(PROVIDER, "m")
    asked = request(anything=1, messages=said(IMAGE, name="Ann"))
    assert fitted(asked, None, everything) == (asked, [])
    lacking = Deployment(PROVIDER, "m", unsupported=frozenset({"messages.name", "logit_bias"}))
    error = caught_from(lambda: fitted(asked, None, lacking), Inexpressible)
    assert error.param == "messages[0].name"


def test_a_vendor_gets_of_earlier_answers_what_it_takes_back() -> None:
    echo = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm.", "thinking_blocks": [1]}
    asked = request(anything=1, messages=[*HELLO, echo, *HELLO])
    assert fitted(asked, None, Deployment(PROVIDER, "m")) == (asked, [])
    taking = replace(PROVIDER, echoes=frozenset({"messages.reasoning_content"}))
    found, dropped = fitted(asked, None, Deployment(taking, "m"))
    assert (found.wire()["messages"][1], dropped) == (
        {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."},
        ["messages[1].thinking_blocks"],
    )
    lacking = Deployment(taking, "m", unsupported=frozenset({"messages.reasoning_content"}))
    assert fitted(asked, None, lacking)[1] == ["messages[1].reasoning_content", "messages[1].thinking_blocks"]


def test_a_deployment_s_own_lack_goes_before_its_protocol_s_vocabulary() -> None:
    lacking = Deployment(PROVIDER, "m", unsupported=frozenset({"temperature"}))
    error = caught_from(lambda: fitted(request(temperature=0.5), SMALL, lacking), Inexpressible)
    assert error.param == "temperature"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda name: name not in request().wire()), JSON, max_size=4)
)
def test_whatever_the_fields_they_are_kept_or_dropped_and_told(fields: dict[str, Any]) -> None:
    known = {name: value for name, value in fields.items() if name not in type(request()).model_fields}
    deployment = Deployment(PROVIDER, "m", drop_params=True)
    found, dropped = fitted(request(**known), SMALL, deployment)
    left_out = {name for name, value in known.items() if name not in found.wire()}
    assert {name[:256] for name in left_out} == set(dropped)
    assert all(value in (None, [], {}) for name, value in known.items() if name not in left_out)
    assert json.dumps(found.wire())


@pytest.mark.parametrize("name", ["messages.content", "temperature.", "tools.function.parameters.x", "."])
def test_a_field_that_is_called_like_a_path_is_not_what_the_path_leads_to(name: str) -> None:
    fields: Any = {name: 1}
    assert refused(**fields) == name
    assert passes(drop=True, **fields)[1] == [name]


def test_a_tool_s_name_beside_its_result_says_nothing_new() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "c", "name": "f", "content": "4"}
    asked = request(messages=[*HELLO, {"role": "assistant", "tool_calls": [call]}, result])
    lacking = Deployment(PROVIDER, "m", unsupported=frozenset({"messages.name"}))
    assert fitted(asked, None, lacking) == (asked, [])


def test_many_fields_are_dropped_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """One check for each field dropped would take half a minute for a long history."""
    asked = request(messages=[{"role": "user", "content": "Hi", "name": f"n{index}"} for index in range(500)])
    bodies: list[Any] = []

    def check(body: Any) -> ChatCompletionRequest:
        bodies.append(body)
        return asked

    monkeypatch.setattr(ChatCompletionRequest, "model_validate", check)
    _, dropped = fitted(asked, SMALL, Deployment(PROVIDER, "m", drop_params=True))
    assert len(dropped) == 500
    (body,) = bodies
    assert body["messages"] == [{"role": "user", "content": "Hi"}] * 500
