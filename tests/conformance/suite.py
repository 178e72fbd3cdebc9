"""The official conformance suite, run by its command line.

`--suite all` is more than what a revision requires (`--requirements`): scenarios that its own reference server cannot
pass yet, such as the validation of headers, are run and counted, too. Extensions, which are optional, are not.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from local import node

EXPECTED_FAILURES = Path(__file__).parent / "expected_failures"
REVISIONS = ["2026-07-28", "2025-11-25", "2025-06-18"]

needs_node = pytest.mark.skipif(
    not node.is_available() and os.environ.get("CI") != "true", reason="needs npm, which comes with Node.js"
)
"""In CI nothing is skipped in silence: there they fail without it."""


def run(url: str, revision: str, server: str) -> set[str]:
    """Run all scenarios of a revision; returns their names.

    Args:
        url: of the MCP server.
        revision: of the protocol.
        server: whose file of expected failures holds. An entry that passes is an error, too.
    Raises:
        AssertionError: a scenario failed that should not, or passed that should not.
    """
    baseline = EXPECTED_FAILURES / f"{server}.yaml"
    output = _suite(url, revision, "--suite", "all", "--expected-failures", str(baseline))
    return set(re.findall(r"^[✓✗] ([\w/-]+): \d+ passed", output, re.MULTILINE))


def run_one(url: str, revision: str, scenario: str) -> None:
    """Run one scenario.

    Raises:
        AssertionError: it failed.
    """
    _suite(url, revision, "--scenario", scenario)


def required(revision: str) -> set[str]:
    """The scenarios that a server of this revision has to pass, where the suite has a list of them."""
    file = node.HOME / "node_modules" / "@modelcontextprotocol" / "conformance" / "requirements" / f"{revision}.yaml"
    return set(yaml.safe_load(file.read_text())["server"]) if file.exists() else set()


def _suite(url: str, revision: str, *options: str) -> str:
    node.ensure()
    command = ["conformance", "server", "--url", url, "--spec-version", revision, *options]
    done = subprocess.run(command, env=node.environment(), capture_output=True, text=True, timeout=300, check=False)
    summary = done.stdout.partition("=== SUMMARY ===")[2] or done.stdout
    print(summary)  # noqa: T201 - what passed, for `scripts/test tests/e2e/test_mcp_conformance.py -rP`
    assert done.returncode == 0, done.stderr
    return summary
