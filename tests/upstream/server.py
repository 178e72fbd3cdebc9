"""Upstream: the scripted provider as tests hold it."""

import traceback
from collections import deque
from collections.abc import Callable, Iterable
from threading import Condition
from typing import Self

from tests.upstream import control
from tests.upstream.delivery import Action, actions
from tests.upstream.messages import Answer, Recorded
from tests.upstream.openai_api.errors import error_answer
from tests.upstream.openai_api.protocol import OpenAI
from tests.upstream.reply import Reply
from tests.upstream.transport import Transport

Protocol = Callable[[Recorded], Answer]


class Upstream:
    """Answers each request with the next reply of its queue; when that is empty, with `default`.

    `default` is the protocol's own answer until a test sets another (a provider that is down: `Reply.error(503)`).
    A stopped server starts again on the same port, so a test can take a provider away and bring it back.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        protocol: Protocol | None = None,
    ) -> None:
        self._protocol = protocol or OpenAI(api_key)
        self._host, self._port = host, port
        self._transport: Transport | None = None
        self._changed = Condition()
        self._queue: deque[Reply] = deque()
        self._requests: list[Recorded] = []
        self.default = Reply.default()

    def start(self) -> Self:
        """Listen; OSError if the port is taken."""
        if self._transport is not None:
            raise RuntimeError("the upstream is running already")
        self._transport = Transport((self._host, self._port), self._respond)
        self._port = self._transport.server_address[1]
        self._transport.start()
        return self

    def stop(self) -> None:
        """End all connections and threads, stalled ones too. Does nothing if not running."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Without a path; OpenAI's base URL is `f"{url}/v1"`."""
        return f"http://{self._host}:{self._port}"

    @property
    def requests(self) -> list[Recorded]:
        """What has arrived since the start or the last `clear`, in order; a copy."""
        with self._changed:
            return list(self._requests)

    def enqueue(self, *replies: Reply) -> None:
        """Script the next requests, one reply each."""
        with self._changed:
            self._queue.extend(replies)

    def wait_for(self, count: int, timeout: float = 5.0) -> list[Recorded]:
        """The requests, once so many have arrived: how a test knows that its call is now being stalled."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= count, timeout):
                raise TimeoutError(f"{len(self._requests)} of {count} requests arrived within {timeout:g} s")
            return list(self._requests)

    def release(self) -> None:
        """Let every answer under way finish without stalling (further stalls of the same answer included)."""
        if self._transport is not None:
            self._transport.release()

    def clear(self) -> None:
        """Forget requests and script, let stalled answers go."""
        with self._changed:
            self._requests.clear()
            self._queue.clear()
            self.default = Reply.default()
        self.release()

    def _respond(self, request: Recorded) -> Iterable[Action]:
        """What goes over the wire. A mistake of the script or of this server shows as a 500 that says so."""
        if request.path.startswith(control.PREFIX):
            return actions(control.answer(self, request))
        reply = self._next_reply(request)
        try:
            return actions(reply.to_answer(lambda: self._protocol(request)), reply.faults, reply.drip)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to see it
            traceback.print_exc()
            return actions(error_answer(500, f"tests/upstream itself failed: {error!r}", "upstream_bug"))

    def _next_reply(self, request: Recorded) -> Reply:
        """Recorded and answered in one step, so that the n-th request gets the n-th reply."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
            return self._queue.popleft() if self._queue else self.default
