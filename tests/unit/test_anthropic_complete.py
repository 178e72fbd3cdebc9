"""Asking Anthropic, as far as that goes without a wire."""

from typing import Any

import pytest

from gateway.deadline import Deadline
from gateway.errors import InvalidRequest
from gateway.providers import anthropic, images
from gateway.providers.base import Answer, HttpRequest
from gateway.registry import Deployment, Endpoint, Provider
from gateway.schemas import ChatCompletionRequest
from tests.unit import golden
from tests.unit.builders import caught_from, request

DEPLOYMENT = Deployment(Provider("anthropic", "anthropic"), "claude-opus-4-8")
ENDPOINT = Endpoint("https://api.anthropic.com", "sk-ant-0123456789")
NOW = 1790000000.5
BMP = "data:image/bmp;base64,Qk0="


def with_image(url: str) -> list[dict[str, Any]]:
    return [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": {"url": url}}],
        }
    ]


class Wire:
    """Takes the place of `send`."""

    def __init__(self, status: int, body: Any) -> None:
        self.answer = golden.response(status, body)
        self.sent: list[Any] = []

    def __call__(self, request: HttpRequest, deadline: Deadline) -> Any:
        self.sent.append(request.body)
        return self.answer


def complete(asked: ChatCompletionRequest) -> Answer:
    return anthropic.complete(asked, DEPLOYMENT, ENDPOINT, Deadline(2 * NOW, lambda: NOW))


def test_a_key_quoted_back_in_an_error_never_reaches_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    error = {"type": "invalid_request_error", "message": f"Not with {ENDPOINT.api_key}."}
    monkeypatch.setattr(anthropic, "send", Wire(400, {"type": "error", "error": error}))
    assert caught_from(lambda: complete(request()), InvalidRequest).message == "Not with ***."


HI = {"type": "message", "content": [{"type": "text", "text": "Hi"}]}


def test_images_with_tls_are_fetched_by_anthropic(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(200, HI)
    monkeypatch.setattr(anthropic, "send", wire)
    answer = complete(request(messages=with_image("https://example.com/a.png")))
    assert answer.body["created"] == 1790000000
    assert wire.sent[0]["messages"][0]["content"][1]["source"] == {"type": "url", "url": "https://example.com/a.png"}


def test_images_without_tls_are_fetched_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def inlined(asked: ChatCompletionRequest, deadline: Deadline, which: Any) -> ChatCompletionRequest:
        urls = ["http://example.com/a.png", "HTTP://example.com/a.png", "https://example.com/a.png", BMP]
        assert [url for url in urls if which(url)] == urls[:2]
        return request(messages=with_image("data:image/png;base64,iVBORw0KGgo="))

    wire = Wire(200, HI)
    monkeypatch.setattr(anthropic, "send", wire)
    monkeypatch.setattr(images, "inlined", inlined)
    complete(request(messages=with_image("http://example.com/a.png")))
    assert wire.sent[0]["messages"][0]["content"][1]["source"]["type"] == "base64"
