"""GET /api/v1/products/search: the products that fit a query, the best first."""

from typing import Any

from gateway import keys
from gateway.http import Event, Response, api_handler, bearer_token
from gateway.products.parts import SCOPE
from gateway.search import rest
from gateway.search.index import require_fts5

require_fts5()


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    return rest.search(event, keys.authenticate(bearer_token(event), SCOPE, admitted=True))
