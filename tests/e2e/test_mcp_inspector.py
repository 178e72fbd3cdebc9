"""The MCP Inspector's command line on the deployed stack."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local import node
from tests.conformance import suite
from tests.e2e.conftest import Gateway
from tests.e2e.mcp_calls import CALLS, PRODUCT

pytestmark = suite.needs_node


@pytest.fixture(params=["legacy", "modern"])
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def inspect(
    gateway: Gateway, home: Path, era: str, *arguments: str, key: str = ""
) -> "subprocess.CompletedProcess[str]":
    node.ensure()
    command = [
        "mcp-inspector", "--cli", f"{gateway.base_url}/mcp", "--transport", "http", "--protocol-era", era,
        "--header", f"Authorization: Bearer {key or gateway.access.api_key}", "--format", "json", "--stored-auth-only",
    ]  # fmt: skip
    return subprocess.run(
        [*command, *arguments], env=node.environment() | {"HOME": str(home)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def answer(done: "subprocess.CompletedProcess[str]") -> Any:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["result"]


def test_the_tools_are_listed_without_a_complaint_about_their_schemas_and_called(
    gateway: Gateway, tmp_path: Path, era: str
) -> None:
    listed = answer(inspect(gateway, tmp_path, era, "--method", "tools/list", "--strict"))
    assert [tool["name"] for tool in listed["tools"]] == list(CALLS)
    arguments = json.dumps(CALLS["get_product"])
    calling = ["--method", "tools/call", "--tool-name", "get_product", "--tool-args-json", arguments]
    called = answer(inspect(gateway, tmp_path, era, *calling))
    assert called["structuredContent"]["product"]["id"] == PRODUCT


def test_a_wrong_key_is_refused(gateway: Gateway, tmp_path: Path, era: str) -> None:
    done = inspect(gateway, tmp_path, era, "--method", "tools/list", key="sk-gw-wrong")
    assert done.returncode == 3
    assert "auth_required" in done.stderr
    assert "sk-gw-wrong" not in done.stdout + done.stderr
