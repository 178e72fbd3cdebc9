"""What every adapter keeps, over real HTTP: the same chat, the same answer, the same errors, whoever the provider is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway import pipeline
from gateway.embeddings import decoded
from gateway.registry import Registry
from gateway.registry_source import MODELS_FILE, registry
from tests.conftest import LambdaContext
from tests.integration.harness import Answer, Gateway, event_with
from tests.integration.speakers import (
    CALLS,
    KEY,
    MODEL,
    READ,
    SAID,
    SPEAKERS,
    THOUGHT,
    UNCACHED,
    WRITTEN,
    Speaker,
    texts_of,
)
from tests.upstream import Reply, Upstream
from tests.upstream.anthropic_api.protocol import Anthropic
from tests.upstream.bedrock_api.protocol import Bedrock
from tests.upstream.gemini_api.protocol import Gemini
from tests.upstream.openai_api.protocol import OpenAI

pytestmark = pytest.mark.usefixtures("single_try")

PROTOCOLS: dict[str, Any] = {"openai_compatible": OpenAI, "anthropic": Anthropic, "bedrock": Bedrock, "gemini": Gemini}
PRICE = {"input": "1", "cache_read": "0.1", "cache_write": "1.25", "output": "10"}
PNG = "data:image/png;base64,iVBORw0KGgo="

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@dataclass
class Provider:
    """A provider behind the model "m", spoken to by the adapter under test; "l" is `local`."""

    name: str
    gateway: Gateway
    upstream: Upstream
    speaker: Speaker

    def ask(self, context: LambdaContext | None = None, **body: Any) -> Answer:
        return self.gateway.chat(context, **({"model": "m"} | body))

    def sent(self) -> str:
        """What the provider was sent last."""
        return texts_of(self.upstream.requests[-1])


@pytest.fixture(params=SPEAKERS)
def provider(request: pytest.FixtureRequest, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    name: str = request.param
    speaker = SPEAKERS[name]
    key = speaker.secrets("").get("KEY")
    deployment = {
        "provider": "p",
        "model": "some-model",
        "price": PRICE,
        "max_output_tokens": 64_000,
    } | speaker.deployment
    data = {
        "updated": "2026-01-01",
        "providers": {"p": speaker.provider},
        "models": {
            "m": {"deployments": [deployment]},
            "drops": {"deployments": [deployment | {"drop_params": True}]},
            "v": {"deployments": [deployment | {"model": speaker.embedder or "none"}]},
        },
    }
    models = Registry(data)
    monkeypatch.setattr(pipeline, "registry", lambda: models)
    with Upstream(protocol=PROTOCOLS[name](key)) as upstream:
        gateway.set_secret(**speaker.secrets(upstream.url))
        yield Provider(name, gateway, upstream, speaker)


def completion(answer: Answer) -> ChatCompletion:
    assert answer.status == 200, answer.text
    return ChatCompletion.model_validate(answer.json, strict=True)


def said(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


# What goes out is taken by the provider's own checks, and carries what was said.

CHATS: dict[str, dict[str, Any]] = {
    "one turn": {},
    "system and developer prompts": {
        "messages": [
            {"role": "system", "content": "canary-1"},
            {"role": "developer", "content": "canary-2"},
            *said("canary-3"),
        ]
    },
    "several turns": {"messages": [*said("canary-1"), {"role": "assistant", "content": "canary-2"}, *said("canary-3")]},
    "neighbours of one role": {"messages": [*said("canary-1"), *said("canary-2")]},
    "content in parts": {
        "messages": said([{"type": "text", "text": "canary-1"}, {"type": "text", "text": "canary-2"}])
    },
    "an image": {
        "messages": said([{"type": "text", "text": "canary-1"}, {"type": "image_url", "image_url": {"url": PNG}}])
    },
    "an image alone": {"messages": said([{"type": "image_url", "image_url": {"url": PNG}}])},
    "tools": {"tools": [WEATHER]},
    "tools not to be called": {"tools": [WEATHER], "tool_choice": "none"},
    "tool results": {
        "tools": [WEATHER],
        "messages": [
            *said("canary-1"),
            {
                "role": "assistant",
                "content": "canary-2",
                "tool_calls": [
                    {
                        "id": f"call_{i}",
                        "type": "function",
                        "function": {"name": name, "arguments": json.dumps(arguments)},
                    }
                    for i, (name, arguments) in enumerate(CALLS)
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "canary-3"},
            {"role": "tool", "tool_call_id": "call_0", "content": [{"type": "text", "text": "canary-4"}]},
            *said("canary-5"),
        ],
    },
    "a JSON object": {"response_format": {"type": "json_object"}, "messages": said("canary-1 in JSON")},
    "a JSON schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}},
    "sampling": {"temperature": 0.5, "stop": ["canary-1"], "max_tokens": 1000},
    "nucleus sampling": {"top_p": 0.5, "stop": "canary-1", "max_completion_tokens": 1000},
    "reasoning": {"reasoning_effort": "high"},
    "values that say nothing": {
        "n": 1,
        "seed": None,
        "logprobs": False,
        "presence_penalty": 0,
        "tools": [],
        "user": None,
    },
    "unicode": {"messages": said("canary-1 é 漢字 🌍 \u0000 \u2028")},
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("chat", CHATS)
def test_a_provider_understands_every_chat_and_hears_every_word(provider: Provider, chat: str, stream: bool) -> None:
    body = CHATS[chat]
    answer = provider.ask(stream=stream, **body)
    assert answer.status == 200, answer.text
    assert "x-gateway-dropped-params" not in answer.headers
    words = provider.sent()
    for number in range(1, 6):
        canary = f"canary-{number}"
        assert (canary in words) == (canary in json.dumps(body))


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_a_model_that_has_to_call_a_tool_calls_it(provider: Provider, choice: Any) -> None:
    read = completion(provider.ask(tools=[WEATHER], tool_choice=choice))
    assert read.choices[0].finish_reason == "tool_calls"
    (call,) = read.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}


@pytest.mark.parametrize(
    "wanted", [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}]
)
def test_a_model_that_has_to_answer_in_json_does(provider: Provider, wanted: dict[str, Any]) -> None:
    read = completion(provider.ask(response_format=wanted, messages=said("Answer in JSON.")))
    assert isinstance(json.loads(read.choices[0].message.content or ""), dict)
    assert read.choices[0].finish_reason == "stop"
    assert read.choices[0].message.tool_calls is None


def test_a_cap_cuts_the_answer(provider: Provider) -> None:
    read = completion(provider.ask(max_tokens=2, messages=said("one two three four five six seven")))
    assert read.choices[0].finish_reason == "length"


def test_an_unknown_field_is_passed_on_or_refused_or_dropped_and_told(provider: Provider) -> None:
    answer = provider.ask(some_future_field=1)
    if provider.name == "openai_compatible":
        assert answer.status == 200
        assert "some_future_field" in provider.sent()
        return
    assert (answer.status, answer.error["param"]) == (400, "some_future_field")
    assert provider.upstream.requests == []
    dropped = provider.ask(model="drops", some_future_field=1)
    assert (dropped.status, dropped.headers["x-gateway-dropped-params"]) == (200, "some_future_field")
    assert "some_future_field" not in provider.sent()


def test_what_no_provider_was_asked_is_no_attempt(provider: Provider) -> None:
    answer = provider.ask(messages=said([{"type": "image_url", "image_url": {"url": "http://127.0.0.1/cat.png"}}]))
    if provider.name == "openai_compatible":
        assert answer.status == 200  # it fetches images itself
        return
    assert (answer.status, answer.error["param"]) == (400, "messages[0].content[0].image_url.url")
    assert answer.headers["x-gateway-attempts"] == "none"
    assert provider.gateway.row()["attempts"] == []
    assert provider.upstream.requests == []


# What comes back means the same, whoever said it.


def test_an_answer_is_openai_s_with_the_model_that_really_answered(provider: Provider) -> None:
    provider.upstream.enqueue(provider.speaker.answers["text"])
    answer = provider.ask()
    read = completion(answer)
    assert (read.object, read.model, read.choices[0].index) == ("chat.completion", MODEL, 0)
    assert (read.choices[0].message.role, read.choices[0].message.content) == ("assistant", "Four.")
    assert read.choices[0].finish_reason == "stop"
    assert read.created > 1_700_000_000
    assert read.id
    assert (answer.headers["x-gateway-model"], answer.headers["x-gateway-provider"]) == (MODEL, "p")


def test_a_streamed_answer_says_the_same(provider: Provider) -> None:
    provider.upstream.enqueue(provider.speaker.answers["calls"])
    answer = provider.ask(tools=[WEATHER], stream=True, stream_options={"include_usage": True})
    chunks = [ChatCompletionChunk.model_validate(chunk, strict=True) for chunk in answer.events]
    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    assert [(call.index, json.loads(call.function.arguments or "")) for call in calls if call.function] == [
        (0, CALLS[0][1]),
        (1, CALLS[1][1]),
    ]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == SAID
    costs = [event["gateway"]["cost_usd"] for event in answer.events if "gateway" in event]
    assert costs == [str(gateway_cost(provider))]


def test_parallel_calls_have_ids_of_their_own(provider: Provider) -> None:
    provider.upstream.enqueue(*[provider.speaker.answers["calls"]] * 2)
    read = completion(provider.ask(tools=[WEATHER]))
    calls = read.choices[0].message.tool_calls or []
    assert read.choices[0].finish_reason == "tool_calls"
    assert read.choices[0].message.content is None
    assert [(c.function.name, json.loads(c.function.arguments)) for c in calls if c.type == "function"] == CALLS
    assert len({call.id for call in calls}) == 2


def test_calls_go_back_with_their_results(provider: Provider) -> None:
    provider.upstream.enqueue(provider.speaker.answers["calls"])
    message = provider.ask(tools=[WEATHER]).json["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "Sunny."} for call in message["tool_calls"]]
    again = provider.ask(tools=[WEATHER], messages=[*said("Weather?"), message, *results])
    assert again.status == 200, again.text
    assert provider.sent().count("Sunny.") == 2


def test_an_answer_that_was_cut_says_so(provider: Provider) -> None:
    provider.upstream.enqueue(provider.speaker.answers["cut short"])
    choice = completion(provider.ask()).choices[0]
    assert (choice.finish_reason, choice.message.content) == ("length", "Fo")


def test_a_refusal_is_one(provider: Provider) -> None:
    provider.upstream.enqueue(provider.speaker.answers["refused"])
    choice = completion(provider.ask()).choices[0]
    assert choice.finish_reason == "content_filter"
    assert choice.message.refusal


def gateway_cost(provider: Provider) -> Decimal:
    """What every scripted answer costs, by hand: in millionths of a dollar."""
    fresh, written = (UNCACHED, WRITTEN) if provider.speaker.writes else (UNCACHED + WRITTEN, 0)
    return (fresh + Decimal("0.1") * READ + Decimal("1.25") * written + 10 * SAID).normalize().scaleb(-6)


@pytest.mark.parametrize("answer", ["text", "calls", "cut short", "refused"])
def test_each_token_is_counted_once_and_paid_by_its_own_price(provider: Provider, answer: str) -> None:
    provider.upstream.enqueue(provider.speaker.answers[answer])
    got = provider.ask(tools=[WEATHER])
    usage = completion(got).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (UNCACHED + READ + WRITTEN, SAID)
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == READ
    row = provider.gateway.row()
    written = WRITTEN if provider.speaker.writes else 0
    assert (
        row["input_tokens"],
        row["cache_read_tokens"],
        row.get("cache_write_tokens") or 0,
        row["output_tokens"],
    ) == (
        UNCACHED + WRITTEN - written,
        READ,
        written,
        SAID,
    )
    assert row.get("reasoning_tokens") == (THOUGHT if provider.speaker.thinks else None)
    assert row["cost_usd"] == gateway_cost(provider)
    assert Decimal(got.headers["x-gateway-cost-usd"]) == gateway_cost(provider)


# What goes wrong means the same, whoever says it.

ERRORS: dict[str, tuple[int, str | None]] = {
    "rate limited": (502, "upstream_error"),
    "overloaded": (502, "upstream_error"),
    "failed": (502, "upstream_error"),
    "key refused": (502, "upstream_error"),
    "no credit": (502, "upstream_error"),
    "no such model": (502, "upstream_error"),
    "too long": (400, "context_length_exceeded"),
    "filtered": (400, "content_filter"),
    "bad request": (400, None),
    "error inside a success": (502, "upstream_error"),
}
OUTCOMES = {
    "rate limited": "rate_limited",
    "key refused": "credentials_refused",
    "no credit": "credentials_refused",
    "bad request": "invalid_request_error",
}
"""What attempts call an error, where that is not its code."""
DEFAULT = Reply.default()
FAULTS = {
    "empty": Reply.empty(),
    "an empty object": Reply.json({}),
    "a list": Reply.json([1]),
    "text": Reply.json("hello"),
    "null": Reply.json(None),
    "not JSON": Reply.raw("{"),
    "HTML": Reply.html(),
    "HTML in a success": Reply.html(status=200),
    "truncated": DEFAULT.truncated(),
    "cut before the head": DEFAULT.cut("start"),
    "cut in the middle": DEFAULT.cut("middle"),
    "reset": DEFAULT.reset("start"),
    "reset in the middle": DEFAULT.reset("middle"),
    "garbage": Reply.garbage(),
    "redirect": Reply.redirect("http://127.0.0.1:1/elsewhere"),
}


def check_row(provider: Provider, answer: Answer, outcome: str | None = None) -> None:
    """One row of this answer, telling of one attempt; its outcome is the answer's code, unless it has its own word."""
    row = provider.gateway.row()
    assert (row["status"], row["error_code"]) == (answer.status, answer.error["code"] or answer.error["type"])
    assert [attempt["outcome"] for attempt in row["attempts"]] == [outcome or answer.error["code"]]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_of_the_provider_becomes_the_documented_one(provider: Provider, error: str, stream: bool) -> None:
    provider.upstream.enqueue(provider.speaker.errors[error])
    answer = provider.ask(stream=stream)
    assert (answer.status, answer.error["code"]) == ERRORS[error]
    assert len(provider.upstream.requests) == 1
    assert answer.headers.get("retry-after") == ("7" if error == "rate limited" else None)
    if error == "bad request":
        assert "You asked for nonsense." in answer.error["message"]
    check_row(provider, answer, OUTCOMES.get(error))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_provider_is_a_502(provider: Provider, fault: str) -> None:
    provider.upstream.enqueue(FAULTS[fault])
    answer = provider.ask()
    assert (answer.status, answer.error["code"]) == (502, "upstream_error"), answer.text
    assert len(provider.upstream.requests) == 1
    check_row(provider, answer)
    if fault == "an empty object":
        assert provider.gateway.row()["cost_usd"] is None  # it may be charged


