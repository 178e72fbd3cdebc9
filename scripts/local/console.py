"""What the scripts say: one line a step, and one clear sentence when something fails."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

Say = Callable[[str], None]


class Failure(Exception):
    """Something the user can act on; its text is the whole message."""


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def printable(text: str) -> str:
    """A text of somebody else's, without what a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in text)


@contextmanager
def step(title: str, out: Say = say) -> Iterator[Say]:
    """Announce a step before it begins, and say how long it took; the body may add a note to that line."""
    started, notes = time.monotonic(), list[str]()
    out(f"{title} ...")
    yield notes.append
    out(f"  {', '.join([*notes, f'{time.monotonic() - started:.1f} s'])}")


def run_logged(command: Sequence[str | Path], log: Path, env: Mapping[str, str], cwd: Path) -> int:
    """Run a talkative program with its output in `log`: it matters only when the program fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        done = subprocess.run(
            list(command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=cwd, check=False
        )  # fmt: skip
    return done.returncode


def shown(path: Path) -> str:
    """A path as the user would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def main(run: Callable[[], None]) -> None:
    """Run a script's body: failures are one sentence on stderr, Ctrl-C is no failure of ours."""
    try:
        run()
    except Failure as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        print(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
