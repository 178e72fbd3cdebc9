"""What the catalogue offers to MCP's clients: its tools, its products as resources, and prompts."""

import re
from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway import __version__
from gateway.errors import GatewayError, NotFound
from gateway.http import to_json
from gateway.mcp.prompts import PROMPTS, RULES
from gateway.mcp.rpc import OLD_NOT_FOUND
from gateway.products.parts import ID
from gateway.search.live import live
from gateway.search.query import Query
from gateway.tools.catalogue import TOOLS
from gateway.tools.definitions import SERVER_LABEL

Context = ServerRequestContext[Any, Any]

PRODUCT = "catalogue://products/"
CATEGORIES = "catalogue://categories"
PAGE = 50
HOUR = 3_600_000
HINTS: Mapping[CacheableMethod, CacheHint] = {
    "server/discover": CacheHint(HOUR),
    "tools/list": CacheHint(HOUR),
    "prompts/list": CacheHint(HOUR),
    "resources/templates/list": CacheHint(HOUR),
    "resources/list": CacheHint(60_000),
    "resources/read": CacheHint(60_000),
}
INSTRUCTIONS = f"A shop's product catalogue. search_catalog finds products by words, price and other filters. {RULES}"


def catalogue_server() -> Server[Any]:
    """The server; it answers in the context of the request that is being served."""
    server: Server[Any] = Server(
        SERVER_LABEL,
        version=__version__,
        title="Product catalogue",
        description="Products and offers of a shop: search, details, prices.",
        instructions=INSTRUCTIONS,
        cache_hints=HINTS,
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
        on_list_resources=_list_resources,
        on_list_resource_templates=_list_templates,
        on_read_resource=_read_resource,
        on_list_prompts=_list_prompts,
        on_get_prompt=_get_prompt,
    )
    server.middleware.clear()  # the SDK's makes spans that nobody collects
    return server


async def _list_tools(_: Context, params: Any) -> types.ListToolsResult:
    _no_cursor(params)
    return types.ListToolsResult(tools=[types.Tool.model_validate(tool.definition()) for tool in TOOLS.values()])


async def _call_tool(_: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
    """A tool's failure is a result, which a model can learn from; a tool that is not there is a fault of the call."""
    if params.name not in TOOLS:
        raise MCPError(types.INVALID_PARAMS, f"Unknown tool '{params.name[:100]}'; there are {', '.join(TOOLS)}.")
    try:
        content = TOOLS[params.name].run(params.arguments or {})
    except GatewayError as error:
        return types.CallToolResult(content=[types.TextContent(text=error.message)], is_error=True)
    return types.CallToolResult(content=[types.TextContent(text=to_json(content))], structured_content=content)


async def _list_resources(_: Context, params: Any) -> types.ListResourcesResult:
    """The categories, then all products, page by page."""
    cursor = params.cursor if params else None
    query = Query(limit=PAGE, cursor=cursor)
    found = live().ask(lambda index: index.search(query))
    products = [
        types.Resource(
            uri=PRODUCT + product["id"], name=product["id"], title=product["title"], mime_type="application/json"
        )
        for product in found.products
    ]
    categories = types.Resource(
        uri=CATEGORIES,
        name="categories",
        title="Categories",
        description="All categories, with the number of products in each.",
        mime_type="application/json",
    )
    return types.ListResourcesResult(
        resources=products if cursor else [categories, *products], next_cursor=found.next_cursor
    )


async def _list_templates(_: Context, params: Any) -> types.ListResourceTemplatesResult:
    _no_cursor(params)
    product = types.ResourceTemplate(
        uri_template=PRODUCT + "{id}",
        name="product",
        title="A product",
        description="All that is known of a product, with its offers.",
        mime_type="application/json",
    )
    return types.ListResourceTemplatesResult(resource_templates=[product])


async def _read_resource(context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    uri = params.uri
    try:
        if uri == CATEGORIES:
            content = TOOLS["list_categories"].run({})
        elif re.fullmatch(re.escape(PRODUCT) + ID, uri):
            content = TOOLS["get_product"].run({"catalog": {"id": uri.removeprefix(PRODUCT)}})
        else:
            raise NotFound("There is no such resource.")
    except NotFound:
        is_modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
        code = types.INVALID_PARAMS if is_modern else OLD_NOT_FOUND
        raise MCPError(code, "Resource not found.", {"uri": uri[:512]}) from None
    text = types.TextResourceContents(uri=uri, mime_type="application/json", text=to_json(content))
    return types.ReadResourceResult(contents=[text])


async def _list_prompts(_: Context, params: Any) -> types.ListPromptsResult:
    _no_cursor(params)
    prompts = [
        types.Prompt(
            name=name,
            title=prompt.title,
            description=prompt.description,
            arguments=[
                types.PromptArgument(name=argument, description=told, required=argument in prompt.needed)
                for argument, told in prompt.arguments.items()
            ],
        )
        for name, prompt in PROMPTS.items()
    ]
    return types.ListPromptsResult(prompts=prompts)


async def _get_prompt(_: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    prompt, given = PROMPTS.get(params.name), params.arguments or {}
    if prompt is None:
        raise MCPError(types.INVALID_PARAMS, f"Unknown prompt '{params.name[:100]}'; there are {', '.join(PROMPTS)}.")
    for name in prompt.needed:
        if not given.get(name, "").strip():
            raise MCPError(types.INVALID_PARAMS, f"Invalid params: params.arguments.{name} is missing.")
    said = types.PromptMessage(role="user", content=types.TextContent(text=prompt.text(given)))
    return types.GetPromptResult(description=prompt.description, messages=[said])


def _no_cursor(params: Any) -> None:
    """These lists are one page each."""
    if params and params.cursor:
        raise MCPError(types.INVALID_PARAMS, "Invalid params: params.cursor is not one of this list's.")
