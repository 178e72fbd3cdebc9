"""Reply: what a test puts into the server's queue.

A reply is an answer, edits of it, and faults on its way out. Everything chains and nothing changes in place:
    Reply.json({"ok": True}).gzipped().cut("middle")
    Reply.default().stalled(b"\\n\\n")              # the protocol's own answer, stuck after its first event
"""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Event
from typing import Any, Self

from tests.upstream.delivery import Drip, Fault, HangUp, Stall, Where
from tests.upstream.messages import Answer, lower
from tests.upstream.openai_api.errors import error_answer

Edit = Callable[[Answer], Answer]
GARBAGE = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\xff\xfe\r\n\r\n"


@dataclass(frozen=True)
class Reply:
    """What to answer (None: what the protocol would), how to change it, and how it fails."""

    answer: Answer | None = None
    edits: tuple[Edit, ...] = ()
    faults: tuple[Fault, ...] = ()
    drip: Drip | None = None

    def to_answer(self, usual: Callable[[], Answer]) -> Answer:
        """The answer with its edits; `usual` is asked only when the reply has none of its own."""
        answer = self.answer if self.answer is not None else usual()
        for edit in self.edits:
            answer = edit(answer)
        return answer

    # What to answer.

    @classmethod
    def default(cls) -> Self:
        """The protocol's own answer, to hang edits and faults on."""
        return cls()

    @classmethod
    def json(cls, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """One JSON document; `headers` may replace its content type."""
        return cls(Answer.json(body, status, headers))

    @classmethod
    def error(
        cls,
        status: int,
        message: str = "The upstream failed as it was told to.",
        type: str | None = None,  # noqa: A002 - the field's name in the error
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """An error in OpenAI's shape. With status 200 it is the error inside a success that some providers send."""
        return cls(error_answer(status, message, type, code, param, headers))

    @classmethod
    def rate_limited(cls, retry_after: float | str | None = None, headers: Mapping[str, str] | None = None) -> Self:
        """OpenAI's 429. `retry_after` is seconds, a date, or nonsense, as given."""
        wait = {} if retry_after is None else {"retry-after": str(retry_after)}
        spent = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0"}
        message = "Rate limit reached for requests per min (RPM): Limit 60, Used 60, Requested 1."
        return cls.error(429, message, "requests", "rate_limit_exceeded", headers={**spent, **wait, **lower(headers)})

    @classmethod
    def raw(cls, body: bytes | str, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """Any bytes as the body, with no content type unless `headers` says so."""
        return cls(Answer(status, lower(headers), (_bytes(body),)))

    @classmethod
    def sse(cls, events: list[Any], headers: Mapping[str, str] | None = None) -> Self:
        """Server-sent events: strings as they are (`"[DONE]"`), all else as JSON. Leave out `[DONE]` to cut it off."""
        return cls(Answer.sse(events, headers))

    @classmethod
    def empty(cls, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """No body. With 204 there is no Content-Length either."""
        return cls(Answer(status, lower(headers)))

    @classmethod
    def html(cls, body: str = "<html><h1>502 Bad Gateway</h1></html>", status: int = 502) -> Self:
        """What a load balancer or a captive portal says in the provider's name."""
        return cls.raw(body, status, {"content-type": "text/html; charset=utf-8"})

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Self:
        """A redirect, which an API client with a key in its headers must not follow."""
        return cls.empty(status, {"location": location})

    @classmethod
    def gigantic(cls, megabytes: float) -> Self:
        """Valid JSON of this size."""
        return cls.json({"padding": "x" * int(megabytes * 1024 * 1024)})

    @classmethod
    def garbage(cls, data: bytes | str = GARBAGE) -> Self:
        """These bytes in place of HTTP, then the end of the connection."""
        return cls(Answer(pieces=(_bytes(data),), head=False))

    # How to change it: the result is still valid HTTP.

    def with_headers(self, headers: Mapping[str, str]) -> Self:
        """Headers added or replaced, a false Content-Length or content type too."""
        return self._edited(lambda answer: answer.with_headers(headers))

    def gzipped(self) -> Self:
        """The body compressed, whether or not the client asked for it."""
        return self._edited(_gzipped)

    def chunked(self, size: int = 16) -> Self:
        """The body in chunks of this many bytes, without a Content-Length."""
        return self._edited(lambda answer: replace(answer, pieces=_split(answer.body, size), chunked=True))

    def truncated(self, length: int | None = None) -> Self:
        """Only the first bytes of the body (by default half), with a Content-Length that agrees."""
        return self._edited(lambda answer: _truncated(answer, length))

    # How it fails on its way out; the places are those of `delivery`.

    def cut(self, at: Where = "middle") -> Self:
        """The connection ends there. `"end"`: after a whole answer, which leaves the client a stale pooled one."""
        return self._faulty(Fault(at, HangUp()))

    def reset(self, at: Where = "start") -> Self:
        """The connection is reset there."""
        return self._faulty(Fault(at, HangUp(reset=True)))

    def stalled(self, at: Where = "start", until: Event | None = None) -> Self:
        """Nothing more comes until the event is set, `Upstream.release()`, or the end of client or server."""
        return self._faulty(Fault(at, Stall(until)))

    def dripped(self, interval: float = 0.01, size: int = 1) -> Self:
        """A byte at a time, headers too."""
        return replace(self, drip=Drip(interval, size))

    def _edited(self, edit: Edit) -> Self:
        return replace(self, edits=(*self.edits, edit))

    def _faulty(self, fault: Fault) -> Self:
        return replace(self, faults=(*self.faults, fault))


def _bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _split(body: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(body[start : start + size] for start in range(0, len(body), size))


def _gzipped(answer: Answer) -> Answer:
    """`mtime=0` keeps the bytes the same from run to run."""
    packed = replace(answer, pieces=(gzip.compress(answer.body, mtime=0),))
    return packed.with_headers({"content-encoding": "gzip"})


def _truncated(answer: Answer, length: int | None) -> Answer:
    end = len(answer.body) // 2 if length is None else length
    return replace(answer, pieces=(answer.body[:end],))
