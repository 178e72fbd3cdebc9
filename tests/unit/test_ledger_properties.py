"""Whatever happens to instances with wrong clocks that share accounts (kills, lost answers, ends of windows, changes of the
policy), every counter is exact, no limit is passed, and every admitted request has its row.

More of it: LEDGER_EXAMPLES=2000 scripts/test tests/unit/test_ledger_properties.py
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway import key_store
from gateway.accounts import LIMITS, UNLIMITED
from gateway.errors import GatewayError, NotFound, ServiceUnavailable
from gateway.ledger import Estimate, PolicyChanged
from gateway.request_log import ABANDONED
from tests.unit.ledgers import KEYS, LIFETIME, MOST_TOKENS, TEAM, Instance, Item, Killed, Live, World

EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "80"))
SKEW = 60

KINDS = ["killed before", "killed after", "twice", "lost", "lost thrice", "failed thrice"]
FAULTS: st.SearchStrategy[dict[int, str]] = st.one_of(
    st.just({}), st.dictionaries(st.integers(0, 3), st.sampled_from(KINDS), max_size=3).map(lambda found: thrice(found))
)
OFTEN_LOST = st.one_of(FAULTS, st.sampled_from([0, 1]).map(lambda number: thrice({number: "lost thrice"})))
COSTS = st.integers(0, 400).map(lambda thousandths: Decimal(thousandths) / 1000)
TIMES = st.one_of(
    st.floats(0, 5),
    st.sampled_from([20.0, 45.0, 61.0, 61.0]),
    st.sampled_from([91.0, 200.0]),
    st.integers(1, 40).map(lambda n: n * 43_200.0),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "rpm_limit": st.sampled_from([UNLIMITED, 1000, 4, 1, 0]),
    "tpm_limit": st.sampled_from([UNLIMITED, 10_000, 300, 50, 0]),
    "max_parallel": st.sampled_from([UNLIMITED, 50, 3, 1]),
    **dict.fromkeys(
        ("day_budget", "month_budget", "total_budget"),
        st.sampled_from([Decimal(UNLIMITED), Decimal(1000), Decimal(2), Decimal("0.5"), Decimal(0)]),
    ),
}
CHANGES = st.sampled_from(LIMITS).flatmap(lambda limit: st.tuples(st.just(limit), VALUES[limit]))
ACCOUNTS = st.sampled_from([*KEYS, TEAM])


def thrice(faults: dict[int, str]) -> dict[int, str]:
    """Those that befall three writes in a row: as often as the ledger tries."""
    found = dict(faults)
    for number, fault in faults.items():
        if fault.endswith(" thrice"):
            found |= dict.fromkeys(range(number, number + 3), fault.removesuffix(" thrice"))
    return found


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with patch("gateway.ledger.count"), patch("gateway.request_log.count"):
        yield
    logging.disable(logging.NOTSET)


class Histories(RuleBasedStateMachine):
    """Steps of many requests, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.instances: list[Instance] = []
        self.live: list[Live] = []
        self.admitted: set[str] = set()
        self.unknown: set[str] = set()

    @initialize(
        skews=st.lists(st.integers(-SKEW, SKEW), min_size=3, max_size=3),
        limits=st.fixed_dictionaries({}, optional=VALUES),
    )
    def begin(self, skews: list[int], limits: dict[str, Any]) -> None:
        self.world = World(**limits)
        self.instances = [self.world.instance(skew) for skew in skews]

    @rule(seconds=TIMES)
    def time_goes_on(self, seconds: float) -> None:
        self.world.now += seconds

    @rule(
        number=st.integers(0, 2), key=st.sampled_from(KEYS), tokens=st.integers(0, MOST_TOKENS), faults=FAULTS,
        costs=st.lists(COSTS, min_size=1, max_size=4),
    )  # fmt: skip
    def ask(self, number: int, key: str, costs: list[Decimal], tokens: int, faults: dict[int, str]) -> None:
        for cost in costs:
            self._ask(self.instances[number], key, Estimate(cost, tokens), faults)
            faults = {}

    def _ask(self, instance: Instance, key: str, most: Estimate, faults: dict[int, str]) -> None:
        request_id = self.world.new_id(key)
        for _ in range(3):
            items = self._known(instance, key)
            if any(item["key_status"] != "active" for item in items):
                return
            try:
                self._admit(instance, items, request_id, most, faults)
                return
            except PolicyChanged as change:
                instance.known[change.item["id"]] = change.item
                faults = {}

    def _known(self, instance: Instance, key: str) -> list[Item]:
        """The key and its team, as the instance has known them for however long."""
        item = instance.known.setdefault(key, self.world.item(key))
        team = item.get("team")
        return [item, instance.known.setdefault(team, self.world.item(team))] if team else [item]

    def _admit(
        self, instance: Instance, items: list[Item], request_id: str, most: Estimate, faults: dict[int, str]
    ) -> None:
        not_admitted = request_id
        instance.client.faults, instance.client.writes = faults, 0
        try:
            accounts = instance.ledger.admit(items, request_id, most, self.world.now + instance.skew + LIFETIME)
        except Killed:
            self.unknown.add(request_id)
            instance.known.clear()
        except ServiceUnavailable:
            self.unknown.add(request_id)
        except GatewayError:
            if "failed" in faults.values():
                self.unknown.add(request_id)  # also the release of what was held on the key may have
        else:
            not_admitted = ""
            self.admitted.add(request_id)
            self.live.append(Live(request_id, instance, accounts, most.cost))
            instance.known |= {account.id: account.item for account in accounts}
        finally:
            self.world.follow(not_admitted)

    @precondition(lambda self: self.live)
    @rule(number=st.integers(0), cost=COSTS, tokens=st.integers(0, 2 * MOST_TOKENS), faults=OFTEN_LOST)
    def go_on(self, number: int, cost: Decimal, tokens: int, faults: dict[int, str]) -> None:
        live = self.live[number % len(self.live)]
        live.instance.client.faults, live.instance.client.writes = faults, 0
        limits = [account.item["tpm_limit"] for account in live.accounts]
        try:
            live.instance.ledger.cover(live.accounts, live.estimate + cost, tokens)
            for account, limit in zip(live.accounts, limits, strict=True):
                assert account.hold.cost >= live.estimate + cost
                assert limit == UNLIMITED or account.hold.tokens >= min(tokens, limit)
        except Killed:
            self._kill(live)
        except GatewayError:
            pass
        self.world.follow()

    @precondition(lambda self: self.live)
    @rule(
        number=st.integers(0), share=st.sampled_from(["0", "0.001", "0.37", "1", "1.5"]),
        tokens=st.integers(0, 2 * MOST_TOKENS), times=st.integers(1, 2), faults=FAULTS,
    )  # fmt: skip
    def end(self, number: int, share: str, tokens: int, times: int, faults: dict[int, str]) -> None:
        live = self.live.pop(number % len(self.live))
        row = self.world.row(live.request_id, live.accounts[0].hold.cost * Decimal(share), tokens)
        for _ in range(times):
            live.instance.client.faults, live.instance.client.writes = faults, 0
            with contextlib.suppress(Killed):
                live.instance.ledger.settle(live.accounts, row)
            self.world.follow()
            faults = {}
        live.instance.known |= {account.id: account.item for account in live.accounts}

    @precondition(lambda self: self.live)
    @rule(number=st.integers(0))
    def kill(self, number: int) -> None:
        self._kill(self.live[number % len(self.live)])

    def _kill(self, live: Live) -> None:
        self.live.remove(live)
        self.unknown.add(live.request_id)

    @rule(account=ACCOUNTS, number=st.integers(0, 2), faults=FAULTS)
    def tidy_up(self, account: str, number: int, faults: dict[int, str]) -> None:
        instance = self.instances[number]
        instance.client.faults, instance.client.writes = faults, 0
        with contextlib.suppress(Killed, ServiceUnavailable):
            instance.ledger.reap(self.world.item(account))
        self.world.follow()

    @rule(account=ACCOUNTS, changed=CHANGES)
    def change_a_limit(self, account: str, changed: tuple[str, Any]) -> None:
        self._change(account, dict([changed]))

    @rule(key=st.sampled_from(KEYS), team=st.sampled_from([TEAM, None]))
    def change_the_team(self, key: str, team: str | None) -> None:
        self._change(key, {"team": team})

    def _change(self, account: str, fields: dict[str, Any]) -> None:
        kind = self.world.item(account)["kind"]
        with contextlib.suppress(NotFound):
            key_store.change(cast(Any, self.world.tables), "keys", kind, account, fields)

    @rule(key=st.sampled_from(KEYS), grace=st.sampled_from([0, 60]))
    def rotate(self, key: str, grace: int) -> None:
        item = self.world.item(key)
        if item["key_status"] == "active":
            self.world.put(item | {"secret_hash": item.get("secret_hash", "0")})
            key_store.rotate(cast(Any, self.world.tables), "keys", self.world.now, key, grace)

    @rule(key=st.sampled_from(KEYS), sure=st.integers(0, 5))
    def delete(self, key: str, sure: int) -> None:
        if sure < 5:
            return
        with contextlib.suppress(NotFound):
            key_store.delete(cast(Any, self.world.tables), "keys", self.world.now, "key", key)

    @invariant()
    def every_counter_is_exact(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        """All have ended, one way or the other: what is left behind is found, and everything adds up."""
        self.world.now += 10_000
        instance = self.world.instance()
        for account in (*KEYS, TEAM):
            instance.ledger.reap(self.world.item(account))
            assert not self.world.item(account)["holds"]
        self.world.follow()
        self.world.check()
        rows = self.world.rows
        assert self.admitted <= rows.keys()
        assert rows.keys() - self.admitted <= self.unknown
        assert {
            name for name, row in rows.items() if row.get("error_code") == ABANDONED
        } <= self.unknown | self.admitted
        for key in KEYS:
            item = self.world.item(key)
            spent = sum((row["cost_usd"] or Decimal(0) for row in rows.values() if row["owner"] == key), Decimal(0))
            assert item["total_budget"] - item["total_left"] == spent


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=40, deadline=None, derandomize="LEDGER_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
