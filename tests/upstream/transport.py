"""Sockets and threads: reads requests, performs the actions it is given. Knows nothing of providers."""

import itertools
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, parse_headers
from typing import Any, BinaryIO, cast

from tests.upstream.delivery import Action, HangUp, Pause, Send, Stall
from tests.upstream.messages import Recorded

POLL = 0.02
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
MALFORMED = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

Respond = Callable[[Recorded], Iterable[Action]]


class Transport(socketserver.TCPServer):
    """Accepts connections, one thread each. Threads are daemons, so a forgotten `stop` never hangs a test run."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], respond: Respond) -> None:
        super().__init__(address, socketserver.BaseRequestHandler)
        self.respond = respond
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._under_way: set[threading.Event] = set()
        self._numbers = itertools.count(1)
        self._acceptor = threading.Thread(target=self.serve_forever, args=(POLL,), daemon=True, name="upstream-accept")

    def start(self) -> None:
        """Begin to accept; returns at once, and connections are queued from here on."""
        self._acceptor.start()

    def stop(self) -> None:
        """End every connection, stalled or not, and wait for the threads."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            connections = dict(self._connections)
        for sock in connections.values():
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self.release()
        for thread in (self._acceptor, *connections):
            thread.join()

    def release(self) -> None:
        """Let every answer under way finish without stalling."""
        with self._lock:
            for released in self._under_way:
                released.set()

    @contextmanager
    def under_way(self) -> Iterator[threading.Event]:
        """What `release` sets for one answer. It begins before the answer's first byte and the request's recording,
        so that a test that has seen either cannot release too early.
        """
        released = threading.Event()
        with self._lock:
            self._under_way.add(released)
        try:
            yield released
        finally:
            with self._lock:
                self._under_way.discard(released)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Called by the base class. A thread is forgotten only when it has ended, so that `stop` can wait for all."""
        thread = threading.Thread(
            target=self._serve, args=(request,), daemon=True, name=f"upstream-{client_address[1]}"
        )
        with self._lock:
            self._connections = {t: sock for t, sock in self._connections.items() if t.is_alive()} | {thread: request}
        thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with suppress(OSError):
                Connection(self, sock, next(self._numbers)).serve()
        finally:
            self.shutdown_request(sock)


class Connection:
    """One client's connection: request after request until either side ends it."""

    def __init__(self, transport: Transport, sock: socket.socket, number: int) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport, self.sock, self.number = transport, sock, number
        self.reader = cast(BinaryIO, sock.makefile("rb"))

    def serve(self) -> None:
        """Answer until either side ends the connection, which surfaces as OSError."""
        with self.reader:
            while request := self._read():
                with self.transport.under_way() as released:
                    for action in self.transport.respond(request):
                        self._perform(action, released)
                if request.headers.get("connection", "").lower() == "close":
                    return

    def _read(self) -> Recorded | None:
        try:
            return read_request(self.reader, self.number, lambda: self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"))
        except (ValueError, HTTPException):
            self.sock.sendall(MALFORMED)
            return None

    def _perform(self, action: Action, released: threading.Event) -> None:
        match action:
            case Send(data):
                self.sock.sendall(data)
            case Pause(seconds):
                self.transport.stopping.wait(seconds)
            case Stall(until):
                self._stall(until or released, released)
            case HangUp(reset):
                self._hang_up(reset)

    def _stall(self, until: threading.Event, released: threading.Event) -> None:
        """Polls, because nothing else wakes a thread both for an event and for a client that has gone."""
        while not (until.wait(POLL) or released.is_set()):
            if self.transport.stopping.is_set() or self._client_is_gone():
                raise ConnectionAbortedError("nobody waits for the rest")

    def _client_is_gone(self) -> bool:
        try:
            return self.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False

    def _hang_up(self, reset: bool) -> None:
        """The reader shares the socket: only when both are closed does the kernel send RST in place of FIN."""
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.reader.close()
            self.sock.close()
        raise ConnectionAbortedError("hung up as told")


def read_request(reader: BinaryIO, connection: int, go_on: Callable[[], None]) -> Recorded | None:
    """The next request, or None when the client has closed. `go_on` answers curl's `Expect: 100-continue`."""
    line = reader.readline(65537)
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split()
    fields = parse_headers(reader)
    headers = {name.lower(): ", ".join(fields.get_all(name, [])) for name in fields}
    if headers.get("expect", "").lower() == "100-continue":
        go_on()
    path, _, query = target.partition("?")
    return Recorded(method, path, headers, _read_body(reader, headers), query, connection)


def _read_body(reader: BinaryIO, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return b"".join(_read_chunks(reader))
    length = int(headers.get("content-length", 0))
    body = reader.read(length)
    if len(body) < length:
        raise ConnectionError("the client closed before the end of its request")
    return body


def _read_chunks(reader: BinaryIO) -> Iterator[bytes]:
    while size := int(reader.readline().split(b";")[0], 16):
        yield reader.read(size)
        reader.readline()
    while reader.readline().strip():
        pass
