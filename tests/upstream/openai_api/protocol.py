"""OpenAI's routes: a request in, OpenAI's answer out. Pure and deterministic: the same bytes, the same answer."""

import hashlib
from collections.abc import Callable
from typing import Any

from tests.upstream.messages import Answer, Recorded
from tests.upstream.openai_api import chat, checks, completions, embeddings, models
from tests.upstream.openai_api.errors import ApiError

Route = Callable[[dict[str, Any], str], Answer]
POST_ROUTES: dict[str, Route] = {
    "/v1/chat/completions": chat.answer,
    "/v1/completions": completions.answer,
    "/v1/embeddings": embeddings.answer,
}


class OpenAI:
    """The protocol as the server wants it: callable with a request. With a key, others are refused with 401."""

    def __init__(self, api_key: str | None = None) -> None:
        self._api_key = api_key

    def __call__(self, request: Recorded) -> Answer:
        """The answer, with the headers that OpenAI sends on everything."""
        digest = hashlib.sha256(request.body).hexdigest()[:24]
        try:
            checks.check_key(request.headers.get("authorization", ""), self._api_key)
            answer = _route(request, digest)
        except ApiError as error:
            answer = error.answer
        return answer.with_headers(_provider_headers(digest))


def _route(request: Recorded, digest: str) -> Answer:
    if request.path == models.PATH or request.path.startswith(f"{models.PATH}/"):
        _check_method(request, "GET")
        return models.answer(request.path)
    route = POST_ROUTES.get(request.path)
    if route is None:
        raise ApiError(f"Invalid URL ({request.method} {request.path})", status=404)
    _check_method(request, "POST")
    return route(checks.parse(request), digest)


def _check_method(request: Recorded, allowed: str) -> None:
    if request.method != allowed:
        hint = "(HINT: Perhaps you meant to use a different HTTP method?)"
        raise ApiError(f"Not allowed to {request.method} on {request.path}. {hint}", status=405)


def _provider_headers(digest: str) -> dict[str, str]:
    return {
        "x-request-id": f"req_{digest}",
        "openai-version": "2020-10-01",
        "openai-organization": "upstream",
        "openai-processing-ms": "7",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-limit-tokens": "200000",
        "x-ratelimit-remaining-tokens": "199000",
    }
