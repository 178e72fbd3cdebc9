"""Bedrock Runtime's two routes: a request in, its answer out. Pure and deterministic: the same bytes, the same answer."""

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from tests.upstream.bedrock_api import checks, converse, embeddings
from tests.upstream.bedrock_api.errors import ApiError, error_answer
from tests.upstream.messages import Answer, Recorded

Route = Callable[[str, dict[str, Any], str], Answer]
ROUTES: dict[str, Route] = {"converse": converse.answer, "invoke": embeddings.answer}


class Bedrock:
    """The protocol as the server wants it: callable with a request.

    Signed requests are let in, whoever signed them; with a key, other keys are refused with 403.
    """

    error_answer = staticmethod(error_answer)

    def __init__(self, api_key: str | None = None) -> None:
        self._api_key = api_key

    def __call__(self, request: Recorded) -> Answer:
        """The answer, with the request's id, which AWS sends on everything."""
        digest = hashlib.sha256(request.path.encode() + request.body).hexdigest()
        try:
            answer = self._answer(request, digest)
        except ApiError as error:
            answer = error_answer(error.status, error.message, error.kind)
        return answer.with_headers({"x-amzn-requestid": str(UUID(digest[:32]))})

    def _answer(self, request: Recorded, digest: str) -> Answer:
        checks.check_authorization(request.headers, self._api_key)
        _, start, model, name, *rest = [*request.path.split("/"), "", "", ""]
        route = ROUTES.get(name)
        if start != "model" or not model or route is None or any(rest):
            raise ApiError("", 404, "UnknownOperationException")
        if request.method != "POST":
            raise ApiError("", 405, "UnknownOperationException")
        if not isinstance(request.json, dict):
            raise ApiError("The request body is not valid JSON.", kind="SerializationException")
        return route(unquote(model), request.json, digest)
