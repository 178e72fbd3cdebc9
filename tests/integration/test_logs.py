"""The log tells of every request in one JSON line, and of nobody's words or keys unless it is told to."""

import json
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from gateway import credentials
from gateway.providers import local
from tests.conftest import EVENTS, load_event
from tests.integration.admins import function_of
from tests.integration.harness import KEY, KEY_SECRET, PROVIDER_KEY, Fault, Gateway, event_with, with_header, with_key
from tests.upstream import Reply, Upstream
from tests.upstream.openai_api.chat import completion

pytestmark = pytest.mark.usefixtures("single_try")

WORDS = "canary-4f7a"
"""In every part of a request, and of an answer, that is somebody's own."""

SAID: dict[str, Any] = {
    "model": "openai/gpt-4o",
    "messages": [
        {"role": "system", "content": f"system {WORDS}"},
        {"role": "user", "content": [{"type": "text", "text": f"user {WORDS}"}, {"type": "image_url", "image_url": {"url": f"https://example.com/{WORDS}"}}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": f'{{"a": "{WORDS}"}}'}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": WORDS},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": WORDS, "parameters": {"description": WORDS}}}],
    "stop": [WORDS],
    "user": WORDS,
    "metadata": {"note": WORDS},
    "unknown_field": WORDS,
}  # fmt: skip
ANSWER = Reply.json(completion({"model": "gpt-4o", "messages": SAID["messages"]}, content=WORDS))

REPLIES: dict[str, Reply] = {
    "answer": ANSWER,
    "echoed in an error": Reply.error(400, f"bad: {WORDS} {PROVIDER_KEY}", param="messages"),
    "echoed in a failure": Reply.error(500, f"{WORDS} {PROVIDER_KEY}", headers={"x-debug": WORDS}),
    "echoed by our key's refusal": Reply.error(401, f"{WORDS} {PROVIDER_KEY}"),
    "error in a 200": Reply.error(200, WORDS, type="server_error"),
    "html": Reply.html(f"<p>{WORDS}</p>", 200),
    "truncated": ANSWER.truncated(),
    "cut": ANSWER.cut("middle"),
    "garbage": Reply.garbage(f"{WORDS}\r\n{WORDS}: {PROVIDER_KEY}\r\n\r\n"),
    "garbage headers": Reply.garbage(f"HTTP/1.1 200 OK\r\n {WORDS}\r\n{WORDS} {PROVIDER_KEY}\r\n\r\n{{}}"),
    "redirect": Reply.redirect(f"http://127.0.0.1:1/{WORDS}?key={PROVIDER_KEY}"),
}
BODIES: dict[str, Any] = {
    "not JSON": f'{{"model": {WORDS}',
    "half a message": json.dumps(SAID)[:-40],
    "role": SAID | {"messages": [{"role": WORDS, "content": WORDS}]},
    "content": SAID | {"messages": [{"role": "user", "content": {WORDS: WORDS}}]},
    "field": SAID | {"tool_choice": WORDS},
    "both forms": SAID | {"prompt": WORDS},
}


@pytest.fixture
def everything(
    gateway: Gateway, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[], str]:
    """All that the process has written: the gateway's log, stdout and stderr, and what libraries log."""
    root = logging.getLogger()
    assert root.getEffectiveLevel() == logging.WARNING  # as in Lambda

    def written() -> str:
        out, err = capfd.readouterr()
        records = "".join(f"{record.getMessage()}{record.exc_text}" for record in caplog.records)
        return gateway.log.getvalue() + out + err + records

    return written


def check_silent(text: str) -> None:
    for secret in (WORDS, KEY, KEY_SECRET, PROVIDER_KEY):
        assert secret not in text


@pytest.mark.parametrize("reply", REPLIES)
def test_neither_words_nor_keys_are_logged_whatever_a_provider_says(
    gateway: Gateway, upstream: Upstream, everything: Callable[[], str], reply: str
) -> None:
    upstream.enqueue(REPLIES[reply], REPLIES[reply])
    for stream in (False, True):
        gateway.send("chat_completions", event_with("chat_completions", SAID | {"stream": stream}))
    check_silent(everything())


@pytest.mark.parametrize("route", ["chat_completions", "completions"])
@pytest.mark.parametrize("body", BODIES)
def test_neither_words_nor_keys_are_logged_when_a_body_is_refused(
    gateway: Gateway, everything: Callable[[], str], body: str, route: str
) -> None:
    event = event_with("chat_completions" if route == "chat_completions" else "completions_chat", BODIES[body])
    assert gateway.send(route, event).status in (400, 503)
    check_silent(everything())


def test_a_prompt_of_old_is_not_logged_either(
    gateway: Gateway, upstream: Upstream, everything: Callable[[], str]
) -> None:
    upstream.enqueue(ANSWER)
    body = {"model": "openai/gpt-4o", "prompt": WORDS, "echo": True}
    assert WORDS in gateway.send("completions", event_with("completions_prompt", body)).text
    check_silent(everything())


@pytest.mark.parametrize(
    "error", [ValueError(WORDS), KeyError(WORDS), RuntimeError(f"{WORDS} {PROVIDER_KEY}")], ids=repr
)
def test_an_unexpected_exception_is_logged_without_its_text(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, everything: Callable[[], str], error: Exception
) -> None:
    def complete(*_: Any) -> None:
        raise error

    monkeypatch.setattr(local, "complete", complete)
    answer = gateway.chat(messages=SAID["messages"])
    assert answer.status == 500
    assert WORDS not in answer.text
    line = answer.line("ERROR")
    assert line["error"] == type(error).__name__
    assert "complete" in "".join(line["where"])
    check_silent(everything())


@pytest.mark.usefixtures("no_backoff")
def test_a_lost_row_is_logged_without_words(
    gateway: Gateway, upstream: Upstream, everything: Callable[[], str]
) -> None:
    upstream.enqueue(ANSWER)
    gateway.fail("PutItem", Fault("InternalServerError", 500))
    gateway.send("chat_completions", event_with("chat_completions", SAID))
    check_silent(everything())


def test_a_secret_that_cannot_be_read_is_not_quoted(
    gateway: Gateway, everything: Callable[[], str], later: Callable[[ModuleType, float], None]
) -> None:
    gateway.secretsmanager.put_secret_value(SecretId="gateway/providers", SecretString=f"KEY={PROVIDER_KEY}")
    gateway.send("chat_completions", event_with("chat_completions", SAID))
    later(credentials, 60)
    gateway.send("list_models")
    check_silent(everything())


def test_keys_are_not_logged_when_they_are_refused(gateway: Gateway, everything: Callable[[], str]) -> None:
    for key in (KEY[:-1], f"{KEY}x", PROVIDER_KEY, WORDS):
        gateway.send("list_models", with_key(load_event("list_models"), key))
    gateway.send("list_models", with_header(load_event("list_models"), "Authorization", f"Basic {WORDS}"))
    check_silent(everything())


# With LOG_PROMPTS.


def test_words_are_logged_when_the_parameter_says_so_but_never_keys(
    gateway: Gateway, upstream: Upstream, everything: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_PROMPTS", "true")
    upstream.enqueue(ANSWER)
    answer = gateway.send("chat_completions", event_with("chat_completions", SAID))
    (line,) = [line for line in answer.logs if line["message"] == "prompt"]
    assert line["messages"] == SAID["messages"]
    assert line["choices"][0]["message"]["content"] == WORDS
    text = everything()
    assert KEY_SECRET not in text
    assert PROVIDER_KEY not in text


def test_a_prompt_that_failed_is_logged_too_when_the_parameter_says_so(
    gateway: Gateway, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_PROMPTS", "true")
    upstream.enqueue(Reply.error(500))
    answer = gateway.send("chat_completions", event_with("chat_completions", SAID))
    (line,) = [line for line in answer.logs if line["message"] == "prompt"]
    assert line["messages"] == SAID["messages"]
    assert line.get("choices") is None


@pytest.mark.parametrize("said", ["half \ud800 a pair", "\x00\x1b[31m", "\u2028"], ids=ascii)
def test_strange_words_are_logged_as_json(
    gateway: Gateway, upstream: Upstream, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv("LOG_PROMPTS", "true")
    upstream.enqueue(Reply.json(completion({"model": "m", "messages": SAID["messages"]}, content=said)))
    answer = gateway.send("chat_completions", event_with("chat_completions", SAID))
    (line,) = [line for line in answer.logs if line["message"] == "prompt"]
    assert line["choices"][0]["message"]["content"] == said
    gateway.log.getvalue().encode()  # as stdout does; a line that cannot be encoded is lost


# Form.


@pytest.mark.parametrize("name", [path.stem for path in EVENTS.glob("*.json")])
def test_every_line_is_json_with_level_time_service_and_id(gateway: Gateway, name: str) -> None:
    event = load_event(name)
    function = {"/{proxy+}": "unknown_route", "/api/v1/models/{model+}": "get_model", "/api/v1/models": "list_models"}
    function |= {
        "/api/v1/usage": "get_usage",
        "/api/v1/requests": "list_requests",
        "/api/v1/requests/{id}": "get_request",
        "/api/v1/products": "list_products",
        "/api/v1/products/{id}": "get_product",
        "/api/v1/products/{id}/offers": "list_offers",
        "/api/v1/products/search": "search_products",
        "/api/v1/categories": "list_categories",
        "/api/v1/mcp/tools": "list_tools",
        "/api/v1/mcp/tools/{name}": "call_tool",
    }
    named = function.get(event["resource"], event["resource"].removeprefix("/api/v1/").replace("/", "_"))
    route = function_of(event) or named
    for line in gateway.send(route, name).logs:
        assert {"level", "timestamp", "service", "message", "request_id"} <= set(line)
        assert line["service"] == "gateway"
