"""Behind `openai_compatible`, over real HTTP: what arrives is what the client sent, what comes back what was answered."""

import json
from typing import Any

import pytest

from gateway import __version__
from tests.conftest import load_event
from tests.integration.harness import KEY_SECRET, PROVIDER_KEY, Gateway, event_with, with_header
from tests.upstream import Reply, Upstream

PIXEL = "data:image/png;base64,iVBORw0KGgo="
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Wetter, 天気, 🌦",
        "strict": True,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False},
    },
}
SCHEMA = {"name": "answer", "strict": True, "schema": {"type": "object", "$defs": {"x": {"type": "null"}}}}
BODIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "roles": {
        "messages": [
            {"role": "developer", "content": "Be terse."},
            {"role": "system", "content": [{"type": "text", "text": "Really."}]},
            {"role": "user", "content": "Weather?", "name": "anna"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "4 °C"},
            {"role": "user", "content": "And tomorrow?"},
        ],
        "tools": [WEATHER],
    },
    "tools": {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False},
    "named tool": {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
    "images": {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}]}]},
    "schema": {"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
    "json": {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "JSON please"}]},
    "sampling": {"n": 2, "stop": ["END", "###"], "seed": 7, "temperature": 0.3, "top_p": 0.9, "logprobs": True, "top_logprobs": 2, "presence_penalty": -1.5, "frequency_penalty": 0.5, "logit_bias": {"50256": -100}},
    "caps": {"max_completion_tokens": 9},
    "housekeeping": {"store": False, "metadata": {"case": "7"}, "user": "u-1"},
    "unknown fields": {"top_k": 40, "provider": {"order": ["a", "b"]}, "safety_identifier": "s"},
}  # fmt: skip


def ask(gateway: Gateway, **body: Any) -> Any:
    return gateway.chat(model="openai/gpt-4o", **body)


@pytest.mark.parametrize("case", BODIES)
def test_the_provider_gets_what_the_client_sent_under_its_own_name_for_the_model(
    gateway: Gateway, upstream: Upstream, case: str
) -> None:
    messages = [{"role": "user", "content": "Grüße, 世界 🌍"}]
    sent = {"model": "openai/gpt-4o", "messages": messages, **BODIES[case]}
    answer = gateway.send("chat_completions", event_with("chat_completions", sent))
    assert answer.status == 200, answer.text
    (arrived,) = upstream.requests
    assert (arrived.method, arrived.path) == ("POST", "/v1/chat/completions")
    assert arrived.json == sent | {"model": "gpt-4o"}


def test_the_provider_gets_its_own_key_and_nothing_of_the_clients(gateway: Gateway, upstream: Upstream) -> None:
    event = event_with("chat_completions", {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "x"}]})
    gateway.send("chat_completions", with_header(with_header(event, "Cookie", "c=1"), "OpenAI-Organization", "org-1"))
    headers = upstream.requests[0].headers
    assert headers["authorization"] == f"Bearer {PROVIDER_KEY}"
    assert headers["user-agent"] == f"ai-model-gateway/{__version__}"
    assert headers["content-type"] == "application/json"
    assert not {"cookie", "openai-organization", "x-forwarded-for", "x-client-request-id"} & set(headers)
    assert KEY_SECRET not in str(headers)


def test_the_answer_comes_back_whole_and_untouched(gateway: Gateway, upstream: Upstream) -> None:
    answered = {
        "id": "chatcmpl-9", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-11-20", "service_tier": "flex",
        "choices": [
            {"index": 0, "finish_reason": "tool_calls", "logprobs": None, "message": {"role": "assistant", "content": None, "refusal": None, "annotations": [], "reasoning_content": "hm", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": \"ü\ud83c\udf0d\"}"}}]}},
            {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": "half \ud800 a pair"}},
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30, "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 5}},
        "a_field_of_tomorrow": [1, 2.5, None],
    }  # fmt: skip
    upstream.enqueue(Reply.json(answered))
    answer = ask(gateway)
    assert answer.json == json.loads(json.dumps(answered))
    assert answer.headers["x-gateway-model"] == "gpt-4o-2024-11-20"
    row = gateway.row()
    assert (row["provider"], row["provider_model"], row["model"]) == ("openai", "gpt-4o-2024-11-20", "openai/gpt-4o")
    kinds = ("input", "cache_read", "output", "reasoning")
    assert [row[f"{kind}_tokens"] for kind in kinds] == [6, 4, 20, 5]
    assert [(a["deployment"], a["outcome"]) for a in row["attempts"]] == [("openai/gpt-4o", "ok")]


@pytest.mark.parametrize("edit", ["gzipped", "chunked"])
def test_an_answer_may_come_compressed_or_in_chunks(gateway: Gateway, upstream: Upstream, edit: str) -> None:
    upstream.enqueue(getattr(Reply.default(), edit)())
    assert ask(gateway).json["choices"][0]["message"]["content"] == "You said: Say hello."


def test_a_stream_is_asked_for_whole_and_told_in_events(gateway: Gateway, upstream: Upstream) -> None:
    answer = ask(gateway, stream=True, stream_options={"include_usage": True})
    assert not {"stream", "stream_options"} & set(upstream.requests[0].json)
    chunks = answer.events
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks[:-1]) == "You said: Say hello."
    assert chunks[-1]["usage"]["total_tokens"] > 0
    assert gateway.row()["stream"] is True


def test_a_legacy_prompt_is_asked_as_a_chat(gateway: Gateway, upstream: Upstream) -> None:
    body = {"model": "openai/gpt-4o", "prompt": "Once upon", "echo": True, "max_tokens": 50, "user": "u-1"}
    answer = gateway.send("completions", event_with("completions_prompt", body))
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Once upon"}], "max_tokens": 50, "user": "u-1"}
    assert upstream.requests[0].json == asked
    assert answer.json["object"] == "text_completion"
    assert answer.json["choices"][0]["text"] == "Once uponYou said: Once upon"


def test_connections_are_kept(gateway: Gateway, upstream: Upstream) -> None:
    for _ in range(3):
        ask(gateway)
    assert len({request.connection for request in upstream.requests}) == 1


def test_the_secret_overrides_the_providers_address(gateway: Gateway, upstream: Upstream) -> None:
    with Upstream(api_key=None) as other:
        gateway.set_secret(OPENAI_API_KEY="sk-other", OPENAI_BASE_URL=f"{other.url}/v1/")
        assert ask(gateway).status == 200
        (arrived,) = other.requests
    assert upstream.requests == []
    assert (arrived.path, arrived.headers["authorization"]) == ("/v1/chat/completions", "Bearer sk-other")


def test_a_keyless_provider_is_called_without_a_key(gateway: Gateway) -> None:
    with Upstream(api_key=None) as server:
        gateway.set_secret(OLLAMA_BASE_URL=f"{server.url}/v1")
        assert gateway.chat(model="ollama/llama3.2").status == 200
        (arrived,) = server.requests
    assert "authorization" not in arrived.headers
    assert arrived.json["model"] == "llama3.2"


def test_the_environments_proxies_do_not_see_customers_words(
    gateway: Gateway, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Upstream(api_key=None) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert ask(gateway).status == 200
        assert proxy.requests == []
    assert len(upstream.requests) == 1


def test_the_event_of_a_model_in_the_path_is_not_a_call(gateway: Gateway, upstream: Upstream) -> None:
    assert gateway.send("get_model", load_event("get_model_encoded")).json["configured"] is True
    assert upstream.requests == []
