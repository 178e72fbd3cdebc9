"""POST /api/v1/chat/completions: an OpenAI-compatible chat completion."""

from typing import Any

from gateway import keys, pipeline, strategies
from gateway.body import parse_body
from gateway.http import Event, Response, api_handler, bearer_token, request_headers
from gateway.schemas import ChatCompletionRequest


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    key = keys.authenticate(bearer_token(event), "inference", admitted=True)
    strategy = strategies.requested(request_headers(event))
    return pipeline.complete(key, parse_body(event, ChatCompletionRequest), strategy)
