"""Requests: listed newest first, page by page, and each to its own key and to admins alone."""

import csv
import io
from typing import Any

import pytest

from gateway import cursors, request_queries
from tests.integration.harness import KEY, KEY_ID, Clock, Fault, Gateway, Json
from tests.integration.metering import Meter, ms


@pytest.fixture
def meter(gateway: Gateway, clock: Clock) -> Meter:
    return Meter(gateway, clock)


@pytest.fixture
def rows(meter: Meter) -> list[Json]:
    """Twenty-one requests of three keys, three in each of seven moments, oldest first."""
    start = ms("2026-11-27 08:00")
    found = [
        meter.row(start + minute * 60_000, owner, model=f"model-{minute % 2}", status=(200, 429)[minute % 2])
        for minute in range(7)
        for owner in meter.owners
    ]
    return sorted(found, key=lambda row: row["request_id"].rpartition("_")[2])


def ids(rows: list[Json]) -> list[str]:
    return [row["request_id"] for row in rows]


def newest_first(rows: list[Json], owner: str | None = None) -> list[str]:
    return [row["request_id"] for row in reversed(rows) if owner in (None, row["owner"])]


def pages(meter: Meter, by: str = KEY, **query: str) -> list[list[str]]:
    """The ids on each page, until there are no more."""
    found: list[list[str]] = []
    while True:
        page = meter.requests(by, **query)
        found.append([row["id"] for row in page["data"]])
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            return found
        assert len(found) < 50
        query["cursor"] = page["next_cursor"]


