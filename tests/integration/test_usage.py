"""Usage: rows, roll-ups and reports say the same, to the last digit, at every moment and across every boundary."""

import csv
import io
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from gateway import rollups
from gateway.errors import ServiceUnavailable
from tests.integration.harness import KEY, KEY_ID, Clock, Fault, Gateway, Json
from tests.integration.metering import DAYS, TOKENS, Meter, ms, total

MOMENTS = (
    "2026-10-31 23:59:59.999", "2026-11-01 00:00", "2026-11-15 10:59:59.999", "2026-11-15 11:00", "2026-11-26 23:59:59.999",
    "2026-11-27 00:00", "2026-11-27 11:59:59.999", "2026-11-27 12:00", "2026-11-27 12:29:59",
)  # fmt: skip
SINCE = {"from_": "2026-10-01", "to": "2026-11-27T12:30:00Z"}


@pytest.fixture
def meter(gateway: Gateway, clock: Clock) -> Meter:
    return Meter(gateway, clock)


@pytest.fixture
def rows(meter: Meter) -> list[Json]:
    """Requests of three keys about every boundary, with costs that a float would not add up to."""
    return [
        meter.row(at, owner, f"0.{number:03}000000001", model=model, status=status)
        for owner in meter.owners
        for number, at in enumerate(MOMENTS, 1)
        for model, status in (("local/chat", 200), ("gpt#4%o", 429))
    ]


def in_hours(items: list[Json]) -> list[Json]:
    return [item for item in items if item["owner"] != "*" and not item["slot"].startswith("day#")]


def in_days(items: list[Json]) -> list[Json]:
    return [item for item in items if item["owner"] != "*" and item["slot"].startswith("day#")]


def of_all(items: list[Json]) -> list[Json]:
    return [item for item in items if item["owner"] == "*"]


# The sums.


@pytest.mark.parametrize("bucket", ["day", "month"])
def test_a_report_is_the_sum_of_the_rows_before_and_after_any_of_it_is_rolled_up(
    meter: Meter, rows: list[Json], bucket: str
) -> None:
    before = meter.usage(bucket=bucket, group_by="key,team,model,provider", **SINCE)
    assert meter.marker is None
    for _ in range(10):
        meter.roll_up()
    assert meter.marker == ms("2026-11-27 12:00")
    assert meter.usage(bucket=bucket, group_by="key,team,model,provider", **SINCE) == before
    assert Decimal(before["total"]["cost_usd"]) == total(rows)
    assert sum(Decimal(line["cost_usd"]) for line in before["data"]) == total(rows)
    assert before["total"]["requests"] == len(rows)
    assert before["total"]["errors"] == len(rows) // 2


def test_hours_days_and_the_list_of_all_keys_sum_up_to_the_complete_rows(meter: Meter, rows: list[Json]) -> None:
    for _ in range(10):
        meter.roll_up()
    complete = [row for row in rows if row["created_at"] < ms("2026-11-27 12:00")]
    items = meter.rolled()
    assert total(in_hours(items)) == total(in_days(items)) == total(complete)
    assert total(of_all(items)) == 2 * total(complete)
    assert sum(item["requests"] for item in in_hours(items)) == len(complete)
    for number, name in enumerate(TOKENS, 1):
        assert sum(item[name] for item in in_days(items)) == number * len(complete)


@pytest.mark.parametrize(
    ("bucket", "starts"),
    [
        ("hour", ["2026-11-26T23:00:00Z", "2026-11-27T00:00:00Z", "2026-11-27T11:00:00Z", "2026-11-27T12:00:00Z"]),
        ("day", ["2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z"]),
        ("month", ["2026-11-01T00:00:00Z"]),
    ],
)
def test_buckets_begin_in_utc(meter: Meter, rows: list[Json], bucket: str, starts: list[str]) -> None:
    meter.roll_up()
    found = meter.usage(bucket=bucket, from_="2026-11-26", to="2026-11-28")
    assert [line["start"] for line in found["data"]] == starts
    assert found["total"]["requests"] == 5 * 6


