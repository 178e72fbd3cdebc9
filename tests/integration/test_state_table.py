"""The table in memory that unit tests and simulations use does as DynamoDB does, expression by expression."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from gateway import dynamodb
from gateway.circuits import Result
from gateway.health import Health
from gateway.state import State
from simulate.table import Table

D = "provider/model"
BEGIN = 1_790_000_000.0


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="state",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


KINDS = st.sampled_from(["ok", "ok", "failed", "failed", "failed", "failed", "limited", "refused", "unknown"])
STEPS = st.lists(
    st.tuples(st.integers(0, 2), KINDS, st.floats(0, 8), st.booleans(), st.integers(0, 1)), min_size=1, max_size=40
)


def at_leisure(_: float, call: Callable[[], Any]) -> Any:
    """However long it takes: moto may take its time."""
    return call()


def item_of(client: Any) -> dict[str, Any]:
    found = client.get_item(TableName="state", Key={"id": {"S": f"deployment#{D}"}}, ConsistentRead=True)
    return dynamodb.from_item(found.get("Item", {}))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_a_fleet_goes_through_both_tables_end_with_the_same_item(client: Any, steps: list[Any]) -> None:
    client.delete_item(TableName="state", Key={"id": {"S": f"deployment#{D}"}})
    table = Table()
    fleets = [
        [Health(State("state", lambda: cast(Any, table), at_leisure), name) for name in "abc"],
        [Health(State("state", lambda: client, at_leisure), name) for name in "abc"],
    ]
    now = BEGIN
    for number, kind, seconds, probes, ahead in steps:
        now += seconds
        views = []
        for fleet in fleets:
            health = fleet[number]
            health.refresh([D], now)
            probe = probes and health.elect(D, now, now + 5, ahead=bool(ahead))
            counted = health.calling(D, now)
            health.report(D, Result(kind, now, probe, counted, 1.0 if kind == "ok" else None, 7.0), now)
            views.append((probe, health.circuit(D)))
        assert views[0] == views[1]
    assert table.items.get(f"deployment#{D}", {}) == item_of(client)
