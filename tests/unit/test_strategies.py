"""Strategies are pure functions of candidates and one number: what holds of every order that they make."""

import random
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import registry, strategies
from gateway.errors import InvalidRequest
from gateway.registry import Deployment, Model, Provider
from gateway.strategies import EXPLORED, NEAR, STRATEGIES, Candidate, Turns, drawn, requested
from tests.unit.builders import caught_from

PROVIDER = Provider("p", "local", keyless=True)
MODEL = Model("m", ())


def candidate(name: str, cost: Any = None, seconds: float | None = None, **fields: Any) -> Candidate:
    weight = Decimal(str(fields.pop("weight", 1)))
    return Candidate(Deployment(PROVIDER, name, weight=weight, **fields), MODEL, cost, seconds)


def names(placed: Sequence[tuple[Candidate, str]]) -> str:
    return "".join(one.deployment.model for one, _ in placed)


TURNS = st.floats(0, 1, exclude_max=True)
CANDIDATES = st.lists(
    st.builds(
        lambda rank, weight, cost, seconds: (rank, weight, cost, seconds),
        st.integers(0, 3),
        st.sampled_from([0, 0.5, 1, 1, 2, 5]),
        st.none() | st.decimals(0, 1, places=6),
        st.none() | st.floats(0, 60),
    ),
    min_size=1,
    max_size=8,
).map(
    lambda rows: [
        candidate(f"{index}", cost, seconds, priority=rank, weight=weight)
        for index, (rank, weight, cost, seconds) in enumerate(rows)
    ]
)


def test_the_registry_and_the_table_name_the_same_strategies() -> None:
    assert tuple(STRATEGIES) == registry.STRATEGIES


@given(st.sampled_from(sorted(STRATEGIES)), CANDIDATES, TURNS)
def test_an_order_has_every_candidate_once_each_with_a_reason_and_depends_on_nothing_else(
    strategy: str, candidates: list[Candidate], turn: float
) -> None:
    placed = STRATEGIES[strategy](candidates, turn)
    assert sorted(one.name for one, _ in placed) == sorted(one.name for one in candidates)
    assert all(why for _, why in placed)
    assert placed == STRATEGIES[strategy](list(candidates), turn)


@given(CANDIDATES, TURNS)
def test_by_priority_all_of_a_rank_are_asked_before_the_next(candidates: list[Candidate], turn: float) -> None:
    ranks = [one.deployment.priority for one, _ in strategies.priority(candidates, turn)]
    assert ranks == sorted(ranks)


@given(TURNS)
def test_within_a_rank_the_order_is_that_of_the_list_unless_weights_differ(turn: float) -> None:
    same = [candidate(name, weight=2) for name in "abc"]
    assert names(strategies.priority(same, turn)) == "abc"


def test_within_a_rank_weights_that_differ_are_shares() -> None:
    rank = [candidate("a", weight=1, priority=1), candidate("b", weight=3, priority=1), candidate("c", priority=0)]
    firsts = Counter(names(strategies.priority(rank, step / 1000))[1] for step in range(1000))
    assert firsts == {"a": 250, "b": 750}


@given(CANDIDATES, TURNS)
def test_by_cost_the_known_costs_ascend_and_the_unknown_come_last(candidates: list[Candidate], turn: float) -> None:
    costs = [one.cost for one, _ in strategies.cost(candidates, turn)]
    known = [cost for cost in costs if cost is not None]
    assert known == sorted(known)
    assert costs[: len(known)] == known


def test_of_equal_costs_the_lower_priority_goes_first() -> None:
    same = [candidate(name, Decimal(1), priority=rank) for name, rank in (("a", 2), ("b", 0), ("c", 1))]
    assert names(strategies.cost(same, 0.0)) == "bca"


@given(CANDIDATES, TURNS)
def test_by_latency_one_near_the_best_or_never_measured_goes_first_but_for_a_few_turns(
    candidates: list[Candidate], turn: float
) -> None:
    first, _ = strategies.latency(candidates, turn)[0]
    known = [one.seconds for one in candidates if one.seconds is not None]
    if turn >= EXPLORED and first.seconds is not None:
        assert first.seconds <= NEAR * min(known)


@given(CANDIDATES, TURNS)
def test_by_latency_the_others_follow_from_the_faster_to_the_slower(candidates: list[Candidate], turn: float) -> None:
    known = [one.seconds for one in candidates if one.seconds is not None]
    placed = [one for one, _ in strategies.latency(candidates, turn)][1 if turn < EXPLORED else 0 :]
    far = [one.seconds for one in placed if one.seconds is not None and one.seconds > NEAR * min(known)]
    assert far == sorted(far)


