"""The catalogue's tools as plain REST, for clients that speak no MCP."""

from collections.abc import Mapping
from typing import Any

from gateway.body import json_body
from gateway.conditional import kept
from gateway.errors import NotFound
from gateway.http import Event, Response, as_page, json_response
from gateway.keys import ApiKey
from gateway.products.parts import SCOPE
from gateway.query import Parameters
from gateway.serving import serve
from gateway.tools.catalogue import TOOLS


def list_tools(event: Event, key: ApiKey) -> Response:
    """All tools, as MCP's `tools/list` tells them.

    Raises:
        InvalidRequest: there are query parameters.
    """
    Parameters(event.get("queryStringParameters"), ())
    return serve(key, SCOPE, lambda: kept(event, as_page([tool.definition() for tool in TOOLS.values()], None)))


def call_tool(event: Event, key: ApiKey) -> Response:
    """What the tool that the path names answers to the arguments in the body.

    Raises:
        InvalidRequest: the body is no JSON object, or there are query parameters.
        RequestTooLarge: it is over 5 MiB.
    """
    Parameters(event.get("queryStringParameters"), ())
    arguments = json_body(event) if (event.get("body") or "").strip() else {}
    return serve(key, SCOPE, lambda: json_response(200, _run(event.get("pathParameters") or {}, arguments)))


def _run(path: Mapping[str, str], arguments: dict[str, Any]) -> dict[str, Any]:
    name = path.get("name", "")
    if name not in TOOLS:
        raise NotFound(f"There is no tool '{name[:100]}'; there are {', '.join(TOOLS)}.", param="name")
    return TOOLS[name].run(arguments)
