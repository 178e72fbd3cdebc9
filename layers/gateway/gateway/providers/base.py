"""What all adapters share: the shape of an answer, and one pooled session for those that speak HTTP."""

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from gateway import __version__
from gateway.deadline import Deadline
from gateway.errors import UpstreamError

CONNECT_SECONDS = 5.0
AFTER_DEADLINE_SECONDS = 1.0
"""A silent socket ends itself shortly after the deadline has ended the wait for it."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Usage:
    """Tokens, as the provider counted them; None where it did not say.

    Attributes:
        input_tokens, output_tokens: all that went in and came out.
        cached_tokens: the part of the input that was read from the provider's cache.
        reasoning_tokens: the part of the output that was reasoning.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True)
class Answer:
    """A provider's answer.

    Attributes:
        body: in OpenAI's format, `chat.completion`.
        usage: the tokens that it used.
        model: the model that really answered, by the provider's own word.
    """

    body: dict[str, Any]
    usage: Usage
    model: str


@dataclass(frozen=True)
class HttpRequest:
    """A provider's request, ready to send."""

    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True)
class HttpResponse:
    """A provider's response, read whole; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def printable(text: str) -> str:
    """A provider's word, fit for a header and a log: ASCII, without line breaks, not too long."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:256])


class _Session(requests.Session):
    """Sees no redirects: those that it is told not to follow it would still read whole, and parse."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


@functools.cache
def session() -> requests.Session:
    """The instance's connections. Nothing of the environment (proxies, .netrc) may change where keys are sent."""
    pooled = _Session()
    pooled.trust_env = False
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings quote headers that it cannot parse
    pooled.headers["user-agent"] = f"ai-model-gateway/{__version__}"
    adapter = HTTPAdapter(pool_connections=16, pool_maxsize=16, max_retries=0)
    pooled.mount("https://", adapter)
    pooled.mount("http://", adapter)
    return pooled


def send(request: HttpRequest, deadline: Deadline) -> HttpResponse:
    """POST to a provider, and read the whole response before the deadline.

    Redirects are not followed: they would carry customers' words, and perhaps a key, elsewhere.

    Raises:
        UpstreamTimeout: the deadline passed.
        UpstreamError: no connection, or it broke, or the answer is larger than any completion.
    """
    try:
        return deadline.wait_for(lambda: _post(request, deadline))
    except requests.ConnectTimeout:
        raise UpstreamError(f"The provider cannot be reached: no connection within {CONNECT_SECONDS:g} s.") from None
    except (requests.RequestException, ValueError) as error:
        # ValueError: an address that cannot be parsed, or a key that a header cannot carry.
        raise UpstreamError(f"The connection to the provider failed ({type(error).__name__}).") from None


def _post(request: HttpRequest, deadline: Deadline) -> HttpResponse:
    left = deadline.remaining()
    with session().post(
        request.url,
        json=request.body,
        headers=dict(request.headers),
        timeout=(CONNECT_SECONDS, left + AFTER_DEADLINE_SECONDS),
        allow_redirects=False,
        stream=True,
    ) as response:
        body = b"".join(_at_most(response, MAX_ANSWER_BYTES))
        return HttpResponse(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)


def _at_most(response: requests.Response, limit: int) -> list[bytes]:
    parts, size = [], 0
    for part in response.iter_content(64 * 1024):
        size += len(part)
        if size > limit:
            raise UpstreamError(f"The provider's answer is larger than {limit:,} bytes.")
        parts.append(part)
    return parts
