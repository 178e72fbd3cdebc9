"""The golden pairs of OpenAI's protocol, by the types of the `openai` package: what we send, and what clients get."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse, EmbeddingCreateParams
from openai.types.chat import ChatCompletion, completion_create_params
from pydantic import TypeAdapter, ValidationError

from gateway.embeddings import decoded
from tests.unit import golden

CHATS: TypeAdapter[Any] = TypeAdapter(completion_create_params.CompletionCreateParamsNonStreaming)
EMBEDDINGS: TypeAdapter[Any] = TypeAdapter(EmbeddingCreateParams)
OTHERS = ("unknown_", "vendor_")
"""Pairs about what is not OpenAI's, by the beginnings of their names."""
ARRAYS_OF_TOKENS = "embeddings_of_tokens"
"""Of a union of iterables, pydantic takes the first without a look into it."""

PAIRS = [path for path in golden.pairs("openai_compatible") if not path.stem.startswith(OTHERS)]
ANSWERED = [path for path in PAIRS if "answer" in golden.read(path)]


def by_the_types(operation: str | None, body: dict[str, Any]) -> Any:
    """What the types know of a request's body, at any depth."""
    return golden.whole((EMBEDDINGS if operation == "embed" else CHATS).validate_python(body))


@pytest.mark.parametrize("path", [path for path in PAIRS if path.stem != ARRAYS_OF_TOKENS], ids=lambda path: path.stem)
def test_requests_are_as_openai_s_package_has_them(path: Path) -> None:
    pair = golden.read(path)
    body = {name: value for name, value in pair["provider_request"]["body"].items() if value is not None}
    assert by_the_types(pair.get("operation"), body) == body


@pytest.mark.parametrize("path", ANSWERED, ids=lambda path: path.stem)
def test_answers_are_as_openai_s_package_has_them(path: Path) -> None:
    pair = golden.read(path)
    body = pair["answer"].get("body", pair["provider_response"]["body"])
    if pair.get("operation") == "embed":
        for item in body["data"]:
            if isinstance(item["embedding"], str):  # the package decodes it before it looks
                item["embedding"] = list(decoded(item["embedding"]))
        CreateEmbeddingResponse.model_validate(body, strict=True)
    else:
        ChatCompletion.model_validate(body, strict=True)


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"messages": [{"role": "nobody", "content": "Hello"}]},
        {"tools": [{"type": "function", "function": {}}]},
        {"temperature": "hot"},
        {"nonsense": 1},
    ],
)
def test_the_types_would_tell(change: dict[str, Any]) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]} | change
    with suppress(ValidationError):
        assert by_the_types(None, body) != body
