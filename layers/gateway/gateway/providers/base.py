"""What all adapters share: the shape of an answer, and one pooled session for those that speak HTTP."""

import functools
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, MaxRetryError, ReadTimeoutError

from gateway import __version__
from gateway.deadline import Deadline
from gateway.errors import UpstreamError, UpstreamTimeout
from gateway.usage import Usage

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 30.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """A provider's answer.

    Attributes:
        body: in OpenAI's format: a `chat.completion`, or a list of embeddings.
        usage: the tokens that it used.
        model: the model that really answered, by the provider's own word.
    """

    body: dict[str, Any]
    usage: Usage
    model: str


def completion(identity: str, now: float, model: str, choices: list[dict[str, Any]], usage: Usage) -> Answer:
    """An answer as a chat completion.

    Args:
        now: seconds since the epoch, for providers that do not say when they answered.
    """
    body = {
        "id": identity,
        "object": "chat.completion",
        "created": int(now),
        "model": model,
        "choices": choices,
        "usage": usage.to_openai(),
    }
    return Answer(body, usage, model)


@dataclass(frozen=True)
class HttpRequest:
    """A provider's request, ready to send; its body is JSON, or bytes that have been made and signed already."""

    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any] | bytes


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
    """The instance's connections.

    Nothing of the environment (proxies, .netrc) may change where keys are sent, and nothing that a provider sets with one
    customer's answer (cookies) goes out with another's request.
    """
    pooled = _Session()
    pooled.trust_env = False
    pooled.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings quote headers that it cannot parse
    pooled.headers["user-agent"] = f"ai-model-gateway/{__version__}"
    adapter = HTTPAdapter(pool_connections=16, pool_maxsize=16, max_retries=0)
    pooled.mount("https://", adapter)
    pooled.mount("http://", adapter)
    return pooled


_last_sent = 0.0


def _fresh_session(now: float) -> requests.Session:
    """The session, without connections that were idle for long: a frozen instance misses the far end's goodbye.

    Args:
        now: seconds since the epoch; a monotonic clock may stand still while the instance is frozen.
    """
    global _last_sent
    if not 0 <= now - _last_sent < IDLE_SECONDS:
        session().close()
    _last_sent = now
    return session()


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
    except (requests.ReadTimeout, ReadTimeoutError):
        raise UpstreamTimeout("The provider was silent for longer than it may be.") from None
    except (requests.RequestException, HTTPError, ValueError) as error:
        # ValueError: an address that cannot be parsed, or a key that a header cannot carry.
        told = f"The connection to the provider failed ({type(error).__name__})."
        raise UpstreamError(told, billed=Usage() if _was_sent(error) else None) from None


def _was_sent(error: Exception) -> bool:
    """Whether the provider may have had the request when the connection broke, and may charge for it."""
    broken = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else error
    return isinstance(broken, HTTPError) and not isinstance(broken, MaxRetryError)


def _post(request: HttpRequest, deadline: Deadline) -> HttpResponse:
    with _fresh_session(deadline.now()).post(
        request.url,
        **({"data": request.body} if isinstance(request.body, bytes) else {"json": request.body}),
        headers=dict(request.headers),
        timeout=(min(CONNECT_SECONDS, deadline.remaining()), deadline.silence()),
        allow_redirects=False,
        stream=True,
    ) as response:
        body = b"".join(_parts(response, deadline))
        return HttpResponse(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)


def _parts(response: requests.Response, deadline: Deadline) -> Iterator[bytes]:
    """The body as it comes in, to the end, the deadline or the limit: leaving closes the connection, and the bill."""
    size = 0
    while part := response.raw.read1(64 * 1024, decode_content=True):
        deadline.remaining()
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise UpstreamError(f"The provider's answer is larger than {MAX_ANSWER_BYTES:,} bytes.", billed=Usage())
        yield part
