"""What tests of the ledger are made of: tables in memory, a client with faults, instances with clocks of their own, and a
plain model of what every counter has to be."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from botocore.exceptions import ClientError, ReadTimeoutError
from ulid import ULID

from gateway import dynamodb, holds
from gateway.accounts import LEFT, new_account
from gateway.holds import Hold
from gateway.ledger import Account, Estimate, Ledger, used
from gateway.request_log import Rows
from gateway.windows import day_of, month_of
from simulate.table import Tables

NOW = 1_798_761_540.0
"""The last minute of 2026, in UTC: minute, day, month and year are about to end."""
KEYS = ("KeyAAAAAAAA1", "KeyAAAAAAAA2", "KeyAAAAAAAA3")
TEAM = "team_AAAAAAAAAAAA"
LIFETIME = 30
MOST_TOKENS = 200

Item = dict[str, Any]
Charge = tuple[int, int, Decimal]
"""The minute of the hold, tokens, US dollars."""


class Killed(BaseException):
    """The process is gone. No code of the gateway's may catch it."""


def at_leisure(_: float, call: Callable[[], Any]) -> Any:
    """In the same thread, however long it takes."""
    return call()


def account_item(account_id: str = KEYS[0], **policy: Any) -> Item:
    """A new account, its numbers as the table gives them."""
    kind = "team" if account_id.startswith("team_") else "key"
    return dynamodb.from_item(dynamodb.to_item(new_account(account_id, kind, "test", NOW, **policy)))


@dataclass
class FaultyTables:
    """The tables, by a client that does what a test says to its writes.

    Attributes:
        faults: by the number of the write: "killed before" and "killed after" it, "twice", "lost" (made, and not answered),
            "failed" (not made).
        admitted: is told of every item after a write that sets a hold.
    """

    tables: Tables
    admitted: Callable[[Item], None] = field(default=lambda _: None)
    faults: Mapping[int, str] = field(default_factory=dict)
    writes: int = 0

    def update_item(self, **arguments: Any) -> Any:
        """As boto3's."""
        answer = self._write(lambda: self.tables.update_item(**arguments), is_row=False)
        if "size(#holds)" in arguments["ConditionExpression"]:
            self.admitted(dynamodb.from_item(answer["Attributes"]))
        return answer

    def put_item(self, **arguments: Any) -> Any:
        """As boto3's."""
        return self._write(lambda: self.tables.put_item(**arguments), is_row=True)

    def get_item(self, **arguments: Any) -> Any:
        """As boto3's."""
        return self.tables.get_item(**arguments)

    def _write(self, call: Callable[[], Any], *, is_row: bool) -> Any:
        fault = self.faults.get(self.writes, "")
        self.writes += 1
        if fault == "killed before":
            raise Killed
        if fault == "failed" and not is_row:
            raise ReadTimeoutError(endpoint_url="table")
        try:
            if fault == "twice":
                _unheard(call)
            return call()
        finally:
            if fault == "killed after":
                raise Killed
            if fault == "lost" and not is_row:
                raise ReadTimeoutError(endpoint_url="table")


def _unheard(call: Callable[[], Any]) -> None:
    with contextlib.suppress(ClientError):
        call()


@dataclass
class Instance:
    """One process: a clock that is wrong by some seconds, and accounts as it saw them last."""

    ledger: Ledger
    client: FaultyTables
    skew: float
    known: dict[str, Item] = field(default_factory=dict)


@dataclass
class Live:
    """A request that is under way."""

    request_id: str
    instance: Instance
    accounts: list[Account]
    estimate: Decimal


