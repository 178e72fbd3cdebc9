"""One request's whole life: look the model up, route, log, answer."""

import functools
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from gateway import admission as admissions
from gateway import request_log, streaming
from gateway.admission import Admission
from gateway.attempts import Attempt, Route, token
from gateway.context import RequestContext, current
from gateway.embeddings import EmbeddingRequest
from gateway.errors import GatewayError, InternalError, InvalidRequest, ResponseTooLarge
from gateway.health import fleet
from gateway.http import MAX_ANSWER_BYTES, Response, error_response, respond, to_json
from gateway.keys import ApiKey
from gateway.legacy import from_chat
from gateway.limit_headers import limit_headers
from gateway.observability import count, logger
from gateway.pricing import dollars
from gateway.products.parts import SCOPE
from gateway.providers.base import Answer, printable
from gateway.questions import Chat, Embedding, Question
from gateway.registry_source import registry
from gateway.rounds import Rounds
from gateway.router import Router
from gateway.schemas import ChatCompletionRequest, LegacyCompletionRequest
from gateway.settings import settings
from gateway.strategies import Turns
from gateway.tools.requested import Asked, asked
from gateway.usage import COUNTS

Render = Callable[..., Response]
"""Makes the response of an answer, its cost and its rounds."""

MAX_LISTED = 20
"""Places of a request that a header names: all headers together may have 10 KB."""

MAX_ATTEMPTS_LENGTH = 4000
"""Characters of the header that tells them."""

turns = Turns()


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
        InvalidRequest, InsufficientScope: its tools cannot be run so, or not for the key; nothing was admitted yet.
    """
    wanted = asked(request, key)
    if wanted.offer and legacy:
        raise InvalidRequest("tools: the gateway runs tools only for messages, not for a prompt.", param="tools")
    return _serve(
        key, Chat(wanted.request), strategy, functools.partial(render, request=request, legacy=legacy), wanted
    )


def embed(key: ApiKey, request: EmbeddingRequest, strategy: str | None = None) -> Response:
    """Serve embeddings; as `complete`."""
    return _serve(key, Embedding(request), strategy, lambda answer, **_: _bounded(respond(200, to_json(answer.body))))


def _serve(
    key: ApiKey, question: Question, strategy: str | None, render: Render, wanted: Asked | None = None
) -> Response:
    """Once it is admitted, whatever becomes of a request leaves exactly one row, and exact accounts."""
    known = registry()
    taken = Route(strategy or known.model(question.model).strategy)
    offer = wanted.offer if wanted else None
    admission = admissions.enter(known, key, question, ("inference", SCOPE) if offer else ("inference",))
    try:
        if wanted and offer:
            answer = Rounds(admission, known, strategy, turns, taken).answer(wanted, offer)
        else:
            planner = admission.planner(known, strategy, turns)
            router = Router(
                admission.question, fleet(), current().deadline, planner.plans, taken, cover=admission.cover
            )
            answer = router.route(question.model)
        response = render(answer, cost=_cost(admission, taken), rounds=taken.rounds)
    except GatewayError as error:
        response = error_response(wanted.as_sent(error) if wanted else error)
        _settle(admission, taken, error)
    except BaseException:
        _settle(admission, taken, InternalError("unexpected"))
        raise
    else:
        _settle(admission, taken, None)
    response["headers"] |= gateway_headers(taken, _cost(admission, taken), current())
    response["headers"] |= limit_headers([account.item for account in admission.accounts], current().deadline.now())
    return response


def _cost(admission: Admission, taken: Route) -> Decimal | None:
    """What a request costs; where a provider does not say so and the key has a budget, what the budget is charged with."""
    if taken.cost is None and admission.key.has_budget and (taken.is_bounded or taken.charge):
        return taken.charge
    return taken.cost


def render(
    answer: Answer,
    request: ChatCompletionRequest,
    legacy: LegacyCompletionRequest | None,
    cost: Decimal | None,
    rounds: int = 0,
) -> Response:
    """The answer in the format that was asked for: chat or legacy, whole or as events.

    Args:
        cost: US dollars, which a stream carries beside the reason why it ended; None if it is not known.
        rounds: how often the model was asked, if tools were run between.
    Raises:
        ResponseTooLarge: Lambda could not return it.
    """
    body = from_chat(legacy, answer.body) if legacy else answer.body
    if not request.stream:
        return _bounded(respond(200, to_json(body)))
    events = streaming.text_events if legacy else streaming.chat_events
    usage = bool(request.stream_options and request.stream_options.include_usage)
    told: dict[str, Any] = {"cost_usd": None if cost is None else dollars(cost)} | (
        {"rounds": rounds} if rounds else {}
    )
    headers = {"content-type": "text/event-stream", "cache-control": "no-cache"}
    return _bounded(respond(200, events(body, usage, told), headers))


def _bounded(response: Response) -> Response:
    if len(to_json(response["body"]).encode()) > MAX_ANSWER_BYTES:
        raise ResponseTooLarge("The model's answer is larger than the gateway can return; ask for less.")
    return response


def gateway_headers(taken: Route, cost: Decimal | None, request: RequestContext) -> dict[str, str]:
    """What the gateway tells about a request, whether it succeeded or not.

    Args:
        cost: US dollars, if it is known.
    """
    milliseconds = round((time.time() - request.started) * 1000) - taken.provider_milliseconds
    headers = {
        "x-gateway-strategy": taken.strategy,
        "x-gateway-attempts": _attempts(taken.attempts),
        "x-gateway-overhead-ms": str(max(0, milliseconds)),
    }
    if taken.rounds:
        headers["x-gateway-rounds"] = str(taken.rounds)
    if taken.attempts:
        headers["x-gateway-provider"] = taken.attempts[-1].deployment.provider.name
    if taken.answer:
        headers["x-gateway-model"] = taken.answer.model
    if cost is not None:
        headers["x-gateway-cost-usd"] = dollars(cost)
    if taken.dropped:
        headers["x-gateway-dropped-params"] = _listed(taken.dropped)
    return headers


def _attempts(attempts: Sequence[Attempt]) -> str:
    """All attempts; of a request that went on for long as many as a header may hold, and how many more there were."""
    told, size = list[str](), 0
    for attempt in attempts:
        size += len(_told(attempt)) + 2
        if size > MAX_ATTEMPTS_LENGTH:
            return ", ".join([*told, f"more;attempts={len(attempts) - len(told)}"])
        told.append(_told(attempt))
    return ", ".join(told) or "none"


def _told(attempt: Attempt) -> str:
    """One attempt: the deployment, and what came of it, as parameters of RFC 8941's form."""
    return f"{token(attempt.deployment.name)};outcome={attempt.word};ms={attempt.milliseconds}"


def _listed(places: Sequence[str]) -> str:
    """As many as a header may hold, and how many more there are."""
    more = [f"and {len(places) - MAX_LISTED} more"] if len(places) > MAX_LISTED else []
    return ", ".join([*map(printable, places[:MAX_LISTED]), *more])


def _settle(admission: Admission, taken: Route, error: GatewayError | None) -> None:
    """Write the row, release what was held, and put what matters on the request's log line."""
    context, key, question = current(), admission.key, admission.question
    cost = _cost(admission, taken)
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
        team=key.team,
        cost_usd=cost,
        cost_estimated=True if cost is not None and taken.cost is None else None,
        tools=context.tools or None,
        **outcome,
    )
    admission.settle(row.values())
    context.log |= outcome | {"cost_usd": None if cost is None else dollars(cost)}
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
