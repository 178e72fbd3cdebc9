"""What the tests need of Node.js, under .local/node: clients of the README, and the tools that test the MCP server, with a Node
of their own: theirs wants 22, and machines have what they have.

`python -m local.node` installs them ahead of the tests that need them, which else do it themselves.
"""

import hashlib
import os
import platform
import shutil
from pathlib import Path

from local import console
from local.console import Failure
from local.envs import LOGS, ROOT, user_environment
from local.lock import waiting_lock

HOME = ROOT / ".local" / "node"
PACKAGES = ROOT / "tests" / "package.json"
MODULES = HOME / "node_modules"
BIN = MODULES / ".bin"

_INSTALL = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]


def is_available() -> bool:
    """Whether there are tools, or an npm to install them by."""
    return _is_ready() or shutil.which("npm") is not None


def ensure() -> None:
    """Install them, unless that is done already.

    Raises:
        Failure: there is no npm, or it failed.
    """
    if _is_ready():
        return
    with waiting_lock(HOME.parent / ".node.lock"):
        if not _is_ready():
            _make()


def environment() -> dict[str, str]:
    """What the tools run in: their own Node first."""
    return user_environment() | {"PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])}


def _make() -> None:
    """The marker is written last, so an interrupted installation is started over."""
    if shutil.which("npm") is None:
        raise Failure(
            "The tests of the MCP server and of Node's clients need npm, which comes with Node.js: install that, then run this again."
        )
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    shutil.copy(PACKAGES, HOME)
    log = LOGS / "install-node.log"
    # A package runs code as it is installed: nothing that looks like a secret is there to be taken.
    user = {key: value for key, value in user_environment().items() if not key.endswith(("_KEY", "_TOKEN", "_SECRET"))}
    if console.run_logged(_INSTALL, log, user, HOME):
        raise Failure(f"npm could not install {console.shown(PACKAGES)}; see {console.shown(log)}.")
    _marker().write_text(_fingerprint())


def _is_ready() -> bool:
    try:
        return _marker().read_text() == _fingerprint()
    except OSError:
        return False


def _marker() -> Path:
    return HOME / "made-from"


def _fingerprint() -> str:
    digest = hashlib.sha256(str(HOME).encode() + PACKAGES.read_bytes())
    return f"{digest.hexdigest()} {platform.system()} {platform.machine()}"


if __name__ == "__main__":
    console.main(ensure)
