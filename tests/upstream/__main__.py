"""The scripted provider by hand: `python -m tests.upstream --port 9001`."""

import argparse
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from tests.upstream import control
from tests.upstream.anthropic_api.protocol import Anthropic
from tests.upstream.bedrock_api.protocol import Bedrock
from tests.upstream.gemini_api.protocol import Gemini
from tests.upstream.openai_api.protocol import OpenAI
from tests.upstream.server import Protocol, Upstream

PROTOCOLS: dict[str, Callable[[str | None], Protocol]] = {
    "openai": OpenAI,
    "anthropic": Anthropic,
    "bedrock": Bedrock,
    "gemini": Gemini,
}


def main(arguments: list[str] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    options = _parser().parse_args(arguments)
    upstream = Upstream(protocol=PROTOCOLS[options.protocol](options.api_key), host=options.host, port=options.port)
    try:
        upstream.start()
    except OSError as error:
        sys.exit(f"Cannot listen on {options.host}:{options.port}: {error.strerror or error}.")
    path = "/v1" if options.protocol == "openai" else ""
    where = f"the protocol of {options.protocol} at {upstream.url}{path}, control at {upstream.url}{control.PREFIX}"
    print(f"Upstream: {where}", flush=True)  # noqa: T201 - a program's output
    _wait_for_signal()
    upstream.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.upstream",
        description="A provider that answers without a model, and fails on demand.",
        epilog=control.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9001, help="port, 0 for any free one (default: %(default)s)")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="openai", help="whose to speak (default: %(default)s)")
    parser.add_argument("--api-key", help="refuse requests without this key (default: accept any)")
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
