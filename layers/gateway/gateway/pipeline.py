"""One completion's whole life: look the model up, route, log, answer."""

import time
from dataclasses import asdict
from typing import Any

from gateway import request_log, streaming
from gateway.context import RequestContext, current
from gateway.credentials import provider_secrets
from gateway.errors import GatewayError, InternalError, ResponseTooLarge
from gateway.http import Response, error_response, respond, to_json
from gateway.keys import ApiKey
from gateway.legacy import from_chat
from gateway.observability import logger
from gateway.providers.base import Answer, Usage, printable
from gateway.registry import registry
from gateway.router import STRATEGY, Route, route
from gateway.schemas import ChatCompletionRequest, LegacyCompletionRequest
from gateway.settings import settings

MAX_ANSWER_BYTES = 5_500_000
"""Lambda returns at most 6 MB, and counts the answer with its quotes escaped."""


def complete(key: ApiKey, request: ChatCompletionRequest, legacy: LegacyCompletionRequest | None = None) -> Response:
    """Serve a completion.

    From here on the request is admitted: whatever becomes of it leaves exactly one row, unless its process is killed.

    Args:
        key: who asks; may use inference.
        request: what is asked.
        legacy: the request of old that it stands for, whose format the answer takes.
    Raises:
        ModelNotFound: there is no such model; nothing was admitted yet.
    """
    model = registry().model(request.model)
    taken = Route()
    try:
        secrets = provider_secrets() if model.needs_secrets else {}
        answer = route(request, model, secrets, current().deadline, taken)
        response = render(answer, request, legacy)
    except GatewayError as error:
        response = error_response(error)
        _settle(key, request, taken, error)
    except BaseException:
        _settle(key, request, taken, InternalError("unexpected"))
        raise
    else:
        _settle(key, request, taken, None)
    response["headers"] |= gateway_headers(taken, current())
    return response


def render(answer: Answer, request: ChatCompletionRequest, legacy: LegacyCompletionRequest | None) -> Response:
    """The answer in the format that was asked for: chat or legacy, whole or as events.

    Raises:
        ResponseTooLarge: Lambda could not return it.
    """
    body = from_chat(legacy, answer.body) if legacy else answer.body
    if request.stream:
        events = streaming.text_events if legacy else streaming.chat_events
        usage = bool(request.stream_options and request.stream_options.include_usage)
        response = respond(200, events(body, usage), {"content-type": "text/event-stream", "cache-control": "no-cache"})
    else:
        response = respond(200, to_json(body))
    if len(to_json(response["body"]).encode()) > MAX_ANSWER_BYTES:
        raise ResponseTooLarge("The model's answer is larger than the gateway can return; ask for fewer tokens.")
    return response


def gateway_headers(taken: Route, request: RequestContext) -> dict[str, str]:
    """What the gateway tells about a completion, whether it succeeded or not."""
    milliseconds = round((time.time() - request.started) * 1000) - taken.provider_milliseconds
    headers = {
        "x-gateway-strategy": STRATEGY,
        "x-gateway-attempts": str(len(taken.attempts)),
        "x-gateway-overhead-ms": str(max(0, milliseconds)),
    }
    if taken.attempts:
        headers["x-gateway-provider"] = taken.attempts[-1].deployment.provider.name
    if taken.answer:
        headers["x-gateway-model"] = taken.answer.model
    if taken.dropped:
        headers["x-gateway-dropped-params"] = printable(", ".join(taken.dropped))
    return headers


def _settle(key: ApiKey, request: ChatCompletionRequest, taken: Route, error: GatewayError | None) -> None:
    """Write the row, and put what matters of it on the request's log line."""
    context = current()
    usage = asdict(taken.answer.usage if taken.answer else Usage())
    outcome: dict[str, Any] = {
        "model": request.model[:256],
        "status": error.status if error else 200,
        "error_code": (error.code or error.type) if error else None,
        "provider": taken.attempts[-1].deployment.provider.name if taken.attempts else None,
        "provider_model": taken.answer.model if taken.answer else None,
        "provider_ms": taken.provider_milliseconds,
        **usage,
    }
    row = request_log.RequestRow(
        owner=key.id,
        request_id=context.id,
        created_at=request_log.milliseconds(context.started),
        endpoint=context.route,
        stream=bool(request.stream),
        latency_ms=request_log.milliseconds() - request_log.milliseconds(context.started),
        attempts=[attempt.to_row() for attempt in taken.attempts],
        client_request_id=context.client_request_id,
        **outcome,
    )
    request_log.write(row)
    context.log |= outcome
    if settings().log_prompts:
        answered = taken.answer.body["choices"] if taken.answer else None
        logger.info("prompt", messages=request.wire()["messages"], choices=answered)
