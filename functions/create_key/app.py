"""POST /api/v1/keys: a new API key; its secret is in this answer, and nowhere else."""

from typing import Any

from gateway import admin, keys
from gateway.body import parse_body
from gateway.http import Event, Response, api_handler, bearer_token, json_response
from gateway.policies import NewKey


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    keys.authenticate(bearer_token(event), "admin")
    return json_response(201, admin.create_key(parse_body(event, NewKey)), admin.NO_STORE)
