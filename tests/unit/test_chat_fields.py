"""Each field of a chat that is wrong is refused by its name, as OpenAI writes it, and in words."""

from typing import Any

import pytest

from tests.unit.builders import HELLO, chat, refusal, request, with_message, with_part

REQUIRED = "this field is required"
TEXT = "must be a string"
EMPTY = "must not be empty"
OBJECT = "must be an object"
ARRAY = "must be an array"
WHOLE = "must be a whole number"
NUMBER = "must be a number"
FLAG = "must be true or false"
CONTENT = "must be a string or an array of content parts"
ROLES = "must be 'system', 'developer', 'user', 'assistant', 'tool' or 'function'"

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def tool(**function: Any) -> dict[str, Any]:
    return chat(tools=[{"type": "function", "function": function}])


def call(**fields: Any) -> dict[str, Any]:
    return with_message(role="assistant", tool_calls=[fields])


@pytest.mark.parametrize(
    ("body", "param", "sentence"),
    [
        ({}, "model", REQUIRED),
        ({"messages": HELLO}, "model", REQUIRED),
        (chat(model=None), "model", TEXT),
        (chat(model=["local/chat"]), "model", TEXT),
        (chat(model=""), "model", EMPTY),
        ({"model": "m"}, "messages", REQUIRED),
        (chat(messages=None), "messages", ARRAY),
        (chat(messages="Hello"), "messages", ARRAY),
        (chat(messages={"role": "user"}), "messages", ARRAY),
        (chat(messages=[]), "messages", EMPTY),
        (chat(messages=["Hello"]), "messages[0]", OBJECT),
        (chat(messages=[*HELLO, None]), "messages[1]", OBJECT),
        (with_message(content="Hello"), "messages[0].role", ROLES),
        (with_message(role=None, content="Hello"), "messages[0].role", ROLES),
        (with_message(role=["user"], content="Hello"), "messages[0].role", ROLES),
        (with_message(role="robot", content="Hello"), "messages[0].role", ROLES),
        (with_message(role="", content="Hello"), "messages[0].role", ROLES),
        (with_message(role="<user>", content="Hello"), "messages[0].role", ROLES),
        (with_message(role="user"), "messages[0].content", REQUIRED),
        (with_message(role="user", content=None), "messages[0].content", CONTENT),
        (with_message(role="user", content=5), "messages[0].content", CONTENT),
        (with_message(role="user", content={"text": "Hello"}), "messages[0].content", CONTENT),
        (with_message(role="user", content=[]), "messages[0].content", EMPTY),
        (with_message(role="system", content=None), "messages[0].content", CONTENT),
        (with_message(role="tool", tool_call_id="a"), "messages[0].content", REQUIRED),
        (with_message(role="tool", content="4"), "messages[0].tool_call_id", REQUIRED),
        (with_message(role="function", content="4"), "messages[0].name", REQUIRED),
        (with_message(role="function", name="f"), "messages[0].content", REQUIRED),
        (with_message(role="assistant"), "messages[0].content", "needed unless there are tool_calls"),
        (with_message(role="assistant", tool_calls=[]), "messages[0].content", "needed unless there are tool_calls"),
        (with_message(role="assistant", tool_calls="f"), "messages[0].tool_calls", ARRAY),
        (call(type="function"), "messages[0].tool_calls[0].id", REQUIRED),
        (call(id="a", function={}), "messages[0].tool_calls[0].function.name", REQUIRED),
        (
            call(id="a", function={"name": "f", "arguments": {}}),
            "messages[0].tool_calls[0].function.arguments",
            TEXT,
        ),
        (with_part("Hello"), "messages[0].content[0]", OBJECT),
        (with_part({"text": "Hello"}), "messages[0].content[0].type", REQUIRED),
        (with_part({"type": 1}), "messages[0].content[0].type", TEXT),
        (with_part({"type": "text"}), "messages[0].content[0].text", REQUIRED),
        (with_part({"type": "text", "text": None}), "messages[0].content[0].text", TEXT),
        (with_part({"type": "image_url"}), "messages[0].content[0].image_url", REQUIRED),
        (with_part({"type": "image_url", "image_url": "https://…"}), "messages[0].content[0].image_url", OBJECT),
        (with_part({"type": "image_url", "image_url": {}}), "messages[0].content[0].image_url.url", REQUIRED),
        (
            with_part({"type": "image_url", "image_url": {"url": "https://u", "detail": "huge"}}),
            "messages[0].content[0].image_url.detail",
            "must be 'auto', 'low', 'high' or 'original'",
        ),
    ],
)
def test_refuses_a_wrong_message_naming_the_field(body: dict[str, Any], param: str, sentence: str) -> None:
    error = refusal(body)
    assert (error.param, error.message) == (param, f"{param}: {sentence}.")


