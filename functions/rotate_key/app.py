"""POST /api/v1/keys/{id}/rotate: another secret for an API key; the old one stays good for a while."""

from typing import Any

from gateway import admin, keys
from gateway.body import parse_body
from gateway.http import Event, Response, api_handler, bearer_token, json_response
from gateway.policies import Rotation


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    keys.authenticate(bearer_token(event), "admin")
    rotation = parse_body(event, Rotation) if (event.get("body") or "").strip() else Rotation()
    return json_response(200, admin.rotate_key(event, rotation.grace_seconds), admin.NO_STORE)