@pytest.mark.parametrize("at", ["start", "headers", "middle"])
def test_a_provider_that_stalls_is_left_at_the_deadline(provider: Provider, at: Any) -> None:
    provider.upstream.enqueue(DEFAULT.stalled(at))
    answer = provider.ask(LambdaContext(2_000))  # a second for the provider, after what the gateway does itself
    assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
    assert answer.headers["x-should-retry"] == "false"
    check_row(provider, answer)
    assert provider.gateway.row()["cost_usd"] is None


def test_a_provider_that_is_down_is_a_502(provider: Provider) -> None:
    provider.upstream.stop()
    answer = provider.ask()
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")


def test_no_key_is_in_what_the_client_or_the_log_gets(provider: Provider) -> None:
    key = provider.speaker.secrets("").get("KEY", "nothing")
    provider.upstream.enqueue(Reply.raw(json.dumps({"error": {"message": f"Wrong: {key}"}, "message": key}), 400))
    answer = provider.ask()  # that the key is in neither answer nor log is checked on every answer
    assert answer.status in (400, 502)


# Embeddings.


def embed(provider: Provider, **body: Any) -> Answer:
    return provider.gateway.send("embeddings", event_with("embeddings", {"model": "v", "input": "Hello"} | body))


EMBEDDERS = [name for name, speaker in SPEAKERS.items() if speaker.embedder]
embedders = pytest.mark.parametrize("provider", EMBEDDERS, indirect=True)


