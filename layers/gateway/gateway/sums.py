"""What usage is summed to: requests, errors, tokens and US dollars, to the last digit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from typing import Any

from gateway.pricing import dollars
from gateway.usage import COUNTS as TOKENS

COUNTS = ("requests", "errors", "unknown_costs", *TOKENS)
BY = ("key", "team", "model", "provider")
"""What usage can be told apart by."""
EXACT = Context(prec=38, traps=[Inexact])
"""DynamoDB's numbers have 38 digits; a sum that would lose one is an error."""

Item = Mapping[str, Any]
Sorts = tuple[str, ...]
"""Values of some of BY; "" is for what is not known."""


@dataclass
class Sums:
    """The sums of some requests."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    cost: Decimal = Decimal(0)

    def add_row(self, row: Item) -> None:
        """One more request, by its row."""
        cost = row.get("cost_usd")
        own = {"requests": 1, "errors": int(row["status"] >= 400), "unknown_costs": int(cost is None)}
        self._add(own | {name: row.get(name) or 0 for name in TOKENS}, cost or Decimal(0))

    def add_item(self, item: Item) -> None:
        """What was summed before, by a roll-up's item."""
        self._add(item, item["cost_usd"])

    def _add(self, counts: Item, cost: Decimal) -> None:
        for name in COUNTS:
            self.counts[name] += int(counts[name])
        self.cost = EXACT.add(self.cost, cost)

    def values(self) -> dict[str, Any]:
        """As a roll-up's item has them."""
        return {**self.counts, "cost_usd": self.cost}

    def told(self) -> dict[str, Any]:
        """As reports tell them: the cost as a text."""
        return {**self.counts, "cost_usd": dollars(self.cost)}


def sort_of(row: Item, names: Iterable[str]) -> Sorts:
    """What a row or an item is told apart by."""
    return tuple(str(row.get("owner" if name == "key" and "key" not in row else name) or "") for name in names)
