"""The routes that there are, for telling what is wrong with a request that matched none of them."""

import re

from gateway.errors import GatewayError, MethodNotAllowed, UnknownRoute, UnsupportedEndpoint

PREFIX = "/api/v1"
ROUTES = {
    "/health": ["GET"],
    "/models": ["GET"],
    "/models/{model+}": ["GET"],
    "/chat/completions": ["POST"],
    "/completions": ["POST"],
    "/embeddings": ["POST"],
    "/route": ["POST"],
    "/products": ["GET"],
    "/products/search": ["GET"],
    "/products/{id}": ["GET"],
    "/products/{id}/offers": ["GET"],
    "/categories": ["GET"],
    "/mcp": ["DELETE", "GET", "POST"],
    "/mcp/tools": ["GET"],
    "/mcp/tools/{name}": ["POST"],
    "/keys": ["GET", "POST"],
    "/keys/{id}": ["DELETE", "GET", "PATCH"],
    "/keys/{id}/rotate": ["POST"],
    "/teams": ["GET", "POST"],
    "/teams/{id}": ["DELETE", "GET", "PATCH"],
    "/usage": ["GET"],
    "/requests": ["GET"],
    "/requests/{id}": ["GET"],
}
"""Paths under PREFIX and their methods, as template.yaml declares them (a test compares the two)."""

UNSUPPORTED = {
    "/responses": "the Responses API is not served; use POST /api/v1/chat/completions (with the Vercel AI SDK: openai.chat(…))",
    "/messages": "Anthropic's Messages API is not served; use POST /api/v1/chat/completions",
}


def explain(method: str, path: str) -> GatewayError:
    """Why there is nothing at this path, or not by this method.

    Args:
        path: of the request, without the stage.
    """
    where = path.removeprefix(PREFIX) if path.startswith(PREFIX + "/") else None
    for route, methods in ROUTES.items():
        if where and _matches(route, where) and method not in methods:
            allowed = ", ".join(methods)
            return MethodNotAllowed(f"{path[:200]} takes {allowed}, not {method}.", headers={"allow": allowed})
    for endpoint, pointer in UNSUPPORTED.items():
        if where and (where == endpoint or where.startswith(endpoint + "/")):
            return UnsupportedEndpoint(f"{PREFIX}{endpoint}: {pointer}.")
    return UnknownRoute(
        f"There is nothing at {path[:200]}. The API is under {PREFIX}, such as {PREFIX}/chat/completions."
    )


def _matches(route: str, path: str) -> bool:
    """Whether a path is one of a route's: {id} stands for one segment, {model+} for all that follow."""
    parts = re.split(r"(\{\w+\+?\})", route)
    pattern = "".join(
        (".+" if part.endswith("+}") else "[^/]+") if part.startswith("{") else re.escape(part) for part in parts
    )
    return re.fullmatch(pattern, path, re.DOTALL) is not None
