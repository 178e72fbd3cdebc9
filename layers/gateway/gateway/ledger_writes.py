"""The ledger's writes: single conditional updates of one account's item, each of which may be repeated.

Source of the scheme: "Ledger" in the project's design: subtract before, give back after, on conditions that hold only once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.accounts import BUDGETS
from gateway.holds import Hold
from gateway.windows import day_of, month_of

MOST_HOLDS = 2000
"""Of an account, whatever its limit: an item may have 400 KB."""

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Write:
    """An update of an item under a condition; attributes are written as #name, values as :name, a hold as #holds.#hold.

    Attributes:
        hold: the name of the hold that it is about.
    """

    hold: str
    changes: str
    condition: str
    values: Mapping[str, Any]


def admit(item: Item, name: str, hold: Hold) -> Write:
    """Take what a request needs from what is left, and set its hold.

    Args:
        item: the account as it is known. If its windows are of an earlier minute than the hold's, this opens the new ones.
    """
    changes, conditions = list[str](), list[str]()
    for left, limit, taken, is_new in _counters(item, hold):
        source = limit if is_new else left
        changes.append(f"#{left} = #{source} - :{taken}")
        conditions.append(f"#{source} >= :{taken}")
    values: dict[str, Any] = {
        "one": 1, "tokens": hold.tokens, "cost": hold.cost, "hold": hold.text(), "policy_no": item["policy_no"],
        "known": item["minute_no"], "parallel": min(item["max_parallel"], MOST_HOLDS),
    }  # fmt: skip
    if hold.minute > item["minute_no"]:
        changes.append("#minute_no = :minute")
        values["minute"] = hold.minute
    conditions += [
        "#policy_no = :policy_no", "#minute_no = :known", "size(#holds) < :parallel", "attribute_not_exists(#holds.#hold)",
    ]  # fmt: skip
    return Write(name, f"SET {', '.join(changes)}, #holds.#hold = :hold", " AND ".join(conditions), values)


def _counters(item: Item, hold: Hold) -> list[tuple[str, str, str, bool]]:
    """Each counter: what is left, its limit, what is taken, and whether its window is a new one."""
    known = int(item["minute_no"])
    newer = hold.minute > known
    new_day, new_month = hold.minute > day_of(known)[1], hold.minute > month_of(known)[1]
    return [
        ("requests_left", "rpm_limit", "one", newer),
        ("tokens_left", "tpm_limit", "tokens", newer),
        ("day_left", "day_budget", "cost", new_day),
        ("month_left", "month_budget", "cost", new_month),
        ("total_left", "total_budget", "cost", False),
    ]


def extend(item: Item, name: str, old: Hold, new: Hold, minute: int) -> Write:
    """Take more for a request that goes on, from the windows that it was admitted in, as far as they are still open.

    What it does not take more of is no condition: it may have been used up by what was more than its hold.

    Args:
        minute: the present one. What is left of a minute that is over, and that no admission has closed yet, is no condition;
            budgets are, so that none is passed.
    """
    more = {"tokens": new.tokens - old.tokens, "cost": new.cost - old.cost}
    taken = {"tokens_left": "tokens"} | dict.fromkeys(BUDGETS.values(), "cost")
    lefts = {left: taken[left] for left in _open(item, old) if left in taken and more[taken[left]]}
    changes = [f"#{left} = #{left} - :{name}" for left, name in lefts.items()]
    over = ["tokens_left"] if minute > old.minute else []
    conditions = [f"#{left} >= :{name}" for left, name in lefts.items() if left not in over]
    return Write(
        name,
        f"SET {', '.join([*changes, '#holds.#hold = :new'])}",
        " AND ".join([*conditions, "#minute_no = :known", "#holds.#hold = :old"]),
        {name: more[name] for name in lefts.values()}
        | {"known": item["minute_no"], "old": old.text(), "new": new.text()},
    )


def release(item: Item, name: str, hold: Hold, tokens: int, cost: Decimal, requests: int = 0) -> Write:
    """End a hold, and give back what was held beyond what was used, into the windows that it was taken from.

    Args:
        tokens, cost: what was really used; more than was held is taken.
        requests: 1 if the request was not admitted after all.
    """
    back = {"tokens_left": "tokens", "requests_left": "requests"} | dict.fromkeys(BUDGETS.values(), "cost")
    lefts = _open(item, hold) if requests else [left for left in _open(item, hold) if left != "requests_left"]
    values = {"tokens": hold.tokens - tokens, "cost": hold.cost - cost, "requests": requests}
    first, last = _until_the_next(item, hold)
    return Write(
        name,
        f"SET {', '.join(f'#{left} = #{left} + :{back[left]}' for left in lefts)} REMOVE #holds.#hold",
        "#holds.#hold = :held AND #minute_no BETWEEN :first AND :last",
        {"first": first, "last": last, "held": hold.text()} | {back[left]: values[back[left]] for left in lefts},
    )


def hold_again(item: Item, name: str, hold: Hold) -> Write:
    """Hold what a request has cost that was given up, whatever is left, in the windows of its minute that are still open."""
    lefts = [left for left in _open(item, hold) if left in BUDGETS.values()]
    return Write(
        name,
        f"SET {', '.join(f'#{left} = #{left} - :cost' for left in lefts)}, #holds.#hold = :hold",
        "#minute_no = :known AND attribute_not_exists(#holds.#hold)",
        {"cost": hold.cost, "known": item["minute_no"], "hold": hold.text()},
    )


def _open(item: Item, hold: Hold) -> list[str]:
    """The counters that a hold was taken from and whose windows have not ended."""
    now = int(item["minute_no"])
    lefts = ["total_left"]
    if now <= month_of(hold.minute)[1]:
        lefts.append("month_left")
    if now <= day_of(hold.minute)[1]:
        lefts.append("day_left")
    if now <= hold.minute:
        lefts += ["tokens_left", "requests_left"]
    return lefts


def _until_the_next(item: Item, hold: Hold) -> tuple[int, int]:
    """The minutes for which the same windows of a hold are open as in the item's."""
    now = int(item["minute_no"])
    ends = [hold.minute, day_of(hold.minute)[1], month_of(hold.minute)[1], 10**12]
    first = 0
    for end in ends:
        if now <= end:
            return first, end
        first = end + 1
    raise AssertionError("no minute is that late")
