"""scripts/create-key, scripts/keys and scripts/teams work on the table as the API does."""

import json
import sys
from typing import Any

import pytest

from gateway import keys
from local.console import Failure
from operate import accounts, create_key, target
from operate.target import Target
from tests.integration.admins import TABLE, Admin
from tests.integration.harness import KEY_ID, Gateway


class Deployed(Target):
    """The gateway on moto."""

    db: Any

    def client(self, service: str) -> Any:
        assert service == "dynamodb"
        return self.db


class Shell:
    """Runs a script as a user would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, script: str, *words: str) -> tuple[int, str, str]:
        """Its exit status, and what it prints to its two outputs."""
        self._monkeypatch.setattr(sys, "argv", [script, *words])
        mains = {"keys": lambda: accounts.main("key"), "teams": lambda: accounts.main("team")}
        status: Any = 0
        try:
            mains.get(script, create_key.main)()
        except SystemExit as ended:
            status = ended.code or 0
        told = self._capsys.readouterr()
        return int(status), told.out, told.err

    def json(self, script: str, *words: str) -> Any:
        """What it prints as JSON."""
        status, out, err = self.run(script, *words, "--json")
        assert (status, err) == (0, "")
        return json.loads(out)

    def refusal(self, script: str, *words: str) -> str:
        """The one sentence that it fails with."""
        status, out, err = self.run(script, *words)
        assert (status, out) == (1, "")
        return err.removesuffix("\n")


@pytest.fixture
def boss(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Admin:
    found = Deployed(None, None, "gateway", {"KeysTable": TABLE})
    monkeypatch.setattr(Deployed, "db", gateway.db, raising=False)
    monkeypatch.setattr(target, "find", lambda arguments: found)
    return Admin(gateway)


@pytest.fixture
def shell(boss: Admin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def test_a_key_is_created_with_every_limit_and_works(boss: Admin, shell: Shell) -> None:
    team = shell.json("teams", "create", "--name", "Search", "--month-budget", "250")["id"]
    made = shell.json(
        "create-key", "--name", "app", "--scope", "inference", "--team", team, "--rpm-limit", "60", "--tpm-limit", "1000",
        "--max-parallel", "3", "--day-budget", "2.50", "--month-budget", "25", "--total-budget", "100", "--model", "local/chat",
        "--model", "gpt-4o", "--expires-in-days", "30",
    )  # fmt: skip
    assert boss.models(made["key"]) == 200
    del made["key"]
    assert boss.send("GET", f"/keys/{made['id']}").json == made
    assert (made["team"], made["rpm_limit"], made["tpm_limit"], made["max_parallel"]) == (team, 60, 1000, 3)
    assert (made["day_budget"], made["month_budget"], made["total_budget"]) == ("2.5", "25", "100")
    assert made["models"] == ["local/chat", "gpt-4o"]


def test_a_key_is_told_once_in_a_line_of_its_own(shell: Shell) -> None:
    status, out, _ = shell.run("create-key", "--name", "app")
    assert status == 0
    assert keys.parse(out.splitlines()[3].strip())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rpm-limit", "many"], "--rpm-limit: must be a whole number."),
        (["--rpm-limit", "0"], "--rpm-limit: must be at least 1."),
        (["--max-parallel", "1.5"], "--max-parallel: must be a whole number."),
        (["--month-budget", "1e3"], '--month-budget: must be an amount of US dollars such as "25.00": digits, and at most 12 of them after a point.'),
        (["--team", "team_NobodysTeam0"], "--team: there is no team 'team_NobodysTeam0'."),
        (["--model", ""], "--model[0]: must not be empty."),
        (["--name", " "], "--name: must be 1 to 100 visible characters."),
        (["--expires-in-days", "0"], "--expires-in-days must be from 1 to 100000."),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_told_by_its_name(boss: Admin, shell: Shell, words: list[str], sentence: str) -> None:
    assert shell.refusal("create-key", *words) == sentence
    assert len(boss.gateway.db.scan(TableName=TABLE)["Items"]) == 1


def test_keys_are_listed_with_what_is_left(boss: Admin, shell: Shell) -> None:
    made = boss.create(name="app", rpm_limit=60, month_budget=25)
    boss.set(made["id"], month_left=20)
    status, out, _ = shell.run("keys")
    lines = out.splitlines()
    assert (status, len(lines)) == (0, 3)
    assert lines[0].split() == ["ID", "NAME", "STATUS", "TEAM", "RPM", "TPM", "PARALLEL", "DAY", "MONTH", "TOTAL"]
    (line,) = [line for line in lines if line.startswith(made["id"])]
    assert line.split() == [made["id"], "app", "active", "-", "60/60", "-", "-", "-", "20/25", "-"]
    del made["key"]
    assert made | {"left": made["left"] | {"month": "20"}} in shell.json("keys", "list")


def test_keys_are_listed_by_team(boss: Admin, shell: Shell) -> None:
    team = boss.create("/teams")["id"]
    member = boss.create(team=team)["id"]
    assert [one["id"] for one in shell.json("keys", "--team", team)] == [member]
    status, out, err = shell.run("keys", "--team", "team_NobodysTeam0")
    assert (status, out, err) == (0, "", "There are no keys.\n")


def test_teams_are_listed_without_a_column_for_teams(boss: Admin, shell: Shell) -> None:
    team = boss.create("/teams", name="Search", max_parallel=3)["id"]
    header, line = shell.run("teams")[1].splitlines()
    assert "TEAM" not in header
    assert line.split() == [team, "Search", "active", "-", "-", "3", "-", "-", "-"]


def test_a_key_is_changed_and_shown(boss: Admin, shell: Shell) -> None:
    made = boss.create(rpm_limit=60, models=["a"])
    words = ["--month-budget", "50", "--rpm-limit", "none", "--model", "none", "--status", "disabled", "--name", "none"]
    changed = shell.json("keys", "set", made["id"], *words, "--expires-at", "2099-01-01T00:00:00Z")
    assert (changed["month_budget"], changed["rpm_limit"], changed["models"]) == ("50", None, None)
    assert (changed["status"], changed["name"], changed["expires_at"]) == ("disabled", "none", 4_070_908_800)
    assert shell.json("keys", "show", made["id"]) == changed
    assert "month_budget           50\n" in shell.run("keys", "show", made["id"])[1]
    assert shell.json("keys", "set", made["id"], "--expires-at", "4070908801")["expires_at"] == 4_070_908_801
    assert shell.json("keys", "set", made["id"], "--expires-at", "none")["expires_at"] is None


def test_a_change_of_nothing_is_refused(shell: Shell) -> None:
    assert "changes nothing" in shell.refusal("keys", "set", KEY_ID)


def test_a_key_is_rotated(boss: Admin, shell: Shell) -> None:
    made = boss.create()
    rotated = shell.json("keys", "rotate", made["id"], "--grace-seconds", "0")
    assert [boss.models(key) for key in (made["key"], rotated["key"])] == [401, 200]
    assert "sk-gw-" in shell.run("keys", "rotate", made["id"])[1]
    assert shell.refusal("keys", "rotate", made["id"], "--grace-seconds", "-1").startswith("--grace-seconds: must be")


def test_a_team_is_deleted_after_its_keys(boss: Admin, shell: Shell) -> None:
    team = boss.create("/teams")["id"]
    key = boss.create(team=team)["id"]
    assert "still has keys" in shell.refusal("teams", "delete", team)
    assert shell.run("keys", "delete", key)[:2] == (0, f"Deleted the key {key}.\n")
    assert shell.json("teams", "delete", team) == {"id": team, "object": "team", "deleted": True}
    assert shell.refusal("teams", "show", team) == f"There is no team '{team}'."


@pytest.mark.parametrize("command", ["show", "set", "rotate", "delete"])
def test_a_key_that_is_not_there_is_told(shell: Shell, command: str) -> None:
    words = ["--rpm-limit", "5"] if command == "set" else []
    assert shell.refusal("keys", command, "NobodysKey00", *words) == "There is no key 'NobodysKey00'."


def test_a_table_that_refuses_is_told_in_a_sentence(boss: Admin, shell: Shell) -> None:
    boss.gateway.db.delete_table(TableName=TABLE)
    for words in (["keys"], ["keys", "show", KEY_ID], ["create-key"]):
        assert shell.refusal(*words).startswith("The Keys table refuses, or does not answer: ")


def test_without_a_gateway_a_script_says_so(monkeypatch: pytest.MonkeyPatch, shell: Shell) -> None:
    def find(arguments: Any) -> Target:
        raise Failure("It does not run.")

    monkeypatch.setattr(target, "find", find)
    assert shell.refusal("keys") == "It does not run."
