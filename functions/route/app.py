"""POST /api/v1/route: how a completion or embeddings would be routed now; nobody is asked."""

from typing import Any

from gateway import explain, keys, questions, strategies
from gateway.body import json_body
from gateway.http import Event, Response, api_handler, bearer_token, json_response, request_headers


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    key = keys.authenticate(bearer_token(event), "inference")
    strategy = strategies.requested(request_headers(event))
    return json_response(200, explain.explain(key, questions.parse(json_body(event)), strategy))
