"""How long is waited: before asking again, and for an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.retry import BASE_SECONDS, CAP_SECONDS, patience, wait

CHANCE = st.floats(0, 1, exclude_max=True)
TIMES = st.floats(0.01, 60)


@given(st.integers(0, 30), CHANCE)
def test_the_wait_is_anything_up_to_a_bound_that_doubles_to_eight_seconds(retry: int, chance: float) -> None:
    bound = min(CAP_SECONDS, BASE_SECONDS * 2**retry)
    assert wait(retry, None, lambda: chance) == chance * bound
    assert bound <= 8


@pytest.mark.parametrize("retry_after", [None, 0.0])
def test_a_retry_after_of_nothing_leaves_it_to_the_backoff(retry_after: float | None) -> None:
    assert wait(1, retry_after, lambda: 0.5) == 0.5


@given(st.floats(0.001, 3600), CHANCE)
def test_a_retry_after_is_never_cut_short_and_stretched_by_a_tenth_at_most(seconds: float, chance: float) -> None:
    assert seconds <= wait(0, seconds, lambda: chance) <= 1.1 * seconds


@given(TIMES, st.none() | TIMES, st.lists(st.none() | TIMES, max_size=4), st.booleans())
def test_a_deployment_gets_no_more_than_there_is_and_never_less_than_half(
    remaining: float, usual: float | None, others: list[float | None], probe: bool
) -> None:
    seconds = patience(remaining, usual, others, is_probe=probe)
    assert remaining / 2 <= seconds <= remaining


def test_the_others_keep_the_time_that_they_need_one_after_the_other() -> None:
    assert patience(27, None, [None], is_probe=False) == 27 - 7.5
    assert patience(27, 1.0, [2.0], is_probe=False) == 27 - 3
    assert patience(27, 1.0, [2.0, 4.0], is_probe=False) == 27 - 9
    assert patience(27, 1.0, [60.0], is_probe=False) == 13.5


def test_even_the_quickest_keeps_two_seconds() -> None:
    assert patience(27, 0.2, [0.2, 0.3], is_probe=False) == 27 - 4


def test_what_is_usually_slow_is_not_cut_off() -> None:
    assert patience(27, 8.0, [8.0], is_probe=False) == 24
    assert patience(27, 20.0, [8.0], is_probe=False) == 27


def test_a_probe_gets_half() -> None:
    assert patience(20, 15.0, [None], is_probe=True) == 10