@pytest.mark.parametrize("rolled", [False, True])
def test_a_range_is_kept_to_the_millisecond(meter: Meter, rows: list[Json], rolled: bool) -> None:
    for _ in range(10 * rolled):
        meter.roll_up()
    for start in MOMENTS:
        for end in (at for at in MOMENTS if at > start):
            told = meter.usage(from_=f"{start.replace(' ', 'T')}Z", to=f"{end.replace(' ', 'T')}Z")
            expected = [row for row in rows if ms(start) <= row["created_at"] < ms(end)]
            assert Decimal(told["total"]["cost_usd"]) == total(expected)
            assert told["total"]["requests"] == len(expected)


def test_an_offset_is_reckoned_to_utc(meter: Meter, rows: list[Json]) -> None:
    told = meter.usage(from_="2026-11-27T01:00:00+01:00", to="2026-11-27T13:00:00 01:00")  # a plus not encoded
    assert (told["from"], told["to"]) == ("2026-11-27T00:00:00Z", "2026-11-27T12:00:00Z")
    assert told["total"]["requests"] == 2 * 6


def test_a_report_is_of_this_month_until_now_by_day_unless_it_says_otherwise(meter: Meter, rows: list[Json]) -> None:
    told = meter.usage()
    assert (told["from"], told["to"], told["bucket"]) == ("2026-11-01T00:00:00Z", "2026-11-27T12:30:00Z", "day")
    assert told["total"]["requests"] == 8 * 6


def test_a_cost_that_is_not_known_is_counted_and_adds_nothing(meter: Meter) -> None:
    meter.row(
        "2026-11-27 09:00", cost=None, error_code="abandoned", status=502, model="", provider=None, input_tokens=None
    )
    meter.row("2026-11-27 09:00", cost="0.000000000001")
    for _ in range(2):
        (line,) = meter.usage()["data"]
        assert (line["requests"], line["errors"], line["unknown_costs"]) == (2, 1, 1)
        assert line["cost_usd"] == "0.000000000001"
        assert line["input_tokens"] == 1
        unnamed, named = meter.usage(group_by="model,provider")["data"]
        assert (unnamed["model"], unnamed["provider"], named["model"]) == (None, None, "local/chat")
        meter.roll_up()


# Rolling up.


def test_another_run_changes_nothing(meter: Meter, rows: list[Json]) -> None:
    for _ in range(10):
        meter.roll_up()
    items, marker = meter.rolled(), meter.marker
    meter.roll_up()
    meter.rebuild("2026-10-31 00:00", "2026-11-27 12:00")
    assert (meter.rolled(), meter.marker) == (items, marker)


def test_the_first_run_begins_with_the_first_row_and_goes_on_by_a_week(meter: Meter) -> None:
    meter.row("2026-11-01 05:30")
    meter.roll_up()
    assert meter.marker == ms("2026-11-08 05:00")
    meter.roll_up()
    assert meter.marker == ms("2026-11-15 05:00")


def test_a_gateway_without_requests_is_rolled_up_at_once(meter: Meter) -> None:
    meter.roll_up()
    assert meter.marker == ms("2026-11-27 12:00")
    assert meter.rolled() == []
    assert meter.usage()["data"] == []


def test_an_hour_is_complete_only_when_its_last_requests_can_have_their_rows(meter: Meter) -> None:
    meter.clock.time = ms("2026-11-27 12:01:59") / 1000
    meter.roll_up()
    assert meter.marker == ms("2026-11-27 11:00")
    meter.clock.time += 1
    meter.roll_up()
    assert meter.marker == ms("2026-11-27 12:00")


def test_a_row_that_comes_late_is_found_by_the_next_run_for_three_hours(meter: Meter) -> None:
    meter.roll_up()
    meter.row("2026-11-27 09:10", cost="1")
    meter.row("2026-11-27 08:10", cost="2")
    assert meter.usage()["total"]["cost_usd"] == "0"
    meter.roll_up()
    assert meter.usage()["total"]["cost_usd"] == "1"
    meter.rebuild("2026-11-27 08:00", "2026-11-27 09:00")
    assert meter.usage()["total"]["cost_usd"] == "3"
    assert meter.usage(bucket="hour")["total"]["cost_usd"] == "3"


