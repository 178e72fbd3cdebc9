"""Web addresses of images become data URLs where they are asked for, and nothing else changes. No I/O."""

import base64
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from gateway.deadline import Deadline
from gateway.errors import InvalidRequest, UpstreamTimeout
from gateway.providers import images
from gateway.providers.images import inlined, media_type
from gateway.providers.web import Network
from tests.unit.builders import caught_from, request, well_formed

PNG = b"\x89PNG\r\n\x1a\n....."
GIF = b"GIF89a....."
ADDRESS = "93.184.216.34"
DEADLINE = Deadline(100.0, lambda: 0.0)


class Connection:
    """A connection that answers what it is asked, from files by their paths."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.sent = self.answer = b""
        self.closed = False

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def settimeout(self, seconds: float) -> None:
        assert 0 < seconds <= images.SECONDS

    def sendall(self, data: bytes) -> None:
        self.sent += data
        body = self.files[data.split()[1].decode()]
        self.answer = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body

    def recv_into(self, buffer: memoryview) -> int:
        part, self.answer = self.answer[: len(buffer)], self.answer[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


@dataclass
class Web:
    """Answers by path, and remembers who was asked for what."""

    files: dict[str, bytes]
    found: list[str] = field(default_factory=lambda: [ADDRESS])
    looked_up: list[str] = field(default_factory=list)
    connected: list[tuple[str, int]] = field(default_factory=list)
    verified: list[str] = field(default_factory=list)
    connections: list["Connection"] = field(default_factory=list)

    def network(self) -> Network:
        """The network that has these files alone."""
        return Network(self._resolve, cast(Any, self._connect), lambda: cast(ssl.SSLContext, self))

    def wrap_socket(self, sock: "Connection", server_hostname: str) -> "Connection":
        self.verified.append(server_hostname)
        return sock

    def _resolve(self, host: str, port: int) -> list[str]:
        self.looked_up.append(host)
        return self.found

    def _connect(self, address: str, port: int, seconds: float) -> "Connection":
        assert 0 < seconds <= 3
        self.connected.append((address, port))
        self.connections.append(Connection(self.files))
        return self.connections[-1]


def image(url: str, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def every(url: str) -> bool:
    return True


def addresses(messages: Iterable[dict[str, Any]]) -> list[str]:
    return [part["image_url"]["url"] for m in messages for part in m["content"] if part["type"] == "image_url"]


def refusal(web: Web, *messages: dict[str, Any]) -> InvalidRequest:
    """The refusal of a request of these messages."""
    asked = request(messages=list(messages))
    error = caught_from(lambda: inlined(asked, DEADLINE, every, web.network()), InvalidRequest)
    assert isinstance(error, InvalidRequest)
    return well_formed(error)


def test_an_image_s_address_becomes_its_bytes_and_all_else_stays() -> None:
    text = {"type": "text", "text": "What is this?", "cache_control": {"type": "ephemeral"}}
    asked = request(messages=[user(text, image("https://a.test/1", detail="low"))], logit_bias={"5": 0}, unknown=[1])
    got = inlined(asked, DEADLINE, every, Web({"/1": PNG}).network())
    changed: dict[str, Any] = {"messages": [user(text, image(data_url("image/png", PNG), detail="low"))]}
    assert got.wire() == asked.wire() | changed
    assert addresses(asked.wire()["messages"]) == ["https://a.test/1"]


def test_images_in_tools_results_and_in_instructions_are_fetched_too() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": [image("http://a.test/1")]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": [image("http://a.test/2")]},
    ]
    got = inlined(request(messages=messages), DEADLINE, every, Web({"/1": PNG, "/2": GIF}).network()).wire()["messages"]
    assert got[0]["content"] == [image(data_url("image/png", PNG))]
    assert got[1] == messages[1]
    assert got[2] == messages[2] | {"content": [image(data_url("image/gif", GIF))]}


def test_only_the_addresses_that_are_asked_for_are_fetched() -> None:
    given = data_url("image/png", PNG)
    asked = request(messages=[user(image("https://a.test/1"), image("HTTPS://b.test/2"), image(given))])
    web = Web({"/2": GIF})
    got = inlined(asked, DEADLINE, lambda url: "b.test" in url, web.network())
    assert addresses(got.wire()["messages"]) == ["https://a.test/1", data_url("image/gif", GIF), given]
    assert web.looked_up == ["b.test"]


def test_the_same_address_is_fetched_once() -> None:
    web = Web({"/1": PNG})
    asked = request(messages=[user(image("http://a.test/1")), user(image("http://a.test/1"))])
    got = inlined(asked, DEADLINE, every, web.network())
    assert addresses(got.wire()["messages"]) == [data_url("image/png", PNG)] * 2
    assert len(web.connected) == 1


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "http://a.test/1"}],
        [
            user(
                {"type": "text", "text": "http://a.test/1"},
                {"type": "video_url", "video_url": {"url": "http://a.test/1"}},
            )
        ],
        [user(image(data_url("image/png", PNG)), image(data_url("image/png", PNG).replace("data:", "DATA:")))],
    ],
)
def test_a_request_without_addresses_of_images_stays_itself(messages: list[Any]) -> None:
    asked = request(messages=messages)
    assert inlined(asked, Deadline(0.0), every, Web({}).network()) is asked


def test_a_request_none_of_whose_images_is_wanted_stays_itself() -> None:
    asked = request(messages=[user(image("http://a.test/1"))])
    assert inlined(asked, Deadline(0.0), lambda url: False, Web({}).network()) is asked


def test_the_request_carries_the_host_s_name_and_nothing_of_the_gateway_s_or_the_client_s() -> None:
    web = Web({"/a%20b?c=d": PNG})
    inlined(request(messages=[user(image("http://A.test/a b?c=d#e"))]), DEADLINE, every, web.network())
    first, *headers = web.connections[0].sent.decode().split("\r\n")
    assert first == "GET /a%20b?c=d HTTP/1.1"
    assert {line.partition(":")[0] for line in headers if line} == {
        *("host", "user-agent", "accept", "accept-encoding", "connection")
    }
    assert "host: a.test" in headers
    assert "accept-encoding: identity" in headers
    assert web.connections[0].closed


def test_the_address_that_was_checked_is_the_one_that_is_connected_to_under_the_host_s_name() -> None:
    web = Web({"/1": PNG}, found=["2606:4700::1111", ADDRESS])
    inlined(request(messages=[user(image("https://пример.test/1"))]), DEADLINE, every, web.network())
    assert web.looked_up == web.verified == ["xn--e1afmkfd.test"]
    assert web.connected == [("2606:4700::1111", 443)]


def test_without_tls_no_name_is_verified_and_the_port_is_80() -> None:
    web = Web({"/1": PNG})
    inlined(request(messages=[user(image("http://[2606:4700::1111]/1"))]), DEADLINE, every, web.network())
    assert web.verified == []
    assert web.connected == [(ADDRESS, 80)]
    assert b"\r\nhost: [2606:4700::1111]\r\n" in web.connections[0].sent


def test_a_name_that_turns_private_after_it_was_looked_up_gains_nothing() -> None:
    web = Web({"/1": PNG, "/2": GIF})
    answers = iter([[ADDRESS], ["127.0.0.1"]])
    turning = Network(lambda host, port: next(answers), web.network().connect)
    asked = request(messages=[user(image("http://a.test/1"))])
    inlined(asked, DEADLINE, every, turning)
    caught_from(lambda: inlined(asked, DEADLINE, every, turning), InvalidRequest)
    assert web.connected == [(ADDRESS, 80)]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"GIF87a....", "image/gif"),
        (GIF, "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\0\0\0WAVEfmt ", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"\x89PNG", None),
        (b"", None),
    ],
)
def test_an_image_is_known_by_its_first_bytes(data: bytes, kind: str | None) -> None:
    assert media_type(data) == kind


def test_what_is_no_image_is_refused_with_its_field() -> None:
    error = refusal(Web({"/1": b"<html>"}), user({"type": "text", "text": "?"}, image("http://a.test/1")))
    assert error.param == "messages[0].content[1].image_url.url"
    assert error.message == f"{error.param}: is not a PNG, JPEG, GIF or WebP image."


def test_a_private_address_is_refused_with_its_field_and_without_telling_more() -> None:
    error = refusal(Web({}, found=["10.1.2.3"]), user(image("http://db.corp.test/1")))
    assert error.message == f"{error.param}: its host was not found on the public internet."


def test_no_more_than_twenty_addresses_are_fetched() -> None:
    web = Web({f"/{n}": PNG for n in range(21)})
    many = [image(f"http://a.test/{n}") for n in range(20)]
    got = inlined(request(messages=[user(*many, many[0])]), DEADLINE, every, web.network())
    assert set(addresses(got.wire()["messages"])) == {data_url("image/png", PNG)}
    error = refusal(web, user(*many, image("http://a.test/20")))
    assert error.param == "messages[0].content[20].image_url.url"
    assert len(web.connected) == 20


def test_images_of_the_largest_size_pass_and_one_byte_more_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_IMAGE_BYTES", len(PNG))
    inlined(request(messages=[user(image("http://a.test/1"))]), DEADLINE, every, Web({"/1": PNG}).network())
    assert "the image is larger than" in refusal(Web({"/1": PNG + b"."}), user(image("http://a.test/1"))).message


def test_the_images_of_a_request_share_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", 3 * len(PNG) - 1)
    error = refusal(Web({f"/{n}": PNG for n in range(3)}), user(*(image(f"http://a.test/{n}") for n in range(3))))
    assert "larger than" in error.message
    assert "together" in error.message


def test_nothing_is_fetched_after_the_request_s_deadline() -> None:
    web = Web({"/1": PNG})
    asked = request(messages=[user(image("http://a.test/1"))])
    caught_from(lambda: inlined(asked, Deadline(1.0, lambda: 1.0), every, web.network()), UpstreamTimeout)
    assert web.looked_up == []


def test_a_fault_of_our_own_is_not_blamed_on_the_request() -> None:
    def broken(host: str, port: int) -> list[str]:
        raise ZeroDivisionError

    asked = request(messages=[user(image("http://a.test/1"))])
    with pytest.raises(ZeroDivisionError):
        inlined(asked, DEADLINE, every, Network(broken))
