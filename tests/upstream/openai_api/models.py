"""GET /v1/models and /v1/models/{id}. The other routes answer to any model's name."""

from typing import Any

from tests.upstream.messages import Answer
from tests.upstream.openai_api.chat import CREATED
from tests.upstream.openai_api.errors import ApiError

PATH = "/v1/models"
NAMES = ("gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo-instruct", "text-embedding-3-small")


def answer(path: str) -> Answer:
    """The list, or one of it."""
    if path == PATH:
        return Answer.json({"object": "list", "data": [_model(name) for name in NAMES]})
    name = path.removeprefix(f"{PATH}/")
    if name not in NAMES:
        raise ApiError(f"The model '{name}' does not exist", "model", "model_not_found", status=404)
    return Answer.json(_model(name))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "upstream"}
