"""The scripted provider answers as Anthropic does in the eyes of Anthropic's own client."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.upstream import Reply, Upstream
from tests.upstream.anthropic_api.errors import error_answer
from tests.upstream.anthropic_api.protocol import Anthropic

HELLO: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "hello there"}],
}
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(protocol=Anthropic("sk-ant-test")) as server:
        yield server


@pytest.fixture
def client(upstream: Upstream) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=upstream.url, api_key="sk-ant-test", max_retries=0, timeout=5) as made:
        yield made


def test_anthropic_s_client_accepts_answers(client: Any) -> None:
    found = client.messages.create(**HELLO, tools=[TOOL], tool_choice={"type": "any"})
    assert (found.stop_reason, found.content[0].input) == ("tool_use", {"city": "text"})
    assert client.messages.create(**HELLO).content[0].text == "You said: hello there"


def test_anthropic_s_client_sees_errors_as_its_own(upstream: Upstream, client: Any) -> None:
    upstream.enqueue(Reply(error_answer(529, "Overloaded")))
    with pytest.raises(anthropic.OverloadedError):
        client.messages.create(**HELLO)
    with pytest.raises(anthropic.BadRequestError, match="max_tokens: Input should be greater"):
        client.messages.create(**HELLO | {"max_tokens": -1})
