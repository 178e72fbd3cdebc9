"""GET /api/v1/products/{id}/offers: who sells a product, the cheapest first."""

from typing import Any

from gateway import keys
from gateway.http import Event, Response, api_handler, bearer_token
from gateway.products import rest
from gateway.products.parts import SCOPE


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    return rest.list_offers(event, keys.authenticate(bearer_token(event), SCOPE, admitted=True))
