"""How an answer goes over the wire: its bytes, and where on the way they stop, stall or crawl.

A fault is placed by `at`:
    "start"    before the first byte
    "headers"  after the head
    "middle"   after half of the body
    "end"      after everything
    a number   after that many bytes of the body as sent (chunk framing counts)
    bytes      after their first occurrence in the body (and after the chunk that ends there, as clients need it whole)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event
from typing import Literal

from tests.upstream.messages import Answer

Where = Literal["start", "headers", "middle", "end"] | int | bytes
BODILESS = (204, 304)


@dataclass(frozen=True)
class Send:
    """Write these bytes."""

    data: bytes | memoryview


@dataclass(frozen=True)
class Pause:
    """Wait this long, less if the server stops."""

    seconds: float


@dataclass(frozen=True)
class Stall:
    """Wait until the event is set, the answer is released, the client hangs up or the server stops."""

    until: Event | None = None


@dataclass(frozen=True)
class HangUp:
    """Close the connection: in order (FIN), or by a reset (RST)."""

    reset: bool = False


Action = Send | Pause | Stall | HangUp


@dataclass(frozen=True)
class Fault:
    """A stall or a hang-up at a place of the answer."""

    at: Where
    action: Stall | HangUp


@dataclass(frozen=True)
class Drip:
    """Send `size` bytes at a time, `interval` seconds apart; the head too."""

    interval: float
    size: int = 1


def actions(answer: Answer, faults: tuple[Fault, ...] = (), drip: Drip | None = None) -> Iterator[Action]:
    """The answer's bytes in order, interrupted by its faults where they belong; ValueError if a marker is not there."""
    head, body = _head(answer), _framed(answer)
    stops = [(_offset(fault.at, head, body, answer.chunked), fault.action) for fault in faults]
    if not answer.head:
        stops.append((len(body), HangUp()))
    return _play(memoryview(head + body), sorted(stops, key=lambda stop: stop[0]), drip)


def _play(wire: memoryview, stops: list[tuple[int, Stall | HangUp]], drip: Drip | None) -> Iterator[Action]:
    sent = 0
    for offset, action in stops:
        yield from _send(wire[sent:offset], drip)
        yield action
        sent = offset
    yield from _send(wire[sent:], drip)


def _send(data: memoryview, drip: Drip | None) -> Iterator[Action]:
    if drip is None:
        yield Send(data)
        return
    for start in range(0, len(data), drip.size):
        yield Send(data[start : start + drip.size])
        yield Pause(drip.interval)


def _head(answer: Answer) -> bytes:
    if not answer.head:
        return b""
    headers = {**_framing(answer), **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} {_reason(answer.status)}", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _framing(answer: Answer) -> dict[str, str]:
    if answer.status in BODILESS:
        return {}
    return {"transfer-encoding": "chunked"} if answer.chunked else {"content-length": str(len(answer.body))}


def _reason(status: int) -> str:
    """OpenAI's proxies answer 520 and 529, which HTTPStatus does not know."""
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"


def _framed(answer: Answer) -> bytes:
    if not (answer.chunked and answer.head):
        return answer.body
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in answer.pieces if piece) + b"0\r\n\r\n"


def _offset(at: Where, head: bytes, body: bytes, chunked: bool) -> int:
    """The place as a number of bytes from the answer's first."""
    match at:
        case "start":
            return 0
        case bytes():
            return len(head) + _after(at, body, chunked)
        case int():
            return len(head) + min(at, len(body))
    return len(head) + {"headers": 0, "middle": len(body) // 2, "end": len(body)}[at]


def _after(marker: bytes, body: bytes, chunked: bool) -> int:
    if marker not in body:
        raise ValueError(f"the body to be interrupted after {marker!r} does not contain it")
    end = body.index(marker) + len(marker)
    return end + 2 if chunked and body[end : end + 2] == b"\r\n" else end