# Lists.


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 20, 21, 100])
def test_an_admin_pages_through_all_keys_requests_newest_first(meter: Meter, rows: list[Json], limit: int) -> None:
    found = pages(meter, limit=str(limit))
    assert [one for page in found for one in page] == newest_first(rows)
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert 0 < len(found[-1]) <= limit


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_a_key_pages_through_its_own(meter: Meter, rows: list[Json], limit: int) -> None:
    for owner, key in meter.keys.items():
        for asked in ({}, {"key": owner}):
            found = pages(meter, key, limit=str(limit), **asked)
            assert [one for page in found for one in page] == newest_first(rows, owner)
            assert len(found) == -(-7 // limit)


def test_an_admin_may_ask_for_one_key(meter: Meter, rows: list[Json]) -> None:
    owner = next(iter(meter.keys))
    assert pages(meter, key=owner) == [newest_first(rows, owner)]
    assert pages(meter, key="NobodysKey00") == [[]]


def test_a_page_has_twenty_unless_it_says_otherwise(meter: Meter, rows: list[Json]) -> None:
    assert [len(page) for page in pages(meter)] == [20, 1]


def test_two_keys_requests_of_the_same_ulid_are_both_listed(meter: Meter) -> None:
    row = meter.row("2026-11-27 08:00")
    ulid = row["request_id"].rpartition("_")[2]
    for owner in meter.keys:
        meter.row("2026-11-27 08:00", owner, request_id=f"req_{owner}_{ulid}")
    found = pages(meter, limit="1")
    assert sorted(one for page in found for one in page) == sorted(f"req_{owner}_{ulid}" for owner in meter.owners)


FILTERS: dict[str, tuple[Json, Any]] = {
    "a model": ({"model": "model-1"}, lambda row: row["model"] == "model-1"),
    "a status": ({"status": "429"}, lambda row: row["status"] == 429),
    "a provider": ({"provider": "local"}, lambda row: True),
    "another provider": ({"provider": "nobody"}, lambda row: False),
    "an error": ({"error_code": "rate_limit_exceeded"}, lambda row: False),
    "both": ({"model": "model-1", "status": "200"}, lambda row: False),
    "since": ({"from": "2026-11-27T08:03:00Z"}, lambda row: row["created_at"] >= ms("2026-11-27 08:03")),
    "until": ({"to": "2026-11-27T08:03:00Z"}, lambda row: row["created_at"] < ms("2026-11-27 08:03")),
    "a moment": (
        {"from": "2026-11-27T08:03:00Z", "to": "2026-11-27T08:03:00.001Z"},
        lambda row: row["created_at"] == ms("2026-11-27 08:03"),
    ),
    "no time at all": ({"from": "2026-11-27", "to": "2026-11-27"}, lambda row: False),
    "the future": ({"from": "2027-01-01"}, lambda row: False),
}


@pytest.mark.parametrize("case", FILTERS)
@pytest.mark.parametrize("limit", ["2", "100"])
def test_filters_apply_before_the_page_is_filled(meter: Meter, rows: list[Json], case: str, limit: str) -> None:
    query, wanted = FILTERS[case]
    expected = newest_first([row for row in rows if wanted(row)])
    found = pages(meter, limit=limit, **query)
    assert [one for page in found for one in page] == expected
    assert all(len(page) == int(limit) for page in found[:-1])
    own, key = next(iter(meter.keys.items()))
    found = pages(meter, key, limit=limit, **query)
    assert [one for page in found for one in page] == newest_first([row for row in rows if wanted(row)], own)


def test_a_page_ends_after_so_many_rows_filled_or_not(
    meter: Meter, rows: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_queries, "MOST_EXAMINED", 2)
    for by, owner in ((KEY, None), *((key, owner) for owner, key in meter.keys.items())):
        found = pages(meter, by, model="model-1", limit="2")
        mine = [row for row in rows if row["model"] == "model-1"]
        assert [one for page in found for one in page] == newest_first(mine, owner)
        assert len(found) > 2


def test_a_row_whose_time_is_over_is_not_shown_though_it_is_there(meter: Meter) -> None:
    row = meter.row("2026-11-27 08:00", expires_at=int(meter.clock.time))
    assert pages(meter) == [[]]
    assert meter.get("get_request", request_id=row["request_id"]).status == 404


# What is shown.


def test_a_request_is_shown_with_all_that_is_known(meter: Meter) -> None:
    row = meter.row(
        "2026-11-27 08:00:00.123", cost="0.000000000001", cost_estimated=True, client_request_id="mine", latency_ms=12,
        attempts=[{"deployment": "local/chat", "outcome": "ok", "ms": 5, "probe": True}],
    )  # fmt: skip
    shown = meter.get("get_request", request_id=row["request_id"]).json
    assert shown == meter.requests()["data"][0]
    assert (shown["object"], shown["id"], shown["key"]) == ("request", row["request_id"], KEY_ID)
    assert (shown["created_at"], shown["cost_usd"]) == ("2026-11-27T08:00:00.123Z", "0.000000000001")
    assert (shown["cost_estimated"], shown["client_request_id"], shown["latency_ms"]) == (True, "mine", 12)
    assert shown["attempts"] == [{"deployment": "local/chat", "outcome": "ok", "ms": 5, "probe": True}]
    assert (shown["team"], shown["error_code"]) == (None, None)
    assert "expires_at" not in shown


def test_a_request_that_was_abandoned_is_shown_too(meter: Meter) -> None:
    left: Any = dict.fromkeys(("endpoint", "provider", "input_tokens", "output_tokens"))
    row = meter.row("2026-11-27 08:00", cost=None, model="", status=502, error_code="abandoned", attempts=[], **left)
    shown = meter.get("get_request", request_id=row["request_id"]).json
    assert (shown["model"], shown["endpoint"], shown["cost_usd"]) == (None, None, None)
    assert (shown["status"], shown["error_code"], shown["cost_estimated"]) == (502, "abandoned", False)
    assert [one["id"] for one in meter.requests(error_code="abandoned")["data"]] == [row["request_id"]]


def test_a_request_that_was_made_is_listed_and_has_no_prompt(meter: Meter) -> None:
    chat = meter.gateway.chat(messages=[{"role": "user", "content": "a-secret-plan"}])
    answer = meter.get("list_requests")
    (shown,) = answer.json["data"]
    assert shown["id"] == chat.headers["x-request-id"]
    assert shown["cost_usd"] == chat.headers["x-gateway-cost-usd"]
    assert "a-secret-plan" not in answer.text


# Who sees what.


def test_anothers_request_is_not_there(meter: Meter, rows: list[Json]) -> None:
    (mine, key), (other, _) = meter.keys.items()
    for row in rows:
        answer = meter.get("get_request", key, row["request_id"])
        assert (answer.status == 200) == (row["owner"] == mine)
        assert meter.get("get_request", request_id=row["request_id"]).status == 200
        ulid = row["request_id"].rpartition("_")[2]
        if row["owner"] == other:
            for swapped in (f"req_{mine}_{ulid}", row["request_id"] + " ", row["request_id"].lower(), ulid):
                wrong = meter.get("get_request", key, swapped)
                assert (wrong.status, wrong.error["code"], wrong.error["param"]) == (404, "not_found", "id")
    unknown = meter.get("get_request", key, newest_first(rows, other)[0])
    nothing = meter.get("get_request", key, f"req_{other}_{'0' * 26}")
    assert unknown.error["message"].partition("'")[0] == nothing.error["message"].partition("'")[0]


def test_anothers_requests_are_not_listed(meter: Meter, rows: list[Json]) -> None:
    (mine, key), (other, _) = meter.keys.items()
    for asked in (other, KEY_ID, "NobodysKey00", "*", f"{mine} "):
        answer = meter.get("list_requests", key, key=asked)
        assert (answer.status, answer.error["code"], answer.error["param"]) == (404, "not_found", "key")


def test_a_cursor_of_another_list_is_refused(meter: Meter, rows: list[Json]) -> None:
    (_, key), (other, others_key) = meter.keys.items()
    foreign = [
        meter.requests(others_key, limit="1")["next_cursor"],
        meter.requests(limit="1")["next_cursor"],
        meter.requests(limit="1", key=other)["next_cursor"],
    ]
    assert all(foreign)
    for cursor in foreign:
        answer = meter.get("list_requests", key, cursor=cursor)
        assert (answer.status, answer.error["param"]) == (400, "cursor")


def test_a_cursor_made_by_hand_reads_nothing_of_others(meter: Meter, rows: list[Json]) -> None:
    (mine, key), (other, _) = meter.keys.items()
    ulid = newest_first(rows, other)[0].rpartition("_")[2]
    right = cursors.decode(meter.requests(key, limit="1")["next_cursor"], "cursor")
    for change in (
        {"key": other}, {"of": "AAAAAA"}, {"before": None}, {"before": f"{ulid}_"}, {"before": ulid.lower()}, {"before": 5},
        {"before": "8" + ulid[1:]}, {"before": f"x_{ulid}"}, {"before": ""}, {"of": None}, {"of": [1]},
    ):  # fmt: skip
        answer = meter.get("list_requests", key, cursor=cursors.encode(right | change))
        assert (answer.status, answer.error["param"]) == (400, "cursor"), change
    moved = meter.requests(key, cursor=cursors.encode(right | {"before": ulid}))["data"]
    assert {row["key"] for row in moved} == {mine}
    everyones = cursors.decode(meter.requests(limit="1")["next_cursor"], "cursor")
    for owner in (5, None, "*", "short"):
        answer = meter.get("list_requests", cursor=cursors.encode(everyones | {"key": owner}))
        assert (answer.status, answer.error["param"]) == (400, "cursor")


def test_a_cursor_that_was_changed_is_refused(meter: Meter, rows: list[Json]) -> None:
    cursor = meter.requests(limit="1")["next_cursor"]
    changed = {cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(len(cursor))}
    for text in (*changed, cursor[:-1], cursor + "A", cursor + "=", cursor + " ", "x" * 500, "é", "bnVsbA", "W10"):
        answer = meter.get("list_requests", cursor=text)
        assert (answer.status, answer.error["param"]) == (400, "cursor"), text


# CSV, and what is refused.


def test_csv_has_the_rows_of_json_and_the_cursor_in_a_header(meter: Meter) -> None:
    texts = ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\r=1", 'a "b", c', "fine"]
    for number, text in enumerate(texts):
        meter.row(ms("2026-11-27 08:00") + number, model=text, client_request_id=text)
    answer = meter.get("list_requests", format="csv", limit="8")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "x-gateway-next-cursor" not in answer.headers
    assert answer.text.startswith("id,key,created_at,")
    lines = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    for column in ("model", "client_request_id"):
        assert [line[column].removeprefix("'") for line in lines] == list(reversed(texts))
        assert not [line for line in lines if line[column][0] in "=+-@\t\r"]
    assert (lines[0]["cost_usd"], lines[0]["status"], lines[0]["stream"]) == ("0.000123", "200", "false")
    assert lines[0]["attempts"] == '[{"deployment":"local/chat","outcome":"ok","ms":5}]'
    short = meter.get("list_requests", format="csv", limit="3")
    assert short.headers["x-gateway-next-cursor"] == meter.requests(limit="3")["next_cursor"]
    assert "x-gateway-next-cursor" in short.headers["access-control-expose-headers"]


BAD: dict[str, tuple[Json, str]] = {
    "no requests": ({"limit": "0"}, "limit"),
    "too many": ({"limit": "101"}, "limit"),
    "a limit that is no number": ({"limit": "ten"}, "limit"),
    "a limit of elsewhere": ({"limit": "１"}, "limit"),
    "a kind of status": ({"status": "4xx"}, "status"),
    "no such status": ({"status": "99"}, "status"),
    "a time somewhere": ({"from": "2026-11-27T08:00"}, "from"),
    "upside-down": ({"from": "2026-11-27", "to": "2026-11-26"}, "to"),
    "an empty cursor": ({"cursor": ""}, "cursor"),
    "a cursor of nobody's": ({"cursor": "e30"}, "cursor"),
    "XML": ({"format": "XML"}, "format"),
    "a team": ({"team": "team_NobodysTeam0"}, "team"),
    "an unknown parameter": ({"after": "x"}, "after"),
    "an empty error": ({"error_code": ""}, "error_code"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_parameter_is_refused_by_name(meter: Meter, case: str) -> None:
    query, param = BAD[case]
    answer = meter.get("list_requests", **query)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert param in answer.error["message"]


def test_a_single_request_takes_no_parameters(meter: Meter, rows: list[Json]) -> None:
    answer = meter.get("get_request", request_id=ids(rows)[0], format="csv")
    assert (answer.status, answer.error["param"]) == (400, "format")


@pytest.mark.parametrize(("function", "operation"), [("list_requests", "Query"), ("list_requests", "Scan")])
def test_a_table_that_does_not_answer_is_a_503(meter: Meter, function: str, operation: str, no_backoff: None) -> None:
    assert meter.get(function).status == 200
    meter.gateway.fail(operation, Fault("InternalServerError", 500))
    assert meter.get(function).error["code"] == "service_unavailable"
