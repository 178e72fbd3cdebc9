"""/_control/*: the server scripted by HTTP, for curl and for tests in other processes.

    POST enqueue   a reply or a list of them
    POST default   a reply for whenever the queue is empty
    GET  requests  what has arrived
    POST clear     forget requests and script
    POST release   let stalled answers go on

A reply names one of Reply's constructors and its arguments, and what is done to it:
    {"reply": "error", "status": 429, "message": "slow down", "then": [{"do": "stalled", "at": "headers"}]}
Bytes are written as {"utf8": "..."} or {"base64": "..."}. Control requests are neither recorded nor scripted.
"""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.upstream.messages import Answer, Recorded
from tests.upstream.reply import Reply

if TYPE_CHECKING:
    from tests.upstream.server import Upstream

PREFIX = "/_control/"
KINDS: dict[str, Callable[..., Reply]] = {
    kind.__name__: kind
    for kind in (
        *(Reply.default, Reply.json, Reply.error, Reply.rate_limited, Reply.raw, Reply.sse),
        *(Reply.empty, Reply.html, Reply.redirect, Reply.gigantic, Reply.garbage),
    )
}
STEPS: dict[str, Callable[..., Reply]] = {
    step.__name__: step
    for step in (
        *(Reply.with_headers, Reply.gzipped, Reply.chunked, Reply.truncated),
        *(Reply.cut, Reply.reset, Reply.stalled, Reply.dripped),
    )
}


def answer(upstream: "Upstream", request: Recorded) -> Answer:
    """Do what the request says; a mistake in it is a 400 with one sentence."""
    command = COMMANDS.get((request.method, request.path.removeprefix(PREFIX)))
    if command is None:
        known = ", ".join(f"{method} {PREFIX}{name}" for method, name in COMMANDS)
        return Answer.json({"error": f"There is: {known}."}, 404)
    try:
        return Answer.json(command(upstream, request))
    except (TypeError, ValueError, KeyError) as error:
        return Answer.json({"error": f"{type(error).__name__}: {error}"}, 400)


def parse_reply(spec: dict[str, Any]) -> Reply:
    """A Reply from its JSON."""
    if not isinstance(spec, dict):
        raise TypeError(f"a reply has to be an object, not {spec!r}")
    arguments = {name: _value(value) for name, value in spec.items() if name not in ("reply", "then")}
    reply = _choose(KINDS, spec.get("reply", "default"))(**arguments)
    for step in spec.get("then", []):
        options = {name: _value(value) for name, value in step.items() if name != "do"}
        reply = _choose(STEPS, step.get("do"))(reply, **options)
    return reply


def _choose(table: dict[str, Callable[..., Reply]], name: str) -> Callable[..., Reply]:
    if name not in table:
        raise ValueError(f"{name!r} is none of: {', '.join(table)}")
    return table[name]


def _value(value: Any) -> Any:
    match value:
        case {"utf8": str(text), **rest} if not rest:
            return text.encode()
        case {"base64": str(text), **rest} if not rest:
            return base64.b64decode(text)
    return value


def _enqueue(upstream: "Upstream", request: Recorded) -> dict[str, int]:
    specs = request.json if isinstance(request.json, list) else [request.json]
    replies = [parse_reply(spec) for spec in specs]
    upstream.enqueue(*replies)
    return {"enqueued": len(replies)}


def _default(upstream: "Upstream", request: Recorded) -> dict[str, bool]:
    upstream.default = parse_reply(request.json)
    return {"ok": True}


def _requests(upstream: "Upstream", _: Recorded) -> list[dict[str, Any]]:
    return [
        {**vars(request), "body": request.body.decode(errors="replace"), "json": request.json}
        for request in upstream.requests
    ]


def _clear(upstream: "Upstream", _: Recorded) -> dict[str, bool]:
    upstream.clear()
    return {"ok": True}


def _release(upstream: "Upstream", _: Recorded) -> dict[str, bool]:
    upstream.release()
    return {"ok": True}


COMMANDS: dict[tuple[str, str], Callable[["Upstream", Recorded], Any]] = {
    ("POST", "enqueue"): _enqueue,
    ("POST", "default"): _default,
    ("GET", "requests"): _requests,
    ("POST", "clear"): _clear,
    ("POST", "release"): _release,
}
