"""Gemini's vectors: https://ai.google.dev/api/embeddings."""

import struct
from collections.abc import Iterator
from typing import Any

from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest, Vector, answer_body, unit
from gateway.errors import GatewayError, UpstreamError
from gateway.providers.base import Answer, HttpRequest, send
from gateway.providers.gemini_errors import success_of
from gateway.providers.gemini_http import call
from gateway.providers.reading import as_dict, as_objects, count, fit_for_clients
from gateway.registry import Deployment, Endpoint
from gateway.usage import Usage

BATCH = 100
"""So many texts Google takes at once."""

TASKS = {
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}


def embed(request: EmbeddingRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline) -> Answer:
    """Make a vector of each of the request's texts, in as many calls as that takes.

    Raises:
        InvalidRequest: the request is at fault, by Google's word or because it cannot be expressed.
        UpstreamError: Google failed; `billed` counts the calls that had succeeded before.
    """
    bodies: list[dict[str, Any]] = []
    try:
        for part in to_requests(request, deployment, endpoint):
            bodies.append(success_of(send(part, deadline)))  # noqa: PERF401 - a failure leaves those before it
        return from_bodies(bodies, deployment, request)
    except GatewayError as error:
        paid = _usage(bodies) if bodies else None
        # Whose own bill is not known, of that neither is the sum.
        error.billed = Usage(paid.input_tokens) if paid and error.billed else error.billed or paid
        raise fit_for_clients(error, endpoint) from None


def to_requests(request: EmbeddingRequest, deployment: Deployment, endpoint: Endpoint) -> list[HttpRequest]:
    """Google's requests, one for each batch of texts.

    Raises:
        Inexpressible: the texts are token numbers, or there is a field that the deployment does not know.
    """
    known = {"dimensions", "input_type"} - deployment.unsupported
    request.refuse_unknown(deployment, *known)
    options = {"taskType": TASKS.get(request.input_type or ""), "outputDimensionality": request.dimensions}
    shared = {"model": f"models/{deployment.model}"} | {n: value for n, value in options.items() if value}
    parts = [shared | {"content": {"parts": [{"text": text}]}} for text in request.texts(deployment)]
    batches = [parts[i : i + BATCH] for i in range(0, len(parts), BATCH)]
    return [call("batchEmbedContents", {"requests": batch}, deployment, endpoint) for batch in batches]


def from_bodies(bodies: list[dict[str, Any]], deployment: Deployment, request: EmbeddingRequest) -> Answer:
    """Google's vectors, in the order of the texts.

    Args:
        bodies: the answers' JSON, one of each batch.
    Raises:
        UpstreamError: they are not one vector for each text.
    """
    usage = _usage(bodies)
    try:
        vectors = [vector for body in bodies for vector in _vectors(body)]
        if request.dimensions:
            vectors = [unit(vector) for vector in vectors]  # Google cuts them without making them longer
        body = answer_body(vectors, request, deployment.model, usage)
    except (OverflowError, struct.error):
        vectors = []  # a number that no float holds
    if len(vectors) != request.count:
        raise UpstreamError("The provider's answer is not one vector for each input.", billed=usage)
    return Answer(body, usage, deployment.model)


def _vectors(body: dict[str, Any]) -> Iterator[Vector]:
    """Those that are numbers all through."""
    for found in as_objects(body.get("embeddings")):
        values = found.get("values")
        if isinstance(values, list) and values and all(type(value) in (int, float) for value in values):
            yield [float(value) for value in values]


def _usage(bodies: list[dict[str, Any]]) -> Usage:
    """The tokens of all batches; None if Google does not say so of each: older models do not."""
    counts = [count(as_dict(body.get("usageMetadata")).get("promptTokenCount")) for body in bodies]
    known = [tokens for tokens in counts if tokens is not None]
    return Usage(input_tokens=sum(known) if len(known) == len(counts) else None, output_tokens=0)
