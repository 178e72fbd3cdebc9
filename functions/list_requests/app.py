"""GET /api/v1/requests: what requests were made, newest first."""

from typing import Any

from gateway import keys, reports
from gateway.http import Event, Response, api_handler, bearer_token


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    return reports.list_requests(event, keys.authenticate(bearer_token(event), None))
