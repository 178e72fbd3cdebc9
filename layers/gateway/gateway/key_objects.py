"""Keys and teams as admins see them. A secret, or its hash, is never a part of it."""

from decimal import Decimal
from typing import Any

from gateway.accounts import BUDGETS, LEFT, LIMITS, UNLIMITED, Item, left_of
from gateway.pricing import dollars
from gateway.windows import minute_of


def describe(item: Item, now: float) -> dict[str, Any]:
    """The key, or the team, as JSON: null where there is no limit, amounts of money as texts.

    What is left may be below zero, after a limit was made smaller than what was used up already.

    Args:
        now: seconds since the epoch: counters of a window that is over are shown as the next request will find them, full.
    """
    shown = {limit: _shown(limit, item.get(limit, UNLIMITED)) for limit in LIMITS}
    whose = {"scopes": sorted(item.get("scopes", [])), "team": item.get("team")} if item["kind"] == "key" else {}
    return {
        "object": item["kind"],
        "id": item["id"],
        "name": item["name"],
        "status": item["key_status"],
        **whose,
        "models": item.get("models"),
        "allow_unpriced_models": item.get("allow_unpriced_models") is True,
        **shown,
        "created_at": int(item["created_at"]),
        **({"expires_at": _whole(item.get("expires_at"))} if item["kind"] == "key" else {}),
        "left": {
            name.removesuffix("_left"): None
            if shown[limit] is None
            else _shown(limit, left_of(item, limit, minute_of(now)))
            for limit, name in LEFT.items()
        },
        "in_flight": len(item.get("holds", {})),
    }


def _shown(limit: str, value: Any) -> Any:
    if limit not in BUDGETS:
        return None if value == UNLIMITED else int(value)
    return None if value == UNLIMITED else dollars(Decimal(value))


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
