"""An instance's estimate of a deployment's time, and when it is news to the fleet."""

import random

import pytest

from gateway.latencies import MEMORY_SECONDS, Latency

NOW = 1_790_000_000.0


def shared(seconds: float) -> Latency:
    latency = Latency()
    latency.adopt(seconds, NOW)
    return latency


def times(mean: float, count: int, seed: int = 1, noise: float = 0.4) -> list[float]:
    chance = random.Random(seed)
    return [mean * chance.lognormvariate(-noise * noise / 2, noise) for _ in range(count)]


def test_nothing_is_known_before_the_first_answer() -> None:
    assert Latency().seconds is None
    assert not Latency().is_news()


def test_the_first_answer_is_the_estimate_and_news() -> None:
    latency = Latency()
    latency.add(2.0, NOW)
    assert (latency.seconds, latency.is_news()) == (2.0, True)


def test_the_fleet_s_figure_is_the_estimate_until_there_are_answers_of_one_s_own() -> None:
    latency = shared(3.0)
    assert latency.seconds == 3
    latency.add(1.0, NOW)
    assert latency.seconds == 2


def test_a_new_figure_of_the_fleet_starts_anew_and_the_same_one_does_not() -> None:
    latency = shared(3.0)
    latency.add(1.0, NOW)
    latency.adopt(3.0, NOW)
    assert latency.seconds == 2
    latency.adopt(5.0, NOW + 1)
    assert (latency.seconds, latency.seen) == (5.0, 0)


def test_many_answers_are_averaged_and_new_ones_count_more() -> None:
    latency = Latency()
    for index, seconds in enumerate(times(2.0, 500)):
        latency.add(seconds, NOW + index / 10)
    assert latency.seconds == pytest.approx(2.0, rel=0.35)
    for index in range(30):
        latency.add(10.0, NOW + 60 + index / 10)
    assert latency.seconds == pytest.approx(10.0, rel=0.1)


def test_who_is_asked_rarely_is_soon_known_anew() -> None:
    latency = shared(9.0)
    for index in range(100):
        latency.add(9.0, NOW + index)
    latency.add(1.0, NOW + 100 + 3 * MEMORY_SECONDS)
    assert latency.seconds is not None
    assert latency.seconds < 1.5


def test_a_clock_that_goes_back_does_no_harm() -> None:
    latency = shared(3.0)
    latency.add(1.0, NOW - 1000)
    latency.add(1.0, NOW - 2000)
    assert latency.seconds is not None
    assert 1.0 < latency.seconds < 3.0


@pytest.mark.parametrize("gap", [0.1, 2.0, 60.0])
@pytest.mark.parametrize("noise", [0.2, 0.4, 0.8])
def test_a_deployment_that_stays_as_it_is_makes_hardly_any_news(gap: float, noise: float) -> None:
    news, answers, latency = 0, 20_000, shared(2.0)
    for index, seconds in enumerate(times(2.0, answers, noise=noise)):
        now = NOW + index * gap
        latency.add(seconds, now)
        if latency.is_news():
            news += 1
            latency.adopt(latency.mean, now)
    assert news / answers < 0.002


@pytest.mark.parametrize(("factor", "within"), [(3.0, 20), (1 / 3, 20), (10.0, 16)])
def test_a_deployment_that_changes_is_news_soon(factor: float, within: int) -> None:
    for seed in range(20):
        latency = shared(2.0)
        for index, seconds in enumerate(times(2.0, 200, seed)):
            latency.add(seconds, NOW + index / 2)
        found = 0
        for index, seconds in enumerate(times(2.0 * factor, 60, seed + 100)):
            latency.add(seconds, NOW + 100 + index / 2)
            found = index
            if latency.is_news():
                break
        assert found < within


def test_small_differences_are_no_news_however_sure_they_are() -> None:
    latency = shared(2.0)
    for index in range(500):
        latency.add(2.4, NOW + index)
    assert not latency.is_news()
