"""One deadline a request: what is left of it, and that nobody waits past it."""

import threading

import pytest

from gateway.deadline import Deadline
from gateway.errors import UpstreamTimeout
from tests.unit.builders import caught_from


def test_tells_what_is_left_by_its_own_clock() -> None:
    deadline = Deadline(100.0, clock=lambda: 97.5)
    assert (deadline.remaining(), deadline.now()) == (2.5, 97.5)


@pytest.mark.parametrize("now", [100.0, 100.5])
def test_nothing_is_left_at_the_deadline_and_after_it(now: float) -> None:
    error = caught_from(Deadline(100.0, clock=lambda: now).remaining, UpstreamTimeout)
    assert (error.status, error.code) == (504, "upstream_timeout")
    assert error.response_headers() == {"x-should-retry": "false"}


def test_waits_for_what_a_call_returns() -> None:
    assert Deadline(100.0, clock=lambda: 0.0).wait_for(lambda: 42) == 42


def test_raises_what_a_call_raises() -> None:
    def fail() -> None:
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        Deadline(100.0, clock=lambda: 0.0).wait_for(fail)


def test_a_call_s_own_timeout_is_not_taken_for_the_deadline() -> None:
    def fail() -> None:
        raise UpstreamTimeout("the call's")

    error = caught_from(lambda: Deadline(100.0, clock=lambda: 0.0).wait_for(fail), UpstreamTimeout)
    assert error.message == "the call's"


def test_stops_waiting_for_a_call_that_never_ends() -> None:
    never = threading.Event()
    error = caught_from(lambda: Deadline(100.0, clock=lambda: 99.99).wait_for(never.wait), UpstreamTimeout)
    never.set()
    assert error.message == "The provider did not answer in the time that it had."


def test_does_not_begin_a_call_when_the_time_is_up() -> None:
    called: list[int] = []
    caught_from(lambda: Deadline(100.0, clock=lambda: 100.0).wait_for(lambda: called.append(1)), UpstreamTimeout)
    assert called == []


def test_the_deadline_of_a_part_is_never_later_than_that_of_the_whole() -> None:
    whole = Deadline(100.0, clock=lambda: 90.0)
    assert [whole.within(seconds).at for seconds in (3.0, 10.0, 60.0)] == [93.0, 100.0, 100.0]


def test_silence_is_borne_for_as_long_as_there_is_time_or_for_as_long_as_is_said() -> None:
    whole = Deadline(100.0, clock=lambda: 90.0)
    assert whole.silence() == 10
    assert whole.within(5.0).silence() == 5
    assert whole.within(5.0, 2.0).silence() == 2
    assert whole.within(1.0, 2.0).silence() == 1
    caught_from(Deadline(80.0, clock=lambda: 90.0, silence=1.0).silence, UpstreamTimeout)
