"""One request's whole life: look the model up, route, log, answer."""

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from gateway import request_log, streaming
from gateway.attempts import Attempt, Route, token
from gateway.candidates import Planner, admissible
from gateway.context import RequestContext, current
from gateway.credentials import provider_secrets
from gateway.embeddings import EmbeddingRequest
from gateway.errors import GatewayError, InternalError, ResponseTooLarge
from gateway.health import fleet
from gateway.http import MAX_ANSWER_BYTES, Response, error_response, respond, to_json
from gateway.keys import ApiKey
from gateway.legacy import from_chat
from gateway.observability import count, logger
from gateway.pricing import dollars
from gateway.providers.base import Answer, printable
from gateway.questions import Chat, Embedding, Question
from gateway.registry import Deployment, Registry
from gateway.registry_source import registry
from gateway.router import Router
from gateway.schemas import ChatCompletionRequest, LegacyCompletionRequest
from gateway.settings import settings
from gateway.strategies import Turns
from gateway.usage import COUNTS

Render = Callable[[Answer, Decimal | None], Response]

MAX_LISTED = 20
"""Places of a request that a header names: all headers together may have 10 KB."""

_turns = Turns()


def complete(
    key: ApiKey,
    request: ChatCompletionRequest,
    strategy: str | None = None,
    legacy: LegacyCompletionRequest | None = None,
) -> Response:
    """Serve a completion.

    Args:
        key: who asks; may use inference.
        request: what is asked.
        strategy: by which it is to be routed; None leaves it to the model.
        legacy: the request of old that it stands for, whose format the answer takes.
    Raises:
        ModelNotFound: there is no such model; nothing was admitted yet.
        ModelNotAllowed: the key may not use it; nothing was admitted yet.
    """
    return _serve(key, Chat(request), strategy, lambda answer, cost: render(answer, request, legacy, cost))


def embed(key: ApiKey, request: EmbeddingRequest, strategy: str | None = None) -> Response:
    """Serve embeddings; as `complete`."""
    return _serve(key, Embedding(request), strategy, lambda answer, _: _bounded(respond(200, to_json(answer.body))))


def _serve(key: ApiKey, question: Question, strategy: str | None, render: Render) -> Response:
    """From here on the request is admitted: whatever becomes of it leaves exactly one row, unless its process is killed."""
    known = registry()
    deployments = admissible(known, question, key, current().started)
    taken = Route(strategy or known.model(question.model).strategy)
    try:
        planner = planned(known, question, key, strategy, deployments)
        answer = Router(question, fleet(), current().deadline, planner.plans, taken).route(question.model)
        response = render(answer, taken.cost)
    except GatewayError as error:
        response = error_response(error)
        _settle(key, question, taken, error)
    except BaseException:
        _settle(key, question, taken, InternalError("unexpected"))
        raise
    else:
        _settle(key, question, taken, None)
    response["headers"] |= gateway_headers(taken, current())
    return response


def planned(
    known: Registry, question: Question, key: ApiKey, strategy: str | None, deployments: Sequence[Deployment]
) -> Planner:
    """What is known of a request's deployments, brought together: their health is read beside the providers' keys.

    Raises:
        ServiceUnavailable: the providers' keys cannot be read.
    """
    now = current().deadline.now()
    read = fleet().refreshing([deployment.name for deployment in deployments], now)
    secrets = provider_secrets() if any(d.provider.needs_secrets for d in deployments) else {}
    read()
    return Planner(known, question, key, strategy, secrets, fleet(), _turns, now)


def render(
    answer: Answer, request: ChatCompletionRequest, legacy: LegacyCompletionRequest | None, cost: Decimal | None
) -> Response:
    """The answer in the format that was asked for: chat or legacy, whole or as events.

    Args:
        cost: US dollars, which a stream carries beside the reason why it ended; None if it is not known.
    Raises:
        ResponseTooLarge: Lambda could not return it.
    """
    body = from_chat(legacy, answer.body) if legacy else answer.body
    if not request.stream:
        return _bounded(respond(200, to_json(body)))
    events = streaming.text_events if legacy else streaming.chat_events
    usage = bool(request.stream_options and request.stream_options.include_usage)
    told = {"cost_usd": None if cost is None else dollars(cost)}
    headers = {"content-type": "text/event-stream", "cache-control": "no-cache"}
    return _bounded(respond(200, events(body, usage, told), headers))


