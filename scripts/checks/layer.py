"""Proves that a built layer is complete, small, and made for what runs it."""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import console, envs
from local.console import Failure

LISTS = Path(__file__).with_name("imports.toml")
PROBE = Path(__file__).with_name("probe.py")
FUNCTIONS = envs.ROOT / "functions"
BOTO3_REQUIREMENTS = envs.ROOT / "scripts" / "requirements" / "tools.txt"

LIMIT_MB = 25
FORBIDDEN = ("boto3", "botocore", "s3transfer")
LAMBDA_TAGS = {"cpython-313-aarch64-linux-gnu", "cpython-313-x86_64-linux-gnu"}
OTHER_TAG = "cpython-39-another-cpu"
SENTENCE = "The gateway layer was built for "
RUNS = 3

HELP = """\
Checks a built layer (a folder that contains python/):
- it is under 25 MB unpacked, and boto3, which is the runtime's, is not in it;
- built for Lambda: every compiled extension is there for Python 3.13 on both CPUs;
- run by a Python or CPU that it was not built for, it says so in a sentence;
- run by the Python that it was built for: every handler imports with only the layer and boto3 on its path, and loads
  no top-level package but those of scripts/checks/imports.toml.
Import times are the median of 3 fresh interpreters, the layer's files not yet compiled, as on a cold start."""


