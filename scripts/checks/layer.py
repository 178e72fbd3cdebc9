"""Proves that built layers are complete, small, and made for what runs them."""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from checks import imports
from checks.imports import listed
from local import build, console, envs
from local.console import Failure

FUNCTIONS = envs.ROOT / "functions"
BOTO3_REQUIREMENTS = envs.ROOT / "scripts" / "requirements" / "tools.txt"

GATEWAY, MCP = build.LAYERS
LIMITS_MB = {GATEWAY: 25, MCP: 40}
FORBIDDEN = ("boto3", "botocore", "s3transfer")
LAMBDA_TAGS = {"cpython-313-aarch64-linux-gnu", "cpython-313-x86_64-linux-gnu"}
OTHER_TAG = "cpython-39-another-cpu"
SENTENCE = "The gateway layer was built for "

HELP = """\
Checks the built layers (a folder such as .aws-sam/build, which contains GatewayLayer/python and McpLayer/python):
- unpacked, the gateway's is under 25 MB and MCP's under 40 MB; boto3, which is the runtime's, is in neither, and
  nothing is in both;
- built for Lambda: every compiled extension is there for Python 3.13 on both CPUs;
- run by a Python or CPU that they were not built for, the gateway says so in a sentence;
- run by the Python that they were built for: every handler imports with only its layers and boto3 on its path, and
  loads no top-level package but those of scripts/checks/imports.toml; the MCP server also answers so, and imports
  nothing more for it.
Import times are the median of 3 fresh interpreters, the layers' files not yet compiled, as on a cold start."""


@dataclass(frozen=True)
class Layer:
    """A built layer.

    Attributes:
        name: what template.yaml calls it.
        folder: contains python/.
        extensions: for each compiled module, the tags (Python and CPU) that it is there for.
    """

    name: str
    folder: Path
    extensions: dict[str, set[str]]

    @classmethod
    def read(cls, folder: Path) -> "Layer":
        """The layer in a folder of its name."""
        packages = folder / "python"
        if not packages.is_dir():
            raise Failure(f"{console.shown(folder)} is no built layer: it has no python folder.")
        extensions: dict[str, set[str]] = {}
        for file in packages.rglob("*.so"):
            module, _, tag = file.name.removesuffix(".so").partition(".")
            extensions.setdefault(str(file.parent.relative_to(packages) / module), set()).add(tag)
        return cls(folder.name, folder, extensions)

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
    parser.add_argument("folder", metavar="DIR", type=Path, help="the folder with the built layers")
    parser.add_argument(
        "--for", choices=["lambda", "host"], dest="target",
        help="what they were built for (default: host if they carry that Python and CPU only)",
    )  # fmt: skip
    parser.add_argument(
        "--python", type=Path, default=envs.python("emulator"),
        help="the interpreter that host layers were built for (default: the emulator's)",
    )  # fmt: skip
    parser.add_argument(
        "--boto3", type=Path, default=envs.ROOT / ".local" / "check" / "boto3", metavar="DIR",
        help="where boto3 is, and nothing else; installed there if it is not (default: .local/check/boto3)",
    )  # fmt: skip
    options = parser.parse_args()
    console.main(lambda: check(options))


def check(options: argparse.Namespace) -> None:
    """All checks, one after the other; what is wrong is told at the end, together."""
    layers = {name: Layer.read(options.folder.resolve() / name) for name in build.LAYERS}
    own_tag = _own_tag(options.python)
    target = options.target or ("host" if layers[GATEWAY].tags == {own_tag} else "lambda")
    problems = [*shared_problems(layers)]
    for layer in layers.values():
        console.say(f"{console.shown(layer.folder)}, built for {target}: {layer.size() / 1e6:.1f} MB unpacked.")
        problems += content_problems(layer, LAMBDA_TAGS if target == "lambda" else {own_tag})
    problems += _sentence_problems(layers[GATEWAY], options.python, own_tag)
    if own_tag in layers[GATEWAY].tags:
        problems += _import_problems(layers, options.python, _boto3(options.boto3, options.python))
    else:
        console.say(f"The handlers' imports are checked in layers for this machine ({own_tag}), not in these.")
    if problems:
        raise Failure("\n".join(f"- {problem}" for problem in problems))


def shared_problems(layers: dict[str, Layer]) -> Iterable[str]:
    """Two copies of a package could differ, and which of them a function gets would go by the layers' order."""
    gateway, mcp = ({path.name for path in layers[name].packages.iterdir()} for name in (GATEWAY, MCP))
    if both := gateway & mcp:
        yield f"Both layers carry {listed(both)}."


def content_problems(layer: Layer, wanted: set[str]) -> Iterable[str]:
    """What makes a layer too large, or of no use to some function: `wanted` are the Pythons and CPUs it has to serve."""
    if layer.size() > LIMITS_MB[layer.name] * 1e6:
        yield f"{layer.name} is over {LIMITS_MB[layer.name]} MB."
    for name in FORBIDDEN:
        if (layer.packages / name).exists():
            yield f"{layer.name} carries {name}, which is the runtime's."
    for module, tags in sorted(layer.extensions.items()):
        if tags != wanted:
            yield f"{module} is compiled for {listed(tags)}, not for {listed(wanted)}."


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


def _import_problems(layers: dict[str, Layer], python: Path, boto3: Path) -> Iterable[str]:
    probes = imports.Probes(python, boto3)
    for folder in sorted(path.parent for path in FUNCTIONS.glob("*/app.py")):
        names = [GATEWAY, *probes.beside(folder.name)]
        yield from probes.import_problems(folder, [layers[name].packages for name in names])
    yield from probes.server_problems([layer.packages for layer in layers.values()])


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


if __name__ == "__main__":
    main()
