"""GET /api/v1/products/{id}: one product, with its prices day by day."""

from typing import Any

from gateway import keys
from gateway.http import Event, Response, api_handler, bearer_token
from gateway.products import rest
from gateway.products.parts import SCOPE


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    return rest.show_product(event, keys.authenticate(bearer_token(event), SCOPE, admitted=True))
