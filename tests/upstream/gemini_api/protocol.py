"""Google's two routes: a request in, its answer out. Pure and deterministic: the same bytes, the same answer."""

import hashlib
import re
from urllib.parse import unquote

from tests.upstream.gemini_api import answers, checks, embeddings, fields, turns
from tests.upstream.gemini_api.errors import ApiError, error_answer
from tests.upstream.messages import Answer, Recorded

PATH = re.compile(r"/v1beta/models/([^/:]+):(\w+)")
METHODS = {"generateContent": fields.GENERATE, "batchEmbedContents": fields.EMBED}


class Gemini:
    """The protocol as the server wants it: callable with a request. With a key, others are refused."""

    error_answer = staticmethod(error_answer)

    def __init__(self, api_key: str | None = None) -> None:
        self._api_key = api_key

    def __call__(self, request: Recorded) -> Answer:
        """The answer, with the headers that Google sends on everything."""
        try:
            made = self._answer(request)
        except ApiError as error:
            made = error.answer
        return made.with_headers({"server": "scaffolding on HTTPServer2", "server-timing": "gfet4t7; dur=7"})

    def _answer(self, request: Recorded) -> Answer:
        found = PATH.fullmatch(request.path)
        if found is None or found[2] not in METHODS or request.method != "POST":
            raise ApiError("Requested entity was not found.", 404)
        checks.check_key(request, self._api_key)
        model, method = unquote(found[1]), found[2]
        if not model.startswith("gemini-") or ("embedding" in model) != (method == "batchEmbedContents"):
            told = f"models/{model} is not found for API version v1beta, or is not supported for {method}."
            raise ApiError(f"{told} Call ListModels to see the list of available models.", 404)
        body = checks.parse(request, METHODS[method])
        if method == "batchEmbedContents":
            return Answer.json(embeddings.answer(body, model))
        checks.check_generate(body, model)
        turns.check(body["contents"], model)
        return Answer.json(answers.answer(body, model, hashlib.sha256(request.body).hexdigest()[:24]))
