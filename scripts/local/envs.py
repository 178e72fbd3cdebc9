"""The Python environments under .local/envs, each apart because sam and the emulator pin the same packages differently.

Used by `scripts/local/python.sh` scripts as `python -m local.envs tools scripts/create_key.py ...`: runs a file in an
environment, made first if need be.
"""

import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local import console
from local.console import Failure
from local.lock import waiting_lock

ROOT = Path(__file__).resolve().parents[2]
ENVS = ROOT / ".local" / "envs"
LOGS = ROOT / ".local" / "logs"
LAYER_LOCK = ROOT / "layers" / "gateway" / "requirements.txt"
WITH_THE_LAYER = {"tools", "dev"}

# pip's own words when it cannot reach its index; its last line then only says that no version was found.
_UNREACHABLE = re.compile(
    r"Retrying \(|NewConnectionError|ConnectTimeout|ReadTimeout|NameResolutionError|ProxyError|Connection (?:refused|reset)"
)


def python(name: str) -> Path:
    """The environment's interpreter."""
    return ENVS / name / "bin" / "python"


def requirements(name: str) -> list[Path]:
    """The files to install from, complete ones, in a pip call each: pip checks hashes for all of a call or for none."""
    own = ROOT / "scripts" / "requirements" / f"{name}.txt"
    return [LAYER_LOCK, own] if name in WITH_THE_LAYER else [own]


def fingerprint(name: str) -> str:
    """What the environment is made from. A named Python (PYTHON=...) replaces the present one, any other is kept."""
    digest = hashlib.sha256(str(ENVS / name).encode())
    for file in requirements(name):
        digest.update(file.read_bytes())
    return f"{digest.hexdigest()} {_version(name)}"


def is_ready(name: str) -> bool:
    """Whether it was made to its end, from the present requirements."""
    return _recorded(name) == fingerprint(name) and python(name).exists()


def ensure(names: Sequence[str]) -> list[str]:
    """Make what is missing or outdated, side by side; returns what was made."""
    if all(map(is_ready, names)):
        return []
    with waiting_lock(ENVS / ".lock"):
        missing = [name for name in names if not is_ready(name)]
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(_make, missing))
    return missing


def user_environment() -> dict[str, str]:
    """The user's variables (proxies, certificates, pip's settings) without those that would misdirect our programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "VIRTUAL_ENV"))}


def paths(*folders: str) -> str:
    """A PYTHONPATH of the repository's folders."""
    return os.pathsep.join(str(ROOT / folder) for folder in folders)


def execute(name: str, arguments: Iterable[str], extra: Mapping[str, str] | None = None) -> None:
    """Become that environment's Python."""
    # Bytecode beside the sources would be deployed with them.
    ours = {"PYTHONPATH": paths("layers/gateway", "scripts"), "PYTHONPYCACHEPREFIX": str(ROOT / ".local" / "pycache")}
    env = user_environment() | ours | dict(extra or {})
    sys.stdout.flush()
    os.execve(python(name), [str(python(name)), *arguments], env)  # noqa: S606 - no shell is wanted


def _version(name: str) -> str:
    recorded = _recorded(name).partition(" ")[2]
    if recorded and python(name).exists() and "GATEWAY_PYTHON_NAMED" not in os.environ:
        return recorded
    return f"{platform.python_version()} {platform.machine()}"


def _marker(name: str) -> Path:
    return ENVS / name / "made-from"


def _recorded(name: str) -> str:
    try:
        return _marker(name).read_text()
    except OSError:
        return ""


def _make(name: str) -> None:
    """The marker is written last, so an interrupted installation is started over."""
    wanted = fingerprint(name)
    shutil.rmtree(ENVS / name, ignore_errors=True)
    log = LOGS / f"install-{name}.log"
    if console.run_logged([sys.executable, "-m", "venv", ENVS / name], log, user_environment(), ROOT):
        raise Failure(f"Python's venv module could not make {console.shown(ENVS / name)}; see {console.shown(log)}.")
    for file in requirements(name):
        _install(name, file, log)
    _marker(name).write_text(wanted)


def _install(name: str, file: Path, log: Path) -> None:
    hashes = ["--require-hashes"] if file == LAYER_LOCK else []
    pip: list[str | Path] = [python(name), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    # A package runs code as it is installed: nothing that looks like a secret is there to be taken.
    user = {key: value for key, value in user_environment().items() if not key.endswith(("_KEY", "_TOKEN", "_SECRET"))}
    env = user | {"PIP_USER": "0", "PIP_RETRIES": "2"}
    if console.run_logged([*pip, "--no-compile", "--no-deps", *hashes, "-r", file], log, env, ROOT):
        raise Failure(_why(log, file))


def _why(log: Path, file: Path) -> str:
    if _UNREACHABLE.search(log.read_text(errors="replace")):
        return (
            f"pip cannot reach its package index: check the network, or pip's own settings (see {console.shown(log)})."
        )
    return f"pip could not install {console.shown(file)}; see {console.shown(log)}."


def _run(name: str, arguments: list[str]) -> None:
    if name not in {"sam", "emulator", "tools", "dev"}:
        raise Failure("usage: python -m local.envs {sam,emulator,tools,dev} ARGUMENTS-FOR-ITS-PYTHON...")
    if not is_ready(name):
        print(f"Making the environment .local/envs/{name} ...", file=sys.stderr)
    ensure([name])
    # An operator's script may be meant for AWS; what is meant for the emulator goes by `local.aws`, which ignores these.
    execute(name, arguments, {key: value for key, value in os.environ.items() if key.startswith("AWS_")})


if __name__ == "__main__":
    console.main(lambda: _run(sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:]))
