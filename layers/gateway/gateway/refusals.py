"""Why an account has not enough left for a request, and until when."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from gateway import holds
from gateway.accounts import BUDGETS, UNLIMITED, WINDOWS, left_of
from gateway.errors import BudgetHeld, GatewayError, InsufficientQuota, RateLimitExceeded
from gateway.holds import Hold
from gateway.ledger_writes import MOST_HOLDS
from gateway.limit_headers import limit_headers
from gateway.pricing import dollars
from gateway.windows import MINUTE_SECONDS, minute_of

SOON_SECONDS = 1.0
"""When somebody else's request may have ended."""

Item = Mapping[str, Any]


def refusal(item: Item, wanted: Hold, now: float, requests: int = 1) -> GatewayError:
    """What a request is told that the account cannot be admitted for: what is spent before what only is in use.

    Args:
        item: as the refused write found it.
        wanted: what it asked for.
        now: seconds since the epoch.
        requests: of the minute's, that it asked for.
    """
    error = _reason(item, wanted, now, requests)
    error.headers |= limit_headers([item], now)
    return error


def _reason(item: Item, wanted: Hold, now: float, requests: int) -> GatewayError:
    spent, held = _budgets(item, wanted)
    if spent:
        return spent
    minute = max(int(item["minute_no"]), minute_of(now))
    next_minute = max((minute + 1) * MINUTE_SECONDS - now, 0.001)
    same = minute == item["minute_no"]
    if same and item["requests_left"] < requests:
        return RateLimitExceeded(
            f"{_whose(item)} may make {item['rpm_limit']:,} requests a minute.", retry_after=next_minute
        )
    if same and wanted.tokens and item["tokens_left"] < wanted.tokens:
        left = max(0, int(item["tokens_left"]))
        return RateLimitExceeded(
            f"{_whose(item)} may use {item['tpm_limit']:,} tokens a minute; this request needs about {wanted.tokens:,},"
            f" and {left:,} are left.",
            retry_after=next_minute,
        )
    if held:
        return held
    most = min(int(item["max_parallel"]), MOST_HOLDS)
    return RateLimitExceeded(f"{_whose(item)} may have {most:,} requests under way at once.", retry_after=SOON_SECONDS)


def _budgets(item: Item, wanted: Hold) -> tuple[InsufficientQuota | None, BudgetHeld | None]:
    """Whether a budget is spent, or only held by other requests. Of those spent, the one that lasts longest is told."""
    held = None
    for budget in reversed(BUDGETS):
        window = WINDOWS[budget](wanted.minute) if budget in WINDOWS else None
        rolled = window is not None and item["minute_no"] < window[0]
        available = Decimal(left_of(item, budget, wanted.minute))
        if item[budget] >= UNLIMITED or available >= wanted.cost:
            continue
        in_use = sum((h.cost for h in holds.of(item).values() if window is None or window[0] <= h.minute), Decimal(0))
        name = budget.removesuffix("_budget")
        amounts = (
            f"this request may cost up to ${dollars(wanted.cost)}, and ${dollars(max(available, Decimal(0)))} is left"
        )
        if available + (Decimal(0) if rolled else in_use) < wanted.cost:
            until = f" A new {name} begins at {_begins(window[1] + 1)}." if window else ""
            told = f"{_whose(item)} has a budget of ${dollars(Decimal(item[budget]))} {_per(name)}: {amounts}.{until}"
            return InsufficientQuota(f"{told} Ask for less with max_tokens." if available > 0 else told), None
        held = BudgetHeld(
            f"{_whose(item)} has a budget of ${dollars(Decimal(item[budget]))} {_per(name)}: {amounts};"
            f" ${dollars(in_use)} is set aside for requests that are under way.",
            retry_after=SOON_SECONDS,
        )
    return None, held


def _whose(item: Item) -> str:
    return "This API key's team" if item["kind"] == "team" else "This API key"


def _per(name: str) -> str:
    return "in total" if name == "total" else f"a {name}"


def _begins(minute: int) -> str:
    return datetime.fromtimestamp(minute * MINUTE_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
