"""Connections to providers: pooled, closed when nobody waits any more, and telling nobody of anybody else."""

import threading
import time
from collections.abc import Iterator

import pytest
import requests

from gateway.deadline import Deadline
from gateway.errors import UpstreamError, UpstreamTimeout
from gateway.providers import base
from tests.upstream import Reply, Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    base.session.cache_clear()
    with Upstream() as upstream:
        yield upstream
    base.session().close()
    base.session.cache_clear()


def post(upstream: Upstream, seconds: float = 10.0) -> base.HttpResponse:
    request = base.HttpRequest(f"{upstream.url}/v1/anything", {}, {"a": 1})
    return base.send(request, Deadline(time.time() + seconds))


def connections(upstream: Upstream) -> int:
    return len({request.connection for request in upstream.requests})


def test_a_connection_is_used_again(upstream: Upstream) -> None:
    post(upstream)
    post(upstream)
    assert connections(upstream) == 1


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(upstream)
    monkeypatch.setattr(base, "_last_sent", time.time() - base.IDLE_SECONDS - 1)
    post(upstream)
    assert connections(upstream) == 2


def test_a_provider_s_cookie_is_not_sent_with_the_next_customer_s_request(upstream: Upstream) -> None:
    upstream.enqueue(Reply.json({}, headers={"set-cookie": "seen=first-customer; Path=/"}))
    post(upstream)
    post(upstream)
    assert "cookie" not in upstream.requests[1].headers


@pytest.mark.parametrize("reply", [Reply.json({"é": 1}).gzipped(), Reply.json({"é": 1}).gzipped().chunked(3)])
def test_a_compressed_answer_is_read_whole(upstream: Upstream, reply: Reply) -> None:
    upstream.enqueue(reply)
    assert post(upstream).body.decode() in ('{"é": 1}', '{"é":1}', '{"\\u00e9": 1}')


@pytest.mark.parametrize(
    "reply", [Reply.default().stalled(), Reply.default().stalled("middle"), Reply.default().dripped()]
)
def test_nothing_goes_on_after_the_deadline(upstream: Upstream, reply: Reply) -> None:
    """A connection left open would go on costing, and a thread would wait in a frozen instance."""
    upstream.enqueue(reply)
    before = set(threading.enumerate())
    with pytest.raises(UpstreamTimeout):
        post(upstream, seconds=0.2)
    ours = [thread for thread in set(threading.enumerate()) - before if "_run" in thread.name]
    for thread in ours:
        thread.join(5)
    assert not [thread for thread in ours if thread.is_alive()]


def test_a_refused_connection_is_told_at_once() -> None:
    request = base.HttpRequest("http://127.0.0.1:9/v1", {}, {})
    with pytest.raises(UpstreamError) as raised:
        base.send(request, Deadline(time.time() + 10))
    assert not isinstance(raised.value, UpstreamTimeout)
    assert requests.ConnectionError.__name__ in raised.value.message
