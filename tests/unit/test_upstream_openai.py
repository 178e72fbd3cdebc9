"""The scripted provider answers as OpenAI does, also in the eyes of OpenAI's own client."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.upstream import Reply, Upstream
from tests.upstream.client import HELLO, error_of, events, post

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"enum": ["celsius", "kelvin"]},
                "days": {"type": "array", "items": {"$ref": "#/$defs/day"}},
            },
            "$defs": {"day": {"anyOf": [{"type": ["integer", "null"]}, {"type": "string"}]}},
        },
    },
}
OTHER_TOOL = {"type": "function", "function": {"name": "time"}}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


def test_a_chat_completion_has_every_part_that_a_real_one_has(upstream: Upstream) -> None:
    response = post(upstream)
    answer = response.json()
    assert response.status_code == 200
    assert response.headers["x-request-id"].startswith("req_")
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "gpt-4o"
    assert answer["system_fingerprint"] == "fp_upstream"
    assert answer["provider_extension"] == {"queue_ms": 3}
    assert answer["choices"][0]["message"]["content"] == "You said: hello there"
    assert answer["choices"][0]["finish_reason"] == "stop"
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (5, 4, 9)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 2
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


def test_the_same_request_gets_the_same_bytes(upstream: Upstream) -> None:
    assert post(upstream).content == post(upstream).content


def test_reasoning_tokens_are_part_of_the_completion_tokens(upstream: Upstream) -> None:
    usage = post(upstream, {**HELLO, "reasoning_effort": "low"}).json()["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 16
    assert usage["completion_tokens"] == 16 + 4


def test_an_answer_ends_at_the_token_limit(upstream: Upstream) -> None:
    choice = post(upstream, {**HELLO, "max_completion_tokens": 2}).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("You said:", "length")


def test_n_choices_and_logprobs_are_answered(upstream: Upstream) -> None:
    choices = post(upstream, {**HELLO, "n": 2, "logprobs": True}).json()["choices"]
    assert [choice["index"] for choice in choices] == [0, 1]
    assert "".join(entry["token"] for entry in choices[1]["logprobs"]["content"]) == "You said: hello there"


def test_images_count_as_tokens(upstream: Upstream) -> None:
    parts = [{"type": "text", "text": "what is"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    answer = post(upstream, {**HELLO, "messages": [{"role": "user", "content": parts}]}).json()
    assert answer["usage"]["prompt_tokens"] == 3 + 2 + 85


def test_response_formats_are_answered_with_json(upstream: Upstream) -> None:
    schema = TOOL["function"]["parameters"]  # type: ignore[index]
    formats = [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "w", "schema": schema}}]
    contents = [
        post(upstream, {**HELLO, "response_format": wanted}).json()["choices"][0]["message"]["content"]
        for wanted in formats
    ]
    assert json.loads(contents[0]) == {"answer": "You said: hello there"}
    assert json.loads(contents[1]) == {"city": "text", "unit": "celsius", "days": [1]}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_a_demanded_tool_is_called_with_arguments_that_fit_its_schema(upstream: Upstream, choice: object) -> None:
    tools = [TOOL, OTHER_TOOL] if choice == "required" else [OTHER_TOOL, TOOL]
    answer = post(upstream, {**HELLO, "tools": tools, "tool_choice": choice}).json()["choices"][0]
    (call,) = answer["message"]["tool_calls"]
    assert answer["finish_reason"] == "tool_calls"
    assert answer["message"]["content"] is None
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "text", "unit": "celsius", "days": [1]}


def test_no_tool_is_called_unasked(upstream: Upstream) -> None:
    answer = post(upstream, {**HELLO, "tools": [TOOL]}).json()
    assert "tool_calls" not in answer["choices"][0]["message"]


def test_a_tool_result_after_its_call_is_accepted(upstream: Upstream) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = [
        *HELLO["messages"],
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    assert post(upstream, {**HELLO, "messages": messages}).status_code == 200


def test_a_stream_spells_the_same_answer(upstream: Upstream) -> None:
    chunks = events(post(upstream, {**HELLO, "stream": True}))
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert all("usage" not in chunk for chunk in chunks)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == "You said: hello there"
    assert [c["choices"][0]["finish_reason"] for c in chunks] == [None] * (len(chunks) - 1) + ["stop"]


def test_a_stream_counts_usage_on_one_more_chunk_when_asked(upstream: Upstream) -> None:
    chunks = events(post(upstream, {**HELLO, "stream": True, "stream_options": {"include_usage": True}}))
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 9


def test_a_streamed_tool_call_comes_in_fragments(upstream: Upstream) -> None:
    chunks = events(post(upstream, {**HELLO, "stream": True, "tools": [TOOL], "tool_choice": "required"}))
    calls = [c["choices"][0]["delta"]["tool_calls"][0] for c in chunks if "tool_calls" in c["choices"][0]["delta"]]
    assert calls[0]["function"] == {"name": "weather", "arguments": ""}
    assert all("id" not in call for call in calls[1:])
    assert json.loads("".join(call["function"]["arguments"] for call in calls))["city"] == "text"


def test_a_legacy_completion_answers_every_prompt(upstream: Upstream) -> None:
    answer = post(upstream, {"model": "m", "prompt": ["one", "two"], "n": 2}, "/v1/completions").json()
    assert answer["object"] == "text_completion"
    assert [choice["text"] for choice in answer["choices"]] == [
        f" and so on: {p}" for p in ("one", "one", "two", "two")
    ]
    assert answer["usage"]["prompt_tokens"] == 2


def test_a_legacy_completion_streams(upstream: Upstream) -> None:
    body = {"model": "m", "prompt": [1, 2], "stream": True, "stream_options": {"include_usage": True}}
    *chunks, last = events(post(upstream, body, "/v1/completions"))
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == " and so on: <1> <2>"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["completion_tokens"] == 5


def test_embeddings_are_unit_vectors_of_the_wanted_size(upstream: Upstream) -> None:
    body = {"model": "m", "input": ["a", "b", "a"], "dimensions": 3}
    data = post(upstream, body, "/v1/embeddings").json()["data"]
    vectors = [item["embedding"] for item in data]
    assert vectors[0] == vectors[2] != vectors[1]
    assert sum(number**2 for number in vectors[0]) == pytest.approx(1)
    assert [item["index"] for item in data] == [0, 1, 2]


def test_models_are_listed_and_found_by_name(upstream: Upstream) -> None:
    listed = requests.get(f"{upstream.url}/v1/models", timeout=5).json()
    assert "gpt-4o" in [model["id"] for model in listed["data"]]
    assert requests.get(f"{upstream.url}/v1/models/gpt-4o", timeout=5).json()["object"] == "model"
    missing = requests.get(f"{upstream.url}/v1/models/gpt-0", timeout=5)
    assert (missing.status_code, error_of(missing)["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Basic sk-up", "Bearer "])
def test_a_server_with_a_key_refuses_any_other(given: str | None) -> None:
    with Upstream(api_key="sk-up") as upstream:
        refused = post(upstream, headers={"Authorization": given} if given else {})
        assert refused.status_code == 401
        assert error_of(refused)["type"] == "invalid_request_error"
        assert post(upstream, headers={"Authorization": "bearer sk-up"}).status_code == 200


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": "hi"}, "messages", "invalid_type"),
        ({"messages": ["hi"]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "tool", "tool_call_id": "x", "content": ""}]}, "messages[0].role", None),
        ({"model": None}, None, None),
        ({"temperature": 9}, "temperature", "integer_above_max_value"),
        ({"top_p": -0.5}, "top_p", "decimal_below_min_value"),
        ({"max_tokens": -1}, "max_tokens", "integer_below_min_value"),
        ({"n": "two"}, "n", "invalid_type"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "invalid_parameter_combination"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"tool_choice": "required"}, "tool_choice", None),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "no"}}},
            "tool_choice",
            "invalid_value",
        ),
    ],
)
def test_a_bad_field_is_refused_by_name(upstream: Upstream, change: Any, param: str | None, code: str | None) -> None:
    response = post(upstream, {**HELLO, **change})
    error = error_of(response)
    assert (response.status_code, error["param"], error["code"]) == (400, param, code)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 10_000])
def test_a_body_that_is_no_json_object_is_refused(upstream: Upstream, data: bytes) -> None:
    response = requests.post(f"{upstream.url}/v1/chat/completions", data=data, timeout=5)
    assert (response.status_code, error_of(response)["type"]) == (400, "invalid_request_error")


def test_an_unknown_route_and_a_wrong_method_are_refused(upstream: Upstream) -> None:
    assert post(upstream, path="/v1/nothing").status_code == 404
    assert post(upstream, path="/v1/models").status_code == 405
    assert requests.get(f"{upstream.url}/v1/embeddings", timeout=5).status_code == 405


@pytest.fixture
def client(upstream: Upstream) -> Iterator[Any]:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="any", max_retries=0, timeout=5) as made:
        yield made


def test_openais_client_accepts_a_plain_answer(client: Any) -> None:
    answer = client.chat.completions.create(**HELLO)
    assert answer.choices[0].message.content == "You said: hello there"
    assert answer.usage.prompt_tokens_details.cached_tokens == 2


def test_openais_client_accepts_a_stream(client: Any) -> None:
    chunks = list(client.chat.completions.create(**HELLO, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "You said: hello there"
    assert chunks[-1].usage.total_tokens == 9


@pytest.mark.parametrize("streamed", [False, True])
def test_openais_client_accepts_a_tool_call(client: Any, streamed: bool) -> None:
    asked = {**HELLO, "tools": [TOOL], "tool_choice": "required"}
    if streamed:
        with client.chat.completions.stream(**asked) as stream:
            answer = stream.get_final_completion()
    else:
        answer = client.chat.completions.create(**asked)
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)["city"]) == ("weather", "text")


def test_openais_client_accepts_the_other_routes(client: Any) -> None:
    assert client.completions.create(model="m", prompt="one").choices[0].text == " and so on: one"
    assert len(client.embeddings.create(model="m", input="one").data[0].embedding) == 16
    assert client.models.retrieve("gpt-4o").id in [model.id for model in client.models.list()]


def test_openais_client_sees_errors_as_its_own(upstream: Upstream, client: Any) -> None:
    openai = pytest.importorskip("openai")
    upstream.enqueue(Reply.rate_limited(1))
    with pytest.raises(openai.RateLimitError, match="Rate limit reached"):
        client.chat.completions.create(**HELLO)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "robot", "content": ""}])
    assert caught.value.param == "messages[0].role"
