"""Circuits, as a request meets them: who is left alone, who is probed, and what becomes of it without the State table."""

import pytest

from gateway import health
from tests.integration.fleets import SOUND, Fleet, deployment
from tests.integration.harness import Clock, Fault, Json
from tests.upstream import Reply


def test_refused_credentials_keep_a_deployment_out_for_a_minute_until_one_request_finds_that_they_work(
    fleet: Fleet, clock: Clock
) -> None:
    first, _ = fleet.serve_two()
    first.enqueue(Reply.error(401))
    assert fleet.attempts(fleet.ask()) == [("first", "credentials_refused"), ("second", "ok")]
    clock.time += 59
    assert fleet.attempts(fleet.ask()) == [("second", "ok")]
    clock.time += 2
    assert fleet.attempts(fleet.ask()) == [("first", "ok")]
    assert fleet.gateway.rows()[-1]["attempts"][0]["probe"] is True
    assert fleet.attempts(fleet.ask()) == [("first", "ok")]
    assert "probe" not in fleet.gateway.rows()[-1]["attempts"][0]


@pytest.mark.parametrize(
    "reply", [Reply.error(401), Reply.error(500), Reply.rate_limited(60)], ids=["401", "500", "429"]
)
def test_a_probe_that_fails_costs_the_request_nothing_but_time(fleet: Fleet, clock: Clock, reply: Reply) -> None:
    first, _ = fleet.serve_two()
    first.default = reply
    fleet.know("first", openings=1, due=clock.now() - 1, reason="failures")
    answer = fleet.ask()
    assert (answer.status, [name for name, _ in fleet.attempts(answer)]) == (200, ["first", "second"])
    assert fleet.attempts(fleet.ask()) == [("second", "ok")]
    assert "probe_until" not in fleet.known("first")


def test_a_lone_deployment_is_asked_whatever_its_circuit(fleet: Fleet, clock: Clock) -> None:
    fleet.serve(deployment("first"))
    fleet.know("first", openings=1, due=clock.now() + 30, reason="failures")
    assert fleet.attempts(fleet.ask()) == [("first", "ok")]


@pytest.mark.parametrize(("limit", "waits"), [(5, [5]), (200, [])])
def test_a_lone_deployment_that_is_limited_is_waited_for_if_there_is_time(
    fleet: Fleet, clock: Clock, limit: float, waits: list[float]
) -> None:
    fleet.serve(deployment("first"))
    fleet.know("first", limited_until=clock.now() + limit)
    assert fleet.attempts(fleet.ask()) == [("first", "ok")]
    assert clock.waits == pytest.approx(waits, abs=1e-3)


# The State table.


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize("fault", [Fault("AccessDeniedException"), Fault("InternalServerError", 500)], ids=str)
@pytest.mark.parametrize("operation", ["BatchGetItem", "UpdateItem"])
def test_requests_are_served_whatever_becomes_of_the_state_table(fleet: Fleet, operation: str, fault: Fault) -> None:
    first, _ = fleet.serve_two()
    first.enqueue(Reply.error(500), Reply.error(401), Reply.rate_limited(60))
    fleet.gateway.fail(operation, fault)
    for outcome in ("upstream_error", "credentials_refused", "rate_limited"):
        answer = fleet.gateway.chat(model="m")
        assert fleet.attempts(answer) == [("first", outcome), ("second", "ok")]
        assert {line["message"] for line in answer.logs} <= SOUND | {"table unavailable", "state out of reach"}


def test_a_healthy_fleet_reads_at_most_every_few_seconds_and_writes_nothing(fleet: Fleet, clock: Clock) -> None:
    fleet.serve_two()
    fleet.know("first", latency=0.01, latency_at=clock.now())
    health.fleet.cache_clear()
    reads, writes = fleet.gateway.count("BatchGetItem"), fleet.gateway.count("UpdateItem")
    for _ in range(3):
        fleet.ask()
    assert (reads(), writes()) == (1, 0)
    clock.time += 5
    fleet.ask()
    assert reads() == 2


def test_a_deployment_that_a_model_shares_with_its_fallback_is_read_once(fleet: Fleet) -> None:
    """DynamoDB refuses to read the same item twice at once."""
    other: Json = {"deployments": [deployment("first"), deployment("second")]}
    fleet.serve(deployment("first"), models={"other": other}, fallbacks=["other"])
    fleet.servers["first"].enqueue(Reply.error(500))
    assert fleet.attempts(fleet.ask()) == [("first", "upstream_error"), ("second", "ok")]


@pytest.mark.parametrize(
    "item",
    [{"latency": 1.0}, {"latency": "fast", "latency_at": 1.0}, {"due": "soon"}, {"openings": [], "due": 1.0}],
    ids=str,
)
def test_an_item_that_says_nonsense_is_no_reason_to_fail(fleet: Fleet, item: Json) -> None:
    first, _ = fleet.serve_two()
    fleet.know("first", **item)
    first.enqueue(Reply.error(500))
    answer = fleet.gateway.chat(model="m")
    assert (answer.status, fleet.attempts(answer)[-1]) == (200, ("second", "ok"))
