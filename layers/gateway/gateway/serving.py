"""Requests that ask no model: counted by their key's limits like all others, free of charge, and logged by a row each."""

from collections.abc import Callable
from decimal import Decimal

from gateway import keys
from gateway.context import current
from gateway.errors import GatewayError, InternalError, ServiceUnavailable
from gateway.http import Response, error_response
from gateway.keys import ApiKey
from gateway.ledger import MOST_CHANGES, Account, Estimate, PolicyChanged, ledger
from gateway.limit_headers import limit_headers
from gateway.request_log import RequestRow, milliseconds

FREE = Estimate(Decimal(0), 0)


def serve(
    key: ApiKey,
    scope: str,
    answer: Callable[[], Response],
    refusal: Callable[[GatewayError], Response] = error_response,
) -> Response:
    """Admit a request, have it answered, and settle it: whatever becomes of it, it leaves exactly one row.

    Args:
        key: who asks.
        scope: what the route asks for.
        answer: makes the response.
        refusal: tells an error that the answer ended in, in the route's format.
    Raises:
        InvalidApiKey, InsufficientScope: the key is not good any more; nothing was admitted.
        RateLimitExceeded, InsufficientQuota: it, or its team, has nothing left; nothing was admitted.
        ServiceUnavailable: the Keys table does not answer; nothing was admitted.
    """
    key, accounts = _admit(key, scope)
    try:
        response = answer()
    except GatewayError as error:
        response = refusal(error)
        _settle(key, accounts, error.status, error.code or error.type)
    except BaseException:
        _settle(key, accounts, InternalError.status, InternalError.code)
        raise
    else:
        _settle(key, accounts, response["statusCode"], None)
    response["headers"] |= limit_headers([account.item for account in accounts], current().deadline.now())
    return response


def _admit(key: ApiKey, scope: str) -> tuple[ApiKey, list[Account]]:
    request = current()
    for _ in range(MOST_CHANGES):
        try:
            accounts = ledger().admit(key.accounts, request.id, FREE, request.deadline.at)
        except PolicyChanged as change:
            key = keys.again(key, scope, request.deadline.now(), change.item)
        else:
            return key, accounts
    raise ServiceUnavailable("The key's policy is being changed; try again.", retry_after=1)


def _settle(key: ApiKey, accounts: list[Account], status: int, error_code: str | None) -> None:
    request = current()
    row = RequestRow(
        owner=key.id,
        request_id=request.id,
        created_at=milliseconds(request.started),
        endpoint=request.route,
        model="",
        status=status,
        error_code=error_code,
        stream=False,
        latency_ms=milliseconds() - milliseconds(request.started),
        provider_ms=0,
        attempts=[],
        cost_usd=Decimal(0),
        client_request_id=request.client_request_id,
        team=key.team,
        tools=request.tools or None,
    )
    ledger().settle(accounts, row.values())
    for account in accounts:
        keys.remember(account.item, request.deadline.now())
    request.log |= {"error_code": error_code} if error_code else {}
