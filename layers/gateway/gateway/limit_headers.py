"""What the headers tell a client of its limits, in OpenAI's words, and of its budget."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.accounts import BUDGETS, UNLIMITED, left_of
from gateway.pricing import dollars
from gateway.windows import MINUTE_SECONDS, minute_of

WORDS = {"rpm_limit": "requests", "tpm_limit": "tokens"}
NAMES = (
    *(f"x-ratelimit-{part}-{word}" for word in WORDS.values() for part in ("limit", "remaining", "reset")),
    "x-gateway-budget-remaining-usd",
)

Item = Mapping[str, Any]


def limit_headers(items: Sequence[Item], now: float) -> dict[str, str]:
    """The limits that are nearest, of all accounts of a request; nothing of what is unlimited.

    Args:
        items: the accounts, as they were last seen.
        now: seconds since the epoch.
    """
    headers, minute = dict[str, str](), minute_of(now)
    for limit, word in WORDS.items():
        lefts = [(int(left_of(item, limit, minute)), int(item[limit])) for item in items if item[limit] < UNLIMITED]
        if lefts:
            left, most = min(lefts)
            headers |= {
                f"x-ratelimit-limit-{word}": str(most),
                f"x-ratelimit-remaining-{word}": str(max(0, left)),
                f"x-ratelimit-reset-{word}": _seconds(items, now),
            }
    budgets = [
        Decimal(left_of(item, budget, minute)) for item in items for budget in BUDGETS if item[budget] < UNLIMITED
    ]
    if budgets:
        headers["x-gateway-budget-remaining-usd"] = dollars(max(min(budgets), Decimal(0)))
    return headers


def _seconds(items: Sequence[Item], now: float) -> str:
    """Until the next minute, as OpenAI writes it."""
    minute = max(minute_of(now), *(int(item["minute_no"]) for item in items))
    return f"{(minute + 1) * MINUTE_SECONDS - now:.3f}".rstrip("0").rstrip(".") + "s"
