"""Counts what a completion asks of DynamoDB: calls, and the units that are paid for, with 1, 10 and 50 requests under way.

Completions go through the real handler of functions/chat_completions, by an event of events/, to the provider `local`; hooks on
the client count its calls of the tables Keys and Requests, and apart from them reads of State, which many requests share. Units
are those that DynamoDB itself says it consumed; where a write was refused it says none, and it is charged by the item's size.
Exits with 1 if a target is missed: 3 calls and 3 units with one request under way, 1 without limits, 1 for a refusal, 0 for garbage.
"""

import argparse
import importlib.util
import json
import logging
import math
import os
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ulid import ULID

from local import aws, console
from local.console import Failure
from simulate import endpoints
from simulate.endpoints import KEYS, REQUESTS, ROOT, STATE
from simulate.stress.books import Books, at_leisure
from simulate.stress.meter import Meter, size_of

IN_FLIGHT = (1, 10, 50)
MEASURED = 5
FIGURES = ("calls", "writes", "reads", "state")
KEY_ID, TEAM_ID = "EventsSample", "team_0123456789ab"
SECRET = "NotARealSecretNotARealSecret0000"  # noqa: S105 - the key of events/
PRICE = {"input": "2.5", "output": "10"}
HEADERS = ("completion", "in flight", "calls", "write units", "read units", "State reads", "item bytes")
WIDTHS = (30, 10, 8, 12, 11, 12, 11)
TARGETS = {
    "plain": (3, 3), "without limits": (1, 1), "rejected": (1, 1), "garbage key": (0, 0), "first of a minute": (3, 3),
}  # fmt: skip
"""Calls and write units, with one request under way."""
OWN_TABLES = {"KEYS_TABLE": KEYS, "REQUESTS_TABLE": REQUESTS, "STATE_TABLE": STATE}
LIMITS: dict[str, Any] = {
    "rpm_limit": 1000, "tpm_limit": 1_000_000, "max_parallel": 100, "day_budget": Decimal(5),
    "month_budget": Decimal(100), "total_budget": Decimal(1000),
}  # fmt: skip


class Context:
    """Lambda's."""

    def get_remaining_time_in_millis(self) -> int:
        """Enough."""
        return 30_000


@dataclass(frozen=True)
class Cost:
    """What one completion asked of DynamoDB, on the average."""

    name: str
    in_flight: int
    status: int
    calls: float
    writes: float
    reads: float
    state: float
    item_bytes: int

    def row(self) -> list[str]:
        """For the table."""
        figures = (self.calls, self.writes, self.reads, self.state)
        return [self.name, f"{self.in_flight}", *(f"{figure:g}" for figure in figures), f"{self.item_bytes}"]

    def missed(self) -> str | None:
        """Its target, if it has one and costs more."""
        calls, writes = TARGETS.get(self.name, (math.inf, math.inf))
        if self.in_flight == 1 and (self.calls > calls or self.writes > writes):
            return f"{self.name}: {self.calls:g} calls and {self.writes:g} write units; {calls} and {writes} are the target"
        return None


