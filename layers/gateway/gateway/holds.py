"""Holds: what an account has set aside for requests that are under way, in a map on its item."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.pricing import dollars
from gateway.windows import MINUTE_SECONDS, minute_of

NAME = re.compile(r"([0-9A-Za-z]+_)?[0-7][0-9A-HJKMNP-TV-Z]{25}")
HOLD = re.compile(r"[0-9]{1,12}\|-?[0-9]{1,16}\|-?[0-9.]{1,40}\|-?[0-9]{1,8}", re.ASCII)
GRACE_SECONDS = MINUTE_SECONDS
"""So long after its deadline a request is taken to have been killed."""


@dataclass(frozen=True)
class Hold:
    """What one request may still use up.

    Attributes:
        deadline: when the request has ended, however it ends, in seconds since the epoch.
        tokens: of the minute's.
        cost: US dollars, of every budget.
        minute: whose window it was taken from; the day and the month follow from it.
    """

    deadline: int
    tokens: int
    cost: Decimal
    minute: int

    def text(self) -> str:
        """As the item has it: short, since every update of the item is paid for by its size."""
        delta = self.minute - minute_of(self.deadline)
        return f"{self.deadline}|{self.tokens}|{dollars(self.cost)}|{delta}"

    @classmethod
    def read(cls, text: str) -> "Hold":
        """A hold out of an item."""
        deadline, tokens, cost, delta = text.split("|")
        return cls(int(deadline), int(tokens), Decimal(cost), minute_of(int(deadline)) + int(delta))

    def is_dead(self, now: float) -> bool:
        """Whether its request must have been killed, at a moment in seconds since the epoch."""
        return now > self.deadline + GRACE_SECONDS


def name_of(account_id: str, request_id: str) -> str:
    """What a request's hold is called on an account's item: the id, without what the item says anyway."""
    return request_id.removeprefix("req_").removeprefix(f"{account_id}_")


def request_of(account_id: str, name: str) -> tuple[str, str]:
    """The owner and the id of a hold's request."""
    owner = name.rpartition("_")[0] or account_id
    return owner, f"req_{owner}_{name.rpartition('_')[2]}"


def of(item: Mapping[str, Any]) -> dict[str, Hold]:
    """All holds on an item, by their names; without what is none."""
    found = item["holds"].items()
    return {name: Hold.read(text) for name, text in found if NAME.fullmatch(name) and HOLD.fullmatch(str(text))}
