"""`sam build` for the emulator: the layers are built for the emulator's own Python, apart from `.aws-sam`."""

import hashlib
import platform
import re
import shutil
import subprocess
from pathlib import Path

from local import console, envs
from local.console import Failure

TEMPLATE = envs.ROOT / "template.yaml"
SOURCES = ("template.yaml", "functions", "layers")
LAYERS = ("GatewayLayer", "McpLayer")


def fingerprint() -> str:
    """Changes with everything that is deployed."""
    digest = hashlib.sha256(envs.fingerprint("emulator").encode())
    for file in sorted(file for source in SOURCES for file in _files(envs.ROOT / source)):
        digest.update(f"\n{file.relative_to(envs.ROOT)}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def architecture() -> str:
    """This machine's CPU as the template's Architecture parameter names it."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def is_built(folder: Path, sources: str) -> bool:
    """Whether `folder` holds a whole build of these sources."""
    try:
        return (folder / "built-from").read_text() == sources
    except OSError:
        return False


def build(folder: Path, log: Path, sources: str, layer: str = "host") -> None:
    """Build into `folder`/sam. The marker is written last, so an interrupted build is started over."""
    if not _runs("make"):
        raise Failure("make is needed to build the layers: install it (macOS: xcode-select --install).")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = folder / "samconfig.toml"  # the repository's own is for AWS
    config.write_text("version = 0.1\n")
    command: list[str | Path] = [
        envs.python("sam"), "-m", "samcli", "build", "--template-file", TEMPLATE, "--build-dir", folder / "sam",
        "--config-file", config, "--parameter-overrides", f"Architecture={architecture()}",
    ]  # fmt: skip
    env = envs.user_environment() | {
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "us-east-1",
        **_layer_environment(layer),
    }
    if console.run_logged(command, log, env, envs.ROOT):
        raise Failure(_why(log))
    (folder / "built-from").write_text(sources)


def build_layers(folder: Path, log: Path, layer: str) -> None:
    """The layers alone, each into a folder of its name as `sam build` does, for "lambda" or for the "host"'s emulator."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in LAYERS:
        (folder / name).mkdir(parents=True)
        env = envs.user_environment() | _layer_environment(layer) | {"ARTIFACTS_DIR": str(folder / name)}
        if console.run_logged(["make", f"build-{name}"], log, env, envs.ROOT / "layers"):
            raise Failure(_why(log))


def _layer_environment(layer: str) -> dict[str, str]:
    """What the layers' Makefile reads."""
    return {"LAYER_FOR": layer, "LAYER_PYTHON": str(envs.python("emulator"))}


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    return [file for file in source.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


def _runs(program: str) -> bool:
    """Asking is not enough: on a Mac without its tools, make is there and only says what to install."""
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _why(log: Path) -> str:
    """The Makefile's own sentence if it said one, else sam's last error."""
    text = log.read_text(errors="replace")
    said = re.findall(r"^The layer.*$", text, re.MULTILINE) or re.findall(r"^Error.*$", text, re.MULTILINE)
    return f"sam build failed: {said[0] if said else 'no reason given'} (see {console.shown(log)})"
