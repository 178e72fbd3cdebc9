"""scripts/stop: ends the gateway that scripts/start started. Its tables, keys and logs are kept."""

import argparse
from pathlib import Path

from local import console, envs
from local.emulator import Emulator


def main() -> None:
    """Stop what holds the home's lock, on whatever port."""
    parser = argparse.ArgumentParser("scripts/stop", description=__doc__)
    parser.add_argument("--home", type=Path, default=envs.ROOT / ".local", help=argparse.SUPPRESS)
    options = parser.parse_args()
    was_running = Emulator(options.home.resolve(), 0).stop()
    console.say("Stopped." if was_running else "It was not running.")


if __name__ == "__main__":
    console.main(main)
