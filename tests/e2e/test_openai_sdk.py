"""The deployed gateway, as OpenAI's Python client sees it."""

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.e2e.conftest import Gateway
from tests.upstream import Reply, Upstream

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Person(BaseModel):
    name: str
    age: int


def test_a_completion_is_answered_plainly(gateway: Gateway) -> None:
    answer = gateway.openai().chat.completions.create(model="local/chat", messages=HELLO)
    assert answer.choices[0].message.content == "You said: Hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_completion_is_answered_as_a_stream(gateway: Gateway) -> None:
    chunks = list(gateway.openai().chat.completions.create(model="local/chat", messages=HELLO, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You said: Hello"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_stream_tells_its_usage_in_a_last_chunk_if_asked(gateway: Gateway) -> None:
    ask = gateway.openai().chat.completions.create
    chunks = list(ask(model="local/chat", messages=HELLO, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_tool_loop_runs_to_its_end(gateway: Gateway) -> None:
    client = gateway.openai()
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = client.chat.completions.create(model="local/chat", messages=messages, tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls"
    (call,) = first.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert set(json.loads(call.function.arguments)) == {"city"}
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    last = client.chat.completions.create(model="local/chat", messages=messages, tools=[WEATHER])
    assert "sunny" in (last.choices[0].message.content or "")


def test_structured_output_parses_into_the_clients_model(gateway: Gateway) -> None:
    answer = gateway.openai().chat.completions.parse(model="local/chat", messages=HELLO, response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="Hello", age=1)


def test_a_legacy_completion_is_answered_in_its_own_format(gateway: Gateway) -> None:
    answer = gateway.openai().completions.create(model="local/chat", prompt="Once", echo=True)
    assert answer.object == "text_completion"
    assert answer.choices[0].text == "OnceYou said: Once"
    chunks = list(gateway.openai().completions.create(model="local/chat", prompt="Once", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == "You said: Once"


def test_models_are_listed_with_what_is_configured(gateway: Gateway) -> None:
    models = {model.id: model.model_extra for model in gateway.openai().models.list()}
    configured = {model_id for model_id, told in models.items() if told and told["configured"]}
    assert {"local/chat", "openai/gpt-4o"} <= configured
    assert "groq/openai/gpt-oss-120b" not in configured
    assert (models["openai/gpt-4o"] or {})["deployments"][0]["usd_per_million_tokens"]["input"] == "2.5"
    assert gateway.openai().models.retrieve("openai/gpt-4o").owned_by == "openai"


def test_a_request_reaches_the_provider_as_it_was_sent(gateway: Gateway, upstream: Upstream) -> None:
    sent: dict[str, Any] = {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this? ☕"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
                ],
            },
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
        "tools": [WEATHER],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": False}}},
        "max_completion_tokens": 50,
        "temperature": 0.5,
        "seed": 7,
        "stop": ["END"],
        "logprobs": True,
        "top_logprobs": 2,
        "reasoning_effort": "low",
        "store": False,
        "metadata": {"team": "blue"},
        "user": "u-1",
        "service_tier": "default",
    }  # fmt: skip
    answer = gateway.openai().chat.completions.create(
        model="openai/gpt-5", **sent, extra_body={"some_future_field": [1]}
    )
    (received,) = upstream.requests
    assert (received.method, received.path) == ("POST", "/v1/chat/completions")
    assert received.json == sent | {"model": "gpt-5", "some_future_field": [1]}
    assert answer.model_extra
    assert answer.usage
    assert answer.usage.prompt_tokens_details
    assert answer.usage.prompt_tokens_details.cached_tokens


def test_an_answer_comes_back_as_the_provider_sent_it(gateway: Gateway, upstream: Upstream) -> None:
    sent = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2026-01-01", "service_tier": "default",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Grüße 👋", "refusal": None, "annotations": []}, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}, "x_provider": {"took_ms": 3},
    }  # fmt: skip
    upstream.enqueue(Reply.json(sent))
    raw = gateway.openai().chat.completions.with_raw_response.create(model="openai/gpt-4o", messages=HELLO)
    assert json.loads(raw.text) == sent
    assert raw.headers["x-gateway-provider"] == "openai"
    assert raw.headers["x-gateway-model"] == "gpt-4o-2026-01-01"
    assert raw.headers["x-gateway-attempts"].split(";ms=")[0] == "openai/gpt-4o;outcome=ok"
    row = gateway.row(raw.headers["x-request-id"])
    assert (row["provider"], row["provider_model"], row["status"]) == ("openai", "gpt-4o-2026-01-01", 200)
    assert (row["input_tokens"], row["output_tokens"]) == (9, 2)


def test_the_provider_gets_its_own_key_and_never_the_clients(gateway: Gateway, upstream: Upstream) -> None:
    gateway.openai().chat.completions.create(model="openai/gpt-4o", messages=HELLO)
    (received,) = upstream.requests
    assert received.headers["authorization"] == "Bearer sk-canary-provider-key-5d1f"
    assert gateway.access.api_key not in str(received)


@pytest.mark.parametrize(
    ("error", "arguments", "code", "param"),
    [
        (openai.NotFoundError, {"model": "nope"}, "model_not_found", "model"),
        (openai.BadRequestError, {"temperature": 9}, None, "temperature"),
        (openai.BadRequestError, {"messages": [{"role": "alien", "content": "x"}]}, None, "messages[0].role"),
        (openai.InternalServerError, {"model": "groq/openai/gpt-oss-120b"}, "provider_not_configured", None),
    ],
)
def test_mistakes_raise_the_clients_own_exceptions(
    gateway: Gateway, error: type[openai.APIStatusError], arguments: dict[str, Any], code: str | None, param: str | None
) -> None:
    with pytest.raises(error) as raised:
        gateway.openai().chat.completions.create(**({"model": "local/chat", "messages": HELLO} | arguments))
    assert (raised.value.code, raised.value.param) == (code, param)
    assert raised.value.request_id
    assert raised.value.request_id.startswith("req_")


def test_a_wrong_key_raises_an_authentication_error(gateway: Gateway) -> None:
    with pytest.raises(openai.AuthenticationError) as raised:
        gateway.openai("sk-something-else").chat.completions.create(model="local/chat", messages=HELLO)
    assert raised.value.code == "invalid_api_key"


def test_the_clients_own_retries_meet_a_provider_that_recovers(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(*[Reply.error(503)] * 3)  # as often as the gateway asks for one request
    client = gateway.openai().with_options(max_retries=1)  # shares its connections
    assert client.chat.completions.create(model="openai/gpt-4o", messages=HELLO).choices[0].message.content
    assert len(upstream.requests) == 4
