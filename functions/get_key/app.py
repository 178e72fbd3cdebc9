"""GET /api/v1/keys/{id}: one API key, with what is left of its limits."""

from typing import Any

from gateway import admin, keys
from gateway.http import Event, Response, api_handler, bearer_token, json_response


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    keys.authenticate(bearer_token(event), "admin")
    return json_response(200, admin.show("key", event))
