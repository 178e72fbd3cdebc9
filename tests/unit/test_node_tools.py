"""The tools for Node.js: made once, made anew when what they are made from changes, and a plain word when they cannot be."""

import os
import stat
from pathlib import Path

import pytest

from local import node
from local.console import Failure


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is installed, and there is no npm."""
    packages = tmp_path / "package.json"
    packages.write_text("{}")
    monkeypatch.setattr(node, "HOME", tmp_path / "local" / "node")
    monkeypatch.setattr(node, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(node, "PACKAGES", packages)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.fixture
def npm(own_folder: Path) -> Path:
    """An npm that notes each of its runs, and what it was given of the environment."""
    program = own_folder / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$* $OPENAI_API_KEY" >> {own_folder}/runs\nexit 0\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return own_folder / "runs"


def test_without_npm_it_says_what_to_install() -> None:
    assert not node.is_available()
    with pytest.raises(Failure, match=r"npm, which comes with Node\.js"):
        node.ensure()


def test_they_are_installed_once_without_the_secrets_of_the_shell(npm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    assert node.is_available()
    node.ensure()
    node.ensure()
    (run,) = npm.read_text().splitlines()
    assert run.startswith("install ")
    assert "sk-canary" not in run


def test_they_are_installed_anew_when_a_version_changes(npm: Path, own_folder: Path) -> None:
    node.ensure()
    (own_folder / "package.json").write_text('{"dependencies": {}}')
    node.ensure()
    assert len(npm.read_text().splitlines()) == 2


def test_an_installation_that_failed_is_told_of_and_begun_again(npm: Path, own_folder: Path) -> None:
    program = own_folder / "bin" / "npm"
    working = program.read_text()
    program.write_text(working.replace("exit 0", "exit 1"))
    with pytest.raises(Failure, match="npm could not install"):
        node.ensure()
    program.write_text(working)
    node.ensure()
    assert len(npm.read_text().splitlines()) == 2


def test_what_they_run_in_finds_their_own_node_first() -> None:
    assert node.environment()["PATH"].split(os.pathsep)[0] == str(node.BIN)