@embedders
@pytest.mark.parametrize("form", ["float", "base64", None])
def test_embeddings_are_openai_s_whoever_makes_them(provider: Provider, form: str | None) -> None:
    answer = embed(provider, input=["canary-1", "canary-2"], **({"encoding_format": form} if form else {}))
    assert answer.status == 200, answer.text
    body = answer.json
    if form == "base64":
        for item in body["data"]:
            item["embedding"] = list(decoded(item["embedding"]))
    read = CreateEmbeddingResponse.model_validate(body, strict=True)
    assert [(item.index, len(item.embedding) > 10) for item in read.data] == [(0, True), (1, True)]
    assert read.data[0].embedding != read.data[1].embedding
    heard = "".join(texts_of(request) for request in provider.upstream.requests)
    assert ("canary-1" in heard, "canary-2" in heard) == (True, True)
    row = provider.gateway.row()
    assert row["input_tokens"] == read.usage.prompt_tokens > 0
    assert row["cost_usd"] == Decimal(read.usage.prompt_tokens).scaleb(-6)


@embedders
def test_a_field_of_embeddings_is_passed_on_or_refused(provider: Provider) -> None:
    answer = embed(provider, user="u")
    if provider.name == "openai_compatible":
        assert (answer.status, provider.upstream.requests[0].json["user"]) == (200, "u")
        return
    assert (answer.status, answer.error["param"]) == (400, "user")
    assert provider.upstream.requests == []


