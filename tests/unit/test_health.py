"""The fleet's view of a deployment, by instances that share a table: what they write, read, and agree on."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from gateway import circuits
from gateway.circuits import Result
from gateway.health import FRESH_SECONDS, Health
from gateway.state import PAUSE_SECONDS, State
from simulate.table import Table

D, E = "provider/model", "provider/other"
BEGIN = 1_790_000_000.0


class Instances:
    """Some instances over one table, and a clock."""

    def __init__(self, count: int = 3) -> None:
        self.table = Table()
        self.now = BEGIN
        self.all = [Health(State("state", self.client)) for _ in range(count)]

    def client(self) -> Any:
        return cast(Any, self.table)

    def __getitem__(self, number: int) -> Health:
        return self.all[number]

    @property
    def item(self) -> dict[str, Any]:
        return self.table.items.get(f"deployment#{D}", {})

    def after(self, seconds: float) -> None:
        self.now += seconds

    def see(self, number: int) -> str:
        """How an instance sees the deployment, once it has read what it should."""
        self[number].refresh([D], self.now)
        return self[number].circuit(D).state(self.now)

    def call(self, number: int, kind: str, *, takes: float = 0.1, probe: bool = False, **more: Any) -> None:
        self[number].refresh([D], self.now)
        counted = self[number].calling(D, self.now)
        started = self.now
        self.after(takes)
        seconds = takes if kind == "ok" else None
        self[number].report(D, Result(kind, started, probe, counted, seconds, **more), self.now)

    def elect(self, number: int, seconds: float) -> bool:
        """Whether an instance becomes the prober, for so long, once it has read what it should."""
        self[number].refresh([D], self.now)
        return self[number].elect(D, self.now, self.now + seconds)

    def open(self) -> None:
        for number in range(16):
            self.call(number % len(self.all), "failed", takes=0.01)
        assert self.see(0) == "open"


@pytest.fixture
def fleet() -> Instances:
    return Instances()


def test_while_all_is_well_nothing_is_written_but_a_first_latency(fleet: Instances) -> None:
    for number in range(300):
        fleet.call(number % 3, "ok", takes=0.1)
    assert fleet.table.writes - fleet.table.refused == 1
    assert set(fleet.item) == {"id", "latency", "latency_at", "expires_at"}


def test_an_instance_reads_at_most_every_few_seconds_and_all_at_once(fleet: Instances) -> None:
    for _ in range(10):
        fleet[0].refresh([D, E], fleet.now)
        fleet.after(FRESH_SECONDS / 10)
    assert (fleet.table.reads, fleet.table.read_items) == (1, 2)
    fleet[0].refresh([D, E], fleet.now)
    assert fleet.table.reads == 2


def test_a_clock_that_was_set_back_does_not_stop_the_reading(fleet: Instances) -> None:
    fleet[0].refresh([D], fleet.now)
    fleet[0].refresh([D], fleet.now - 3600)
    assert fleet.table.reads == 2


def test_a_failure_is_told_at_once_and_seen_by_the_others(fleet: Instances) -> None:
    fleet.call(0, "failed")
    fleet[1].refresh([D], fleet.now)
    assert fleet[1].circuit(D).counts(fleet.now) == (1, 1)
    assert fleet[1].circuit(D).state(fleet.now) == "closed"


def test_a_dead_deployment_is_left_after_few_failures_seen_by_many(fleet: Instances) -> None:
    calls = 0
    while fleet.see(calls % 3) == "closed":
        fleet.call(calls % 3, "failed", takes=0.01)
        calls += 1
    assert (
        circuits.EARLY_FAILURES <= calls < circuits.EARLY_FAILURES + 3
    )  # the others learn it by a failure of their own
    assert fleet.item["openings"] == 1


def test_a_quiet_deployment_that_failed_once_is_asked_by_one_at_a_time(fleet: Instances) -> None:
    fleet.call(0, "failed")
    fleet.after(circuits.QUIET_SECONDS)
    assert [fleet.see(number) for number in range(3)] == ["half-open"] * 3
    assert [fleet[n].elect(D, fleet.now, fleet.now + 10) for n in range(3)] == [True, False, False]
    assert fleet[1].circuit(D).blocked_until(fleet.now) == pytest.approx(fleet.now + 10)
    fleet.call(0, "ok", probe=True)
    assert fleet.see(2) == "half-open"  # by what it has read
    fleet.after(FRESH_SECONDS)
    assert fleet.see(2) == "closed"


def test_an_answer_that_is_known_keeps_a_suspected_deployment_in_use(fleet: Instances) -> None:
    fleet.call(0, "failed")
    fleet.call(1, "ok")
    fleet.after(circuits.QUIET_SECONDS)
    assert [fleet.see(number) for number in range(3)] == ["closed"] * 3
    assert "due" not in fleet.item


def test_a_deployment_that_fails_now_and_then_stays_in_use(fleet: Instances) -> None:
    for number in range(900):
        fleet.call(number % 3, "failed" if number % 10 in (0, 3, 7) else "ok", takes=0.05)
        assert fleet.see(number % 3) == "closed"


def test_an_open_circuit_is_probed_by_one_when_it_is_due(fleet: Instances) -> None:
    fleet.open()
    fleet.after(2)
    assert fleet.see(0) == "half-open"
    elected = [fleet[number].elect(D, fleet.now, fleet.now + 10) for number in range(3)]
    assert elected == [True, False, False]
    fleet.call(0, "ok", probe=True)
    assert not {"openings", "due", "probe_until", "reason"} & set(fleet.item)
    fleet.after(FRESH_SECONDS)
    assert fleet.see(2) == "closed"


def test_a_failed_probe_opens_it_for_longer(fleet: Instances) -> None:
    fleet.open()
    waits = []
    for _ in range(8):
        fleet.after(float(fleet.item["due"]) - fleet.now)
        fleet[0].refresh([D], fleet.now)
        assert fleet[0].elect(D, fleet.now, fleet.now + 1)
        fleet.call(0, "failed", probe=True, takes=0.0)
        waits.append(round(float(fleet.item["due"]) - fleet.now))
    assert waits == [2, 5, 10, 20, 30, 30, 30, 30]


def test_the_lease_of_a_prober_that_was_killed_ends(fleet: Instances) -> None:
    fleet.open()
    fleet.after(2)
    assert fleet.elect(0, 10)
    fleet.after(9)
    assert not fleet.elect(1, 10)
    fleet.after(1)
    assert fleet[1].elect(D, fleet.now, fleet.now + 10)


def test_a_probe_that_says_nothing_frees_the_place_of_the_prober(fleet: Instances) -> None:
    fleet.open()
    fleet.after(2)
    assert fleet.elect(0, 10)
    fleet.call(0, "unknown", probe=True)
    assert fleet.elect(1, 10)


def test_others_who_fail_do_not_end_the_probe_of_one(fleet: Instances) -> None:
    """Calls that began before are still under way, and fail, while somebody probes."""
    fleet.call(0, "failed")
    fleet.after(circuits.QUIET_SECONDS)
    assert fleet.elect(0, 20)
    for number in range(40):
        fleet[1].report(D, Result("failed", fleet.now - 10), fleet.now + number / 10)
    assert fleet.item["openings"] == 1
    fleet.after(6)
    assert not fleet.elect(2, 20)


def test_before_its_time_a_circuit_is_probed_every_few_seconds_by_one(fleet: Instances) -> None:
    fleet.open()
    fleet[0].refresh([D], fleet.now)
    assert fleet[0].elect(D, fleet.now, fleet.now + 1, ahead=True)
    due = fleet.item["due"]
    fleet.call(0, "failed", probe=True, takes=0.0)
    assert (fleet.item["due"], fleet.item["openings"]) == (due, 1)
    assert not fleet[1].elect(D, fleet.now, fleet.now + 1, ahead=True)
    fleet.after(circuits.AHEAD_SECONDS)
    assert fleet[1].elect(D, fleet.now, fleet.now + 1, ahead=True)


def test_refused_credentials_open_it_at_once_for_a_minute(fleet: Instances) -> None:
    fleet.call(0, "refused")
    assert fleet.see(0) == "open"
    assert float(fleet.item["due"]) == pytest.approx(fleet.now + circuits.REFUSED_SECONDS, abs=0.001)
    writes = fleet.table.writes
    fleet.call(0, "refused")
    assert fleet.table.writes == writes


def test_a_rate_limit_holds_for_all_until_it_ends_and_then_for_nobody(fleet: Instances) -> None:
    fleet.call(0, "limited", retry_after=7.0)
    assert [fleet.see(number) for number in range(3)] == ["open"] * 3
    fleet.after(7)
    assert [fleet[number].circuit(D).state(fleet.now) for number in range(3)] == ["closed"] * 3


def test_a_limit_never_ends_earlier_because_of_a_shorter_one(fleet: Instances) -> None:
    fleet.call(0, "limited", retry_after=60.0)
    until = fleet.item["limited_until"]
    fleet[1].report(D, Result("limited", fleet.now, retry_after=2.0), fleet.now)
    assert fleet.item["limited_until"] == until
    assert fleet[1].circuit(D).limited_until == float(until)


def test_an_opening_is_not_shortened_by_refused_credentials_or_a_second_opening(fleet: Instances) -> None:
    fleet.call(0, "refused")
    due = fleet.item["due"]
    for number in (1, 2):
        fleet[number].report(D, Result("refused", fleet.now), fleet.now)
        for _ in range(20):
            fleet[number].report(D, Result("failed", fleet.now), fleet.now)
    assert fleet.item["due"] == due


def test_a_limit_is_believed_for_five_minutes_at_the_most(fleet: Instances) -> None:
    fleet.call(0, "limited", retry_after=3600.0)
    assert float(fleet.item["limited_until"]) == pytest.approx(fleet.now + circuits.MAX_LIMIT_SECONDS, abs=0.001)


def test_a_lone_deployment_s_calls_close_its_circuit_once_it_is_due(fleet: Instances) -> None:
    fleet.open()
    fleet.call(0, "ok", takes=0.0)
    assert fleet.see(0) == "open"
    fleet.after(2)
    fleet.call(0, "ok")
    assert fleet.see(0) == "closed"


def test_after_it_was_closed_its_old_failures_are_forgotten(fleet: Instances) -> None:
    fleet.open()
    fleet.after(2)
    fleet[0].refresh([D], fleet.now)
    fleet[0].elect(D, fleet.now, fleet.now + 10)
    fleet.call(0, "ok", probe=True)
    fleet.call(0, "failed")
    assert fleet.see(0) == "closed"


def test_instances_tell_less_often_where_many_do(fleet: Instances) -> None:
    crowd = Instances(400)
    for number in range(4000):
        crowd.call(number % 400, "failed" if number % 10 in (0, 4, 7) else "ok", takes=0.002)
    assert crowd.table.writes < 1400


def test_a_slice_that_others_began_is_counted_into(fleet: Instances) -> None:
    fleet.call(0, "failed")
    fleet[1].refresh([D], fleet.now)
    fleet.after(circuits.SLICE_SECONDS)
    fleet[0].report(D, Result("failed", fleet.now), fleet.now)
    fleet[1].report(D, Result("failed", fleet.now), fleet.now)
    assert (fleet.item["failed"], fleet.item["failed_before"]) == (2, 1)


def test_an_instance_whose_clock_is_behind_counts_into_the_newest_slice(fleet: Instances) -> None:
    fleet.call(0, "failed")
    fleet[1].report(D, Result("failed", fleet.now - 60), fleet.now - 60)
    assert fleet.item["failed"] == 2


def test_what_others_found_out_about_latency_is_taken_over(fleet: Instances) -> None:
    assert fleet[0].seconds(D) is None
    fleet.call(0, "ok", takes=2.0)
    fleet[1].refresh([D], fleet.now)
    assert fleet[1].seconds(D) == pytest.approx(2.0)


def test_of_several_who_tell_a_latency_one_is_believed(fleet: Instances) -> None:
    fleet[0].report(D, Result("ok", fleet.now, seconds=2.0), fleet.now)
    fleet[1].report(D, Result("ok", fleet.now, seconds=5.0), fleet.now)
    assert float(fleet.item["latency"]) == 2.0
    assert fleet[1].seconds(D) == 2.0


class Failing:
    """A table that does not answer."""

    def __init__(self) -> None:
        self.calls = 0

    def __getattr__(self, _: str) -> Callable[..., Any]:
        def call(**_: Any) -> Any:
            self.calls += 1
            raise EndpointConnectionError(endpoint_url="https://dynamodb.example")

        return call


def test_a_table_that_does_not_answer_is_left_alone_for_a_while_and_holds_nobody_up() -> None:
    table, now = Failing(), BEGIN
    health = Health(State("state", lambda: cast(Any, table)))
    for _ in range(5):
        health.refresh([D], now)
        health.report(D, Result("failed", now), now)
        assert health.circuit(D).state(now) == "closed"
        assert health.elect(D, now, now + 1)
    assert table.calls == 1
    health.refresh([D], now + PAUSE_SECONDS)
    assert table.calls == 2


def test_what_is_read_beside_other_work_is_there_when_it_is_waited_for(fleet: Instances) -> None:
    fleet.call(0, "limited", retry_after=9.0)
    wait = fleet[1].refreshing([D], fleet.now)
    wait()
    assert fleet[1].circuit(D).state(fleet.now) == "open"
    reads = fleet.table.reads
    fleet[1].refreshing([D], fleet.now)()
    assert fleet.table.reads == reads


def test_items_that_the_table_did_not_tell_of_stay_as_they_were_known(fleet: Instances) -> None:
    fleet.call(0, "limited", retry_after=60.0)
    unsaid = {"Responses": {"state": []}, "UnprocessedKeys": {"state": {"Keys": [{"id": {"S": f"deployment#{D}"}}]}}}
    fleet.table.batch_get_item = lambda **_: unsaid  # type: ignore[method-assign]
    fleet.after(FRESH_SECONDS)
    assert fleet.see(0) == "open"


@pytest.mark.parametrize("item", [{"due": "soon"}, {"openings": []}, {"latency": 1}, {"latency": "x", "latency_at": 1}])
def test_an_item_that_somebody_else_has_written_harms_no_request(fleet: Instances, item: dict[str, Any]) -> None:
    fleet.table.items[f"deployment#{D}"] = {"id": f"deployment#{D}"} | item
    assert fleet.see(0) == "closed"


def test_an_old_probe_s_answer_does_not_close_what_has_been_opened_since(fleet: Instances) -> None:
    fleet.call(0, "failed")
    fleet.after(circuits.QUIET_SECONDS)
    assert fleet.elect(0, 20)
    started = fleet.now
    for number in range(12):
        fleet[1].report(D, Result("failed", started), fleet.now + number / 10)
    assert fleet.item["openings"] == 1
    fleet.after(1.5)
    fleet[0].report(D, Result("ok", started, probe=True), fleet.now)
    assert fleet.item["openings"] == 1
    assert "probe_until" not in fleet.item


def test_what_could_not_be_told_for_long_is_not_told_as_new() -> None:
    table, now = Table(), BEGIN
    reachable = False

    def client() -> Any:
        return cast(Any, table if reachable else Failing())

    health = Health(State("state", client))
    for _ in range(300):
        health.report(D, Result("failed", now), now)
    reachable, now = True, now + 3600
    health.report(D, Result("failed", now), now)
    assert (table.items[f"deployment#{D}"]["failed"], health.circuit(D).openings) == (1, 0)


def test_an_old_answer_does_not_free_a_deployment_that_has_failed_since(fleet: Instances) -> None:
    fleet.call(0, "failed")
    fleet.call(0, "ok")
    fleet.after(3600)
    fleet.call(1, "failed")
    fleet.after(circuits.QUIET_SECONDS + 0.001)
    assert fleet.elect(0, 10)
    fleet[0].calling(D, fleet.now)
    assert fleet.see(0) == "half-open"


def test_who_was_elected_by_a_write_that_was_sent_twice_knows_it(fleet: Instances) -> None:
    fleet.call(0, "failed")
    fleet.after(circuits.QUIET_SECONDS)
    assert fleet.elect(0, 10)
    assert fleet[0].elect(D, fleet.now, fleet.now + 10)
    assert not fleet[1].elect(D, fleet.now, fleet.now + 10)


def test_an_answer_ends_a_limit_that_it_disproves(fleet: Instances) -> None:
    fleet.call(0, "limited", retry_after=200.0)
    fleet.after(5)
    assert fleet[0].elect(D, fleet.now, fleet.now + 10, ahead=True)
    fleet.call(0, "ok", probe=True)
    assert fleet.see(0) == "closed"


def test_a_busy_fleet_with_rare_failures_writes_little(fleet: Instances) -> None:
    crowd, calls = Instances(100), 6000
    for number in range(calls):
        crowd.call(number % 100, "failed" if number % 500 == 250 else "ok", takes=0.01)
    assert crowd.table.writes < 0.2 * calls


@pytest.mark.parametrize("answer", [{}, {"Attributes": {"openings": {"N": "1E100"}}}, {"Attributes": 7}])
def test_a_table_that_answers_nonsense_harms_no_request(answer: Any) -> None:
    class Nonsense:
        def __getattr__(self, _: str) -> Callable[..., Any]:
            return lambda **_: answer

    health = Health(State("state", lambda: cast(Any, Nonsense())))
    for kind in ("failed", "ok", "limited", "refused", "unknown"):
        health.refresh([D], BEGIN)
        health.calling(D, BEGIN)
        health.report(D, Result(kind, BEGIN, True, seconds=1.0, retry_after=1.0), BEGIN)
    assert health.elect(D, BEGIN, BEGIN + 1)


def test_a_name_that_no_key_can_hold_is_kept_by_its_hash(fleet: Instances) -> None:
    name = "provider/" + "模" * 2000
    fleet[0].report(name, Result("limited", fleet.now, retry_after=9.0), fleet.now)
    (key,) = fleet.table.items
    assert len(key.encode()) < 100


def test_a_probe_that_outlived_its_lease_does_not_end_the_next_one(fleet: Instances) -> None:
    fleet.open()
    fleet.after(2)
    assert fleet.elect(0, 5)
    fleet.after(6)
    assert fleet.elect(1, 5)
    fleet[0].report(D, Result("unknown", fleet.now - 6, probe=True), fleet.now)
    assert not fleet.elect(2, 5)
