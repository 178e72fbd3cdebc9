"""What arrives and what goes back, as plain data without I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self


@dataclass(frozen=True)
class Recorded:
    """One request as it arrived. `connection` numbers the TCP connection, so that tests can see pooling."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    query: str = ""
    connection: int = 0

    @property
    def json(self) -> Any:
        """The body as JSON, or None where it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. Each piece is one chunk if `chunked`; with `head=False` only the pieces are sent, verbatim."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[bytes, ...] = ()
    chunked: bool = False
    head: bool = True

    @classmethod
    def json(cls, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """An answer of one JSON document."""
        return cls(status, {"content-type": "application/json", **lower(headers)}, (json.dumps(body).encode(),))

    @classmethod
    def sse(cls, events: list[Any], headers: Mapping[str, str] | None = None) -> Self:
        """A stream of server-sent events, a chunk each. Strings go as they are (`[DONE]`), all else as JSON."""
        texts = [event if isinstance(event, str) else json.dumps(event) for event in events]
        pieces = tuple(f"data: {text}\n\n".encode() for text in texts)
        return cls(200, {"content-type": "text/event-stream; charset=utf-8", **lower(headers)}, pieces, chunked=True)

    @property
    def body(self) -> bytes:
        """The body without its transfer encoding."""
        return b"".join(self.pieces)

    def with_headers(self, headers: Mapping[str, str]) -> Self:
        """The same answer with these headers added or replaced."""
        return replace(self, headers={**self.headers, **lower(headers)})


def lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Headers by lower-case name, so that a test's `Content-Type` replaces ours."""
    return {name.lower(): value for name, value in (headers or {}).items()}
