"""POST /api/v1/mcp: who may ask, and what is kept of it; what is asked is the server's to answer."""

import functools

import anyio
from mcp_types.methods import SPEC_CLIENT_METHODS, SPEC_CLIENT_NOTIFICATION_METHODS

from gateway import keys
from gateway.context import current
from gateway.errors import GatewayError, MethodNotAllowed, OriginNotAllowed
from gateway.http import Event, Response, bearer_token, request_headers
from gateway.mcp.asgi import Asgi
from gateway.mcp.messages import Message
from gateway.mcp.rpc import answered, error_response, request_id
from gateway.mcp.server import catalogue_server
from gateway.products.parts import SCOPE
from gateway.serving import serve
from gateway.settings import settings

KNOWN_METHODS = SPEC_CLIENT_METHODS | SPEC_CLIENT_NOTIFICATION_METHODS


def answer(event: Event) -> Response:
    """The response to a request of any method: every error is one of JSON-RPC's."""
    return answered(event, _admitted)


def _admitted(event: Event) -> Response:
    if event["httpMethod"] != "POST":
        told = f"There is no stream to open and no session to end here: POST each message, not {event['httpMethod']}."
        raise MethodNotAllowed(told, headers={"allow": "POST"})
    _check_origin(request_headers(event).get("origin"))
    key = keys.authenticate(bearer_token(event), SCOPE, admitted=True)

    def refusal(error: GatewayError) -> Response:
        return error_response(error, request_id(event))

    return serve(key, SCOPE, lambda: adapter().answer(event), refusal)


def _check_origin(origin: str | None) -> None:
    """A page of any other origin must not use the server through its visitor's browser.

    Raises:
        OriginNotAllowed: it is not one of those that the deployment lists.
    """
    allowed = settings().allowed_origins
    if origin is not None and "*" not in allowed and origin not in allowed:
        raise OriginNotAllowed


@functools.cache
def adapter() -> Asgi:
    """The instance's server. What its event loops run on is imported when one first runs: that is now, not in the first request."""
    anyio.run(anyio.sleep, 0)
    return Asgi(catalogue_server(), _note)


def _note(message: Message) -> None:
    """Put on the request's log line what was asked, in the protocol's words; a client's own may be anything."""
    if message.method:
        current().log["mcp_method"] = message.method if message.method in KNOWN_METHODS else "unknown"
