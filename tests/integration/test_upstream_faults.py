"""Whatever a provider does, the client gets the documented error, in time, and the table one row."""

from typing import Any

import pytest

from gateway.providers import base
from tests.conftest import LambdaContext
from tests.integration.harness import KEY_ID, PROVIDER_KEY, Answer, Gateway, event_with
from tests.upstream import Reply, Upstream
from tests.upstream.openai_api.chat import completion

pytestmark = pytest.mark.usefixtures("single_try")

HELLO = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say hello."}]}
DEFAULT = Reply.default()


def message(**fields: Any) -> Reply:
    body = completion(HELLO)
    return Reply.json(body | {"choices": [body["choices"][0] | {"message": {"role": "assistant", **fields}}]})


FAULTS: dict[str, Reply] = {
    "500": Reply.error(500),
    "503": Reply.error(503),
    "529": Reply.error(529),
    "404": Reply.error(404, "The model does not exist", code="model_not_found"),
    "402": Reply.error(402, code="insufficient_quota"),
    "our key is refused": Reply.error(401, f"Incorrect API key provided: {PROVIDER_KEY}", code="invalid_api_key"),
    "our key may not": Reply.error(403),
    "error in a 200": Reply.error(200, "out of memory", type="server_error"),
    "html": Reply.html(),
    "html in a 200": Reply.html(status=200),
    "empty": Reply.empty(),
    "204": Reply.empty(204),
    "201": Reply.json(completion(HELLO), status=201),
    "array": Reply.json([1]),
    "text": Reply.json("hello"),
    "null": Reply.json(None),
    "no choices": Reply.json({"id": "x", "choices": []}),
    "choices of texts": Reply.json({"choices": ["hello"]}),
    "no message": Reply.json({"choices": [{"index": 0, "text": "hello"}]}),
    "calls of texts": message(content=None, tool_calls=["search"]),
    "content a number": message(content=7),
    "NaN": Reply.raw('{"choices": [{"message": {"content": "x"}}], "score": NaN}'),
    "deep": Reply.raw("[" * 100_000),
    "invalid UTF-8": Reply.raw(b'{"choices": "\xff"}'),
    "truncated": DEFAULT.truncated(),
    "gzip that is none": Reply.raw(b"{}", headers={"content-encoding": "gzip"}),
    "events": Reply.sse([{"choices": [{"index": 0, "delta": {"content": "hi"}}]}, "[DONE]"]),
    "garbage": Reply.garbage(),
    "a strange status line": Reply.garbage(b"HTTP/1.1 999999 What\r\n\r\n"),
    "a wrong length": DEFAULT.with_headers({"content-length": "999999"}).cut("end"),
    "a length that is no number": Reply.garbage(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}"),
    "broken chunks": Reply.garbage(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "too many headers": Reply.garbage(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 500 + b"\r\n"),
    "cut before the head": DEFAULT.cut("start"),
    "cut after the head": DEFAULT.cut("headers"),
    "cut in the middle": DEFAULT.cut("middle"),
    "cut in the middle of chunks": DEFAULT.chunked().cut("middle"),
    "reset": DEFAULT.reset("start"),
    "reset in the middle": DEFAULT.reset("middle"),
    "redirect": Reply.redirect("http://127.0.0.1:1/elsewhere"),
    "redirect to nowhere": Reply.redirect("http://["),
    "redirect to words": Reply.redirect("\x80 nowhere"),
}
REFUSALS = {"402", "our key is refused", "our key may not"}


def ask(gateway: Gateway, context: LambdaContext | None = None, **body: Any) -> Answer:
    return gateway.chat(context, model="openai/gpt-4o", **body)


def check_row(gateway: Gateway, answer: Answer, outcome: str | None = None) -> None:
    """One row of this answer, telling of one attempt; its outcome is the row's error code, unless it has its own word."""
    row = gateway.row()
    assert (row["owner"], row["request_id"]) == (KEY_ID, answer.headers["x-request-id"])
    assert (row["status"], row["error_code"]) == (answer.status, answer.error["code"] or answer.error["type"])
    assert [attempt["deployment"] for attempt in row["attempts"]] == ["openai/gpt-4o"]
    assert row["attempts"][0]["outcome"] == (outcome or row["error_code"])
    assert (row["provider"], answer.headers["x-gateway-provider"]) == ("openai", "openai")
    assert "provider_model" not in row


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_provider_is_a_502(gateway: Gateway, upstream: Upstream, fault: str) -> None:
    upstream.enqueue(FAULTS[fault])
    answer = ask(gateway)
    assert (answer.status, answer.error["type"], answer.error["code"]) == (502, "api_error", "upstream_error")
    assert answer.error["param"] is None
    assert answer.error["message"].startswith("All deployments of 'openai/gpt-4o' failed. ")
    assert len(upstream.requests) == 1
    check_row(gateway, answer, "credentials_refused" if fault in REFUSALS else "upstream_error")


def test_a_stream_that_never_began_is_told_as_json(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(Reply.error(500))
    answer = ask(gateway, stream=True)
    assert (answer.status, answer.headers["content-type"]) == (502, "application/json")
    assert gateway.row()["stream"] is True


def test_a_rate_limit_of_the_provider_says_when_to_come_back(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(Reply.rate_limited(7))
    answer = ask(gateway)
    assert (answer.status, answer.headers["retry-after"]) == (502, "7")
    check_row(gateway, answer, "rate_limited")


@pytest.mark.parametrize("given", ["Wed, 21 Oct 2026 07:28:00 GMT", "soon", "-1", "\u0663"])
def test_a_strange_retry_after_is_left_out(gateway: Gateway, upstream: Upstream, given: str) -> None:
    given = given if given.isascii() else "\xb3"
    upstream.enqueue(Reply.rate_limited(given))
    assert "retry-after" not in ask(gateway).headers


def test_a_retry_after_beyond_all_reason_is_taken_as_an_hour(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(Reply.rate_limited("1e9"))
    assert ask(gateway).headers["retry-after"] == "3600"


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("context_length_exceeded", 400, "context_length_exceeded"),
        ("content_filter", 400, "content_filter"),
        ("content_policy_violation", 400, "content_filter"),
        ("invalid_value", 422, "invalid_value"),
        (None, 400, None),
        (None, 413, None),
    ],
)
def test_the_clients_own_mistake_is_told_in_the_providers_words(
    gateway: Gateway, upstream: Upstream, code: str | None, status: int, told: str | None
) -> None:
    upstream.enqueue(Reply.error(status, "Too long, or bad.", code=code, param="messages"))
    answer = ask(gateway)
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert (answer.error["code"], answer.error["param"]) == (told or code, "messages")
    assert answer.error["message"] == "Too long, or bad."
    check_row(gateway, answer)


def test_a_provider_that_quotes_our_key_does_not_give_it_away(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(Reply.error(400, f"Bad key? {PROVIDER_KEY}", code=PROVIDER_KEY, param=PROVIDER_KEY))
    assert ask(gateway).status == 400  # that the key is in neither answer nor log is checked on every answer
    assert PROVIDER_KEY not in str(gateway.rows())


def test_a_provider_that_is_down_is_a_502(gateway: Gateway, upstream: Upstream) -> None:
    upstream.stop()
    answer = ask(gateway)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    check_row(gateway, answer)


def test_a_provider_that_restarted_is_found_again(gateway: Gateway, upstream: Upstream) -> None:
    assert ask(gateway).status == 200
    upstream.stop()
    upstream.start()
    statuses = [ask(gateway).status for _ in range(2)]
    assert statuses[-1] == 200


@pytest.mark.parametrize("address", ["nonsense", "http://", "http://[", "ftp://example.com", f"http://{'a' * 70}.invalid", "http://exa mple"])  # fmt: skip
def test_an_address_that_is_none_is_a_502(gateway: Gateway, address: str) -> None:
    gateway.set_secret(OPENAI_API_KEY=PROVIDER_KEY, OPENAI_BASE_URL=address)
    answer = ask(gateway)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    check_row(gateway, answer)


@pytest.mark.parametrize("key", ["sk-“quoted”", "sk-…", "sk-two\nlines", "sk-ключ"])
def test_a_key_that_no_header_can_carry_is_a_502(gateway: Gateway, upstream: Upstream, key: str) -> None:
    gateway.set_secret(OPENAI_API_KEY=key, OPENAI_BASE_URL=f"{upstream.url}/v1")
    answer = ask(gateway)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert key not in answer.text + gateway.log.getvalue()
    check_row(gateway, answer)


def test_a_redirect_is_not_followed(gateway: Gateway, upstream: Upstream) -> None:
    with Upstream() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            upstream.enqueue(Reply.redirect(f"{elsewhere.url}/v1/chat/completions", status))
            assert ask(gateway).status == 502
        assert elsewhere.requests == []


# Size.


def test_an_answer_larger_than_any_completion_is_a_502(
    gateway: Gateway, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "MAX_ANSWER_BYTES", 1024 * 1024)
    upstream.enqueue(Reply.gigantic(1.1), Reply.gigantic(1.1).gzipped())
    for _ in range(2):
        answer = ask(gateway)
        assert (answer.status, answer.error["code"]) == (502, "upstream_error")


@pytest.mark.parametrize(("character", "stream"), [("x", True), ('"', False), ("\n", True), ("é", False), ("🌍", True)])
def test_an_answer_larger_than_lambda_returns_is_a_502(
    gateway: Gateway, upstream: Upstream, character: str, stream: bool
) -> None:
    upstream.enqueue(Reply.json(completion(HELLO, content=character * (5_520_000 // len(character.encode())))))
    answer = ask(gateway, stream=stream)
    assert (answer.status, answer.error["code"]) == (502, "response_too_large")
    assert answer.headers["x-should-retry"] == "false"
    assert gateway.row()["output_tokens"] > 0


# What the provider says of itself.


@pytest.mark.parametrize("count", [-1, 1.5, "7", None, True, [1], 10**40, 2**63])
def test_an_absurd_token_count_is_left_out(gateway: Gateway, upstream: Upstream, count: Any) -> None:
    upstream.enqueue(Reply.json(completion(HELLO) | {"usage": {"prompt_tokens": count, "completion_tokens": 3}}))
    assert ask(gateway).status == 200
    row = gateway.row()
    assert row["output_tokens"] == 3
    assert "input_tokens" not in row


@pytest.mark.parametrize("model", ["gpt\r\nset-cookie: a=b", "模型", "\ud800", "m" * 100_000, 7, None, {"a": 1}])
def test_a_strange_model_name_is_made_fit_for_a_header(gateway: Gateway, upstream: Upstream, model: Any) -> None:
    upstream.enqueue(Reply.json(completion(HELLO) | {"model": model}))
    answer = ask(gateway)  # that its headers are printable is checked on every answer
    assert answer.status == 200
    assert 0 < len(gateway.row()["provider_model"]) <= 256


@pytest.mark.parametrize("code", ["\ud800", "c" * 1_000_000, "two\nlines", 7, {"a": 1}, ""])
def test_a_strange_error_code_is_made_fit_for_the_row(gateway: Gateway, upstream: Upstream, code: Any) -> None:
    upstream.enqueue(Reply.json({"error": {"message": "no", "code": code, "param": code}}, status=400))
    answer = ask(gateway)
    assert answer.status == 400
    assert len(gateway.row()["error_code"]) <= 256


@pytest.mark.parametrize("said", ["\ud800", "x" * 1_000_000, "", None, ["a", {"b": 1}], {"a": "b"}, 7])
def test_a_strange_error_message_is_made_fit_for_the_client(gateway: Gateway, upstream: Upstream, said: Any) -> None:
    upstream.enqueue(Reply.json({"error": {"message": said}}, status=400), Reply.json({"error": said}, status=400))
    for _ in range(2):
        answer = ask(gateway)
        assert answer.status == 400
        assert len(answer.error["message"]) <= 2100


@pytest.mark.parametrize(
    "fields",
    [
        {"content": [{"type": "text", "text": "in parts"}]},
        {"content": None},
        {"content": ""},
        {"content": "x", "tool_calls": []},
        {"content": "x", "tool_calls": None, "role": None},
        {"tool_calls": [{"id": "call_1"}]},
        {"content": None, "refusal": "No."},
    ],
    ids=str,
)
@pytest.mark.parametrize("route", ["chat", "stream", "legacy", "legacy stream"])
def test_an_unusual_message_is_answered_in_every_format(
    gateway: Gateway, upstream: Upstream, fields: dict[str, Any], route: str
) -> None:
    upstream.enqueue(message(**fields))
    asked: dict[str, Any] = {"model": "openai/gpt-4o", "stream": "stream" in route}
    if "legacy" in route:
        answer = gateway.send("completions", event_with("completions_prompt", asked | {"prompt": "hi"}))
        texts = [c["choices"][0]["text"] for c in (answer.events if asked["stream"] else [answer.json])]
        assert all(isinstance(text, str) for text in texts)
    else:
        answer = ask(gateway, stream=asked["stream"])
    assert answer.status == 200, answer.text
    assert gateway.row()["status"] == 200
