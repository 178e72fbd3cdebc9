"""Our emulator process: found, started, stopped and restarted, whatever became of the last one.

It holds a lock file for as long as it lives, so that a recorded pid is never trusted: a lock that can be taken means
that it is gone, however it went and whoever has that pid now.
"""

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local import console, envs
from local.calls import call
from local.console import Failure
from local.lock import is_locked, try_lock

DEFAULT_PORT = 4566
LARGE_LOG = 10_000_000

# Held on to, or Python warns that they still run; polled, or they stay behind as zombies of a long test session.
_started: list["subprocess.Popen[bytes]"] = []


def last_port(home: Path) -> int:
    """Where it was last, so that its address stays what it was."""
    try:
        return int(json.loads((home / "emulator.json").read_text())["port"])
    except (OSError, ValueError, TypeError, KeyError):
        return DEFAULT_PORT


@dataclass(frozen=True)
class Emulator:
    """The one of a home, on a port."""

    home: Path
    port: int

    @property
    def url(self) -> str:
        """What AWS_ENDPOINT_URL is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Its own output; the functions' is in the emulated CloudWatch."""
        return self.home / "emulator.log"

    @property
    def _lock(self) -> Path:
        return self.home / "emulator.lock"

    def is_running(self) -> bool:
        """Whether our process lives, on whatever port."""
        return is_locked(self._lock)

    def ensure(self) -> bool:
        """Have a healthy one on our port, made from the present environment; says whether it was started just now."""
        if self.is_running() and self._recorded() == self._wanted() and self._is_healthy(patience=5):
            return False
        if self._recorded().get("port") != self.port:
            self._refuse_taken_port()  # before the one that runs is stopped for it
        self.stop()
        self.start()
        return True

    def restart(self) -> None:
        """A clean stop is what writes its state to disk; a start makes every function cold."""
        self.stop()
        self.start()

    def comes_back(self) -> bool:
        """Whether it answers, or does so soon: another scripts/start may be restarting it."""
        return _within(5, lambda: self.is_running() and self._is_healthy())

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._refuse_taken_port()
        # Functions' unpacked code of processes that were killed is never removed otherwise.
        shutil.rmtree(self.home / "tmp", ignore_errors=True)
        for folder in ("tmp", "state", "s3"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        lock = try_lock(self._lock)
        if lock is None:
            raise Failure("The emulator of this folder is being started by someone else; try again.")
        self._file.unlink(missing_ok=True)
        process = self._spawn(lock)
        _started.append(process)
        os.close(lock)
        self._record(process.pid)
        self._await_health(process)

    def stop(self) -> bool:
        """SIGTERM, on which it saves its state; killed if it has not ended in time. Says whether it was running."""
        if not self.is_running():
            return False
        pid = self._pid()
        for child in _started:
            child.poll()
        for sign, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
            _signal(pid, sign)
            if _within(patience, lambda: not self.is_running()):
                return True
        raise Failure(f"The emulator (pid {pid}) does not end.")

    def _pid(self) -> int:
        """Ours if we lived to record it, else the one that it wrote itself."""
        own = [file.read_text() for file in (self.home / "tmp").glob("ministack-*.pid")]
        try:
            return int(self._read().get("pid") or own[0])
        except (IndexError, ValueError):
            raise Failure(f"An emulator runs in {self.home} and nothing tells its pid: end it.") from None

    @property
    def _file(self) -> Path:
        return self.home / "emulator.json"

    def _wanted(self) -> dict[str, object]:
        return {"port": self.port, "environment": envs.fingerprint("emulator")}

    def _read(self) -> dict[str, int | str]:
        try:
            content = json.loads(self._file.read_text())
            return content if isinstance(content, dict) else {}
        except (OSError, ValueError):
            return {}

    def _recorded(self) -> dict[str, object]:
        return {name: value for name, value in self._read().items() if name != "pid"}

    def _record(self, pid: int) -> None:
        self._file.write_text(json.dumps({"pid": pid, **self._wanted()}) + "\n")

    def _spawn(self, lock: int) -> "subprocess.Popen[bytes]":
        # A session of its own: Ctrl-C in the terminal reaches us, and we stop it in order.
        if self.log.exists() and self.log.stat().st_size > LARGE_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [envs.python("emulator"), "-P", "-m", "ministack"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=self.home, env=self._environment(), pass_fds=[lock], start_new_session=True,
            )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        """All of it, since functions inherit it: nothing of the user's shell may reach them."""
        return {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "AUTH": "true",  # enforces IAM
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.home / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.home / "s3"),
            "IOT_MTLS_ENABLED": "0",  # would listen on every interface
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///dev/null/none",  # it would look for containers of other emulators, and remove them
        }

    def _refuse_taken_port(self) -> None:
        advice = f"choose another: scripts/start --port {self.port + 100}"
        # Both are asked: macOS would let us bind beside someone who listens on every address.
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", self.port)) == 0:
                raise Failure(f"Port {self.port} is used by another program; {advice}")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError as error:
                reason = "needs root" if error.errno == errno.EACCES else "is used by another program"
                raise Failure(f"Port {self.port} {reason}; {advice}") from None

    def _is_healthy(self, patience: float = 1) -> bool:
        return call(f"{self.url}/_ministack/health", timeout=patience).status == 200

    def _await_health(self, process: "subprocess.Popen[bytes]") -> None:
        healthy = _within(60, lambda: process.poll() is not None or self._is_healthy())
        if process.poll() is not None:
            raise Failure(f"The emulator ended as soon as it was started; see {console.shown(self.log)}.")
        if not healthy:
            raise Failure(f"The emulator does not answer on port {self.port}; see {console.shown(self.log)}.")


def _signal(pid: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def running(home: Path) -> Emulator:
    """The one that runs in this folder, for scripts that need it and do not start it."""
    emulator = Emulator(home, last_port(home))
    if not emulator.is_running():
        raise Failure("The gateway does not run on this machine: start it with scripts/start --detach")
    return emulator
