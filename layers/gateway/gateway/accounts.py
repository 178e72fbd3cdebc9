"""Items of the Keys table: API keys and teams, each with its policy, what is left of every limit, and the holds on it.

A key's and a team's items are alike, so that the ledger treats them alike: both are accounts.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from gateway.windows import Span, day_of, minute_of, month_of

UNLIMITED = 10**15
RATES = {"rpm_limit": "requests_left", "tpm_limit": "tokens_left"}
BUDGETS = {"day_budget": "day_left", "month_budget": "month_left", "total_budget": "total_left"}
"""US dollars."""
LEFT = RATES | BUDGETS
"""What counts down, and from which limit."""
LIMITS = (*RATES, "max_parallel", *BUDGETS)
WINDOWS: Mapping[str, Callable[[int], Span]] = {
    **dict.fromkeys(RATES, lambda minute: (minute, minute)),
    "day_budget": day_of,
    "month_budget": month_of,
}
"""The window, around a minute, that a limit is counted in; a total has none."""

Item = dict[str, Any]


def new_account(account_id: str, kind: str, name: str, now: float, **policy: Any) -> Item:
    """An item with every counter on it: arithmetic on a missing attribute is an error in DynamoDB.

    Args:
        kind: "key" or "team".
        name: what operators call it.
        now: seconds since the epoch; the minute that it falls in is the first window.
        policy: limits other than unlimited (amounts in US dollars as Decimal), and whatever else is to be on it.
    """
    limits: dict[str, Any] = dict.fromkeys(LIMITS, UNLIMITED) | {
        name: policy[name] for name in LIMITS if name in policy
    }
    return {
        "id": account_id,
        "kind": kind,
        "name": name,
        "key_status": "active",
        "policy_no": 1,
        "created_at": int(now),
        "minute_no": minute_of(now),
        "holds": {},
        **{left: limits[limit] for limit, left in LEFT.items()},
        **policy,
        **limits,
    }


def completed(item: Item) -> Item:
    """An item with what those lack that were made before there were limits: they have none, and a policy without a number."""
    limits: Item = dict.fromkeys(LIMITS, UNLIMITED) | item
    lefts = {left: limits[limit] for limit, left in LEFT.items()}
    return {"policy_no": 0, "minute_no": 0, "holds": {}} | lefts | limits


def left_of(item: Mapping[str, Any], limit: str, minute: int) -> Any:
    """What is left of a limit in a minute: all of it, if the item's counter is of a window before."""
    window = WINDOWS.get(limit)
    return item[limit] if window and item["minute_no"] < window(minute)[0] else item[LEFT[limit]]


def is_limited(item: Item) -> bool:
    """Whether anything of it is counted; what is not needs no hold."""
    return any(item.get(limit, UNLIMITED) < UNLIMITED for limit in LIMITS)


def has_budget(item: Item) -> bool:
    """Whether it may spend only so much."""
    return any(item.get(budget, Decimal(UNLIMITED)) < UNLIMITED for budget in BUDGETS)
