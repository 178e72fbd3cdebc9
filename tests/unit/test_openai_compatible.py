"""OpenAI's protocol, by golden pairs: tests/data/openai_compatible/<name>.json holds what a client asked, what went to
the provider, what came back, and what it became.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.body import parse_body
from gateway.errors import GatewayError, InvalidRequest, UpstreamError
from gateway.providers import openai_compatible
from gateway.providers.base import HttpResponse, Usage
from gateway.registry import Deployment, Endpoint, Provider
from gateway.schemas import ChatCompletionRequest
from tests.unit.builders import caught_from, event

PAIRS = sorted((Path(__file__).parent.parent / "data" / "openai_compatible").glob("*.json"))
DEPLOYMENT = Deployment(
    Provider("openai", "openai_compatible", "https://provider.example/v1", "OPENAI_API_KEY"), "gpt-4o"
)
ENDPOINT = Endpoint("https://provider.example/v1", "sk-provider-0123456789")


def pair(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    text = body if isinstance(body, str) else json.dumps(body)
    return HttpResponse(status, headers or {}, text.encode())


def completion(**choice: Any) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [choice]}


def fails(body: Any, status: int = 200, kind: type[GatewayError] = UpstreamError) -> GatewayError:
    return caught_from(lambda: openai_compatible.from_response(response(body, status), DEPLOYMENT), kind)


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_the_request_reaches_the_provider_as_the_golden_pair_says(path: Path) -> None:
    golden = pair(path)
    request = parse_body(event(golden["client_request"]), ChatCompletionRequest)
    sent = openai_compatible.to_request(request, DEPLOYMENT, ENDPOINT)
    assert {"url": sent.url, "headers": dict(sent.headers), "body": dict(sent.body)} == golden["provider_request"]


@pytest.mark.parametrize("path", [p for p in PAIRS if "answer" in pair(p)], ids=lambda path: path.stem)
def test_the_answer_is_read_as_the_golden_pair_says(path: Path) -> None:
    golden = pair(path)
    answer = openai_compatible.from_response(response(**golden["provider_response"]), DEPLOYMENT)
    assert answer.body == golden["provider_response"]["body"]
    assert answer.model == golden["answer"]["model"]
    assert answer.usage == Usage(**golden["answer"]["usage"])


@pytest.mark.parametrize("path", [p for p in PAIRS if "error" in pair(p)], ids=lambda path: path.stem)
def test_the_error_is_read_as_the_golden_pair_says(path: Path) -> None:
    golden = pair(path)
    with pytest.raises(GatewayError) as caught:
        openai_compatible.from_response(response(**golden["provider_response"]), DEPLOYMENT)
    error = caught.value
    assert golden["error"] == {
        "class": type(error).__name__,
        "status": error.status,
        "type": error.type,
        "code": error.code,
        "param": error.param,
        "message": error.message,
        "retry_after": error.retry_after,
    }


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
    limit = openai_compatible.MAX_MESSAGE
    error = complete_with(monkeypatch, {"error": {"message": "x" * (limit - 10) + key + "y" * 100}})
    assert error.message == "x" * (limit - 10) + "***" + "y" * 7


def test_an_error_without_a_key_to_hide_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete_with(monkeypatch, {"error": {"message": "Wrong."}}, key=None).message == "Wrong."
