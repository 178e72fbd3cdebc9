"""PATCH /api/v1/keys/{id}: change some of an API key's fields; null takes a limit away."""

from typing import Any

from gateway import admin, keys
from gateway.body import parse_body
from gateway.http import Event, Response, api_handler, bearer_token, json_response
from gateway.policies import KeyChange


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    keys.authenticate(bearer_token(event), "admin")
    return json_response(200, admin.change("key", event, parse_body(event, KeyChange)))