class Bench:
    """One instance of the function, and the tables that it uses."""

    def __init__(self, url: str) -> None:
        declared = tomllib.loads((ROOT / "scripts/checks/imports.toml").read_text())["environment"]
        os.environ.update(declared | OWN_TABLES | aws.environment(url))
        logging.disable(logging.CRITICAL)
        from gateway import dynamodb, registry_source  # by the environment of above

        models = registry_source.shipped()["models"]["local/chat"]["deployments"][0]
        override = json.dumps({"models": {"local/chat": {"deployments": [models | {"price": PRICE}]}}})
        registry_source._cache = (time.time(), math.inf, registry_source.build(override))
        self.books, self.meter = Books(endpoints.client(url)), Meter()
        self._keys, self._url, self._db = _key_module(), url, dynamodb.client()
        self.meter.attach(self._db)
        self._handler = _handler()

    def open(self, in_flight: int, *, team: bool = False, **limits: Any) -> None:
        """A key, and perhaps its team, with so many requests under way beside the one to come."""
        from gateway.ledger import Estimate, Ledger
        from gateway.request_log import Rows

        now = time.time()
        own: dict[str, Any] = {"scopes": ["inference"], "secret_hash": self._keys.hash_secret(SECRET)}
        member = {"team": TEAM_ID} if team else {}
        items = [self.books.open(KEY_ID, "key", now, **own, **member, **limits)]
        items += [self.books.open(TEAM_ID, "team", now, **limits)] if team else []
        rows = Rows(REQUESTS, 1, lambda: self.books.db, at_leisure)
        ledger = Ledger(KEYS, rows, lambda: self.books.db, time.time, at_leisure)
        for number in range(in_flight - 1 if limits else 0):
            estimate = Estimate(Decimal(f"0.01{number:04}"), 1000 + number)
            ledger.admit(items, f"req_{KEY_ID}_{ULID()}", estimate, now + 28)
        self._keys._cache.clear()

    def ask(self, event: str = "chat_completions") -> int:
        """One completion; its status."""
        answer = self._handler(json.loads((ROOT / "events" / f"{event}.json").read_text()), Context())
        return int(answer["statusCode"])

    def set_back(self, *, known: bool = True, table: bool = True) -> None:
        """Let the minute that the instance knows, and that of the table, be the one before."""
        item = self.books.item(KEY_ID)
        old = item | {"minute_no": item["minute_no"] - 1}
        if table:
            from gateway import dynamodb

            self.books.db.put_item(TableName=KEYS, Item=dynamodb.to_item(old))
        if known:
            self._keys.remember(old, time.time())

    def forget(self) -> None:
        """As a new instance."""
        self._keys._cache.clear()

    def measure(self, name: str, in_flight: int, before: Callable[[], Any], event: str, wanted: int) -> Cost:
        """Several completions, each after the same."""
        totals, statuses = dict.fromkeys(FIGURES, 0.0), set[int]()
        for _ in range(MEASURED):
            before()
            self.meter.reset()
            statuses.add(self.ask(event))
            calls = self.meter.calls
            made = (calls[KEYS] + calls[REQUESTS], self.meter.writes, self.meter.reads, calls[STATE])
            totals = {figure: totals[figure] + number for figure, number in zip(FIGURES, made, strict=True)}
        if statuses != {wanted}:
            raise Failure(f"{name}: answered {sorted(statuses)}, where {wanted} was meant.")
        found = self.books.db.get_item(TableName=KEYS, Key={"id": {"S": KEY_ID}}, ConsistentRead=True)["Item"]
        each = {figure: totals[figure] / MEASURED for figure in FIGURES}
        return Cost(name, in_flight, wanted, **each, item_bytes=size_of(found))


def _key_module() -> Any:
    from gateway import keys

    return keys


def _handler() -> Any:
    spec = importlib.util.spec_from_file_location("chat_completions_app", ROOT / "functions/chat_completions/app.py")
    if not spec or not spec.loader:
        raise Failure("There is no handler in functions/chat_completions.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lambda_handler


def _nothing() -> None:
    """Before it."""


def costs(bench: Bench, in_flight: int) -> list[Cost]:
    """Every kind of completion."""
    found = list[Cost]()

    def add(
        name: str, before: Callable[[], Any] = _nothing, event: str = "chat_completions", wanted: int = 200
    ) -> None:
        found.append(bench.measure(name, in_flight, before, event, wanted))

    bench.open(in_flight, **LIMITS)
    bench.ask()
    add("plain")
    add("streamed", event="chat_completions_stream")
    add("first of a minute", bench.set_back)
    add("first of a minute, not ours", lambda: bench.set_back(table=False))
    add("first of an instance", bench.forget)
    bench.open(in_flight, team=True, **LIMITS)
    bench.ask()
    add("with a team", wanted=200)
    bench.open(in_flight, **LIMITS | {"rpm_limit": in_flight})
    bench.ask()
    add("rejected", wanted=429)
    bench.open(in_flight)
    bench.ask()
    add("without limits")
    add("garbage key", event="error_garbage_key", wanted=401)
    return found


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser("scripts/benchmark-ledger", description=__doc__)
    endpoints.add_arguments(parser)
    parser.add_argument("--in-flight", type=int, nargs="+", default=IN_FLIGHT, help="(default: 1 10 50)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if min(options.in_flight) < 1:
        parser.error("at least one request is in flight: the one that is measured")
    console.main(lambda: run(options))


def run(options: argparse.Namespace) -> None:
    """All kinds, for each number of requests under way."""
    with endpoints.chosen(options) as url:
        endpoints.create_tables(url)
        bench = Bench(url)
        found = [cost for in_flight in options.in_flight for cost in costs(bench, in_flight)]
    if options.json:
        console.say(json.dumps([vars(cost) for cost in found], indent=2))
    else:
        for row in (HEADERS, *(cost.row() for cost in found)):
            console.say("  ".join(f"{cell:>{width}}" for cell, width in zip(row, WIDTHS, strict=True)))
    if missed := [target for cost in found if (target := cost.missed())]:
        raise Failure("\n".join(["Missed:", *missed]))
    if not options.json:
        console.say("All targets met.")


if __name__ == "__main__":
    main()
