"""OpenAI's client talks to every provider through the deployed stack, and the operator changes the models under way."""

import json
import time
from decimal import Decimal
from typing import Any

import openai
import pytest

from gateway.deadline import Deadline
from gateway.providers import bedrock
from gateway.registry import Endpoint, Registry
from gateway.usage import COUNTS
from local.aws import environment
from tests.e2e.conftest import PROVIDER_KEY, Gateway
from tests.unit.builders import request
from tests.upstream import Upstream

MODELS = ["anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash", "openai/gpt-4o"]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ASKED: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the weather in Oslo?"},
]


@pytest.mark.parametrize("model", MODELS)
def test_a_chat_is_answered_by_every_provider_plain_and_streamed(gateway: Gateway, model: str) -> None:
    client = gateway.openai()
    raw = client.chat.completions.with_raw_response.create(model=model, messages=ASKED, max_tokens=100)
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    row = gateway.row(raw.headers["x-request-id"])
    assert row["cost_usd"] == Decimal(raw.headers["x-gateway-cost-usd"]) > 0
    assert answer.usage
    assert sum(row.get(name) or 0 for name in COUNTS[:3]) == answer.usage.prompt_tokens
    chunks = list(client.chat.completions.create(model=model, messages=ASKED, max_tokens=100, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == answer.choices[0].message.content
    assert (chunks[-1].model_extra or {})["gateway"] == {"cost_usd": raw.headers["x-gateway-cost-usd"]}


@pytest.mark.parametrize("model", MODELS)
def test_a_tool_is_called_and_its_result_goes_back(gateway: Gateway, model: str) -> None:
    client: Any = gateway.openai()
    first = client.chat.completions.create(model=model, messages=ASKED, tools=[WEATHER], tool_choice="required")
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    (call,) = message.tool_calls or []
    assert call.type == "function"
    assert set(json.loads(call.function.arguments)) == {"city"}
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "Sunny."}
    again = client.chat.completions.create(
        model=model, messages=[*ASKED, message, result], tools=[WEATHER], tool_choice="none"
    )
    assert again.choices[0].message.content


@pytest.mark.parametrize("model", MODELS)
def test_a_conversation_may_go_on_with_another_provider(gateway: Gateway, model: str) -> None:
    client = gateway.openai()
    messages: list[Any] = list(ASKED)
    for speaker in [model, *MODELS]:
        answer = client.chat.completions.create(
            model=speaker, messages=messages, tools=[WEATHER], tool_choice="required"
        )
        message = answer.choices[0].message
        results = [{"role": "tool", "tool_call_id": call.id, "content": "Sunny."} for call in message.tool_calls or []]
        messages += [message.model_dump(), *results, {"role": "user", "content": "And tomorrow?"}]


def test_what_a_provider_cannot_express_is_a_400_that_names_the_field(gateway: Gateway, anthropic: Upstream) -> None:
    anthropic.clear()
    with pytest.raises(openai.BadRequestError) as raised:
        gateway.openai().chat.completions.create(model="anthropic/claude-haiku-4-5", messages=ASKED, seed=7)
    assert raised.value.param == "seed"
    assert anthropic.requests == []


def test_bedrock_s_converse_is_understood_by_the_emulator(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the adapter as it is, signed requests, and no script of ours on the other side."""
    for name, value in environment(gateway.platform.emulator.url).items():
        monkeypatch.setenv(name, value)
    data = {
        "updated": "2026-01-01",
        "providers": {"b": {"adapter": "bedrock", "region": "R", "keyless": True}},
        "models": {"m": {"deployments": [{"provider": "b", "model": "anthropic.claude-sonnet-4-5-20250929-v1:0"}]}},
    }
    (deployment,) = Registry(data).model("m").deployments
    endpoint = Endpoint(gateway.platform.emulator.url, None, "us-east-1")
    call: Any = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
    }
    chat: list[Any] = [*ASKED, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_1", "content": "4 °C"}]  # fmt: skip
    for messages in (ASKED, chat):
        asked = request(messages=messages, tools=[WEATHER], temperature=0.5, stop=["END"], max_tokens=100)
        answer = bedrock.complete(asked, deployment, endpoint, Deadline(time.time() + 20))
        assert "ministack" in answer.body["choices"][0]["message"]["content"]
        assert answer.usage.prompt_tokens
        assert answer.usage.output_tokens


# Embeddings.


@pytest.mark.parametrize("model", ["local/embeddings", "openai/text-embedding-3-small", "gemini/gemini-embedding-001"])
def test_openai_s_client_gets_embeddings(gateway: Gateway, upstream: Upstream, model: str) -> None:
    """Unasked, the client wants Base64 and decodes it."""
    client = gateway.openai()
    packed = client.embeddings.create(model=model, input=["a red shirt", "a blue whale"])
    plain = client.embeddings.create(model=model, input=["a red shirt", "a blue whale"], encoding_format="float")
    assert [len(item.embedding) for item in packed.data] == [len(item.embedding) for item in plain.data]
    assert packed.data[1].embedding == pytest.approx(plain.data[1].embedding, abs=1e-6)
    assert packed.data[0].embedding != packed.data[1].embedding


def test_a_batch_that_could_not_be_returned_is_refused_with_the_size_that_can(
    gateway: Gateway, upstream: Upstream
) -> None:
    client = gateway.openai()
    texts = ["a"] * 2000
    with pytest.raises(openai.BadRequestError, match="send at most 74 inputs a request, or 333 with") as raised:
        client.embeddings.create(model="openai/text-embedding-3-large", input=texts, encoding_format="float")
    assert raised.value.param == "input"
    assert upstream.requests == []
    fits = client.embeddings.create(model="local/embeddings", input=texts, dimensions=256)
    assert len(fits.data) == 2000


# The operator's own models.


def test_the_models_can_be_changed_without_a_deploy(gateway: Gateway, upstream: Upstream) -> None:
    """An instance that has looked already looks again within a minute, which is waited for."""
    ssm = gateway.platform.client("ssm")
    name = gateway.stack.outputs()["ModelsParameter"]
    mine = {"deployments": [{"provider": "openai", "model": "gpt-4o-mini", "price": {"input": "1", "output": "2"}}]}
    ssm.put_parameter(Name=name, Value=json.dumps({"models": {"mine": mine}}), Overwrite=True)
    try:
        _await_model(gateway, "mine")
        raw = gateway.openai().chat.completions.with_raw_response.create(model="mine", messages=ASKED)
        usage = raw.parse().usage
        assert usage
        assert (
            Decimal(raw.headers["x-gateway-cost-usd"])
            == Decimal(usage.prompt_tokens + 2 * usage.completion_tokens) / 10**6
        )
        assert upstream.requests[-1].json["model"] == "gpt-4o-mini"
    finally:
        ssm.put_parameter(Name=name, Value="{}", Overwrite=True)


def _await_model(gateway: Gateway, model: str) -> None:
    until = time.monotonic() + 75
    while time.monotonic() < until:
        try:
            gateway.openai().chat.completions.create(model=model, messages=ASKED)
        except openai.NotFoundError:
            time.sleep(2)
        else:
            return
    raise AssertionError("the change was not picked up within a minute")


def test_no_provider_s_key_is_in_the_log(gateway: Gateway) -> None:
    assert PROVIDER_KEY not in gateway.log()
