"""The scripted provider's replies, well-formed or broken, are on the wire exactly what the test asked for."""

import gzip
import http.client
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.upstream import Reply, Upstream
from tests.upstream.client import (
    HELLO,
    assert_silent,
    dial,
    error_of,
    post,
    read_all,
    read_until,
    send,
    threads,
    wait_until,
    wire_of,
)
from tests.upstream.openai_api.chat import completion

BODY = b'{"answer": "0123456789"}'


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


# Valid HTTP.


def test_an_error_has_openais_shape(upstream: Upstream) -> None:
    upstream.enqueue(Reply.error(400, "too long", code="context_length_exceeded", param="messages", headers={"A": "b"}))
    response = post(upstream)
    expected = {"message": "too long", "type": "invalid_request_error"}
    assert error_of(response) == {**expected, "param": "messages", "code": "context_length_exceeded"}
    assert (response.status_code, response.headers["a"]) == (400, "b")


def test_an_error_can_hide_in_a_success(upstream: Upstream) -> None:
    upstream.enqueue(Reply.error(200, "out of memory", type="server_error"))
    response = post(upstream)
    assert (response.status_code, error_of(response)["message"]) == (200, "out of memory")


@pytest.mark.parametrize(("given", "sent"), [(3, "3"), ("Wed, 21 Oct 2026 07:28:00 GMT",) * 2, (None, None)])
def test_a_rate_limit_says_when_to_come_back(upstream: Upstream, given: Any, sent: str | None) -> None:
    upstream.enqueue(Reply.rate_limited(given))
    response = post(upstream)
    assert (response.status_code, error_of(response)["code"]) == (429, "rate_limit_exceeded")
    assert response.headers.get("retry-after") == sent
    assert response.headers["x-ratelimit-remaining-requests"] == "0"


