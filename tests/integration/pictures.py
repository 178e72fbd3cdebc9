"""Hosts of images for tests: every name leads to a port of this machine's own."""

import base64
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.deadline import Deadline
from gateway.errors import GatewayError, InvalidRequest
from gateway.providers.images import inlined
from gateway.providers.web import Network
from tests.unit.builders import request
from tests.upstream import Upstream

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
ADDRESS = "93.184.216.34"
WHERE = "messages[0].content[0].image_url.url"


def port_of(host: Upstream) -> int:
    return int(host.url.rpartition(":")[2])


def network(port: int, tls: Callable[[], ssl.SSLContext] | None = None) -> Network:
    """Every name leads to one public address, which in truth is a port of this machine's own."""

    def connect(address: str, _: int, seconds: float) -> socket.socket:
        assert address == ADDRESS
        return socket.create_connection(("127.0.0.1", port), seconds)

    usual = Network(lambda host, _: [ADDRESS], connect)
    return Network(usual.resolve, usual.connect, tls or usual.tls)


def fetched(network: Network, *urls: str, seconds: float = 10.0) -> list[str]:
    """What becomes of the addresses of a request's images."""
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls or ("http://pictures.test/a.png",)]
    asked = request(messages=[{"role": "user", "content": parts}])
    got: list[Any] = inlined(asked, Deadline(time.time() + seconds), lambda url: True, network).wire()["messages"]
    return [part["image_url"]["url"] for part in got[0]["content"]]


def refusal(network: Network, *urls: str, kind: type[GatewayError] = InvalidRequest, seconds: float = 10.0) -> str:
    """Why a request's images cannot be fetched."""
    with pytest.raises(kind) as caught:
        fetched(network, *urls, seconds=seconds)
    assert ADDRESS not in caught.value.message
    assert "127.0.0.1" not in caught.value.message
    return caught.value.message.removeprefix(f"{WHERE}: ")


def image_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("image")]


def ended(threads: list[threading.Thread]) -> bool:
    """Whether nothing is left behind for long."""
    for thread in threads:
        thread.join(5)
    return not any(thread.is_alive() for thread in threads)