@pytest.mark.parametrize(
    ("body", "param", "sentence"),
    [
        (chat(max_tokens=-1), "max_tokens", "must be at least 1"),
        (chat(max_tokens=0), "max_tokens", "must be at least 1"),
        (chat(max_completion_tokens=-1), "max_completion_tokens", "must be at least 1"),
        (chat(max_tokens=1.5), "max_tokens", WHOLE),
        (chat(max_tokens="5"), "max_tokens", WHOLE),
        (chat(max_tokens=True), "max_tokens", WHOLE),
        (chat(max_tokens=10**30), "max_tokens", "must be at most 2147483648"),
        (
            chat(max_tokens=5, max_completion_tokens=5),
            "max_tokens",
            "send either max_tokens or max_completion_tokens, not both",
        ),
        (chat(temperature=9), "temperature", "must be at most 2"),
        (chat(temperature=-0.5), "temperature", "must be at least 0"),
        (chat(temperature="hot"), "temperature", NUMBER),
        (chat(temperature=True), "temperature", NUMBER),
        (chat(temperature=10**400), "temperature", NUMBER),
        (chat(top_p=1.1), "top_p", "must be at most 1"),
        (chat(presence_penalty=-3), "presence_penalty", "must be at least -2"),
        (chat(frequency_penalty=3), "frequency_penalty", "must be at most 2"),
        (chat(n=0), "n", "must be at least 1"),
        (chat(n=129), "n", "must be at most 128"),
        (chat(seed=0.5), "seed", WHOLE),
        (chat(seed=2**63), "seed", "must be less than 9223372036854775808"),
        (chat(stop=1), "stop", "must be a string or an array of strings"),
        (chat(stop=["a", None]), "stop[1]", TEXT),
        (chat(stream="yes"), "stream", FLAG),
        (chat(stream=1), "stream", FLAG),
        (chat(stream_options={"include_usage": True}), "stream_options", "only allowed when stream is true"),
        (chat(stream=False, stream_options={}), "stream_options", "only allowed when stream is true"),
        (chat(stream=True, stream_options=True), "stream_options", OBJECT),
        (chat(stream=True, stream_options={"include_usage": "yes"}), "stream_options.include_usage", FLAG),
        (chat(logprobs=1), "logprobs", FLAG),
        (chat(top_logprobs=21), "top_logprobs", "must be at most 20"),
        (chat(logit_bias=[1]), "logit_bias", OBJECT),
        (chat(logit_bias={"50256": "never"}), "logit_bias.50256", NUMBER),
        (chat(metadata={"a b": 1}), "metadata.a b", TEXT),
        (chat(store="yes"), "store", FLAG),
        (chat(user=5), "user", TEXT),
        (chat(reasoning_effort=3), "reasoning_effort", TEXT),
        (chat(parallel_tool_calls=0), "parallel_tool_calls", FLAG),
        (chat(tools={}), "tools", ARRAY),
        (chat(tools=[None]), "tools[0]", OBJECT),
        (chat(tools=[{}]), "tools[0].type", REQUIRED),
        (chat(tools=[{"type": "function"}]), "tools[0].function", REQUIRED),
        (tool(), "tools[0].function.name", REQUIRED),
        (tool(name=""), "tools[0].function.name", EMPTY),
        (tool(name="f", parameters=[]), "tools[0].function.parameters", OBJECT),
        (tool(name="f", strict="yes"), "tools[0].function.strict", FLAG),
        (chat(tool_choice=5), "tool_choice", "must be 'none', 'auto', 'required' or an object that names a tool"),
        (chat(tool_choice={}), "tool_choice.type", REQUIRED),
        (chat(tool_choice={"type": "function", "function": {}}), "tool_choice.function.name", REQUIRED),
        (chat(functions=[{}]), "functions[0].name", REQUIRED),
        (chat(function_call="maybe"), "function_call", "must be 'none' or 'auto'"),
        (chat(function_call=5), "function_call", "must be 'none', 'auto' or an object that names a function"),
        (chat(function_call={}), "function_call.name", REQUIRED),
        (chat(response_format="json"), "response_format", OBJECT),
        (chat(response_format={}), "response_format.type", REQUIRED),
        (chat(response_format={"type": 5}), "response_format.type", TEXT),
        (chat(response_format={"type": "json_schema"}), "response_format.json_schema", REQUIRED),
        (
            chat(response_format={"type": "json_schema", "json_schema": {}}),
            "response_format.json_schema.name",
            REQUIRED,
        ),
        (
            chat(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": []}}),
            "response_format.json_schema.schema",
            OBJECT,
        ),
    ],
)
def test_refuses_a_wrong_parameter_naming_it(body: dict[str, Any], param: str, sentence: str) -> None:
    error = refusal(body)
    assert (error.param, error.message) == (param, f"{param}: {sentence}.")


@pytest.mark.parametrize(
    "field", [{"tool_choice": "any"}, {"reasoning_effort": "default"}, {"response_format": {"type": "grammar"}}]
)
def test_words_that_only_some_providers_know_are_theirs_to_judge(field: dict[str, Any]) -> None:
    assert request(**field).wire() == chat(**field)


def test_a_client_s_own_names_are_not_taken_for_branches_of_a_union() -> None:
    """pydantic puts the names of a union's branches among the keys; a body may have keys of the same names."""
    message = {"role": "user", "content": 5, "user": {"content": "x"}, "<user>": {"content": "x"}}
    assert refusal(chat(messages=[message])).param == "messages[0].content"
    image = {"type": "image_url", "image_url": {"url": 5, "image_url": {"url": "x"}, "<image>": {"url": "x"}}}
    assert refusal(with_part(image)).param == "messages[0].content[0].image_url.url"
    choice = {"type": "function", "function": {"name": 1}, "named": {"function": {"name": "x"}}}
    assert refusal(chat(tool_choice=choice)).param == "tool_choice.function.name"


def test_of_several_wrong_fields_the_deepest_is_named() -> None:
    assert refusal(chat(temperature=9, stop=[1])).param == "stop[0]"


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "assistant", "audio": {"id": "audio_1"}},
        {"role": "assistant", "function_call": {"name": "f", "arguments": ""}},
        {"role": "assistant", "content": ""},
        {"role": "function", "name": "f", "content": None},
        {"role": "user", "content": [{"type": "text", "text": ""}, IMAGE, {"type": "video_url", "video_url": 1}]},
    ],
)
def test_accepts_messages_that_say_something_in_any_way(message: dict[str, Any]) -> None:
    assert request(messages=[message]).messages[0].role == message["role"]


