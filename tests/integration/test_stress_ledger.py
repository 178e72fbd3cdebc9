"""scripts/stress-ledger, small: against DynamoDB Local, if it is here already."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from simulate import endpoints
from simulate.stress import kills, race

THREADS, REQUESTS, WORKERS = 16, 160, 4


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if reason := endpoints.missing():
        pytest.skip(reason)
    with endpoints.dynamodb_local() as url:
        endpoints.create_tables(url)
        yield url


@pytest.mark.parametrize("name", race.RACES)
def test_whoever_races_for_it_a_limit_is_reached_and_not_passed(url: str, name: str) -> None:
    found = race.RACES[name](url, THREADS, 3)
    assert found.wrong == []
    assert found.admitted == found.rows > 0
    assert found.samples > 0


def test_whoever_is_killed_the_accounts_are_exact_in_the_end(url: str) -> None:
    found = kills.run(url, REQUESTS, WORKERS, kills=0.1, seed=3, say=lambda _: None)
    assert found.wrong == []
    assert found.killed > 0
    assert found.spent == found.gone > Decimal(0)
