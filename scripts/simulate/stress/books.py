"""The accounts that a run works on, what stands in the tables, and whether it adds up."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from gateway import dynamodb, holds, ledger, request_log
from gateway.accounts import new_account
from gateway.ledger import Ledger
from gateway.periods import Range, hour_label, hour_of
from gateway.request_log import Rows
from gateway.request_rows import Tables
from gateway.rollups import ALL, items_of, recompute
from local.console import Failure
from simulate.endpoints import KEYS, REQUESTS, USAGE

Item = dict[str, Any]
ZERO = Decimal(0)

_typed = TypeSerializer().serialize


def at_leisure(_: float, call: Callable[[], Any]) -> Any:
    """However long it takes: the machine may be busy."""
    return call()


def quiet() -> Counter[str]:
    """Silence the gateway's log; what it would count as metrics is counted here."""
    logging.disable(logging.CRITICAL)
    counted = Counter[str]()

    def count(metric: str, **_: str) -> None:
        counted[metric] += 1

    for module in (ledger, request_log):
        setattr(module, "count", count)  # noqa: B010 - to a type checker it is not the module's own
    return counted


def ledger_of(client: Any, clock: Callable[[], float] = time.time) -> Ledger:
    """The real one, on a client."""
    rows = Rows(REQUESTS, 1, lambda: client, at_leisure)
    return Ledger(KEYS, rows, lambda: client, clock, at_leisure)


def row_of(owner: str, request_id: str, now: float, cost: Decimal, **more: Any) -> Item:
    """A request's row, as far as the ledger reads it."""
    usual = {"model": "stress", "status": 200, "stream": False, "attempts": [], "cost_usd": cost}
    return {"owner": owner, "request_id": request_id, "created_at": round(now * 1000)} | usual | more


@dataclass
class Books:
    """The tables, read as an auditor would."""

    db: Any

    def open(self, account_id: str, kind: str, now: float, **policy: Any) -> Item:
        """A new account."""
        item = new_account(account_id, kind, "stress", now, **policy)
        self.db.put_item(TableName=KEYS, Item=dynamodb.to_item(item))
        return item

    def item(self, account_id: str) -> Item:
        """An account, with all writes before in it."""
        found = dynamodb.get(KEYS, {"id": account_id}, self.db, consistent=True)
        if not found:
            raise Failure(f"{account_id} is not in the table any more.")
        return found

    def rows(self, owner: str) -> dict[str, Item]:
        """Its requests, with all writes before in them."""
        query: dict[str, Any] = {
            "TableName": REQUESTS, "ConsistentRead": True, "KeyConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"}, "ExpressionAttributeValues": {":owner": _typed(owner)},
        }  # fmt: skip
        pages = self.db.get_paginator("query").paginate(**query)
        rows = [dynamodb.from_item(item) for page in pages for item in page["Items"]]
        return {row["request_id"]: row for row in rows}

    def rolled_up(self, owners: Sequence[str], since: float) -> Decimal:
        """What the roll-ups say was spent, in US dollars, when all hours have been summed.

        Args:
            since: when it began, in seconds since the epoch.
        """
        tables, now = Tables(self.db, KEYS, REQUESTS, USAGE), round(time.time() * 1000)
        hours = Range(hour_of(round(since * 1000)), hour_of(now) + 1)
        recompute(tables, hours, owners, now, 1)
        found = items_of(tables, ALL, hour_label(hours.start), f"{hour_label(hours.end)}~", consistent=True)
        return sum((item["cost_usd"] for item in found), ZERO)


def spent(rows: Mapping[str, Item]) -> Decimal:
    """By the rows, in US dollars."""
    return sum((ledger.used(row)[1] for row in rows.values()), ZERO)


def held(item: Item) -> Decimal:
    """Of a budget, in US dollars."""
    return sum((hold.cost for hold in holds.of(item).values()), ZERO)


def settled(rows: Mapping[str, Item], item: Item) -> Decimal:
    """What was spent by those rows whose requests have no hold on their key's item."""
    return spent({name: row for name, row in rows.items() if holds.name_of(item["id"], name) not in item["holds"]})


@dataclass
class Auditor:
    """Looks at a key all the time, while others use it up.

    A row is written before its hold is released, and after it was set. So the requests that were over when the item was read
    are all among the rows that are read afterwards, and those that already had a row before and have no hold are all over.
    What the item says was spent lies between these two sums; where they are equal, it is exact.
    """

    books: Books
    account_id: str
    samples: int = 0
    exact: int = 0
    most_holds: int = 0
    wrong: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Once."""
        before = self.books.rows(self.account_id)
        item = self.books.item(self.account_id)
        after = self.books.rows(self.account_id)
        gone = item["total_budget"] - item["total_left"] - held(item)
        least, most = settled(before, item), settled(after, item)
        self.samples += 1
        self.exact += least == most
        self.most_holds = max(self.most_holds, len(item["holds"]))
        if item["total_left"] < 0:
            self.wrong.append(f"{item['total_left']} was left")
        if not least <= gone <= most:
            self.wrong.append(f"{gone} was spent by the item, {least} to {most} by the rows")
