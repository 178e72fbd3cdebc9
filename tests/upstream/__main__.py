"""The scripted provider by hand: `python -m tests.upstream --port 9001`."""

import argparse
import signal
import sys
import threading
from types import FrameType

from tests.upstream import control
from tests.upstream.server import Upstream


def main(arguments: list[str] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    options = _parser().parse_args(arguments)
    upstream = Upstream(options.api_key, host=options.host, port=options.port)
    try:
        upstream.start()
    except OSError as error:
        sys.exit(f"Cannot listen on {options.host}:{options.port}: {error.strerror or error}.")
    where = f"OpenAI's protocol at {upstream.url}/v1, control at {upstream.url}{control.PREFIX}"
    print(f"Upstream: {where}", flush=True)  # noqa: T201 - a program's output
    _wait_for_signal()
    upstream.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.upstream",
        description="A provider speaking OpenAI's protocol that fails on demand.",
        epilog=control.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9001, help="port, 0 for any free one (default: %(default)s)")
    parser.add_argument("--api-key", help="refuse requests without this bearer token (default: accept any)")
    return parser


def _wait_for_signal() -> None:
    done = threading.Event()

    def end(_: int, __: FrameType | None) -> None:
        done.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    done.wait()


if __name__ == "__main__":
    main()