def _bounded(response: Response) -> Response:
    if len(to_json(response["body"]).encode()) > MAX_ANSWER_BYTES:
        raise ResponseTooLarge("The model's answer is larger than the gateway can return; ask for less.")
    return response


def gateway_headers(taken: Route, request: RequestContext) -> dict[str, str]:
    """What the gateway tells about a request, whether it succeeded or not."""
    milliseconds = round((time.time() - request.started) * 1000) - taken.provider_milliseconds
    headers = {
        "x-gateway-strategy": taken.strategy,
        "x-gateway-attempts": ", ".join(map(_told, taken.attempts)) or "none",
        "x-gateway-overhead-ms": str(max(0, milliseconds)),
    }
    if taken.attempts:
        headers["x-gateway-provider"] = taken.attempts[-1].deployment.provider.name
    if taken.answer:
        headers["x-gateway-model"] = taken.answer.model
    if taken.cost is not None:
        headers["x-gateway-cost-usd"] = dollars(taken.cost)
    if taken.dropped:
        headers["x-gateway-dropped-params"] = _listed(taken.dropped)
    return headers


def _told(attempt: Attempt) -> str:
    """One attempt: the deployment, and what came of it, as parameters of RFC 8941's form."""
    return f"{token(attempt.deployment.name)};outcome={attempt.word};ms={attempt.milliseconds}"


def _listed(places: Sequence[str]) -> str:
    """As many as a header may hold, and how many more there are."""
    more = [f"and {len(places) - MAX_LISTED} more"] if len(places) > MAX_LISTED else []
    return ", ".join([*map(printable, places[:MAX_LISTED]), *more])


def _settle(key: ApiKey, question: Question, taken: Route, error: GatewayError | None) -> None:
    """Write the row, and put what matters of it on the request's log line."""
    context = current()
    outcome: dict[str, Any] = {
        "model": question.model[:256],
        "status": error.status if error else 200,
        "error_code": (error.code or error.type) if error else None,
        "provider": taken.attempts[-1].deployment.provider.name if taken.attempts else None,
        "provider_model": taken.answer.model if taken.answer else None,
        "provider_ms": taken.provider_milliseconds,
        **{name: getattr(taken.usage, name) for name in COUNTS},
    }
    row = request_log.RequestRow(
        owner=key.id,
        request_id=context.id,
        created_at=request_log.milliseconds(context.started),
        endpoint=context.route,
        stream=question.stream,
        latency_ms=request_log.milliseconds() - request_log.milliseconds(context.started),
        strategy=taken.strategy,
        attempts=[attempt.to_row() for attempt in taken.attempts],
        client_request_id=context.client_request_id,
        cost_usd=taken.cost,
        **outcome,
    )
    request_log.write(row)
    context.log |= outcome | {"cost_usd": None if taken.cost is None else dollars(taken.cost)}
    _tell_unknown_costs(taken)
    if settings().log_prompts:
        answered = taken.answer.body.get("choices") if taken.answer else None
        logger.info("prompt", messages=question.prompt(), choices=answered)


def _tell_unknown_costs(taken: Route) -> None:
    """A cost that is not known is never 0: it is null, a warning and a metric, so that somebody looks for the price."""
    for attempt in taken.attempts:
        if attempt.usage is None or attempt.cost is not None:
            continue
        uncounted = attempt.deployment.price and attempt.usage.to_openai() is None
        metric = "UnknownUsage" if uncounted else "UnknownPrice"
        logger.warning("cost unknown", deployment=attempt.deployment.name, metric=metric, special=attempt.usage.special)
        count(metric, deployment=attempt.deployment.name)
