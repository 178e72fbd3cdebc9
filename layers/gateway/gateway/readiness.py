"""GET /health: whether this gateway can serve, asked without a key and telling nothing more."""

import time
from typing import Any

from gateway import __version__, dynamodb
from gateway.errors import ServiceUnavailable
from gateway.settings import settings

CACHE_SECONDS = 10.0

_cache: tuple[float, bool] | None = None


def check(now: float | None = None) -> tuple[int, dict[str, Any]]:
    """The status to answer with, and the body.

    Args:
        now: seconds on a clock that never goes back.
    """
    healthy = _tables_answer(time.monotonic() if now is None else now)
    body = {
        "status": "ok" if healthy else "unavailable",
        "version": __version__,
        "stage": settings().stage,
        "tables": "ok" if healthy else "unavailable",
    }
    return (200 if healthy else 503), body


def _tables_answer(now: float) -> bool:
    """Whether the tables answer; asked at most every 10 seconds by an instance, since anyone may call."""
    global _cache
    if _cache is None or now - _cache[0] >= CACHE_SECONDS:
        _cache = (now, _ask())
    return _cache[1]


def _ask() -> bool:
    try:
        dynamodb.get(settings().keys_table, {"id": "health"})
        dynamodb.get(settings().requests_table, {"owner": "health", "request_id": "health"})
    except ServiceUnavailable:
        return False
    return True
