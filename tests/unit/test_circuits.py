"""What follows from a deployment's circuit as the State table holds it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import circuits
from gateway.circuits import Circuit, least_rate, reset_seconds, slice_of

NOW = 1_790_000_001.0
HERE = slice_of(NOW)


def test_a_deployment_that_nobody_has_written_about_is_closed() -> None:
    circuit = Circuit.from_item({})
    assert (circuit.state(NOW), circuit.blocked_until(NOW), circuit.why_blocked(NOW)) == ("closed", None, None)
    assert not circuit.is_suspected(NOW)


def test_an_item_is_read_with_the_types_that_it_should_have() -> None:
    item = {
        "id": "x",
        "slice": Decimal(7),
        "due": Decimal("12.5"),
        "openings": Decimal(2),
        "reason": "failures",
        "latency": 1,
    }
    assert Circuit.from_item(item) == Circuit(slice=7, due=12.5, openings=2, reason="failures")


@pytest.mark.parametrize(
    ("circuit", "state", "blocked"),
    [
        (Circuit(due=NOW + 3), "closed", None),
        (Circuit(due=NOW), "half-open", None),
        (Circuit(due=NOW - 1, probe_until=NOW + 9), "half-open", NOW + 9),
        (Circuit(due=NOW + 3, openings=1), "open", NOW + 3),
        (Circuit(due=NOW, openings=1), "half-open", None),
        (Circuit(due=NOW - 9, openings=4, probe_until=NOW - 1), "half-open", None),
        (Circuit(limited_until=NOW + 5), "open", NOW + 5),
        (Circuit(limited_until=NOW), "closed", None),
        (Circuit(limited_until=NOW + 5, due=NOW + 9, openings=1), "open", NOW + 9),
        (Circuit(limited_until=NOW + 5, due=NOW - 9, openings=1), "open", NOW + 5),
    ],
    ids=str,
)
def test_a_circuit_s_state_follows_from_its_deadlines(circuit: Circuit, state: str, blocked: float | None) -> None:
    assert (circuit.state(NOW), circuit.blocked_until(NOW)) == (state, blocked)


@pytest.mark.parametrize(
    ("circuit", "why"),
    [
        (Circuit(limited_until=NOW + 1, openings=1, reason="failures"), "rate limited"),
        (Circuit(openings=1, due=NOW + 1, reason="credentials refused"), "credentials refused"),
        (Circuit(due=NOW - 1), "no answer since it failed"),
        (Circuit(due=NOW + 1), None),
    ],
)
def test_why_it_is_blocked_is_told_in_a_few_words(circuit: Circuit, why: str | None) -> None:
    assert circuit.why_blocked(NOW) == why


def test_calls_of_the_last_two_slices_count_and_older_ones_do_not() -> None:
    circuit = Circuit(slice=HERE, calls=10, failed=3, calls_before=20, failed_before=5)
    assert circuit.counts(NOW) == (30, 8)
    assert circuit.counts(NOW + circuits.SLICE_SECONDS) == (10, 3)
    assert circuit.counts(NOW + 2 * circuits.SLICE_SECONDS) == (0, 0)
    assert circuit.counts(NOW - 60) == (30, 8)  # by a clock that is behind


@pytest.mark.parametrize(
    ("calls", "failed", "opens"),
    [
        (4, 4, True),
        (3, 3, False),
        (10, 8, False),
        (10, 9, True),
        (100, 60, True),
        (100, 59, False),
        (100, 30, False),
        (0, 4, True),
    ],
)
def test_a_circuit_opens_by_a_failure_rate_that_is_surely_beyond_one_half(calls: int, failed: int, opens: bool) -> None:
    known = Circuit(slice=HERE, calls=calls, failed=failed, since=NOW - circuits.SLICE_SECONDS, failed_at=NOW)
    assert known.should_open(NOW) is opens


@pytest.mark.parametrize(("calls", "failed", "opens"), [(9, 9, False), (10, 10, True), (20, 10, True), (21, 10, False)])
def test_at_first_it_takes_more_failures_since_few_tell_of_their_calls(calls: int, failed: int, opens: bool) -> None:
    begun = Circuit(slice=HERE, calls=calls, failed=failed, since=NOW - 1, failed_at=NOW)
    assert begun.should_open(NOW) is opens


def test_an_open_circuit_is_not_opened_by_its_counts_again() -> None:
    assert not Circuit(slice=HERE, calls=99, failed=99, openings=1, due=NOW - 1).should_open(NOW)


@pytest.mark.parametrize(
    ("circuit", "early"),
    [
        (Circuit(), True),
        (Circuit(since=NOW - 1, failed_at=NOW, slice=HERE, failed=9), True),
        (Circuit(since=NOW - 1, failed_at=NOW, slice=HERE, failed=10), False),
        (Circuit(since=NOW - 6, failed_at=NOW, slice=HERE, failed=1), False),
        (Circuit(since=NOW - 99, failed_at=NOW - circuits.SUSPICION_SECONDS), True),
    ],
)
def test_trouble_is_early_until_all_may_know_of_it(circuit: Circuit, early: bool) -> None:
    assert circuit.is_early(NOW) is early


def test_a_suspicion_ends_by_itself_but_not_while_a_probe_is_due() -> None:
    assert Circuit(failed_at=NOW - 29).is_suspected(NOW)
    assert not Circuit(failed_at=NOW - 30).is_suspected(NOW)
    assert Circuit(failed_at=NOW - 9999, due=NOW - 9000).is_suspected(NOW)


def test_each_failed_probe_opens_for_longer_up_to_half_a_minute() -> None:
    times = [reset_seconds(openings) for openings in range(1, 12)]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (2.0, 30.0)


@given(st.integers(1, 10_000), st.integers(0, 10_000))
def test_the_least_likely_rate_is_below_the_rate_and_grows_with_the_failures(total: int, failed: int) -> None:
    failed = min(failed, total)
    assert -1e-9 <= least_rate(failed, total) <= failed / total + 1e-9
    if failed < total:
        assert least_rate(failed, total) < least_rate(failed + 1, total)


def test_of_nothing_nothing_follows() -> None:
    assert least_rate(0, 0) == 0


MOMENTS = st.none() | st.floats(NOW - 100, NOW + 100)


@given(MOMENTS, st.integers(0, 5), st.floats(NOW - 100, NOW + 100), st.floats(NOW - 100, NOW + 100))
def test_a_blocked_deployment_is_not_closed_and_a_closed_one_is_not_blocked(
    due: float | None, openings: int, probe_until: float, limited_until: float
) -> None:
    circuit = Circuit(due=due, openings=openings if due else 0, probe_until=probe_until, limited_until=limited_until)
    blocked, state = circuit.blocked_until(NOW), circuit.state(NOW)
    assert blocked is None or blocked > NOW
    if state == "closed":
        assert blocked is None
    if state == "open":
        assert blocked is not None
    if blocked is None:
        assert state in ("closed", "half-open")
