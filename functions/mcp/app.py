"""POST /api/v1/mcp: the product catalogue as a server of the Model Context Protocol, and why it is not to be asked by GET or DELETE."""

from typing import Any

from gateway.http import Event, Response, api_handler
from gateway.mcp import endpoint
from gateway.search.index import require_fts5

require_fts5()
endpoint.adapter()  # at the cold start, when the instance has a whole CPU


@api_handler
def lambda_handler(event: Event, context: Any) -> Response:
    return endpoint.answer(event)
