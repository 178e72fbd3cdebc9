"""Cursors: where a list goes on, as a text that only the gateway has to understand. They protect nothing: who may see what is
decided by the key of each request, never by its cursor.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from gateway.errors import InvalidRequest
from gateway.keys import checksum

MAX_LENGTH = 2048
CHECKSUM_LENGTH = 6


def encode(position: Mapping[str, Any]) -> str:
    """A position as a cursor: base64url, with a checksum that tells one that was cut or changed."""
    text = json.dumps(position, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode((checksum(text) + text).encode()).rstrip(b"=").decode()


def decode(text: str, param: str) -> dict[str, Any]:
    """The position in a cursor.

    Args:
        param: the parameter that it came in, for errors.
    Raises:
        InvalidRequest: it is not as `encode` made it.
    """
    position = _read(text) if len(text) <= MAX_LENGTH and text.isascii() else None
    if position is None or encode(position) != text:
        raise wrong(param)
    return position


def wrong(param: str) -> InvalidRequest:
    """The cursor is not one of this list's."""
    return InvalidRequest(f"{param}: must be the `next_cursor` of the page before, as it was given.", param=param)


def _read(text: str) -> dict[str, Any] | None:
    try:
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
        position = json.loads(whole[CHECKSUM_LENGTH:])
    except (binascii.Error, ValueError, RecursionError):
        return None
    return (
        position
        if isinstance(position, dict) and whole[:CHECKSUM_LENGTH] == checksum(whole[CHECKSUM_LENGTH:])
        else None
    )