def test_html_a_wrong_content_type_and_an_empty_body_are_sent_as_they_are(upstream: Upstream) -> None:
    plain = Reply.default().with_headers({"Content-Type": "text/plain"})
    upstream.enqueue(Reply.html(), plain, Reply.empty(), Reply.raw(b"\x00\xff", 203))
    html, wrong, empty, raw = (post(upstream) for _ in range(4))
    assert (html.status_code, html.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert html.text.startswith("<html>")
    assert (wrong.json()["object"], wrong.headers["content-type"]) == ("chat.completion", "text/plain")
    assert (empty.content, empty.headers["content-length"]) == (b"", "0")
    assert (raw.status_code, raw.content) == (203, b"\x00\xff")
    assert "content-type" not in raw.headers


def test_204_has_neither_body_nor_length(upstream: Upstream) -> None:
    assert wire_of(upstream, Reply.empty(204).cut("end")) == b"HTTP/1.1 204 No Content\r\n\r\n"


def test_a_status_without_a_standard_name_can_be_sent(upstream: Upstream) -> None:
    upstream.enqueue(Reply.error(529))
    assert post(upstream).status_code == 529


def test_a_redirect_names_its_target(upstream: Upstream) -> None:
    upstream.enqueue(Reply.redirect("http://127.0.0.1:1/elsewhere"))
    response = post(upstream)
    assert (response.status_code, response.headers["location"]) == (302, "http://127.0.0.1:1/elsewhere")


def test_a_truncated_answer_is_valid_http_and_invalid_json(upstream: Upstream) -> None:
    upstream.enqueue(Reply.default().truncated(), Reply.raw(BODY).truncated(5))
    response = post(upstream)
    assert len(response.content) == int(response.headers["content-length"])
    with pytest.raises(requests.exceptions.JSONDecodeError):
        response.json()
    assert post(upstream).content == BODY[:5]


def test_a_gigantic_answer_has_the_size_asked_for(upstream: Upstream) -> None:
    upstream.enqueue(Reply.gigantic(8))
    response = post(upstream)
    assert len(response.content) > 8 * 1024 * 1024
    assert set(response.json()["padding"]) == {"x"}


def test_a_gigantic_answer_can_be_a_chat_completion(upstream: Upstream) -> None:
    upstream.enqueue(Reply.json(completion(HELLO, content="x" * 1_000_000)))
    assert len(post(upstream).json()["choices"][0]["message"]["content"]) == 1_000_000


def test_an_answer_can_be_compressed(upstream: Upstream) -> None:
    upstream.enqueue(Reply.default().gzipped(), Reply.raw(BODY).gzipped().cut("end"))
    response = post(upstream)
    assert response.headers["content-encoding"] == "gzip"
    assert response.json()["object"] == "chat.completion"
    assert gzip.decompress(wire_of(upstream).partition(b"\r\n\r\n")[2]) == BODY


def test_an_answer_can_be_chunked(upstream: Upstream) -> None:
    wire = wire_of(upstream, Reply.raw("abcde").chunked(2).cut("end"))
    assert wire.endswith(b"\r\n\r\n2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n")
    assert b"content-length" not in wire


def test_a_stream_can_be_written_by_hand_and_lack_its_end(upstream: Upstream) -> None:
    upstream.enqueue(Reply.sse([{"choices": []}, "not json"]))
    assert post(upstream).text == 'data: {"choices": []}\n\ndata: not json\n\n'


# Broken.


def test_a_half_sent_body_ends_the_connection(upstream: Upstream) -> None:
    head, _, body = wire_of(upstream, Reply.raw(BODY).cut()).partition(b"\r\n\r\n")
    assert f"content-length: {len(BODY)}".encode() in head
    assert body == BODY[: len(BODY) // 2]


@pytest.mark.parametrize(("at", "rest"), [("start", None), ("headers", b""), (3, BODY[:3]), (b"swer", BODY[:8])])
def test_an_answer_can_be_cut_at_any_place(upstream: Upstream, at: Any, rest: bytes | None) -> None:
    wire = wire_of(upstream, Reply.raw(BODY).cut(at))
    assert wire == b"" if rest is None else wire.partition(b"\r\n\r\n")[1:] == (b"\r\n\r\n", rest)


def test_a_reset_before_the_first_byte_is_a_reset(upstream: Upstream) -> None:
    upstream.enqueue(Reply.default().reset())
    with dial(upstream) as sock:
        send(sock)
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_a_reset_in_mid_body_comes_after_the_first_half(upstream: Upstream) -> None:
    """The stall makes sure that the client has read the half: a reset throws away what is still on its way."""
    upstream.enqueue(Reply.raw(BODY).stalled("middle").reset("middle"))
    with dial(upstream) as sock:
        send(sock)
        read_until(sock, BODY[: len(BODY) // 2])
        upstream.release()
        with pytest.raises(ConnectionResetError):
            read_all(sock)


def test_garbage_is_no_http(upstream: Upstream) -> None:
    upstream.enqueue(Reply.garbage(), Reply.garbage(b"SSH-2.0-OpenSSH\r\n"))
    with pytest.raises(requests.ConnectionError, match="BadStatusLine"):
        post(upstream)
    assert wire_of(upstream) == b"SSH-2.0-OpenSSH\r\n"


def test_chunked_encoding_can_be_cut_short(upstream: Upstream) -> None:
    upstream.enqueue(Reply.raw(BODY).chunked(4).cut())
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        post(upstream)


def test_a_stream_can_be_cut_in_the_middle(upstream: Upstream) -> None:
    upstream.enqueue(Reply.default().cut(b"hello"))
    response = post(upstream, {**HELLO, "stream": True}, stream=True)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        list(response.iter_lines())


def test_a_pooled_connection_can_go_stale_between_two_requests(upstream: Upstream) -> None:
    upstream.enqueue(Reply.default().cut("end"))
    connection = http.client.HTTPConnection(upstream.url.removeprefix("http://"), timeout=5)
    connection.request("POST", "/v1/chat/completions", json.dumps(HELLO))
    response = connection.getresponse()
    assert json.loads(response.read())["object"] == "chat.completion"
    assert response.getheader("connection") is None
    assert connection.sock is not None
    assert connection.sock.recv(1) == b""
    connection.close()


def test_a_pooled_connection_can_break_as_its_next_request_arrives(upstream: Upstream) -> None:
    """The race a client loses: the connection was good when it was taken from the pool."""
    upstream.enqueue(Reply.default(), Reply.default().cut("start"))
    with requests.Session() as session:
        session.post(f"{upstream.url}/v1/chat/completions", json=HELLO, timeout=5)
        with pytest.raises(requests.ConnectionError, match="RemoteDisconnected"):
            session.post(f"{upstream.url}/v1/chat/completions", json=HELLO, timeout=5)
    first, second = upstream.requests
    assert first.connection == second.connection


def test_a_false_content_length_can_be_sent(upstream: Upstream) -> None:
    upstream.enqueue(Reply.raw(BODY).with_headers({"Content-Length": "4"}).cut("end"))
    assert post(upstream).content == BODY[:4]


# Slow: the test holds the stall, nothing sleeps.


@pytest.mark.parametrize(
    ("at", "before"),
    [("start", b""), ("headers", b"\r\n\r\n"), ("middle", BODY[: len(BODY) // 2]), (b"swer", b"swer")],
)
def test_an_answer_stalls_at_any_place_until_the_test_lets_go(upstream: Upstream, at: Any, before: bytes) -> None:
    let_go = threading.Event()
    upstream.enqueue(Reply.raw(BODY).stalled(at, let_go).cut("end"))
    with dial(upstream) as sock:
        send(sock)
        upstream.wait_for(1)
        read_until(sock, before)
        assert_silent(sock)
        let_go.set()
        assert read_all(sock).endswith(BODY[-1:])


def test_a_stall_after_an_event_lets_that_event_through(upstream: Upstream) -> None:
    upstream.enqueue(Reply.sse(["one", "two"]).stalled(b"one\n\n"))
    response = post(upstream, stream=True)
    lines = response.iter_lines(chunk_size=None)
    assert next(lines) == b"data: one"
    upstream.release()
    assert [line for line in lines if line] == [b"data: two"]


def test_release_lets_all_stalled_answers_go(upstream: Upstream) -> None:
    upstream.enqueue(*[Reply.raw(BODY).stalled("headers").cut("end")] * 2)
    with dial(upstream) as one, dial(upstream) as two:
        for sock in (one, two):
            send(sock)
            read_until(sock, b"\r\n\r\n")
        upstream.release()
        assert read_all(one) == read_all(two) == BODY


def test_a_stall_ends_when_the_client_goes(upstream: Upstream) -> None:
    before = threads()
    upstream.enqueue(Reply.default().stalled())
    with dial(upstream) as sock:
        send(sock)
        upstream.wait_for(1)
    wait_until(lambda: threads() == before)


def test_waiting_for_a_request_that_never_comes_says_so(upstream: Upstream) -> None:
    with pytest.raises(TimeoutError, match="0 of 1 requests"):
        upstream.wait_for(1, timeout=0.01)


def test_a_dripped_answer_comes_a_byte_at_a_time_headers_too(upstream: Upstream) -> None:
    upstream.enqueue(Reply.raw("ok").dripped(interval=0.001).cut("end"))
    with dial(upstream) as sock:
        began = time.monotonic()
        send(sock)
        wire = read_all(sock)
    assert wire.endswith(b"\r\n\r\nok")
    assert time.monotonic() - began >= 0.001 * len(wire)
