"""The tables in memory that tests of the ledger use do as DynamoDB does, for all that the ledger writes."""

import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast
from unittest.mock import patch

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from ulid import ULID

from gateway import dynamodb, key_store
from gateway.accounts import LIMITS, UNLIMITED, new_account
from gateway.errors import GatewayError
from gateway.ledger import Account, Estimate, Ledger, PolicyChanged
from gateway.request_log import Rows
from simulate.endpoints import TABLES, create
from simulate.table import Tables

KEY, TEAM = "KeyAAAAAAAA1", "team_AAAAAAAAAAAA"
BEGIN = 1_798_761_540.0

Item = dict[str, Any]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        create(client)
        yield client


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with patch("gateway.ledger.count"), patch("gateway.request_log.count"):
        yield
    logging.disable(logging.NOTSET)


class Side:
    """One of the two: a DynamoDB, an instance that uses it, and the requests that it has under way."""

    def __init__(self, db: Any, limits: Item) -> None:
        self.db, self.now = db, BEGIN
        self.live: list[tuple[str, list[Account]]] = []
        rows = Rows("requests", 1, lambda: db, lambda _, call: call())
        self.ledger = Ledger("keys", rows, lambda: db, lambda: self.now, lambda _, call: call())
        for account, kind in ((KEY, "key"), (TEAM, "team")):
            item = new_account(account, kind, "test", BEGIN, secret_hash="0", **limits)
            db.put_item(TableName="keys", Item=dynamodb.to_item(item))

    def item(self, account: str) -> Item:
        return dynamodb.get("keys", {"id": account}, self.db, consistent=True) or {}

    def step(self, what: str, number: int, cost: Decimal, change: tuple[str, Any], request_id: str) -> Any:
        """One step; what the gateway makes of it."""
        try:
            return self._step(what, number, cost, change, request_id)
        except (GatewayError, PolicyChanged) as error:
            return type(error), str(error)

    def _step(self, what: str, number: int, cost: Decimal, change: tuple[str, Any], request_id: str) -> Any:
        if what == "ask":
            items = [self.item(KEY), self.item(TEAM)][: 1 + number % 2]
            accounts = self.ledger.admit(items, request_id, Estimate(cost, number), self.now + 30)
            self.live.append((request_id, accounts))
            return [account.item for account in accounts]
        if what == "change":
            return key_store.change(cast(Any, self.db), "keys", "key", KEY, dict([change]))
        if what == "reap":
            return [self.ledger.reap(self.item(account)) for account in (KEY, TEAM)]
        if not self.live:
            return None
        request, accounts = self.live[number % len(self.live)]
        if what == "cover":
            return self.ledger.cover(accounts, cost, number * 10)
        row = {
            "owner": KEY,
            "request_id": request,
            "created_at": int(self.now * 1000),
            "cost_usd": cost,
            "input_tokens": 7,
        }
        return self.ledger.settle(accounts, row) if what == "settle" else self.ledger.replay(row)


LIMIT_VALUES = st.sampled_from([1, 3, 1000, UNLIMITED])
STEPS = st.tuples(
    st.sampled_from(["ask", "ask", "ask", "cover", "settle", "settle", "change", "reap", "replay"]),
    st.integers(0, 60),
    st.decimals(0, 1, places=4),
    st.tuples(st.sampled_from(LIMITS), LIMIT_VALUES),
    st.sampled_from([0.0, 1.0, 61.0, 100.0, 86_400.0]),
)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(LIMITS), LIMIT_VALUES), st.lists(STEPS, min_size=1, max_size=20))
def test_whatever_the_ledger_goes_through_both_have_the_same_items_in_the_end(
    client: Any, limits: Item, steps: list[Any]
) -> None:
    for row in client.scan(TableName="requests")["Items"]:
        client.delete_item(TableName="requests", Key={name: row[name] for name in TABLES["requests"]})
    memory = Tables(**TABLES)
    sides = [Side(memory, limits), Side(client, limits)]
    for what, number, cost, change, seconds in steps:
        request_id = f"req_{KEY}_{ULID()}"
        for side in sides:
            side.now += seconds
        told = [side.step(what, number, cost, change, request_id) for side in sides]
        assert told[0] == told[1]
        assert [side.item(KEY) for side in sides[:1]] == [side.item(KEY) for side in sides[1:]]
    assert sides[0].item(TEAM) == sides[1].item(TEAM)
    rows = {item["request_id"]["S"]: dynamodb.from_item(item) for item in client.scan(TableName="requests")["Items"]}
    assert {request_id: row for (_, request_id), row in memory["requests"].items.items()} == rows
