"""GET /api/v1/mcp/tools: the catalogue's tools, as MCP lists them."""

from typing import Any

from gateway import keys
from gateway.http import Event, Response, api_handler, bearer_token
from gateway.products.parts import SCOPE
from gateway.tools import rest


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    return rest.list_tools(event, keys.authenticate(bearer_token(event), SCOPE, admitted=True))
