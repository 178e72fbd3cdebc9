"""scripts/put-models puts what is right, compactly, tells what it changes, and refuses what is wrong."""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.console import Failure
from operate import put_models, target

MINE: dict[str, Any] = {"deployments": [{"provider": "openai", "model": "gpt-4o-mini", "price": {"input": 0.1}}]}


class Ssm:
    def __init__(self) -> None:
        self.put: list[dict[str, Any]] = []

    def put_parameter(self, **parameter: Any) -> None:
        self.put.append(parameter)


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Ssm:
    fake = Ssm()
    found = target.Target(None, "http://unused", "stack", {"ModelsParameter": "/stack/models"})
    monkeypatch.setattr(target, "find", lambda arguments: found)
    monkeypatch.setattr(target.Target, "client", lambda self, service: fake)
    return fake


def run(folder: Path, content: Any, check: bool = False) -> None:
    file = folder / "models.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content, indent=4))
    put_models.run(argparse.Namespace(file=str(file), check=check))


def test_a_right_file_is_put_compactly_and_what_it_changes_is_told(
    ssm: Ssm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    override = {"models": {"mine": MINE, "openai/gpt-4o": MINE, "ollama/llama3.2": None}}
    run(tmp_path, override)
    (put,) = ssm.put
    assert put["Value"] == json.dumps(override, separators=(",", ":"))
    assert (put["Name"], put["Overwrite"], put["Tier"]) == ("/stack/models", True, "Intelligent-Tiering")
    told = capsys.readouterr().out
    assert "~ openai/gpt-4o: openai/gpt-4o-mini\n" in told
    assert "- ollama/llama3.2\n" in told
    assert "+ mine: openai/gpt-4o-mini\n" in told
    assert told.count("\n") == 4


def test_a_file_may_only_be_checked(ssm: Ssm, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, {"models": {"mine": MINE}}, check=True)
    assert ssm.put == []
    assert capsys.readouterr().out.endswith("The file is right; nothing was changed.\n")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ({"models": {"mine": {}}}, "models.mine.deployments: needs at least one"),
        (
            {"models": {"mine": {"deployments": [{"provider": "nobody", "model": "x"}]}}},
            "there is no provider 'nobody'",
        ),
        ({"models": {f"m{n}": MINE for n in range(200)}}, "SSM takes 8,192"),
    ],
)
def test_a_wrong_file_changes_nothing_and_is_told_why(ssm: Ssm, tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(Failure, match=words):
        run(tmp_path, content)
    assert ssm.put == []


def test_a_file_that_is_not_there_is_told(ssm: Ssm, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        put_models.run(argparse.Namespace(file=str(tmp_path / "nothing"), check=True))


def test_the_documents_example_is_right() -> None:
    text = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert put_models.changes(put_models.compact(example)) == [
        "- ollama/llama3.2",
        "+ large: acme/acme-large-2, anthropic/claude-sonnet-5-5",
    ]