def test_the_marker_is_never_moved_back(meter: Meter) -> None:
    meter.roll_up()
    meter.clock.time -= 7200
    meter.roll_up()
    assert meter.marker == ms("2026-11-27 12:00")


def test_a_run_that_stopped_for_a_day_is_caught_up_with(meter: Meter) -> None:
    meter.clock.time = ms("2026-11-25 00:10") / 1000
    meter.roll_up()
    meter.row("2026-11-25 03:00", cost="0.5")
    meter.clock.time = ms("2026-11-27 12:30") / 1000
    meter.roll_up()
    assert total(in_days(meter.rolled())) == Decimal("0.5")
    assert meter.marker == ms("2026-11-27 12:00")


def test_a_run_without_time_stops_and_the_next_one_goes_on(meter: Meter) -> None:
    meter.row("2026-11-24 05:30")
    done = rollups.roll_up(meter.tables, meter.now, DAYS, has_time=lambda: False)
    assert not done.done
    assert meter.marker == ms("2026-11-25 05:00")
    meter.roll_up()
    assert meter.marker == ms("2026-11-27 12:00")


def test_sums_that_have_no_rows_any_more_are_deleted(meter: Meter) -> None:
    row = meter.row("2026-11-27 09:10")
    meter.roll_up()
    assert len(meter.rolled()) == 4
    key = {name: {"S": row[name]} for name in ("owner", "request_id")}
    meter.gateway.db.delete_item(TableName=meter.tables.requests, Key=key)
    meter.roll_up()
    assert meter.rolled() == []


def test_what_was_rolled_up_outlives_its_rows_and_is_not_to_be_summed_again(meter: Meter) -> None:
    meter.clock.time = ms("2026-08-01 12:30") / 1000
    row = meter.row("2026-08-01 09:10", cost="0.25")
    meter.roll_up()
    key = {name: {"S": row[name]} for name in ("owner", "request_id")}
    meter.gateway.db.delete_item(TableName=meter.tables.requests, Key=key)
    meter.clock.time = ms("2026-11-27 12:30") / 1000
    with pytest.raises(rollups.TooOld, match="2026-08-01T09"):
        meter.rebuild("2026-08-01 09:00", "2026-08-01 10:00")
    for _ in range(15):
        meter.roll_up()
    assert meter.usage(from_="2026-08-01", bucket="month")["total"]["cost_usd"] == "0.25"
    answer = meter.get("get_usage", from_="2026-08-01T09:05:00Z")
    assert (answer.status, answer.error["param"]) == (400, "from")


def test_a_deleted_keys_usage_stays_and_is_summed_again_with_the_others(meter: Meter) -> None:
    gone = next(iter(meter.keys))
    meter.row("2026-11-27 09:10", gone, cost="0.25")
    assert meter.admin.send("DELETE", f"/keys/{gone}").status == 200
    meter.roll_up()
    meter.gateway.db.delete_item(TableName=meter.tables.keys, Key={"id": {"S": gone}})  # the tombstone's day is over
    meter.roll_up()
    assert meter.usage(key=gone)["total"]["cost_usd"] == "0.25"
    assert meter.usage()["total"]["cost_usd"] == "0.25"


def test_names_that_look_like_slots_are_kept_apart(meter: Meter) -> None:
    for model, provider in (("a#b", "c"), ("a", "b#c"), ("a%23b", "c"), ("ü" * 400, "c" * 400), ("ü" * 401, "c" * 400)):
        meter.row("2026-11-27 09:10", model=model, provider=provider)
    before = meter.usage(group_by="model,provider")
    meter.roll_up()
    assert meter.usage(group_by="model,provider") == before
    assert len(before["data"]) == 5


