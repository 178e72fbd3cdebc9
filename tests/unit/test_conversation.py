"""A chat as turns: instructions apart, neighbours of one side together, tools' results with the user."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.providers.conversation import Call, Conversation, Image, Result, Text, Thought, read
from tests.unit.builders import caught_from, request

PNG = "data:image/png;base64,iVBORw0KGgo="
CALLS = [
    {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": '{"a": 1}'}} for name in "fg"
]


def talk(*messages: dict[str, Any]) -> Conversation:
    return read(request(messages=list(messages)))


def user(content: Any, **fields: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **fields}


def test_instructions_are_apart_in_their_order() -> None:
    found = talk(
        {"role": "system", "content": "one"},
        user("Hi"),
        {"role": "developer", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": "three"}]},
    )
    assert found.system == [Text("one"), Text("two"), Text("three")]
    assert [(turn.role, turn.blocks) for turn in found.turns] == [("user", [Text("Hi")])]


def test_neighbouring_messages_of_one_side_are_one_turn() -> None:
    found = talk(
        user("a"), user("b"), {"role": "assistant", "content": "c"}, {"role": "assistant", "content": "d"}, user("e")
    )
    assert [(turn.role, turn.blocks) for turn in found.turns] == [
        ("user", [Text("a"), Text("b")]),
        ("assistant", [Text("c"), Text("d")]),
        ("user", [Text("e")]),
    ]


def test_results_are_the_user_s_and_know_their_tool() -> None:
    found = talk(
        user("Hi"),
        {"role": "assistant", "content": None, "tool_calls": CALLS},
        {"role": "tool", "tool_call_id": "call_g", "content": "G"},
        {"role": "tool", "tool_call_id": "call_f", "content": [{"type": "text", "text": "F"}]},
        user("Well?"),
    )
    assert found.turns[1].blocks == [Call("call_f", "f", {"a": 1}), Call("call_g", "g", {"a": 1})]
    assert found.turns[2].blocks == [
        Result("call_g", "g", [Text("G")]),
        Result("call_f", "f", [Text("F")]),
        Text("Well?"),
    ]


def test_images_know_their_place_and_their_bytes() -> None:
    parts = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": PNG}}]
    (turn,) = talk({"role": "system", "content": "x"}, user(parts)).turns
    image = turn.blocks[1]
    assert image == Image(PNG, "messages[1].content[1].image_url.url")
    assert isinstance(image, Image)
    assert image.inline == ("image/png", "iVBORw0KGgo=")
    assert image.bytes == b"\x89PNG\r\n\x1a\n"
    assert Image("https://example.com/cat.png", "p").inline is None
    assert Image("DATA:image/JPEG;base64,AAAA", "p").inline == ("image/jpeg", "AAAA")


@pytest.mark.parametrize("blank", ["", " ", "\n\n\t"])
def test_blank_texts_are_left_out(blank: str) -> None:
    found = talk(
        {"role": "system", "content": blank},
        user([{"type": "text", "text": blank}, {"type": "text", "text": "a"}]),
        {"role": "assistant", "content": blank, "refusal": blank},
        user("b"),
    )
    assert found.system == []
    assert [(turn.role, turn.blocks) for turn in found.turns] == [("user", [Text("a"), Text("b")])]


def test_thoughts_that_led_to_no_word_are_left_out() -> None:
    block = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    cut = {"role": "assistant", "content": "", "thinking_blocks": [block]}
    call = {"role": "assistant", "content": None, "tool_calls": CALLS[:1]}
    assert [turn.blocks for turn in talk(user("a"), cut, user("b")).turns] == [[Text("a"), Text("b")]]
    assert [turn.blocks for turn in talk(user("a"), cut).turns] == [[Text("a")]]
    assert talk(user("a"), call, cut).turns[1].blocks == [Call("call_f", "f", {"a": 1})]
    assert talk(user("a"), cut, call).turns[1].blocks == [Thought(block), Call("call_f", "f", {"a": 1})]


def test_what_the_model_thought_goes_before_what_it_said_and_called() -> None:
    block = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    said = {"role": "assistant", "content": "So", "thinking_blocks": [block], "tool_calls": CALLS[:1]}
    assert talk(user("Hi"), said).turns[1].blocks == [Thought(block), Text("So"), Call("call_f", "f", {"a": 1})]


def test_a_refusal_is_what_the_assistant_said() -> None:
    assert talk(user("Hi"), {"role": "assistant", "refusal": "No."}).turns[1].blocks == [Text("No.")]
    parts = [{"type": "refusal", "refusal": "Never."}]
    assert talk(user("Hi"), {"role": "assistant", "content": parts}).turns[1].blocks == [Text("Never.")]


@pytest.mark.parametrize("refusal", [5, 0, True, False, [], ["No."], {"text": "No."}])
def test_a_refusal_that_is_no_text_is_refused_by_its_place(refusal: Any) -> None:
    said = {"role": "assistant", "content": "Hi", "refusal": refusal}
    assert caught_from(lambda: talk(user("Hi"), said), InvalidRequest).param == "messages[1].refusal"
    said = {"role": "assistant", "content": [{"type": "text", "text": "Hi"}, {"type": "refusal", "refusal": refusal}]}
    error = caught_from(lambda: talk(user("Hi"), said), InvalidRequest)
    assert (error.param, error.status) == ("messages[1].content[1].refusal", 400)
    assert error.message == "messages[1].content[1].refusal: must be a string."


def test_a_part_of_a_refusal_needs_one() -> None:
    said = {"role": "assistant", "content": [{"type": "refusal"}]}
    assert caught_from(lambda: talk(user("Hi"), said), InvalidRequest).param == "messages[1].content[0].refusal"


def test_a_message_s_mark_for_the_cache_is_on_the_last_of_what_it_says() -> None:
    mark, own = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
    calls = {"role": "assistant", "content": None, "tool_calls": CALLS, "cache_control": mark}
    assert talk(user("Hi"), calls).turns[1].blocks[1] == Call("call_g", "g", {"a": 1}, {}, mark)
    assert talk(user("Hi"), calls | {"content": "So"}).turns[1].blocks[0] == Text("So")
    result = {"role": "tool", "tool_call_id": "call_f", "content": "F", "cache_control": mark}
    assert talk(user("Hi"), calls, result).turns[2].blocks == [Result("call_f", "f", [Text("F")], mark)]
    refused = {"role": "assistant", "content": "Hm", "refusal": "No.", "cache_control": mark}
    assert talk(user("Hi"), refused).turns[1].blocks == [Text("Hm"), Text("No.", mark)]
    parts = [{"type": "text", "text": "a", "cache_control": own}]
    assert talk(user(parts, cache_control=mark)).turns[0].blocks == [Text("a", own)]


def test_a_mark_on_a_blank_text_is_on_what_is_before_it() -> None:
    mark = {"type": "ephemeral"}
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": " ", "cache_control": mark}]
    assert talk(user(parts)).turns[0].blocks == [Text("a", mark)]
    assert talk(user(parts[1:]), user("b")).turns[0].blocks == [Text("b")]


def test_marks_for_the_cache_stay_where_they_are() -> None:
    mark = {"type": "ephemeral"}
    parts = [{"type": "text", "text": "a", "cache_control": mark}, {"type": "text", "text": "b"}]
    assert talk(user(parts)).turns[0].blocks == [Text("a", mark), Text("b")]
    assert talk(user(parts[1:] * 2, cache_control=mark)).turns[0].blocks[1] == Text("b", mark)
    assert talk({"role": "system", "content": "s", "cache_control": mark}, user("u")).system == [Text("s", mark)]


@pytest.mark.parametrize("arguments", ["{", "[]", '"text"', "nonsense", "1", "[" * 100_000])
def test_a_call_s_arguments_have_to_be_an_object(arguments: str) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    error = caught_from(lambda: talk(user("Hi"), {"role": "assistant", "tool_calls": [call]}), InvalidRequest)
    assert error.param == "messages[1].tool_calls[0].function.arguments"


def test_no_arguments_are_an_empty_object() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert talk(user("Hi"), {"role": "assistant", "tool_calls": [call]}).turns[1].blocks == [Call("c", "f", {})]


def test_instructions_alone_are_no_conversation() -> None:
    assert caught_from(lambda: talk({"role": "system", "content": "x"}), InvalidRequest).param == "messages"