class World:
    """Tables, their time, and what has to be in them."""

    def __init__(self, **limits: Any) -> None:
        self.now = NOW
        self.tables = Tables(keys=("id",), requests=("owner", "request_id"))
        self.charges: dict[tuple[str, str], Charge] = {}
        self._holds: dict[str, dict[str, Hold]] = {}
        for account_id in (*KEYS, TEAM):
            member = {"team": TEAM} if account_id in KEYS[1:] else {}
            self.put(account_item(account_id, **limits, **member))

    def put(self, item: Item) -> None:
        """Have an account."""
        self.tables["keys"].items[item["id"]] = item
        self._holds[item["id"]] = holds.of(item)

    def item(self, account_id: str) -> Item:
        """An account as it is."""
        return self.tables["keys"].items[account_id]

    @property
    def rows(self) -> dict[str, Item]:
        """All rows by their request."""
        return {request_id: row for (_, request_id), row in self.tables["requests"].items.items()}

    def instance(self, skew: float = 0.0) -> Instance:
        """Another process."""
        client = FaultyTables(self.tables, self._check_admitted)
        rows = Rows("requests", 1, lambda: cast(Any, client), at_leisure)
        clock = lambda: self.now + skew  # noqa: E731 - a value
        return Instance(Ledger("keys", rows, lambda: cast(Any, client), clock, at_leisure), client, skew)

    def new_id(self, key_id: str) -> str:
        """Of a request of a key."""
        return f"req_{key_id}_{ULID.from_timestamp(self.now)}"

    def row(self, request_id: str, cost: Decimal, tokens: int = 0, **more: Any) -> Item:
        """A request's row, as far as the ledger reads it."""
        usual: Item = {
            "owner": request_id.split("_")[1],
            "request_id": request_id,
            "created_at": round(self.now * 1000),
        }
        return usual | {"status": 200, "cost_usd": cost, "input_tokens": tokens} | more

    def follow(self, not_admitted: str = "") -> None:
        """Note what became of holds that are gone: each was charged with its row, but for those of a request that was just
        not admitted after all."""
        for account_id in self._holds:
            item = self.item(account_id)
            for name in self._holds[account_id].keys() - item["holds"].keys():
                owner, request_id = holds.request_of(account_id, name)
                if request_id != not_admitted:
                    assert (account_id, name) not in self.charges, "charged twice"
                    row = self.tables["requests"].items[owner, request_id]
                    self.charges[account_id, name] = (self._holds[account_id][name].minute, *used(row))
            self._holds[account_id] = holds.of(item)

    def check(self) -> None:
        """Every counter is its limit without what was charged in its window, and without what is held of it."""
        for account_id in self._holds:
            item = self.item(account_id)
            charged = [charge for (owner, _), charge in self.charges.items() if owner == account_id]
            held = [(hold.minute, hold.tokens, hold.cost) for hold in holds.of(item).values()]
            assert {left: item[left] for left in LEFT.values()} == expected(item, [*charged, *held])

    def _check_admitted(self, item: Item) -> None:
        """Whoever was admitted just now was so within every limit."""
        assert all(item[left] >= 0 for left in LEFT.values())
        assert len(item["holds"]) <= item["max_parallel"]


def expected(item: Item, taken: list[Charge]) -> dict[str, Decimal]:
    """What is left of every limit, if so much was taken."""
    minute = int(item["minute_no"])
    day, month = day_of(minute), month_of(minute)
    now = [tokens for at, tokens, _ in taken if at == minute]
    return {
        "requests_left": item["rpm_limit"] - len(now),
        "tokens_left": item["tpm_limit"] - sum(now),
        "day_left": item["day_budget"] - sum(cost for at, _, cost in taken if day_of(at) == day),
        "month_left": item["month_budget"] - sum(cost for at, _, cost in taken if month_of(at) == month),
        "total_left": item["total_budget"] - sum(cost for _, _, cost in taken),
    }


def admit(world: World, instance: Instance, items: list[Item], cost: str, tokens: int = 0) -> Live:
    """One request, admitted."""
    request_id, deadline = world.new_id(items[0]["id"]), world.now + instance.skew + LIFETIME
    accounts = instance.ledger.admit(items, request_id, Estimate(Decimal(cost), tokens), deadline)
    return Live(request_id, instance, accounts, Decimal(cost))
