"""How tests talk to the server directly: whole requests, and raw sockets where the bytes matter."""

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.upstream.reply import Reply
from tests.upstream.server import Upstream

HELLO: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello there"}]}
PATIENCE = 5.0


def post(upstream: Upstream, body: object = None, path: str = "/v1/chat/completions", **options: Any) -> Any:
    """One request of its own connection, without following redirects, as a provider's adapter would send it."""
    options = {"timeout": PATIENCE, "allow_redirects": False, **options}
    return requests.post(upstream.url + path, json=HELLO if body is None else body, **options)


def dial(upstream: Upstream) -> socket.socket:
    host, port = upstream.url.removeprefix("http://").split(":")
    sock = socket.create_connection((host, int(port)), timeout=PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def send(sock: socket.socket, body: bytes = b"{}") -> None:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: upstream\r\nContent-Length: {len(body)}\r\n\r\n"
    sock.sendall(head.encode() + body)


def read_all(sock: socket.socket) -> bytes:
    """Everything until the server closes in order; a reset raises ConnectionResetError."""
    received = b""
    while data := sock.recv(65536):
        received += data
    return received


def read_until(sock: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        data = sock.recv(1)
        assert data, f"closed after {received!r}"
        received += data
    return received


def wire_of(upstream: Upstream, *replies: Reply) -> bytes:
    """All bytes that one request gets, from a server that closes."""
    upstream.enqueue(*replies)
    with dial(upstream) as sock:
        send(sock)
        return read_all(sock)


def assert_silent(sock: socket.socket) -> None:
    """Nothing has come yet, and the connection is open: how a stall looks from outside."""
    sock.setblocking(False)
    with pytest.raises(BlockingIOError):
        sock.recv(1)
    sock.settimeout(PATIENCE)


def events(response: requests.Response) -> list[Any]:
    assert response.headers["content-type"].startswith("text/event-stream")
    data = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert data.pop() == "[DONE]"
    return [json.loads(text) for text in data]


def error_of(response: requests.Response) -> Any:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("upstream")]


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)
