"""GET /api/v1/models/{model+}: one model; its id may hold slashes and colons."""

from typing import Any
from urllib.parse import unquote

from gateway import keys, models
from gateway.credentials import provider_secrets
from gateway.http import Event, Response, api_handler, bearer_token, json_response
from gateway.registry_source import registry


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    keys.authenticate(bearer_token(event), "inference")
    model = registry().model(unquote(event["pathParameters"]["model"]))
    return json_response(200, models.describe(model, registry(), provider_secrets()))