def test_batches_that_are_left_undone_are_written_again(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        meter.row("2026-11-27 09:10", model=f"model-{number}")
    write, calls = meter.gateway.db.batch_write_item, list[int]()

    def half(RequestItems: Any) -> Any:  # noqa: N803 - boto3's name
        ((table, requests),) = RequestItems.items()
        calls.append(len(requests))
        write(RequestItems={table: requests[: -(-len(requests) // 2)]})
        return {"UnprocessedItems": {table: requests[-(-len(requests) // 2) :]} if len(requests) > 1 else {}}

    monkeypatch.setattr(meter.gateway.db, "batch_write_item", half)
    monkeypatch.setattr("gateway.rollups.time", SimpleNamespace(sleep=lambda seconds: None))
    meter.roll_up()
    assert max(calls) == 25
    assert len(in_hours(meter.rolled())) == len(in_days(meter.rolled())) == 30


def test_a_table_that_takes_nothing_leaves_the_marker(meter: Meter, no_backoff: None) -> None:
    meter.row("2026-11-27 09:10")
    fault = Fault("ProvisionedThroughputExceededException")
    meter.gateway.fail("BatchWriteItem", fault)
    with pytest.raises(ServiceUnavailable):
        meter.roll_up()
    meter.gateway.recover("BatchWriteItem", fault)
    assert meter.marker is None


def test_the_run_logs_one_line(meter: Meter) -> None:
    start = meter.gateway.log.tell()
    meter.roll_up()
    (line,) = meter.gateway.log.getvalue()[start:].splitlines()
    assert '"from_hour":"2026-11-27T09","until_hour":"2026-11-27T12"' in line


# Who sees what.


@pytest.mark.parametrize("rolled", [False, True])
def test_a_key_sees_its_own_usage_and_nothing_of_others(meter: Meter, rows: list[Json], rolled: bool) -> None:
    for _ in range(10 * rolled):
        meter.roll_up()
    for owner, key in meter.keys.items():
        told = meter.usage(key, group_by="key", **SINCE)
        assert {line["key"] for line in told["data"]} == {owner}
        assert Decimal(told["total"]["cost_usd"]) == total(row for row in rows if row["owner"] == owner)
        assert meter.usage(key, key=owner, **SINCE)["total"] == told["total"]


@pytest.mark.parametrize(
    "asked", [{"key": KEY_ID}, {"key": "*"}, {"key": "NobodysKey00"}, {"team": "team_NobodysTeam0"}]
)
def test_anothers_usage_is_not_there_whether_it_is_or_not(meter: Meter, rows: list[Json], asked: Json) -> None:
    for key in meter.keys.values():
        answer = meter.get("get_usage", key, **asked)
        assert (answer.status, answer.error["code"]) == (404, "not_found")
        assert answer.error["param"] == next(iter(asked))


def test_an_admin_sees_one_key_or_all(meter: Meter, rows: list[Json]) -> None:
    meter.roll_up()
    by_key = {line["key"]: line["cost_usd"] for line in meter.usage(group_by="key", bucket="month")["data"]}
    assert set(by_key) == set(meter.owners)
    for owner, cost in by_key.items():
        assert meter.usage(key=owner)["total"]["cost_usd"] == cost
    assert meter.get("get_usage", key="*").status == 404
    assert meter.usage(key="NobodysKey00")["data"] == []


@pytest.mark.parametrize("rolled", [False, True])
def test_a_team_is_the_one_that_a_key_was_in_then(meter: Meter, rolled: bool) -> None:
    team = meter.admin.create("/teams")["id"]
    made = meter.admin.create(team=team, scopes=["inference"])
    meter.row("2026-11-27 09:10", made["id"], cost="1")
    meter.row("2026-11-27 09:20", made["id"], cost="2", team=team)
    if rolled:
        meter.roll_up()
    for key in (KEY, made["key"]):
        assert meter.usage(key, team=team)["total"]["cost_usd"] == "2"
        assert [line["team"] for line in meter.usage(key, group_by="team")["data"]] == [None, team]


@pytest.mark.parametrize("rolled", [False, True])
def test_filters_leave_the_others_out(meter: Meter, rows: list[Json], rolled: bool) -> None:
    for _ in range(10 * rolled):
        meter.roll_up()
    told = meter.usage(model="gpt#4%o", provider="local", group_by="model", **SINCE)
    assert {line["model"] for line in told["data"]} == {"gpt#4%o"}
    assert told["total"]["requests"] == told["total"]["errors"] == len(rows) // 2
    assert meter.usage(provider="nobody", **SINCE)["data"] == []


# CSV, and what is refused.


def test_csv_has_the_lines_of_json_and_no_formulas(meter: Meter) -> None:
    for model in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", 'say "hi", twice\n', "local/chat"):
        meter.row("2026-11-27 09:10", model=model)
    answer = meter.get("get_usage", format="csv", group_by="model")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    header, *lines = csv.reader(io.StringIO(answer.text, newline=""))
    assert header[:3] == ["start", "model", "requests"]
    assert header[-1] == "cost_usd"
    data = meter.usage(group_by="model")["data"]
    assert [line[1].removeprefix("'") for line in lines] == [line["model"] for line in data]
    assert not [line for line in lines if line[1][0] in "=+-@\t\r"]
    assert {line[-1] for line in lines} == {"0.000123"}


BAD: dict[str, tuple[Json, str]] = {
    "no date": ({"from": "yesterday"}, "from"),
    "a month": ({"from": "2026-11"}, "from"),
    "no such day": ({"from": "2026-02-30"}, "from"),
    "no offset": ({"to": "2026-11-27T10:00:00"}, "to"),
    "no such hour": ({"to": "2026-11-27T25:00:00Z"}, "to"),
    "digits of elsewhere": ({"to": "２026-11-27"}, "to"),
    "seconds": ({"from": "1795780800"}, "from"),
    "before there were computers": ({"from": "1969-12-31"}, "from"),
    "the first year": ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
    "the last year": ({"to": "9999-12-31T23:59:59-14:00"}, "to"),
    "upside-down": ({"from": "2026-11-02", "to": "2026-11-01"}, "to"),
    "the future": ({"from": "2026-12-01"}, "from"),
    "too many hours": ({"from": "2026-10-01", "to": "2026-11-02", "bucket": "hour"}, "from"),
    "too many days": ({"from": "2020-01-01"}, "from"),
    "too many months": ({"from": "2020-01-01", "bucket": "month"}, "from"),
    "a week": ({"bucket": "week"}, "bucket"),
    "an empty bucket": ({"bucket": ""}, "bucket"),
    "an unknown group": ({"group_by": "key,user"}, "group_by"),
    "an empty group": ({"group_by": "key,,model"}, "group_by"),
    "XML": ({"format": "xml"}, "format"),
    "an empty model": ({"model": ""}, "model"),
    "an endless model": ({"model": "x" * 5000}, "model"),
    "an unknown parameter": ({"granularity": "day"}, "granularity"),
    "an endless unknown parameter": ({"x" * 5000: "day"}, "x" * 100),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_parameter_is_refused_by_name(meter: Meter, case: str) -> None:
    query, param = BAD[case]
    answer = meter.get("get_usage", **query)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert param in answer.error["message"]


def test_too_many_lines_are_refused(meter: Meter, rows: list[Json], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.usage_report.MOST_LINES", 3)
    answer = meter.get("get_usage", group_by="key,model", **SINCE)
    assert (answer.status, answer.error["param"]) == (400, "group_by")


def test_a_report_that_takes_too_long_says_so(meter: Meter, rows: list[Json]) -> None:
    meter.gateway.events.register("before-call.dynamodb.Scan", lambda **_: meter.clock.sleep(60))
    answer = meter.get("get_usage")
    assert (answer.status, answer.error["code"]) == (503, "service_unavailable")


@pytest.mark.parametrize("operation", ["Query", "GetItem", "Scan"])
def test_a_table_that_does_not_answer_is_a_503(meter: Meter, operation: str, no_backoff: None) -> None:
    assert meter.usage()["data"] == []  # the key is known from here on
    meter.gateway.fail(operation, Fault("InternalServerError", 500))
    assert meter.get("get_usage").error["code"] == "service_unavailable"
