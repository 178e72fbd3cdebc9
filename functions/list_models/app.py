"""GET /api/v1/models: the models that clients may name."""

from typing import Any

from gateway import keys, models
from gateway.credentials import provider_secrets
from gateway.http import Event, Response, api_handler, bearer_token, json_response
from gateway.registry_source import registry


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    key = keys.authenticate(bearer_token(event), "inference")
    return json_response(200, models.list_models(registry(), provider_secrets(), key.may_use))