@embedders
def test_a_smaller_vector_may_be_asked_for(provider: Provider) -> None:
    answer = embed(provider, dimensions=256)
    assert answer.status == 200, answer.text
    (item,) = answer.json["data"]
    assert len(item["embedding"]) == 256
    assert sum(number * number for number in item["embedding"]) == pytest.approx(1, abs=1e-3)


@embedders
@pytest.mark.parametrize(
    "error", ["rate limited", "overloaded", "failed", "key refused", "no such model", "bad request"]
)
def test_errors_of_embeddings_are_the_same(provider: Provider, error: str) -> None:
    provider.upstream.enqueue(provider.speaker.errors[error])
    answer = embed(provider)
    assert (answer.status, answer.error["code"]) == ERRORS[error]
    check_row(provider, answer, OUTCOMES.get(error))


@embedders
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_provider_of_embeddings_is_a_502(provider: Provider, fault: str) -> None:
    provider.upstream.enqueue(FAULTS[fault])
    answer = embed(provider)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error"), answer.text
    check_row(provider, answer)


@pytest.mark.parametrize("provider", [name for name in SPEAKERS if name not in EMBEDDERS], indirect=True)
def test_who_makes_no_embeddings_says_so_unasked(provider: Provider) -> None:
    answer = embed(provider, model="m")
    assert (answer.status, answer.error["param"]) == (400, "model")
    assert provider.upstream.requests == []


