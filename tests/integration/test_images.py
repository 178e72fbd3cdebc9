"""Images fetched over real connections: from hosts that lie, crawl, break off or lead elsewhere."""

import gzip
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import InvalidRequest, UpstreamTimeout
from gateway.providers import images
from gateway.providers.web import BROKEN, NOT_FOUND, REDIRECTS, Network
from tests.integration.pictures import ADDRESS, DATA_URL, PNG, ended, fetched, image_threads, network, port_of, refusal
from tests.upstream import Reply, Upstream


@pytest.fixture
def host() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.mark.parametrize(
    "reply",
    [
        Reply.raw(PNG, headers={"content-type": "image/png"}),
        Reply.raw(PNG, headers={"content-type": "text/html"}),
        Reply.raw(PNG, headers={"set-cookie": "a=b"}).chunked(1000),
        Reply.raw(PNG).with_headers({"content-length": "nonsense"}).cut("end"),
    ],
)
def test_an_image_is_fetched_whatever_its_headers_say(host: Upstream, reply: Reply) -> None:
    host.enqueue(reply)
    assert fetched(network(port_of(host))) == [DATA_URL]


def test_what_is_sent_names_the_host_and_nothing_of_the_environment_or_of_another_request(
    host: Upstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / ".netrc").write_text("machine pictures.test login me password secret\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    host.enqueue(Reply.raw(PNG, headers={"set-cookie": "seen=1"}), Reply.raw(PNG))
    fetched(network(port_of(host)))
    fetched(network(port_of(host)), "http://pictures.test/a b?c=d")
    first, second = host.requests
    assert (first.method, first.headers["host"], first.body) == ("GET", "pictures.test", b"")
    assert (
        set(first.headers) == set(second.headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    )
    assert (second.path, second.query) == ("/a%20b", "c=d")


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize(
    "location", ["http://127.0.0.1/latest/meta-data/", "http://169.254.169.254/", "https://b.test/"]
)
def test_redirects_are_not_followed(host: Upstream, status: int, location: str) -> None:
    host.enqueue(Reply.redirect(location, status))
    assert refusal(network(port_of(host))) == REDIRECTS
    assert len(host.requests) == 1


@pytest.mark.parametrize("status", [204, 206, 400, 401, 404, 500])
def test_any_other_status_is_told(host: Upstream, status: int) -> None:
    host.enqueue(Reply.empty(status))
    assert refusal(network(port_of(host))) == f"its host answers with status {status} instead of an image."


@pytest.mark.parametrize(
    "reply",
    [
        Reply.raw(PNG).reset(),
        Reply.raw(PNG).reset("middle"),
        Reply.raw(PNG).cut("start"),
        Reply.raw(PNG).cut("middle"),
        Reply.raw(PNG).chunked(1000).cut("middle"),
        Reply.raw(PNG).with_headers({"content-length": str(len(PNG) + 1)}).cut("end"),
        Reply.garbage(),
        Reply.garbage(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n"),
        Reply.garbage(b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000 + b"\r\n\r\n"),
        Reply.garbage(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n"),
    ],
)
def test_an_answer_that_breaks_off_or_is_none_is_refused_in_one_sentence(host: Upstream, reply: Reply) -> None:
    host.enqueue(reply)
    assert refusal(network(port_of(host))) == BROKEN


def test_a_host_where_nobody_listens_is_refused_in_the_same_sentence(host: Upstream) -> None:
    host.stop()
    assert refusal(network(port_of(host))) == BROKEN


def test_an_announced_length_that_is_too_small_cuts_the_image(host: Upstream) -> None:
    host.enqueue(Reply.raw(PNG).with_headers({"content-length": "4"}))
    assert refusal(network(port_of(host))) == "is not a PNG, JPEG, GIF or WebP image."


@pytest.mark.parametrize("body", [b"<html>", b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7"])
def test_what_only_claims_to_be_an_image_is_refused(host: Upstream, body: bytes) -> None:
    host.enqueue(Reply.raw(body, headers={"content-type": "image/png"}))
    assert refusal(network(port_of(host))) == "is not a PNG, JPEG, GIF or WebP image."


def test_a_bomb_is_not_unpacked(host: Upstream) -> None:
    bomb = gzip.compress(PNG + bytes(100 * images.MEGABYTE))
    host.enqueue(Reply.raw(bomb, headers={"content-encoding": "gzip"}))
    assert refusal(network(port_of(host))) == "is not a PNG, JPEG, GIF or WebP image."


@pytest.mark.parametrize(
    "reply",
    [
        Reply.raw(PNG + bytes(images.MAX_IMAGE_BYTES)),
        Reply.raw(PNG + bytes(images.MAX_IMAGE_BYTES)).chunked(100_000),
        Reply.raw(PNG + bytes(images.MAX_IMAGE_BYTES)).with_headers({"content-length": "-1"}),
        Reply.raw(PNG + bytes(images.MAX_IMAGE_BYTES)).stalled("end"),
    ],
)
def test_an_image_that_is_too_large_is_not_read_to_its_end(host: Upstream, reply: Reply) -> None:
    host.enqueue(reply)
    assert refusal(network(port_of(host))) == "the image is larger than 5 MB."


def test_images_that_are_too_large_together_are_refused(host: Upstream) -> None:
    host.default = Reply.raw(PNG + bytes(images.MAX_IMAGE_BYTES - len(PNG)))
    urls = [f"http://pictures.test/{n}" for n in range(4)]
    assert len(fetched(network(port_of(host)), *urls[:3])) == 3
    assert "larger than 15 MB together" in refusal(network(port_of(host)), *urls)


SLOW = [
    Reply.raw(PNG).stalled(),
    Reply.raw(PNG).stalled("middle"),
    Reply.raw(PNG).dripped(0.01),
    Reply.raw(PNG).chunked(1).dripped(0.01, 6),
    Reply.raw(PNG, headers={"x-padding": "x" * 5000}).dripped(0.01),
]


@pytest.mark.parametrize("reply", SLOW)
def test_a_host_that_stalls_or_drips_is_given_up_at_the_request_s_deadline(host: Upstream, reply: Reply) -> None:
    host.enqueue(reply)
    started = time.monotonic()
    refusal(network(port_of(host)), kind=UpstreamTimeout, seconds=0.3)
    assert time.monotonic() - started < 2
    assert ended(image_threads())


@pytest.mark.parametrize("reply", SLOW)
def test_images_have_less_time_than_the_request(host: Upstream, reply: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "SECONDS", 0.3)
    host.enqueue(reply)
    assert refusal(network(port_of(host))) == "the images could not be fetched within 0.3 s."
    assert ended(image_threads())


def test_a_look_up_that_hangs_is_given_up_too() -> None:
    hanging = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        hanging.wait(10)
        return []

    started = time.monotonic()
    refusal(Network(resolve), kind=UpstreamTimeout, seconds=0.2)
    hanging.set()
    assert time.monotonic() - started < 2
    assert ended(image_threads())


def test_a_failure_is_told_at_once_and_ends_what_is_under_way(host: Upstream) -> None:
    host.default = Reply.raw(PNG * 10).dripped(0.01, 100)
    failing = network(port_of(host))

    def resolve(name: str, port: int) -> list[str]:
        if name == "good.test":
            return [ADDRESS]
        host.wait_for(1)
        return ["10.0.0.1"]

    started = time.monotonic()
    with pytest.raises(InvalidRequest) as caught:
        fetched(Network(resolve, failing.connect), "http://good.test/", "http://bad.test/")
    assert caught.value.message == f"messages[0].content[1].image_url.url: {NOT_FOUND}"
    assert ended(image_threads())
    assert time.monotonic() - started < 5


def test_several_images_are_fetched_at_once(host: Upstream) -> None:
    host.default = Reply.raw(PNG).stalled("middle")
    urls = [f"http://pictures.test/{n}" for n in range(images.AT_ONCE)]

    def release() -> None:
        host.wait_for(images.AT_ONCE)
        host.release()

    releasing = threading.Thread(target=release)
    releasing.start()
    assert fetched(network(port_of(host)), *urls) == [DATA_URL] * images.AT_ONCE
    releasing.join()
