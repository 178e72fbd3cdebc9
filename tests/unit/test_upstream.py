"""The scripted provider records what arrives, replies in order, and stops whatever is going on."""

import json
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.upstream import Answer, Recorded, Reply, Upstream
from tests.upstream.client import HELLO, dial, error_of, post, read_all, read_until, send, threads


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


def test_replies_come_in_order_and_then_the_default(upstream: Upstream) -> None:
    upstream.enqueue(Reply.error(500), Reply.json({"ok": True}, status=201))
    assert [post(upstream).status_code for _ in range(3)] == [500, 201, 200]


def test_the_default_can_be_a_failure_until_cleared(upstream: Upstream) -> None:
    upstream.default = Reply.error(503)
    assert [post(upstream).status_code for _ in range(2)] == [503, 503]
    upstream.clear()
    assert post(upstream).status_code == 200


def test_requests_are_recorded_whole(upstream: Upstream) -> None:
    post(upstream, {"n": 1}, "/v1/x?api-version=2", headers={"X-Trace": "abc"})
    (request,) = upstream.requests
    assert (request.method, request.path, request.query) == ("POST", "/v1/x", "api-version=2")
    assert request.headers["x-trace"] == "abc"
    assert (request.body, request.json) == (b'{"n": 1}', {"n": 1})
    upstream.clear()
    assert upstream.requests == []


def test_a_chunked_request_is_recorded_without_its_framing(upstream: Upstream) -> None:
    requests.post(f"{upstream.url}/v1/x", data=iter([b"one ", b"two"]), timeout=5)
    assert upstream.requests[0].body == b"one two"


def test_a_client_that_expects_100_continue_gets_it(upstream: Upstream) -> None:
    upstream.enqueue(Reply.raw("done").cut("end"))
    with dial(upstream) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: u\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert read_until(sock, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"{}")
        assert read_all(sock).endswith(b"done")


def test_a_request_that_is_not_http_gets_400(upstream: Upstream) -> None:
    with dial(upstream) as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        assert read_all(sock).startswith(b"HTTP/1.1 400 ")
    assert upstream.requests == []


def test_a_session_keeps_its_connection_and_another_has_its_own(upstream: Upstream) -> None:
    with requests.Session() as session:
        for _ in range(2):
            session.post(f"{upstream.url}/v1/chat/completions", json=HELLO, timeout=5)
    post(upstream)
    first, second, third = (request.connection for request in upstream.requests)
    assert first == second != third


def test_parallel_requests_each_get_one_reply(upstream: Upstream) -> None:
    upstream.enqueue(*(Reply.json({"number": number}) for number in range(20)))
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(post(upstream).json()["number"])) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(20))
    assert len(upstream.requests) == 20


def test_another_protocol_can_stand_in_openais_place() -> None:
    def echo(request: Recorded) -> Answer:
        return Answer.json({"path": request.path})

    with Upstream(protocol=echo) as upstream:
        assert post(upstream, path="/v1/messages").json() == {"path": "/v1/messages"}


def test_a_mistake_in_a_script_shows_as_500(upstream: Upstream, capsys: pytest.CaptureFixture[str]) -> None:
    upstream.enqueue(Reply.raw("text").cut(b"not in it"))
    response = post(upstream)
    assert (response.status_code, error_of(response)["type"]) == (500, "upstream_bug")
    assert "not in it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "reply",
    [
        Reply.default().stalled("start"),
        Reply.default().stalled("middle", threading.Event()),
        Reply.default().dripped(interval=60),
        Reply.gigantic(64),
    ],
    ids=["stalled", "stalled by an event", "dripping", "unread"],
)
def test_stop_is_prompt_and_leaves_no_thread_whatever_is_going_on(reply: Reply) -> None:
    before = threads()
    upstream = Upstream().start()
    upstream.enqueue(reply)
    with dial(upstream) as busy, dial(upstream):
        send(busy, json.dumps(HELLO).encode())
        upstream.wait_for(1)
        began = time.monotonic()
        upstream.stop()
        assert time.monotonic() - began < 1
        assert threads() == before


def test_a_stopped_server_refuses_and_comes_back_on_its_port() -> None:
    upstream = Upstream().start()
    url = upstream.url
    upstream.stop()
    upstream.stop()
    with pytest.raises(requests.ConnectionError):
        post(upstream)
    with upstream:
        assert upstream.url == url
        assert post(upstream).status_code == 200
        with pytest.raises(RuntimeError, match="running already"):
            upstream.start()
