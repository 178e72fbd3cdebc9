"""The catalogue as resources: each product, and the categories. What they hold is what the tools answer."""

import re
from typing import Any
from urllib.parse import quote, unquote

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway.errors import InvalidRequest, NotFound, ProtocolError
from gateway.http import to_json
from gateway.mcp import prompts
from gateway.mcp.messages import JSON
from gateway.mcp.paging import refuse_cursor
from gateway.mcp.rpc import CODES, OLD_NOT_FOUND
from gateway.products.parts import ID
from gateway.search.live import live
from gateway.search.query import Query
from gateway.tools.catalogue import TOOLS

Context = ServerRequestContext[Any, Any]

PRODUCTS = "catalogue://products/"
TEMPLATE = f"{PRODUCTS}{{id}}"
CATEGORIES = "catalogue://categories"
PAGE = 50
SUGGESTIONS = 20


async def listed(_: Context, params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
    """A page of the products; before the first of them the categories."""
    cursor = params.cursor if params else None
    try:
        found = live().ask(lambda index: index.search(Query(limit=PAGE, cursor=cursor)))
    except InvalidRequest:
        place = "params.cursor"
        raise InvalidRequest(
            f"{place}: must be the nextCursor of the page before, as it was given.", param=place
        ) from None
    products = [_resource(product) for product in found.products]
    first = [] if cursor else [_categories()]
    return types.ListResourcesResult(resources=first + products, next_cursor=found.next_cursor)


async def templates(_: Context, params: types.PaginatedRequestParams | None) -> types.ListResourceTemplatesResult:
    """The one template there is."""
    refuse_cursor(params)
    template = types.ResourceTemplate(
        name="product",
        title="Product",
        uri_template=TEMPLATE,
        description="All that is known of a product, by its id: description, attributes, offers, prices.",
        mime_type=JSON,
    )
    return types.ListResourceTemplatesResult(resource_templates=[template])


async def read(context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    """What the tools answer about the categories, or a product."""
    try:
        content = _content(params.uri)
    except NotFound:
        is_new = context.protocol_version in MODERN_PROTOCOL_VERSIONS
        number = types.INVALID_PARAMS if is_new else OLD_NOT_FOUND
        told, data = f"There is no resource '{params.uri[:256]}'.", {"uri": params.uri[:256]}
        raise ProtocolError(told, number, code=CODES[OLD_NOT_FOUND], data=data) from None
    return types.ReadResourceResult(
        contents=[types.TextResourceContents(uri=params.uri, mime_type=JSON, text=to_json(content))]
    )


async def complete(_: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    """Ids of products that fit what somebody has typed of one; nothing for what is not a product.

    Raises:
        InvalidRequest: there is no such prompt or template.
    """
    ref, argument = params.ref, params.argument
    if isinstance(ref, types.PromptReference):
        names_product = argument.name in prompts.known(ref.name).product_arguments
    elif ref.uri == TEMPLATE:
        names_product = argument.name == "id"
    else:
        raise InvalidRequest(f"There is no resource template '{ref.uri[:256]}'.", param="params.ref.uri")
    if not names_product or not argument.value.strip():
        return types.CompleteResult(completion=types.Completion(values=[], total=0, has_more=False))
    query = Query(text=argument.value[:256], prefix=True, limit=SUGGESTIONS)
    found = live().ask(lambda index: index.search(query))
    ids = [product["id"] for product in found.products]
    return types.CompleteResult(
        completion=types.Completion(values=ids, total=found.total, has_more=found.total > len(ids))
    )


def _content(uri: str) -> dict[str, Any]:
    """Raises NotFound: there is no such resource."""
    if uri == CATEGORIES:
        return TOOLS["list_categories"].answer({})
    product_id = unquote(uri.removeprefix(PRODUCTS)) if uri.startswith(PRODUCTS) else ""
    if not re.fullmatch(ID, product_id):
        raise NotFound("There is no such resource.")
    return TOOLS["get_product"].answer({"catalog": {"id": product_id}})


def _resource(product: dict[str, Any]) -> types.Resource:
    told = [product["brand"], *product["categories"][:1]]
    return types.Resource(
        name=product["id"],
        title=product["title"],
        uri=PRODUCTS + quote(product["id"], safe=""),
        description=", ".join(part for part in told if part) or None,
        mime_type=JSON,
    )


def _categories() -> types.Resource:
    return types.Resource(
        name="categories",
        title="Categories",
        uri=CATEGORIES,
        description="What the shop sells: its categories, with the number of products in each.",
        mime_type=JSON,
    )
