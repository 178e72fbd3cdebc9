"""HTTP on 127.0.0.1 before what the suite tests: an adapter, as API Gateway would call it, or a gateway that wants a key."""

import http.client
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from gateway.http import Event
from gateway.mcp import rpc
from gateway.mcp.asgi import Asgi
from tests.conftest import load_event

HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "keep-alive", "date", "server"}


@dataclass(frozen=True)
class Request:
    """What came; header names as they were sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answered:
    """What goes back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[Request], Answered]


@contextmanager
def listening(answer: Answer, port: int = 0) -> Iterator[str]:
    """A server on that port, or on any; yields its address."""
    server = _Server(("127.0.0.1", port), answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def by_adapter(adapter: Asgi) -> Answer:
    """As API Gateway and one instance of a function do it: one request at a time, and only POSTs come that far."""
    turn = threading.Lock()

    def answer(request: Request) -> Answered:
        if request.method != "POST":
            return Answered(405, {"Allow": "POST"}, b"")
        with turn:
            response = rpc.answered(_event(request), adapter.answer)
        return Answered(response["statusCode"], response["headers"], response["body"].encode())

    return answer


def with_key(base_url: str, key: str) -> Answer:
    """Hand requests on to a gateway as they are, with a key: the suite has none to send."""
    host = urlsplit(base_url).netloc

    def answer(request: Request) -> Answered:
        connection = http.client.HTTPConnection(host, timeout=60)
        try:
            connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                connection.putheader(name, value)
            connection.putheader("Authorization", f"Bearer {key}")
            connection.endheaders(request.body)
            received = connection.getresponse()
            return Answered(received.status, dict(received.getheaders()), received.read())
        finally:
            connection.close()

    return answer


def _event(request: Request) -> Event:
    event = load_event("chat_completions")
    headers = {name: value.strip() for name, value in request.headers.items()}
    return event | {
        "resource": request.path,
        "path": request.path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "body": request.body.decode() or None,
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], answer: Answer) -> None:
        self.answer = answer
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nobody's fault."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """A test's output is its own."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        answered = self.server.answer(Request(self.command, self.path, dict(self.headers.items()), body))
        self.send_response(answered.status)
        for name, value in answered.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answered.body)))
        self.end_headers()
        self.wfile.write(answered.body)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names
