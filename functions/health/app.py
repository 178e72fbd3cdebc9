"""GET /api/v1/health: whether the gateway can serve."""

from typing import Any

from gateway import readiness
from gateway.http import Event, Response, api_handler, json_response


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    status, body = readiness.check()
    return json_response(status, body, {"cache-control": "no-store"})
