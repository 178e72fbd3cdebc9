"""What tests of Gemini's adapter are made of."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.deadline import Deadline
from gateway.errors import GatewayError
from gateway.providers import gemini, gemini_embeddings
from gateway.providers.base import Answer, HttpRequest, HttpResponse
from gateway.registry import Deployment, Endpoint
from gateway.usage import Usage
from tests.unit import golden

PROVIDER = {
    "adapter": "gemini",
    "base_url": "https://generativelanguage.googleapis.com",
    "api_key": "GEMINI_API_KEY",
}
USUAL = {"model": "gemini-2.5-flash", "reasoning": "budget"}
ENDPOINT = Endpoint("https://generativelanguage.googleapis.com", "AIza-provider-0123456789")
NOW = 1_790_000_000.5
DEADLINE = Deadline(NOW + 10, lambda: NOW)


def deployment(**fields: Any) -> Deployment:
    """A deployment of Gemini with these fields besides or instead."""
    return golden.deployment(PROVIDER, USUAL, {"deployment": fields})


def is_as_told(pair: Any, read: Callable[[], Answer]) -> None:
    """What comes of the answer is what the pair says."""
    if "error" not in pair:
        assert golden.answered(read(), pair["answer"]) == pair["answer"]
        return
    with pytest.raises(GatewayError) as caught:
        read()
    assert golden.told(caught.value) == pair["error"]
    billed = caught.value.billed
    assert {n: v for n, v in vars(billed or Usage()).items() if v is not None} == pair.get("billed", {})


def sends(monkeypatch: pytest.MonkeyPatch, *responses: HttpResponse) -> list[HttpRequest]:
    """Answers in their order in place of the network; returns what is asked."""
    asked: list[HttpRequest] = []
    queue = list(responses)

    def send(made: HttpRequest, _: Deadline) -> HttpResponse:
        asked.append(made)
        return queue.pop(0)

    monkeypatch.setattr(gemini, "send", send)
    monkeypatch.setattr(gemini_embeddings, "send", send)
    return asked