# `local` has nobody to ask, and keeps the contract all the same.


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("chat", CHATS)
def test_local_understands_every_chat(gateway: Gateway, chat: str, stream: bool) -> None:
    answer = gateway.chat(stream=stream, **CHATS[chat])
    assert answer.status == 200, answer.text
    assert "x-gateway-dropped-params" not in answer.headers
    if stream:
        assert [ChatCompletionChunk.model_validate(chunk, strict=True) for chunk in answer.events]
    else:
        assert completion(answer).usage
    assert gateway.row()["cost_usd"] == 0


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_local_calls_the_tool_that_it_has_to(gateway: Gateway, choice: Any) -> None:
    (call,) = completion(gateway.chat(tools=[WEATHER], tool_choice=choice)).choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, set(json.loads(call.function.arguments))) == ("get_weather", {"city"})


# A vendor that speaks OpenAI's protocol is data.

VENDORS = {
    name: provider
    for name, provider in json.loads(MODELS_FILE.read_text(encoding="utf-8"))["providers"].items()
    if provider["adapter"] == "openai_compatible"
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_is_reached_at_its_address_with_its_key(gateway: Gateway, vendor: str) -> None:
    row = VENDORS[vendor]
    header = row.get("key_header", "authorization")
    model = next(m for m in registry().models.values() if m.deployments[0].provider.name == vendor)
    with Upstream() as upstream:
        gateway.set_secret(**{row["api_key"]: KEY, row["base_url_override"]: f"{upstream.url}/v1"})
        answer = gateway.chat(model=model.id, messages=[{"role": "developer", "content": "Be brief."}, *said("Hi")])
        assert answer.status == 200, answer.text
        (asked,) = upstream.requests
    assert asked.path == "/v1/chat/completions"
    assert asked.headers[header] == (f"Bearer {KEY}" if header == "authorization" else KEY)
    assert asked.json["model"] == model.deployments[0].model
    assert asked.json["messages"][0]["role"] == ("system" if row.get("developer_role") is False else "developer")
    assert answer.headers["x-gateway-provider"] == vendor


@pytest.mark.parametrize("vendor", [name for name, row in VENDORS.items() if row.get("unsupported")])
def test_what_a_vendor_would_drop_in_silence_is_refused(gateway: Gateway, vendor: str) -> None:
    row = VENDORS[vendor]
    model = next(m for m in registry().models.values() if m.deployments[0].provider.name == vendor)
    with Upstream() as upstream:
        gateway.set_secret(**{row["api_key"]: KEY, row["base_url_override"]: f"{upstream.url}/v1"})
        path = next(name for name in row["unsupported"] if name in REFUSABLE)
        answer = gateway.chat(model=model.id, **{path: REFUSABLE[path]})
        assert (answer.status, answer.error["param"]) == (400, path)
        assert upstream.requests == []


REFUSABLE: dict[str, Any] = {
    "n": 2,
    "logit_bias": {"1": 1},
    "logprobs": True,
    "store": True,
    "user": "u",
    "verbosity": "low",
}
