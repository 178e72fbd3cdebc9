"""POST /api/v1/completions: chat `messages` or a legacy `prompt`, each answered in its own format."""

from typing import Any

from gateway import keys, legacy, pipeline, strategies
from gateway.body import json_body
from gateway.http import Event, Response, api_handler, bearer_token, request_headers


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    key = keys.authenticate(bearer_token(event), "inference", admitted=True)
    strategy = strategies.requested(request_headers(event))
    request, prompt_request = legacy.parse(json_body(event))
    return pipeline.complete(key, request, strategy, prompt_request)
