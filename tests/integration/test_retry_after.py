"""What providers say of when to come back, in every form and beyond all reason: what is waited for, and what is told."""

from email.utils import formatdate

import pytest

from tests.integration.fleets import SAID, Fleet, deployment, said_by
from tests.integration.harness import Clock
from tests.upstream import Reply

DAY = 86_400


@pytest.mark.parametrize("given", ["-1", "0", "", "soon", "1.5.2", "Infinity", "9" * 30, formatdate(0, usegmt=True)])
def test_a_retry_after_that_tells_nothing_leaves_it_to_the_backoff(fleet: Fleet, clock: Clock, given: str) -> None:
    fleet.serve(deployment("first"))
    fleet.servers["first"].enqueue(Reply.rate_limited(given))
    answer = fleet.ask()
    assert (answer.status, fleet.attempts(answer)) == (200, [("first", "rate_limited"), ("first", "ok")])
    assert clock.waits == pytest.approx([0.5 * clock.chance], abs=1e-3)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": formatdate(DAY + 3, usegmt=True), "date": formatdate(DAY, usegmt=True)}, 3),
    ],
    ids=["seconds", "part of a second", "milliseconds", "a date by a clock that is years off"],
)
def test_a_retry_after_is_waited_for_in_every_form(
    fleet: Fleet, clock: Clock, headers: dict[str, str], seconds: float
) -> None:
    fleet.serve(deployment("first"))
    fleet.servers["first"].enqueue(Reply.rate_limited(headers=headers))
    assert said_by(fleet.ask()) == SAID
    assert clock.waits == pytest.approx([seconds * (1 + clock.chance / 10)], abs=1e-3)


@pytest.mark.parametrize("off", [-DAY, DAY])
def test_a_date_is_measured_by_the_provider_s_own_clock(fleet: Fleet, clock: Clock, off: int) -> None:
    theirs = clock.now() + off
    fleet.serve(deployment("first"))
    told = {"retry-after": formatdate(theirs + 4, usegmt=True), "date": formatdate(theirs, usegmt=True)}
    fleet.servers["first"].enqueue(Reply.rate_limited(headers=told))
    assert fleet.ask().status == 200
    assert clock.waits == pytest.approx([4 * (1 + clock.chance / 10)], abs=1e-3)


@pytest.mark.parametrize(("given", "told"), [("60", "60"), ("1e9", "3600")])
def test_a_retry_after_beyond_the_deadline_is_told_the_client_at_once(
    fleet: Fleet, clock: Clock, given: str, told: str
) -> None:
    fleet.serve(deployment("first"))
    fleet.servers["first"].default = Reply.rate_limited(given)
    answer = fleet.ask()
    assert (answer.status, answer.headers["retry-after"]) == (502, told)
    assert "x-should-retry" not in answer.headers
    assert (fleet.attempts(answer), clock.waits) == ([("first", "rate_limited")], [])


def test_a_retry_after_is_obeyed_as_long_as_the_deadline_allows(fleet: Fleet, clock: Clock) -> None:
    fleet.serve(deployment("first"))
    fleet.servers["first"].default = Reply.rate_limited(20)
    answer = fleet.ask()
    assert (answer.status, answer.headers["retry-after"]) == (502, "20")
    assert fleet.attempts(answer) == [("first", "rate_limited")] * 2
    assert clock.waits == pytest.approx([21], abs=1e-3)
    row = fleet.gateway.row()
    assert row["latency_ms"] == pytest.approx(21_000, abs=2)
    assert row["provider_ms"] >= 21_000