def test_the_output_cap_has_two_names() -> None:
    assert request(max_tokens=7).output_cap == 7
    assert request(max_completion_tokens=8).output_cap == 8
    assert request().output_cap is None


CALLED = {"role": "assistant", "tool_calls": [CALL]}


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        ([*HELLO, {"role": "tool", "tool_call_id": "call_1", "content": "4"}], "messages[1].tool_call_id"),
        ([*HELLO, CALLED, {"role": "tool", "tool_call_id": "call_2", "content": "4"}], "messages[2].tool_call_id"),
        ([*HELLO, {"role": "tool", "tool_call_id": "call_1", "content": "4"}, CALLED], "messages[1].tool_call_id"),
    ],
)
def test_a_result_of_a_call_that_never_was_is_refused(messages: list[Any], place: str) -> None:
    error = refusal(chat(messages=messages))
    assert (error.param, error.message) == (place, f"{place}: answers no call of an earlier message.")


def test_a_call_may_be_answered_later_and_more_than_once() -> None:
    result = {"role": "tool", "tool_call_id": "call_1", "content": "4"}
    assert request(messages=[*HELLO, CALLED, result, *HELLO, result]).messages


@pytest.mark.parametrize("name", ["get weather", "get.weather", "wetter-ä", "a/b", "x" * 65, "f\n", ""])
def test_a_tool_s_name_with_forbidden_characters_is_refused(name: str) -> None:
    error = refusal(chat(tools=[{"type": "function", "function": {"name": name}}]))
    assert error.param == "tools[0].function.name"


def test_more_than_128_tools_are_refused() -> None:
    tools = [{"type": "function", "function": {"name": f"f{index}"}} for index in range(200)]
    assert refusal(chat(tools=tools)).message == "tools: must have at most 128 items."
    assert request(tools=tools[:128]).tools


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,",
        "data:image/png;base64,AAA",
        "data:image/png;base64,!!!!",
        "data:image/png;base64,AAAA AAAA",
        "data:image/png,AAAA",
        "data:text/html;base64,AAAA",
        "data:;base64,AAAA",
        "data:",
        "ftp://example.com/cat.png",
        "file:///etc/passwd",
        "s3://bucket/cat.png",
        "gs://bucket/cat.png",
        "/cat.png",
        "cat.png",
        "javascript:alert(1)",
    ],
)
def test_an_image_that_no_provider_could_read_is_refused(url: str) -> None:
    error = refusal(with_part({"type": "image_url", "image_url": {"url": url}}))
    assert error.param == "messages[0].content[0].image_url.url"
    assert len(error.message) < 200


@pytest.mark.parametrize("url", ["https://example.com/cat.png", "HTTP://example.com", "data:image/png;base64,AAAA", "DATA:image/JPEG;base64,/+8="])  # fmt: skip
def test_an_image_on_the_web_or_in_a_data_url_is_taken(url: str) -> None:
    assert request(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]).messages