def test_by_latency_a_few_per_cent_go_to_slower_ones_the_less_slow_the_more() -> None:
    some = [candidate("a", seconds=1.0), candidate("b", seconds=2.0), candidate("c", seconds=4.0)]
    firsts = Counter(names(strategies.latency(some, step / 100_000))[0] for step in range(100_000))
    assert firsts["b"] + firsts["c"] == pytest.approx(100_000 * EXPLORED, abs=2)
    assert firsts["b"] == pytest.approx(4 * firsts["c"], rel=0.01)


def test_by_latency_those_within_ten_per_cent_share_by_weight() -> None:
    some = [candidate("a", seconds=1.0), candidate("b", seconds=1.09, weight=3), candidate("c", seconds=1.11)]
    firsts = Counter(names(strategies.latency(some, step / 10_000))[0] for step in range(10_000))
    assert firsts["b"] == pytest.approx(3 * firsts["a"], rel=0.01)
    assert firsts["c"] <= 10_000 * EXPLORED


def test_by_latency_what_has_no_weight_is_not_looked_at_out_of_turn() -> None:
    some = [candidate("a", seconds=1.0), candidate("b", seconds=2.0, weight=0), candidate("c", seconds=4.0)]
    assert "b" not in {names(strategies.latency(some, step / 1000))[0] for step in range(1000)}
    drained = [candidate("a", seconds=1.0), candidate("b", seconds=2.0, weight=0)]
    assert {names(strategies.latency(drained, step / 1000)) for step in range(1000)} == {"ab"}


def test_where_nothing_has_weight_the_order_is_that_of_the_list() -> None:
    assert names(strategies.round_robin([candidate(name, weight=0) for name in "abc"], 0.7)) == "abc"


# One number for all draws.


@given(CANDIDATES, TURNS)
def test_what_has_no_weight_is_never_drawn_before_what_has(candidates: list[Candidate], turn: float) -> None:
    weights = [one.deployment.weight > 0 for one in drawn(candidates, turn)]
    assert weights == sorted(weights, reverse=True)


def test_every_place_is_drawn_by_the_weights_of_who_is_left() -> None:
    some = [candidate("a", weight=1), candidate("b", weight=2), candidate("c", weight=5)]
    orders = Counter("".join(one.deployment.model for one in drawn(some, step / 40_000)) for step in range(40_000))
    expected = {"abc": 1 / 8 * 2 / 7, "acb": 1 / 8 * 5 / 7, "bac": 2 / 8 * 1 / 6, "bca": 2 / 8 * 5 / 6}
    expected |= {"cab": 5 / 8 * 1 / 3, "cba": 5 / 8 * 2 / 3}
    assert {order: count / 40_000 for order, count in orders.items()} == pytest.approx(expected, abs=0.001)


# Turns.


@pytest.mark.parametrize("seed", range(20))
def test_an_instance_s_turns_give_every_share_its_part_to_within_two(seed: int) -> None:
    turns = Turns(random.Random(seed).random)
    for count in (10, 100, 1000):
        drawn_ = [turns.next(f"model {count}") for _ in range(count)]
        for share in (0.1, 0.25, 0.5, 0.9):
            assert sum(turn < share for turn in drawn_) == pytest.approx(count * share, abs=2)


def test_turns_are_numbers_from_0_to_below_1_for_each_model_its_own() -> None:
    turns = Turns(random.Random(1).random)
    one = [turns.next("one") for _ in range(10_000)]
    assert all(0 <= turn < 1 for turn in one)
    assert turns.next("two") not in one[:1]


def test_fifty_instances_together_keep_the_weights_within_two_per_cent() -> None:
    weights = {"a": 1, "b": 2, "c": 5, "d": 0.5}
    some = [candidate(name, weight=weight) for name, weight in weights.items()]
    chance = random.Random(3)
    instances = [Turns(chance.random) for _ in range(50)]
    firsts = Counter(names(strategies.round_robin(some, instances[n % 50].next("m")))[0] for n in range(10_000))
    for name, weight in weights.items():
        assert firsts[name] == pytest.approx(10_000 * weight / 8.5, rel=0.02)


# The header.


@pytest.mark.parametrize(
    ("value", "strategy"),
    [("cost", "cost"), ("  Latency ", "latency"), ("ROUND_ROBIN", "round_robin"), ("", None), ("  ", None)],
)
def test_a_request_names_its_strategy_in_any_case(value: str, strategy: str | None) -> None:
    assert requested({"x-gateway-strategy": value}) == strategy
    assert requested({}) is None


@pytest.mark.parametrize("value", ["nonsense", "cost,latency", "round-robin", "\x00", "priority " * 1000])
def test_a_strategy_that_there_is_not_is_refused(value: str) -> None:
    error = caught_from(lambda: requested({"x-gateway-strategy": value}), InvalidRequest)
    assert (error.status, error.param) == (400, "x-gateway-strategy")
    assert error.message == "x-gateway-strategy: must be one of priority, round_robin, cost, latency."
