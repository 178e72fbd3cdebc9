"""scripts/check: each tool in turn, all of them even when one fails, so that one run tells everything."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable

from local import build, console, envs
from local.console import Failure, step

CODE = ["layers", "functions", "scripts", "tests"]
TYPED = [
    "layers/gateway/gateway",
    "functions",
    "scripts/catalogue",
    "scripts/local",
    "scripts/operate",
    "scripts/checks",
    "scripts/simulate",
    "tests",
]


def main() -> None:
    """Run every check and tell which failed."""
    parser = argparse.ArgumentParser(
        "scripts/check", description="Format, lint, strict types, the template, the layers, then all tests."
    )
    parser.add_argument("--no-tests", action="store_true", help="everything but the tests")
    options = parser.parse_args()
    with step("Making the environments"):
        envs.ensure(["dev", "sam", "emulator", "tools"])
    checks: dict[str, Callable[[], bool]] = {
        "format (ruff)": lambda: _dev("ruff", "format", "--check", *CODE),
        "lint (ruff)": lambda: _dev("ruff", "check", *CODE),
        "types (mypy)": lambda: _dev("mypy", *TYPED),
        "template (sam validate --lint)": _template,
        "layers": _layers,
    }
    if not options.no_tests:
        checks["tests"] = lambda: _run(str(envs.ROOT / "scripts" / "test"))
    failed = [name for name, check in checks.items() if not _passes(name, check)]
    if failed:
        raise Failure(f"Failed: {', '.join(failed)}.")
    console.say("All checks passed.")


def _passes(name: str, check: Callable[[], bool]) -> bool:
    with step(name) as note:
        passed = check()
        note("ok" if passed else "FAILED")
    return passed


def _dev(module: str, *arguments: str) -> bool:
    return _run(str(envs.python("dev")), "-m", module, *arguments)


def _run(*command: str, **variables: str) -> bool:
    sys.stdout.flush()
    return subprocess.run(command, cwd=envs.ROOT, env=envs.user_environment() | variables, check=False).returncode == 0


def _template() -> bool:
    return _run(
        str(envs.python("sam")), "-m", "samcli", "validate", "--lint", "--template", "template.yaml",
        SAM_CLI_TELEMETRY="0", AWS_DEFAULT_REGION="us-east-1", HOME=str(envs.ROOT / ".local"),
    )  # fmt: skip


def _layers() -> bool:
    """Lambda's layers for what they hold, this machine's for what the handlers import."""
    folder = envs.ROOT / ".local" / "check"
    for target in ("lambda", "host"):
        build.build_layers(folder / target, folder / f"layers-{target}.log", target)
    checker = str(envs.ROOT / "scripts" / "check-layer")
    results = [_run(checker, str(folder / target)) for target in ("lambda", "host")]
    return all(results)


if __name__ == "__main__":
    os.chdir(envs.ROOT)
    console.main(main)
