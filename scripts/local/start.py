"""scripts/start: the gateway on this machine, ready to be called."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local import console, envs, providers
from local.console import Failure, step
from local.lock import try_lock

if TYPE_CHECKING:
    from local.access import Access
    from local.platform_ import Platform

NEEDED = ["emulator", "sam", "tools"]
DESCRIPTION = """Starts the whole gateway on this machine, without Docker or an AWS account: an AWS emulator on
127.0.0.1, the template deployed to it by `sam deploy`, API keys in .local/gateway.json, and a catalogue of invented products to
search. Then follows the log until Ctrl-C, which stops it. State is kept: start again and the same keys work. Export OPENAI_API_KEY
(or another provider's) before starting, and its models answer; export it empty to forget it."""


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/start", description=DESCRIPTION)
    parser.add_argument("--detach", action="store_true", help="return once the gateway is ready, leaving it running")
    parser.add_argument("--port", type=port, help="the emulator's port on 127.0.0.1 (the last one; at first 4566)")
    parser.add_argument("--home", type=Path, default=envs.ROOT / ".local", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main() -> None:
    """Make the environments, then go on in one of them."""
    options = _arguments(sys.argv[1:])
    if Path(sys.prefix) != envs.ENVS / "tools":
        _make_environments()
        envs.execute("tools", ["-m", "local.start", *sys.argv[1:]], _provider_keys())
    _start(options)


def port(text: str) -> int:
    """A port, as argparse reads it."""
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def _make_environments() -> None:
    if all(map(envs.is_ready, NEEDED)):
        return
    with step("Installing the emulator, AWS SAM and boto3 under .local/envs (once, about a minute)"):
        envs.ensure(NEEDED)


def _provider_keys() -> dict[str, str]:
    """They pass, even if their names are like AWS's own."""
    return {name: os.environ[name] for name in providers.variables() if name in os.environ}


def _start(options: argparse.Namespace) -> None:
    """With boto3 at hand, since this runs in the tools environment."""
    from local.access import curl, search_curl
    from local.emulator import last_port
    from local.platform_ import Platform

    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    home = options.home.resolve()
    platform = Platform(home, options.port or last_port(home))
    try:
        began = time.time()
        ready = _alone(platform)
        console.say(f"\nThe gateway is ready. base_url: {ready.base_url}\n\n{curl(ready)}\n\n{search_curl(ready)}\n")
        console.say(f"The catalogue is an MCP server, too: {ready.base_url}/mcp, with the key as bearer.")
        console.say(f"The keys are in {console.shown(platform.gateway_file)}. Stop it with scripts/stop.")
        if not options.detach:
            _follow(platform, began)
    except KeyboardInterrupt:
        if options.detach:
            raise
        console.say("\nStopping ...")
        platform.stop()


def _alone(platform: "Platform") -> "Access":
    lock = try_lock(platform.home / "start.lock")
    if lock is None:
        raise Failure("Another scripts/start is at work in this folder; wait until it is ready.")
    ready = platform.start()
    os.close(lock)
    return ready


def _follow(platform: "Platform", began: float) -> None:
    console.say("Its log follows; Ctrl-C stops the gateway.\n")
    for line in platform.follow(began):
        console.say(line)
    console.say("The emulator has ended.")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    console.main(main)
