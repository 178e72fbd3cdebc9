"""Answers that a client may keep, and ask about again: RFC 9110's entity tags."""

import hashlib
from collections.abc import Mapping
from typing import Any

from gateway.http import Event, Response, request_headers, respond, to_json

MAX_AGE_SECONDS = 60


def kept(event: Event, body: Mapping[str, Any]) -> Response:
    """A JSON response with its tag; 304 without a body if the client has it already.

    Only the client itself may keep it: what is answered depends on the key.

    Args:
        event: the request; its If-None-Match has the tags of what the client has.
    """
    text = to_json(body)
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": f"private, max-age={MAX_AGE_SECONDS}"}
    known = request_headers(event).get("if-none-match", "")
    if known.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return respond(304, "", headers)
    return respond(200, text, headers)
