"""POST /model/{id}/invoke: embeddings, in the formats of Titan and of Cohere."""

import json
from typing import Any

from tests.upstream.bedrock_api import checks
from tests.upstream.bedrock_api.errors import ApiError
from tests.upstream.messages import Answer
from tests.upstream.openai_api import text
from tests.upstream.openai_api.embeddings import DIMENSIONS, vector

Body = dict[str, Any]
TITAN_V1 = {"inputText"}
TITAN_V2 = {"inputText", "dimensions", "normalize", "embeddingTypes"}
COHERE = {"texts", "input_type", "embedding_types", "truncate"}
COHERE_V4 = {*COHERE, "output_dimension", "max_tokens"}
MAX_TEXTS = 96


def answer(model: str, body: Body, digest: str) -> Answer:
    """Checked and answered."""
    checks.check_model(model)
    if "amazon.titan-embed-text" in model:
        return _titan(body, TITAN_V2 if "v2" in model else TITAN_V1)
    if "cohere.embed" in model:
        return _cohere(body, COHERE_V4 if "v4" in model else COHERE)
    raise ApiError("The requested operation is not recognized by the service.")


def _titan(body: Body, known: set[str]) -> Answer:
    _check_fields(body, known)
    if not body.get("inputText"):
        raise _malformed("expected minLength: 1, actual: 0")
    if body.get("dimensions", 256) not in (256, 512, 1024):
        raise _malformed("dimensions is not one of 256, 512, 1024")
    made = vector(body["inputText"], body.get("dimensions", DIMENSIONS))
    counted = len(text.tokens(body["inputText"]))
    return _counted({"embedding": made, "inputTextTokenCount": counted}, counted)


def _cohere(body: Body, known: set[str]) -> Answer:
    _check_fields(body, known)
    texts = body.get("texts") or []
    if not 0 < len(texts) <= MAX_TEXTS:
        raise _malformed(f"#/texts: expected maximum item count: {MAX_TEXTS}, found: {len(texts)}")
    if "input_type" not in body:
        raise _malformed("#: required key [input_type] not found")
    made = [vector(one, body.get("output_dimension", DIMENSIONS)) for one in texts]
    told: Body = {"id": "upstream", "texts": texts}
    typed = "embedding_types" in body
    told["embeddings"] = {"float": made} if typed else made
    told["response_type"] = "embeddings_by_type" if typed else "embeddings_floats"
    return _counted(told, sum(len(text.tokens(one)) for one in texts))


def _check_fields(body: Body, known: set[str]) -> None:
    for name in body:
        if name not in known:
            raise _malformed(f"extraneous key [{name}] is not permitted")


def _malformed(what: str) -> ApiError:
    return ApiError(f"Malformed input request: {what}, please reformat your input and try again.")


def _counted(body: Body, tokens: int) -> Answer:
    """Bedrock itself counts in a header."""
    headers = {"x-amzn-bedrock-input-token-count": str(tokens), "x-amzn-bedrock-invocation-latency": "7"}
    return Answer(200, {"content-type": "application/json", **headers}, (json.dumps(body).encode(),))
