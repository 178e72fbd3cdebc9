"""scripts/start-api: `sam local start-api` with all that it needs to work on the local platform's tables."""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from local import aws, build, console, envs
from local.access import curl, load
from local.console import Failure, say, step
from local.emulator import Emulator, running
from local.forward import endpoint_for_containers
from local.stack import Stack
from local.start import port

DESCRIPTION = """Serves the gateway's routes by `sam local start-api`: each function in Lambda's own container, on the tables
of the running scripts/start. Needs Docker. SAM's functions have root's rights here: policies are enforced by scripts/start
alone. Ctrl-C ends it."""


def main() -> None:
    """Parse, check what is needed, run SAM until it ends or is ended."""
    parser = argparse.ArgumentParser("scripts/start-api", description=DESCRIPTION)
    parser.add_argument("--port", type=port, default=3000, help="its port on 127.0.0.1 (default: %(default)s)")
    parser.add_argument("--home", type=Path, default=envs.ROOT / ".local", help=argparse.SUPPRESS)
    options = parser.parse_args()
    home = options.home.resolve()
    _require_docker()
    emulator = running(home)
    template = _build(home / "start-api")
    work = _fresh(home / "start-api" / "run")
    variables = work / "variables.json"
    variables.write_text(json.dumps(_variables(Stack(emulator.url).outputs(), endpoint_for_containers(emulator.port))))
    access = load(home / "gateway.json", f"http://127.0.0.1:{options.port}/api/v1")
    if access:
        _write_events(home / "start-api" / "events", access.admin_key)
        say(f"When SAM says that it runs:\n\n{curl(access)}\n")
    command = [
        str(envs.python("sam")), "-m", "samcli", "local", "start-api", "--template", str(template),
        "--port", str(options.port), "--parameter-overrides", f"Architecture={build.architecture()}",
        "--env-vars", str(variables), "--layer-cache-basedir", str(work), "--skip-pull-image",
        "--warm-containers", "LAZY", "--no-watch",
    ]  # fmt: skip
    _run(command, _environment(emulator, work), work)


def _require_docker() -> None:
    try:
        answers = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        answers = False
    if not answers:
        raise Failure("sam local needs Docker, and no Docker engine answers: start it, then run this again.")


def _build(folder: Path) -> Path:
    """The template built for Lambda: unbuilt, SAM would put the layers' sources where Python does not look."""
    envs.ensure(["sam"])
    sources = build.fingerprint()
    if not build.is_built(folder, sources):
        with step("Building the layers for Lambda"):
            build.build(folder, folder.with_suffix(".log"), sources, layer="lambda")
    return folder / "sam" / "template.yaml"


def _fresh(folder: Path) -> Path:
    """SAM keeps locks here that a killed one leaves behind, and later ones would wait for."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _write_events(folder: Path, api_key: str) -> None:
    """The sample events with a key that the local table holds and may do everything, for `sam local invoke`."""
    folder.mkdir(parents=True, exist_ok=True)
    for event in (envs.ROOT / "events").glob("*.json"):
        (folder / event.name).write_text(re.sub(r"sk-gw-EventsSample-[0-9A-Za-z-]+", api_key, event.read_text()))


def _variables(outputs: dict[str, str], endpoint: str) -> dict[str, dict[str, str]]:
    """What SAM fills into the variables that the template declares: it knows neither the tables' names nor where they are."""
    return {
        "Parameters": {
            "KEYS_TABLE": outputs["KeysTable"],
            "REQUESTS_TABLE": outputs["RequestsTable"],
            "USAGE_TABLE": outputs["UsageTable"],
            "STATE_TABLE": outputs["StateTable"],
            "PRODUCTS_TABLE": outputs["ProductsTable"],
            "SEARCH_BUCKET": outputs["SearchBucket"],
            "PROVIDERS_SECRET": outputs["ProvidersSecret"],
            "MODELS_PARAMETER": outputs["ModelsParameter"],
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint,
            "AWS_ENDPOINT_URL_SSM": endpoint,
        }
    }


def _environment(emulator: Emulator, work: Path) -> dict[str, str]:
    """A shell's variable of a declared one's name would override the template, so SAM gets a clean environment."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "TERM") or name.startswith("DOCKER_")}
    folders = {"HOME": str(work), "TMPDIR": str(work), "PYTHONUNBUFFERED": "1"}
    return kept | folders | aws.environment(emulator.url)


def _run(command: list[str], environment: dict[str, str], work: Path) -> None:
    """SAM gets one SIGTERM, on which it removes its containers; a second would stop it from doing so."""
    process = subprocess.Popen(command, cwd=work, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if process.wait():
            raise Failure("sam local start-api ended by itself; its output says why.")
    except KeyboardInterrupt:
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, signal.SIG_IGN)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    console.main(main)
