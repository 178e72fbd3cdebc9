"""batchEmbedContents: vectors that depend on nothing but the text, what it is for, and their size."""

from typing import Any

from tests.upstream.gemini_api.errors import ApiError
from tests.upstream.openai_api import text
from tests.upstream.openai_api.embeddings import vector

MAX_BATCH = 100
DIMENSIONS = 16
"""Of whole vectors; shorter ones are cut, and not of length 1 then."""
TASKS = (
    *("TASK_TYPE_UNSPECIFIED", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION"),
    *("CLUSTERING", "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY"),
)


def answer(body: dict[str, Any], model: str) -> dict[str, Any]:
    """Checked, and a vector for each request."""
    wanted = body.get("requests") or []
    if not wanted:
        raise ApiError("* BatchEmbedContentsRequest.requests: requests is not specified\n")
    if len(wanted) > MAX_BATCH:
        raise ApiError(f"* BatchEmbedContentsRequest.requests: at most {MAX_BATCH} requests can be in one batch\n")
    texts = [_text(one, model, place) for place, one in enumerate(wanted)]
    vectors = [_vector(said, one) for said, one in zip(texts, wanted, strict=True)]
    count = sum(len(text.tokens(said)) for said in texts)
    return {"embeddings": [{"values": found} for found in vectors], "usageMetadata": {"promptTokenCount": count}}


def _text(one: dict[str, Any], model: str, place: int) -> str:
    where = f"BatchEmbedContentsRequest.requests[{place}]"
    if one.get("model") != f"models/{model}":
        raise ApiError(f"* {where}.model: the model must match the model in the URL\n")
    if one.get("taskType", TASKS[0]) not in TASKS:
        raise ApiError(f"Invalid value at 'requests[{place}].task_type', \"{one['taskType']}\"")
    said = " ".join(part.get("text", "") for part in (one.get("content") or {}).get("parts") or [])
    if not said:
        raise ApiError(f"* {where}.content: content is empty\n")
    return said


def _vector(said: str, one: dict[str, Any]) -> list[float]:
    whole = vector(f"{one.get('taskType', '')} {said}", max(DIMENSIONS, one.get("outputDimensionality", 0)))
    return whole[: one.get("outputDimensionality", DIMENSIONS)]
