"""POST /completions: a prompt is asked as a chat, and answered in the format of old."""

from typing import Any

import pytest
from openai.types import Completion

from gateway import legacy
from gateway.body import json_body
from gateway.schemas import ChatCompletionRequest, LegacyCompletionRequest
from tests.unit.builders import HELLO, chat, event, legacy_refusal


def parsed(**fields: Any) -> tuple[ChatCompletionRequest, LegacyCompletionRequest]:
    asked, request = legacy.parse(json_body(event({"model": "m", "prompt": "Hello"} | fields)))
    assert request is not None
    return asked, request


def completion(*contents: Any) -> dict[str, Any]:
    choices = [
        {"index": index, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        for index, content in enumerate(contents)
    ]
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    frame = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return frame | {"choices": choices, "usage": usage}


def texts(answer: dict[str, Any]) -> list[str]:
    return [choice["text"] for choice in answer["choices"]]


def test_a_prompt_becomes_one_user_message_and_other_fields_stay() -> None:
    chat, _ = parsed(max_tokens=5, stop=["x"], temperature=0, user="u", unknown={"a": None}, n=None)
    assert chat.wire() == {
        "model": "m",
        "max_tokens": 5,
        "stop": ["x"],
        "temperature": 0,
        "user": "u",
        "unknown": {"a": None},
        "n": None,
        "messages": HELLO,
    }


def test_what_only_the_old_format_has_is_left_out_of_the_chat() -> None:
    chat, request = parsed(echo=True, suffix=None, best_of=1, logprobs=None)
    assert chat.wire() == {"model": "m", "messages": HELLO}
    assert request.echo is True


def test_a_list_of_one_prompt_is_that_prompt() -> None:
    assert parsed(prompt=["Hello"])[0].wire()["messages"] == HELLO


def test_messages_on_the_old_route_are_a_chat() -> None:
    chat, request = legacy.parse({"model": "m", "messages": HELLO})
    assert chat.wire() == {"model": "m", "messages": HELLO}
    assert request is None


@pytest.mark.parametrize(
    ("body", "param", "sentence"),
    [
        ({}, "model", "this field is required"),
        ({"model": "m"}, "prompt", "this field is required"),
        ({"model": "m", "prompt": None}, "prompt", "must be a string or an array of strings"),
        ({"model": "m", "prompt": 5}, "prompt", "must be a string or an array of strings"),
        ({"model": "m", "prompt": [1, 2]}, "prompt[0]", "must be a string"),
        ({"model": "m", "prompt": []}, "prompt", "send one prompt a request, as a string"),
        ({"model": "m", "prompt": ["a", "b"]}, "prompt", "send one prompt a request, as a string"),
        ({"model": "m", "prompt": "a", "messages": HELLO}, "prompt", "send either prompt or messages, not both"),
        ({"model": "m", "messages": []}, "messages", "must not be empty"),
        ({"model": "m", "prompt": "a", "suffix": "b"}, "suffix", "is not supported here; leave it out"),
        ({"model": "m", "prompt": "a", "logprobs": 2}, "logprobs", "is not supported here; leave it out"),
        ({"model": "m", "prompt": "a", "best_of": 2}, "best_of", "must be at most 1"),
        ({"model": "m", "prompt": "a", "echo": "yes"}, "echo", "must be true or false"),
        ({"model": "m", "prompt": "a", "temperature": 9}, "temperature", "must be at most 2"),
        ({"model": "m", "prompt": "a", "tools": "x"}, "tools", "must be an array"),
        ({"model": "m", "prompt": "a", "metadata": {"a": 1}}, "metadata.a", "must be a string"),
        (
            {"model": "m", "prompt": "a", "max_tokens": 1, "max_completion_tokens": 2},
            "max_tokens",
            "send either max_tokens or max_completion_tokens, not both",
        ),
    ],
)
def test_refuses_a_wrong_field_by_the_name_the_client_sent_it_under(
    body: dict[str, Any], param: str, sentence: str
) -> None:
    error = legacy_refusal(body)
    assert (error.param, error.message) == (param, f"{param}: {sentence}.")


def test_the_answer_is_a_text_completion_as_openai_s_client_knows_it() -> None:
    answer = legacy.from_chat(parsed()[1], completion("Hi", "Hey"))
    read = Completion.model_validate(answer, strict=True)
    assert [(choice.index, choice.text, choice.finish_reason) for choice in read.choices] == [
        (0, "Hi", "stop"),
        (1, "Hey", "stop"),
    ]
    assert read.usage is not None
    assert read.usage.total_tokens == 3


def test_choices_keep_their_index_and_get_one_if_they_had_none() -> None:
    answer = completion("a", "b", "c")
    answer["choices"][0]["index"] = 1
    answer["choices"][1]["index"] = 0
    del answer["choices"][2]["index"]
    assert [choice["index"] for choice in legacy.from_chat(parsed()[1], answer)["choices"]] == [1, 0, 2]


def test_an_echo_puts_the_prompt_before_every_answer() -> None:
    assert texts(legacy.from_chat(parsed(echo=True)[1], completion(" you", None))) == ["Hello you", "Hello"]
    assert texts(legacy.from_chat(parsed(echo=False)[1], completion(" you"))) == [" you"]


def test_an_answer_in_parts_is_the_text_of_its_parts() -> None:
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "4"}, {"type": "text", "text": "2"}]
    assert texts(legacy.from_chat(parsed()[1], completion(parts, ""))) == ["42", ""]


def test_a_null_is_as_good_as_nothing() -> None:
    chat_request, old = legacy.parse(chat(prompt=None))
    assert (chat_request.wire(), old) == (chat(), None)
    _, old = legacy.parse({"model": "m", "prompt": "Hello", "messages": None})
    assert old is not None
