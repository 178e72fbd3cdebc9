"""Whether handlers import with only their layers and boto3 on their path, and what that loads and costs."""

import json
import statistics
import subprocess
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from local import console

LISTS = Path(__file__).with_name("imports.toml")
PROBE = Path(__file__).with_name("probe.py")
MCP_PROBE = Path(__file__).with_name("mcp_probe.py")
RUNS = 3


class Probes:
    """Fresh interpreters that find nothing but what they are given.

    Args:
        python: the interpreter that the layers were built for.
        boto3: where it is, and nothing else.
    """

    def __init__(self, python: Path, boto3: Path) -> None:
        self._python = python
        self._boto3 = boto3
        self._lists = tomllib.loads(LISTS.read_text(encoding="utf-8"))

    def beside(self, function: str) -> list[str]:
        """The layers that a function has beside the gateway's."""
        return [name for other, name in self._lists["beside"].items() if other == function]

    def import_problems(self, function: Path, layers: Sequence[Path]) -> Iterable[str]:
        """Import a handler, and say how long that takes and what it loads.

        Args:
            function: its folder.
            layers: the python folders of its layers.
        """
        name, lists = function.name, self._lists
        if name not in lists["functions"]:
            yield f"{name} is not in {console.shown(LISTS)}."
            return
        probes = [self._run(PROBE, function, *layers, self._boto3) for _ in range(RUNS)]
        failure = next((probe for probe in probes if isinstance(probe, str)), None)
        if failure is not None:
            yield f"{name} does not import with only its layers and boto3: {failure}"
            return
        milliseconds = statistics.median(probe["milliseconds"] for probe in probes)
        packages: dict[str, str] = probes[0]["packages"]
        console.say(f"  {name:<18}{milliseconds:5.0f} ms  {' '.join(sorted(packages))}")
        allowed = {package for group in lists["functions"][name] for package in lists["groups"][group]}
        if unexpected := packages.keys() - allowed:
            yield f"{name} loads {listed(unexpected)}, which {console.shown(LISTS)} does not allow."
        ours = {str(layer) for layer in layers}
        if borrowed := {package for package, origin in packages.items() if origin not in ours} - set(lists["runtime"]):
            yield f"{name} takes {listed(borrowed)} from the runtime, not from its layers."

    def server_problems(self, layers: Sequence[Path]) -> Iterable[str]:
        """Have the MCP server answer."""
        told = self._run(MCP_PROBE, *layers, self._boto3)
        if isinstance(told, str):
            yield f"The MCP server does not answer with only its layers and boto3: {told}"
            return
        console.say(f"The MCP server answered {told['answers']} requests with only its layers and boto3.")
        if told["late"]:
            yield f"The MCP server imports {listed(told['late'])} only when it is asked."
        for request, answer in told["wrong"].items():
            yield f"With only its layers and boto3 the MCP server answers {request} by {json.dumps(answer)[:300]}"

    def _run(self, probe: Path, *arguments: Path) -> Any:
        """What the probe tells, or its last words."""
        command: list[str | Path] = [self._python, "-S", "-I", "-B", probe, *arguments]
        told = json.dumps(self._lists["environment"])
        ran = subprocess.run(command, input=told, capture_output=True, text=True, check=False)
        last = (ran.stderr if ran.returncode else ran.stdout).strip().rpartition("\n")[2]
        return last if ran.returncode else json.loads(last)


def listed(names: Iterable[str]) -> str:
    """Names as a sentence has them."""
    return ", ".join(sorted(names)) or "nothing"
