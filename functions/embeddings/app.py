"""POST /api/v1/embeddings: vectors of texts, in OpenAI's format."""

from typing import Any

from gateway import keys, pipeline, strategies
from gateway.body import parse_body
from gateway.embeddings import EmbeddingRequest
from gateway.http import Event, Response, api_handler, bearer_token, request_headers


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    key = keys.authenticate(bearer_token(event), "inference", admitted=True)
    strategy = strategies.requested(request_headers(event))
    return pipeline.embed(key, parse_body(event, EmbeddingRequest), strategy)
