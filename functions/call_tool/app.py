"""POST /api/v1/mcp/tools/{name}: one of the catalogue's tools, called with the arguments in the body."""

from typing import Any

from gateway import keys
from gateway.http import Event, Response, api_handler, bearer_token
from gateway.products.parts import SCOPE
from gateway.search.index import require_fts5
from gateway.tools import rest

require_fts5()


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    return rest.call_tool(event, keys.authenticate(bearer_token(event), SCOPE, admitted=True))
