"""Whatever matched no other route: 404, 405 or a pointer to what to use instead."""

from typing import Any

from gateway import routes
from gateway.http import Event, Response, api_handler


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    # Behind a domain of the user's own, event["path"] begins with that domain's base path.
    raise routes.explain(event["httpMethod"], "/" + event["pathParameters"]["proxy"])
