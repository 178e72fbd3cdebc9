"""scripts/usage, scripts/requests and scripts/rebuild-usage tell and do what the API does, on the tables themselves."""

import csv
import io
import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from operate import metering, rebuild_usage, show_requests, target, usage
from operate.target import Target
from tests.conftest import ENVIRONMENT
from tests.integration.harness import KEY_ID, Clock, Gateway
from tests.integration.metering import DAYS, Meter, ms

SCRIPTS = {"usage": usage, "requests": show_requests, "rebuild-usage": rebuild_usage}


class Deployed(Target):
    """The gateway on moto."""

    db: Any

    def client(self, service: str) -> Any:
        assert service == "dynamodb"
        return self.db


class Shell:
    """Runs a script as a user would, without a terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, script: str, *words: str) -> tuple[int, str, str]:
        """Its exit status, and what it prints to its two outputs."""
        self._monkeypatch.setattr(sys, "argv", [script, *words])
        self._monkeypatch.setattr(sys, "stdin", io.StringIO())
        status: Any = 0
        try:
            SCRIPTS[script].main()
        except SystemExit as ended:
            status = ended.code or 0
        told = self._capsys.readouterr()
        return int(status), told.out, told.err

    def out(self, script: str, *words: str) -> str:
        """What it prints when all is well."""
        status, out, err = self.run(script, *words)
        assert (status, err) == (0, "")
        return out

    def refusal(self, script: str, *words: str) -> str:
        """The one sentence that it fails with."""
        status, out, err = self.run(script, *words)
        assert (status, out) == (1, "")
        return err.removesuffix("\n")


@pytest.fixture
def meter(gateway: Gateway, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Meter:
    outputs = {f"{name}Table": ENVIRONMENT[f"{name.upper()}_TABLE"] for name in ("Keys", "Requests", "Usage")}
    found = Deployed(None, None, "gateway", {**outputs, "RequestRetentionDays": str(DAYS)})
    monkeypatch.setattr(Deployed, "db", gateway.db, raising=False)
    monkeypatch.setattr(target, "find", lambda arguments: found)
    monkeypatch.setattr(metering, "time", SimpleNamespace(time=clock.now))
    return Meter(gateway, clock)


@pytest.fixture
def shell(meter: Meter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


# Usage.


def test_usage_is_a_table_with_a_total(meter: Meter, shell: Shell) -> None:
    meter.row("2026-11-26 09:00", input_tokens=12_345)
    meter.row("2026-11-27 09:00", model="=1+1\x1b[31m", cost=None)
    lines = [line.split() for line in shell.out("usage", "--group-by", "model").splitlines()]
    header = ["START", "MODEL", "REQUESTS", "ERRORS", "INPUT", "CACHED", "OUTPUT", "USD", "UNKNOWN"]
    assert lines == [
        header,
        ["2026-11-26T00:00:00Z", "local/chat", "1", "0", "12,345", "2", "4", "0.000123", "0"],
        ["2026-11-27T00:00:00Z", "=1+1?[31m", "1", "0", "1", "2", "4", "0", "1"],
        ["total", "2", "0", "12,346", "4", "8", "0.000123", "1"],
    ]


def test_usage_as_json_and_csv_is_the_apis(meter: Meter, shell: Shell) -> None:
    for owner in meter.owners:
        meter.row("2026-11-27 09:00", owner)
    words = ("--group-by", "key", "--bucket", "hour", "--from", "2026-11-27", "--to", "2026-11-27T10:00:00Z")
    query = {"group_by": "key", "bucket": "hour", "from_": "2026-11-27", "to": "2026-11-27T10:00:00Z"}
    assert json.loads(shell.out("usage", "--json", *words)) == meter.usage(**query)
    api = meter.get("get_usage", format="csv", **query).text
    assert list(csv.reader(io.StringIO(shell.out("usage", "--csv", *words)))) == list(csv.reader(io.StringIO(api)))
    one = json.loads(shell.out("usage", "--json", "--key", KEY_ID))
    assert one["total"]["requests"] == 1


def test_usage_of_nothing_is_nothing(shell: Shell) -> None:
    assert shell.out("usage").splitlines()[1].split() == ["total", "0", "0", "0", "0", "0", "0"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--from", "soon"), '--from: must be a date such as "2026-11-27" or a time with offset'),
        (("--group-by", "user"), "--group-by: must be some of key, team, model, provider"),
        (("--from", "2026-01-01", "--bucket", "hour"), "--from: must be at most 31 days before `to`"),
    ],
)
def test_usage_names_a_wrong_argument(shell: Shell, words: tuple[str, ...], sentence: str) -> None:
    assert shell.refusal("usage", *words).startswith(sentence)


# Requests.


def test_requests_are_a_table_newest_first(meter: Meter, shell: Shell) -> None:
    older = meter.row("2026-11-27 09:00")
    newer = meter.row("2026-11-27 10:00", status=502, error_code="upstream_error", cost=None, provider=None)
    header, first, second = shell.out("requests").splitlines()
    assert header.split()[:3] == ["TIME", "ID", "MODEL"]
    assert first.split()[1:6] == [newer["request_id"], "local/chat", "-", "502", "upstream_error"]
    assert second.split()[1] == older["request_id"]
    assert shell.out("requests", "--error-code", "upstream_error").count("req_") == 1


def test_a_request_that_asked_no_model_shows_its_route(meter: Meter, shell: Shell) -> None:
    meter.row("2026-11-27 09:00", model="", endpoint="/api/v1/products/search", provider=None)
    _, line = shell.out("requests").splitlines()
    assert line.split()[2:5] == ["/products/search", "-", "200"]


def test_requests_are_listed_beyond_a_page(meter: Meter, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.request_queries.MAX_LIMIT", 2)
    rows = [meter.row(ms("2026-11-27 09:00") + number) for number in range(5)]
    found = json.loads(shell.out("requests", "--json", "--limit", "5"))
    assert [one["id"] for one in found] == [row["request_id"] for row in reversed(rows)]
    assert len(json.loads(shell.out("requests", "--json", "--limit", "3"))) == 3
    assert len(shell.out("requests", "--csv", "--limit", "50").splitlines()) == 6


def test_one_request_is_shown_whole(meter: Meter, shell: Shell) -> None:
    row = meter.row("2026-11-27 09:00", client_request_id="mine")
    request_id = row["request_id"]
    api = meter.get("get_request", request_id=request_id).json
    assert json.loads(shell.out("requests", request_id, "--json")) == api
    shown = shell.out("requests", request_id)
    assert "client_request_id      mine\n" in shown
    assert shell.refusal("requests", "req_nothing") == "There is no request 'req_nothing'."


def test_requests_that_are_not_there_are_said_so(shell: Shell) -> None:
    status, out, err = shell.run("requests", "--model", "nothing")
    assert (status, out, err) == (0, "", "There are no such requests.\n")
    assert shell.refusal("requests", "--limit", "0") == "--limit: must be at least 1."
    assert shell.refusal("requests", "--status", "bad").startswith("--status: must be a whole number")


# Rebuild.


def test_a_late_row_is_found_by_a_rebuild_as_often_as_it_is_run(meter: Meter, shell: Shell) -> None:
    meter.roll_up()
    meter.row("2026-11-20 09:30", cost="1.5")
    assert meter.usage()["total"]["cost_usd"] == "0"
    words = ("rebuild-usage", "--from", "2026-11-20T08:30:00Z", "--to", "2026-11-20T10:00:00Z", "--yes")
    for _ in range(2):
        status, out, err = shell.run(*words)
        assert (status, out, err) == (0, "2 hours, 1 sums.\n", "2026-11-20T08: 0 sums\n2026-11-20T09: 1 sums\n")
        assert meter.usage()["total"]["cost_usd"] == "1.5"


def test_a_rebuild_is_of_complete_hours_whose_rows_are_there(shell: Shell) -> None:
    assert "2026-08-01T00 may be gone" in shell.refusal("rebuild-usage", "--from", "2026-08-01", "--yes")
    assert shell.refusal("rebuild-usage", "--from", "2026-11-28", "--yes") == "There is no complete hour in that range."
    assert shell.refusal("rebuild-usage", "--from", "x", "--yes").startswith("--from: must be a date")


def test_a_rebuild_asks_first(shell: Shell) -> None:
    refusal = shell.refusal("rebuild-usage", "--from", "2026-11-27T10:00:00Z")
    assert refusal == "This writes over the sums of 2 hours, 2026-11-27T10 to 2026-11-27T11 UTC: say --yes."
