"""Anthropic's one route: a request in, its answer out. Pure and deterministic: the same bytes, the same answer."""

import hashlib

from tests.upstream.anthropic_api import checks, conversation
from tests.upstream.anthropic_api.answers import answer
from tests.upstream.anthropic_api.errors import ApiError, error_answer
from tests.upstream.messages import Answer, Recorded

PATH = "/v1/messages"


class Anthropic:
    """The protocol as the server wants it: callable with a request. With a key, others are refused with 401."""

    error_answer = staticmethod(error_answer)

    def __init__(self, api_key: str | None = None) -> None:
        self._api_key = api_key

    def __call__(self, request: Recorded) -> Answer:
        """The answer, with the headers that Anthropic sends on everything."""
        digest = hashlib.sha256(request.body).hexdigest()[:24]
        request_id = f"req_{digest}"
        try:
            made = self._answer(request, digest)
        except ApiError as error:
            made = error_answer(error.status, error.message, request_id=request_id)
        limits = {"anthropic-ratelimit-requests-limit": "4000", "anthropic-ratelimit-requests-remaining": "3999"}
        return made.with_headers({"request-id": request_id, "anthropic-organization-id": "upstream", **limits})

    def _answer(self, request: Recorded, digest: str) -> Answer:
        if request.path != PATH:
            raise ApiError("Not found", 404)
        if request.method != "POST":
            raise ApiError("Method Not Allowed", 405)
        checks.check_headers(request.headers, self._api_key)
        body = checks.parse(request)
        checks.check_fields(body, request.headers["anthropic-version"])
        conversation.check(body["messages"])
        return Answer.json(answer(body, digest))
