"""Golden pairs: tests/data/<adapter>/*.json, what an adapter makes of requests and answers, read and compared.

client_request     what the client sends, a chat unless `operation` is "embed"
deployment         fields of the deployment that differ from the usual one, as in models.json
dropped            what is left out of the request and told, if anything
provider_request   what the provider is sent: url, headers, body; of Bedrock the operation and its parameters
provider_response  what it answers: status, headers, body (JSON, or a string sent as it is)
answer             what comes of that: body (if the adapter changes it), model, usage; or
error              class, status, type, code, param, message, retry_after, retryable
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.body import parse_body
from gateway.embeddings import EmbeddingRequest
from gateway.errors import GatewayError
from gateway.providers.base import Answer, HttpRequest, HttpResponse
from gateway.registry import Deployment, Registry
from gateway.schemas import ChatCompletionRequest
from tests.unit.builders import event

DATA = Path(__file__).parent.parent / "data"

Json = dict[str, Any]


def pairs(adapter: str) -> list[Path]:
    """The files of an adapter's pairs."""
    found = sorted((DATA / adapter).glob("*.json"))
    assert found, f"there are no golden pairs of {adapter}"
    return found


def read(path: Path) -> Json:
    """One pair."""
    pair: Json = json.loads(path.read_text(encoding="utf-8"))
    return pair


def deployment(provider: Json, usual: Json, pair: Json) -> Deployment:
    """The deployment that a pair is about.

    Args:
        provider: as in models.json.
        usual: the usual deployment, as in models.json but for its provider.
    """
    fields = {"provider": "p", **usual, **pair.get("deployment", {})}
    data = {"updated": "2026-01-01", "providers": {"p": provider}, "models": {"m": {"deployments": [fields]}}}
    return Registry(data).model("m").deployments[0]


def chat_request(pair: Json) -> ChatCompletionRequest:
    """What the client asks, checked as the gateway checks it."""
    return parse_body(event(pair["client_request"]), ChatCompletionRequest)


def embedding_request(pair: Json) -> EmbeddingRequest:
    """What the client asks, checked as the gateway checks it."""
    return parse_body(event(pair["client_request"]), EmbeddingRequest)


def sent(request: HttpRequest) -> Json:
    """A request as a pair has it."""
    assert not isinstance(request.body, bytes)
    return {"url": request.url, "headers": dict(request.headers), "body": dict(request.body)}


def response(status: int, body: Any, headers: Json | None = None) -> HttpResponse:
    """A response as a pair has it; a string goes as it is."""
    data = body if isinstance(body, str) else json.dumps(body)
    return HttpResponse(status, headers or {}, data.encode())


def told(error: GatewayError) -> Json:
    """An error as a pair has it."""
    return {
        "class": type(error).__name__,
        "status": error.status,
        "type": error.type,
        "code": error.code,
        "param": error.param,
        "message": error.message,
        "retry_after": error.retry_after,
        "retryable": error.retryable,
    }


def answered(answer: Answer, expected: Json) -> Json:
    """An answer as a pair has it: of the usage, and of the answer, what the pair tells, and every count that is there."""
    counts = {
        name: value for name, value in asdict(answer.usage).items() if value is not None or name in expected["usage"]
    }
    whole = {"body": answer.body, "model": answer.model, "usage": counts}
    return {name: whole[name] for name in expected}


def whole(value: Any) -> Any:
    """What pydantic made of a value by a package's types, read through: it checks iterables only as they are read."""
    if isinstance(value, dict):
        return {name: whole(inner) for name, inner in value.items()}
    return [whole(inner) for inner in value] if isinstance(value, list | Iterator) else value
