"""GET /api/v1/requests/{id}: one request."""

from typing import Any

from gateway import keys, reports
from gateway.http import Event, Response, api_handler, bearer_token


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    return reports.show_request(event, keys.authenticate(bearer_token(event), None))
