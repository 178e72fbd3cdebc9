"""OpenAI's protocol, by golden pairs: tests/data/openai_compatible/<name>.json holds what a client asked, what went to
the provider, what came back, and what it became.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.body import parse_body
from gateway.errors import GatewayError, InvalidRequest, UpstreamError
from gateway.providers import openai_compatible, reading, vocabulary
from gateway.providers.base import Answer, HttpResponse
from gateway.registry import Endpoint
from gateway.schemas import ChatCompletionRequest
from tests.unit import golden
from tests.unit.builders import caught_from, event

PROVIDER = {"adapter": "openai_compatible", "base_url": "https://provider.example/v1", "api_key": "OPENAI_API_KEY"}
DEPLOYMENT = golden.deployment(PROVIDER, {"model": "gpt-4o"}, {})
ENDPOINT = Endpoint("https://provider.example/v1", "sk-provider-0123456789")


def response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    text = body if isinstance(body, str) else json.dumps(body)
    return HttpResponse(status, headers or {}, text.encode())


def completion(**choice: Any) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [choice]}


def fails(body: Any, status: int = 200, kind: type[GatewayError] = UpstreamError) -> GatewayError:
    return caught_from(lambda: openai_compatible.from_response(response(body, status), DEPLOYMENT), kind)


@pytest.mark.parametrize("path", golden.pairs("openai_compatible"), ids=lambda path: path.stem)
def test_translates_as_the_golden_pair_says(path: Path) -> None:
    pair = golden.read(path)
    deployment = golden.deployment(PROVIDER | pair.get("provider", {}), {"model": "gpt-4o"}, pair)
    if pair.get("operation") == "embed":
        request = golden.embedding_request(pair)
        made = openai_compatible.to_embedding_request(request, deployment, ENDPOINT)
        dropped: list[str] = []
    else:
        fitted, dropped = vocabulary.fitted(golden.chat_request(pair), openai_compatible.VOCABULARY, deployment)
        made = openai_compatible.to_request(fitted, deployment, ENDPOINT)
    assert golden.sent(made) == pair["provider_request"]
    assert dropped == pair.get("dropped", [])
    answer = golden.response(**pair["provider_response"])

    def read() -> Answer:
        if pair.get("operation") == "embed":
            return openai_compatible.from_embedding_response(answer, deployment, request)
        return openai_compatible.from_response(answer, deployment)

    if "error" in pair:
        with pytest.raises(GatewayError) as caught:
            read()
        assert golden.told(caught.value) == pair["error"]
    else:
        assert golden.answered(read(), pair["answer"]) == pair["answer"]
        assert "body" in pair["answer"] or read().body == pair["provider_response"]["body"]


def test_a_provider_that_takes_no_key_is_sent_none() -> None:
    request = parse_body(event({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}), ChatCompletionRequest)
    assert openai_compatible.to_request(request, DEPLOYMENT, Endpoint("http://ollama/v1", None)).headers == {}


@pytest.mark.parametrize(
    "choices",
    [None, [], {}, "text", 5, [None], ["text"], [{}], [{"message": None}], [{"message": "Hi"}], [{"message": []}]],
)
def test_choices_that_are_none_are_no_completion(choices: Any) -> None:
    error = fails(completion() | {"choices": choices})
    assert error.message == "The provider's answer is not a chat completion."


@pytest.mark.parametrize(
    "message",
    [
        {"content": 5},
        {"content": {"text": "Hi"}},
        {"content": ["Hi"]},
        {"content": None, "tool_calls": {}},
        {"content": None, "tool_calls": ["f"]},
        {"content": None, "tool_calls": 5},
    ],
)
def test_a_message_that_nobody_could_read_is_no_completion(message: dict[str, Any]) -> None:
    good = {"role": "assistant", "content": "Hi"}
    fails(completion(message=message))
    fails({**completion(), "choices": [{"message": good}, {"message": message}]})


@pytest.mark.parametrize("depth", [20_000, 200_000])
def test_json_of_any_depth_is_garbage_not_a_crash(depth: int) -> None:
    fails("[" * depth + "]" * depth)
    fails("[" * depth, status=400, kind=InvalidRequest)


def test_half_of_a_surrogate_pair_passes() -> None:
    answer = openai_compatible.from_response(response(completion(message={"content": "\ud83d"})), DEPLOYMENT)
    assert answer.body["choices"][0]["message"]["content"] == "\ud83d"


def test_names_in_errors_are_cut_for_they_are_logged_and_stored() -> None:
    long = "x\n" * 10_000
    error = fails({"error": {"message": "m", "param": long, "code": long}}, status=400, kind=InvalidRequest)
    assert error.code == error.param == "x?" * 128
    assert len(fails({"error": {"type": long}}).message) < 400


def test_a_400_without_a_key_of_its_own_is_never_a_401() -> None:
    for status in (401, 403):
        error = openai_compatible.to_error(status, {}, None)
        assert (error.status, error.code) == (502, "upstream_error")


def complete_with(monkeypatch: pytest.MonkeyPatch, body: Any, key: str | None = ENDPOINT.api_key) -> GatewayError:
    monkeypatch.setattr(openai_compatible, "send", lambda request, deadline: response(body, status=400))
    request = parse_body(event({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}), ChatCompletionRequest)
    endpoint = Endpoint("https://provider.example/v1", key)
    return caught_from(
        lambda: openai_compatible.complete(request, DEPLOYMENT, endpoint, None),  # type: ignore[arg-type]  # not used
        InvalidRequest,
    )


def test_a_key_quoted_back_in_an_error_never_reaches_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    key = str(ENDPOINT.api_key)
    error = complete_with(monkeypatch, {"error": {"message": f"Wrong: {key}.", "param": f"headers.{key}"}})
    assert (error.message, error.param) == ("Wrong: ***.", "headers.***")


def test_a_key_at_the_end_of_a_long_error_is_not_cut_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    key = str(ENDPOINT.api_key)
    limit = reading.MAX_MESSAGE
    error = complete_with(monkeypatch, {"error": {"message": "x" * (limit - 10) + key + "y" * 100}})
    assert error.message == "x" * (limit - 10) + "***" + "y" * 7


def test_an_error_without_a_key_to_hide_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete_with(monkeypatch, {"error": {"message": "Wrong."}}, key=None).message == "Wrong."
