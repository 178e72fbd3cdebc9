"""The whole HTTP framework: a handler's frame, its answers, and where errors become HTTP."""

import base64
import binascii
import functools
import json
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.context import RequestContext, begin
from gateway.errors import GatewayError, InternalError, InvalidApiKey, InvalidRequest, RequestTooLarge
from gateway.limit_headers import NAMES as LIMIT_HEADERS
from gateway.observability import logger
from gateway.settings import Settings, settings

Event = dict[str, Any]
Response = dict[str, Any]
Handler = Callable[[Event, Any], Response]

MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_ANSWER_BYTES = 5_500_000
"""Lambda returns at most 6 MB, and counts the answer with its quotes escaped."""

GATEWAY_HEADERS = (
    "provider", "model", "strategy", "attempts", "rounds", "cost-usd", "overhead-ms", "dropped-params", "next-cursor",
)  # fmt: skip
EXPOSED_HEADERS = ", ".join(
    ["x-request-id", "etag", "retry-after", "retry-after-ms", "x-should-retry", "allow", *LIMIT_HEADERS]
    + [f"x-gateway-{name}" for name in GATEWAY_HEADERS]
)


def api_handler(handler: Handler) -> Handler:
    """Frame a function: request id, one log line, CORS, and the one place where exceptions turn into HTTP.

    Args:
        handler: takes API Gateway's event and Lambda's context, returns a response made by `respond`.
    """
    config = settings()

    @functools.wraps(handler)
    def lambda_handler(event: Event, context: Any) -> Response:
        headers = request_headers(event)
        request = begin(event, context, headers, config.request_timeout)
        logger.append_keys(request_id=request.id)
        response = _answer(handler, event, context)
        response["headers"] |= {"x-request-id": request.id} | cors_headers(config, headers.get("origin"))
        _log(event, headers, request, response)
        return response

    return lambda_handler


def _answer(handler: Handler, event: Event, context: Any) -> Response:
    try:
        return handler(event, context)
    except GatewayError as error:
        return error_response(error)
    except Exception as error:  # noqa: BLE001 - the last resort: a client gets a 500, the log its cause
        return error_response(unexpected(error))


def unexpected(
    error: Exception,
    told: str = "The gateway failed. Its log names the cause under this request's id.",
    line: str = "unexpected error",
    **known: str,
) -> InternalError:
    """What a client is told of a fault that was not foreseen.

    An exception's own text may quote a prompt or a secret, so only where it happened is logged.

    Args:
        told: to the client.
        line, known: the line of the log, and what it tells besides.
    """
    where = traceback.format_tb(error.__traceback__)
    detail = str(error) if settings().log_prompts else None
    logger.error(line, error=type(error).__name__, where=where, detail=detail, extra=known)
    return InternalError(told)


def _log(event: Event, headers: Mapping[str, str], request: RequestContext, response: Response) -> None:
    known = {
        "method": event.get("httpMethod"),
        "path": str(event.get("path"))[:512],
        "status": response["statusCode"],
        "duration_ms": round((time.time() - request.started) * 1000),
        "client_request_id": request.client_request_id,
        "traceparent": headers.get("traceparent", "")[:128] or None,
        **request.log,
    }
    logger.info("request", extra={name: value for name, value in known.items() if value is not None})


def request_headers(event: Event) -> dict[str, str]:
    """The request's headers with names in lower case; of a repeated header the last, as API Gateway gives it."""
    return {name.lower(): str(value) for name, value in (event.get("headers") or {}).items()}


def bearer_token(event: Event) -> str:
    """The token of `Authorization: Bearer …`, the word in any case.

    Raises:
        InvalidApiKey: there is none.
    """
    scheme, _, token = request_headers(event).get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidApiKey("You did not send an API key. Send one as 'Authorization: Bearer sk-gw-…'.")
    return token.strip()


def body_bytes(event: Event) -> bytes:
    """The request's body as it was sent.

    Raises:
        InvalidRequest: there is none, or API Gateway's Base64 is broken.
        RequestTooLarge: it is over 5 MiB.
    """
    body = (event.get("body") or "").encode("utf-8", "surrogatepass")
    if event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error:
            raise InvalidRequest("The request body is not valid Base64.") from None
    if not body.strip():
        raise InvalidRequest("The request has no body; send a JSON object.")
    if len(body) > MAX_BODY_BYTES:
        raise RequestTooLarge(f"The request body is {len(body):,} bytes; the gateway takes {MAX_BODY_BYTES:,}.")
    return body


def respond(status: int, body: str, headers: Mapping[str, str] | None = None) -> Response:
    """A response of API Gateway's proxy format; JSON unless `headers` say otherwise."""
    return {"statusCode": status, "headers": {"content-type": "application/json"} | dict(headers or {}), "body": body}


def json_response(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response."""
    return respond(status, to_json(body), headers)


def as_page(data: Sequence[Mapping[str, Any]], next_cursor: str | None) -> dict[str, Any]:
    """A page of a list; those after it are behind the cursor, None if there are none."""
    return {"object": "list", "data": data, "has_more": next_cursor is not None, "next_cursor": next_cursor}


def to_json(value: Any) -> str:
    """Compact JSON, readable where it can be: only escapes can carry half of a surrogate pair, which models do send."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def error_response(error: GatewayError) -> Response:
    """An error in OpenAI's format."""
    return json_response(error.status, error.body(), error.response_headers())


def cors_headers(config: Settings, origin: str | None) -> dict[str, str]:
    """Let browsers read the answer: everyone's, or only those of the listed origins.

    Args:
        origin: the request's Origin header.
    """
    exposed = {"access-control-expose-headers": EXPOSED_HEADERS}
    if "*" in config.allowed_origins:
        return {"access-control-allow-origin": "*"} | exposed
    allowed = {"access-control-allow-origin": origin} | exposed if origin in config.allowed_origins and origin else {}
    return {"vary": "origin"} | allowed