@dataclass(frozen=True)
class Layer:
    """A built layer.

    Attributes:
        folder: contains python/.
        extensions: for each compiled module, the tags (Python and CPU) that it is there for.
    """

    folder: Path
    extensions: dict[str, set[str]]

    @classmethod
    def read(cls, folder: Path) -> "Layer":
        """The layer in a folder."""
        packages = folder / "python"
        if not (packages / "gateway" / "__init__.py").is_file():
            raise Failure(f"{console.shown(folder)} is no built layer: it has no python/gateway.")
        extensions: dict[str, set[str]] = {}
        for file in packages.rglob("*.so"):
            module, _, tag = file.name.removesuffix(".so").partition(".")
            extensions.setdefault(str(file.parent.relative_to(packages) / module), set()).add(tag)
        return cls(folder, extensions)

    @property
    def packages(self) -> Path:
        """What is on the handlers' path."""
        return self.folder / "python"

    @property
    def tags(self) -> set[str]:
        """All Pythons and CPUs that it carries anything for."""
        return set().union(*self.extensions.values())

    def size(self) -> int:
        """Bytes, unpacked."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())


def main() -> None:
    """Parse, check, print."""
    parser = argparse.ArgumentParser(
        "scripts/check-layer", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="the built layer")
    parser.add_argument(
        "--for", choices=["lambda", "host"], dest="target",
        help="what it was built for (default: host if it carries that Python and CPU only)",
    )  # fmt: skip
    parser.add_argument(
        "--python", type=Path, default=envs.python("emulator"),
        help="the interpreter that a host layer was built for (default: the emulator's)",
    )  # fmt: skip
    parser.add_argument(
        "--boto3", type=Path, default=envs.ROOT / ".local" / "check" / "boto3", metavar="DIR",
        help="where boto3 is, and nothing else; installed there if it is not (default: .local/check/boto3)",
    )  # fmt: skip
    options = parser.parse_args()
    console.main(lambda: check(options))


def check(options: argparse.Namespace) -> None:
    """All checks, one after the other; what is wrong is told at the end, together."""
    layer, python = Layer.read(options.folder.resolve()), options.python
    own_tag = _own_tag(python)
    target = options.target or ("host" if layer.tags == {own_tag} else "lambda")
    console.say(f"Layer {console.shown(layer.folder)}, built for {target}: {layer.size() / 1e6:.1f} MB unpacked.")
    problems = [*_content_problems(layer, LAMBDA_TAGS if target == "lambda" else {own_tag})]
    problems += _sentence_problems(layer, python, own_tag)
    if own_tag in layer.tags:
        problems += _import_problems(layer, python, _boto3(options.boto3, python))
    else:
        console.say(f"Its handlers' imports are checked in a layer for this machine ({own_tag}), not in this one.")
    if problems:
        raise Failure("\n".join(f"- {problem}" for problem in problems))


def _content_problems(layer: Layer, wanted: set[str]) -> Iterable[str]:
    if layer.size() > LIMIT_MB * 1e6:
        yield f"The layer is over {LIMIT_MB} MB."
    for name in FORBIDDEN:
        if (layer.packages / name).exists():
            yield f"The layer carries {name}, which is the runtime's."
    for module, tags in sorted(layer.extensions.items()):
        if tags != wanted:
            yield f"{module} is compiled for {_listed(tags)}, not for {_listed(wanted)}."


def _sentence_problems(layer: Layer, python: Path, own_tag: str) -> Iterable[str]:
    """Import the gateway from a layer that this interpreter cannot run: this one, or a copy made to be such."""
    with tempfile.TemporaryDirectory() as scratch:
        packages = layer.packages
        if own_tag in layer.tags:
            packages = Path(scratch)
            shutil.copytree(layer.packages / "gateway", packages / "gateway")
            (packages / "pydantic_core").mkdir()
            (packages / "pydantic_core" / f"_pydantic_core.{OTHER_TAG}.so").touch()
        code = f"import sys; sys.path.insert(0, {str(packages)!r}); import gateway"
        ran = subprocess.run([python, "-S", "-I", "-B", "-c", code], capture_output=True, text=True, check=False)
    said = ran.stderr.strip().rpartition("\n")[2].removeprefix("ImportError: ")
    if ran.returncode == 0 or not said.startswith(SENTENCE):
        yield f"With another Python or CPU the layer does not say what is wrong, but: {said or 'nothing'}"
    else:
        console.say(f"With another Python or CPU it says: {said}")


def _import_problems(layer: Layer, python: Path, boto3: Path) -> Iterable[str]:
    lists = tomllib.loads(LISTS.read_text(encoding="utf-8"))
    for folder in sorted(path.parent for path in FUNCTIONS.glob("*/app.py")):
        if folder.name not in lists["functions"]:
            yield f"{folder.name} is not in {console.shown(LISTS)}."
            continue
        probes = [_probe(folder, layer, python, boto3, lists["environment"]) for _ in range(RUNS)]
        failure = next((probe for probe in probes if isinstance(probe, str)), None)
        if failure is not None:
            yield f"{folder.name} does not import with only the layer and boto3: {failure}"
            continue
        milliseconds = statistics.median(probe["milliseconds"] for probe in probes)
        packages: dict[str, str] = probes[0]["packages"]
        console.say(f"  {folder.name:<18}{milliseconds:5.0f} ms  {' '.join(sorted(packages))}")
        allowed = {package for group in lists["functions"][folder.name] for package in lists["groups"][group]}
        if unexpected := packages.keys() - allowed:
            yield f"{folder.name} loads {_listed(unexpected)}, which {console.shown(LISTS)} does not allow."
        borrowed = {name for name, origin in packages.items() if origin != str(layer.packages)} - set(lists["runtime"])
        if borrowed:
            yield f"{folder.name} takes {_listed(borrowed)} from the runtime, not from the layer."


def _probe(function: Path, layer: Layer, python: Path, boto3: Path, environment: dict[str, str]) -> Any:
    """What the probe tells, or its last words."""
    command: list[str | Path] = [python, "-S", "-I", "-B", PROBE, function, layer.packages, boto3]
    ran = subprocess.run(command, input=json.dumps(environment), capture_output=True, text=True, check=False)
    return json.loads(ran.stdout) if ran.returncode == 0 else ran.stderr.strip().rpartition("\n")[2]


def _own_tag(python: Path) -> str:
    """How the interpreter's extension files are tagged, such as cpython-311-x86_64-linux-gnu."""
    code = "from importlib.machinery import EXTENSION_SUFFIXES; print(EXTENSION_SUFFIXES[0])"
    try:
        ran = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise Failure(f"{console.shown(python)} does not run; name a Python by --python.") from None
    return ran.stdout.strip().removeprefix(".").removesuffix(".so")


def _boto3(folder: Path, python: Path) -> Path:
    """A folder with boto3 and what it depends on, as pinned for our own tools."""
    folder, wanted = folder.resolve(), BOTO3_REQUIREMENTS.read_text(encoding="utf-8")
    marker = folder / "made-from"
    if not marker.is_file() or marker.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        command: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-deps", "--target", folder, "-r", BOTO3_REQUIREMENTS]  # fmt: skip
        log = envs.LOGS / "install-boto3.log"
        if console.run_logged(command, log, envs.user_environment() | {"PIP_USER": "0"}, envs.ROOT):
            raise Failure(f"boto3 could not be installed; see {console.shown(log)}.")
        marker.write_text(wanted, encoding="utf-8")
    return folder


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


if __name__ == "__main__":
    main()
