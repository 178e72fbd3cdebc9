"""Writes a catalogue of invented products as JSON Lines, for scripts/import-products: to play with, and to load-test.

The same seed makes the same bytes, everywhere and on any day; a longer catalogue begins like a shorter one.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO

from catalogue import synthetic
from local import console

MOST = 10**9 - 1
"""What the barcodes have room for."""


def main() -> None:
    """Parse, write."""
    parser = argparse.ArgumentParser(prog="scripts/generate-catalogue", description=__doc__)
    parser.add_argument(
        "--products", type=_count, default=synthetic.DEFAULT_COUNT, metavar="N", help="how many (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=_seed, default=synthetic.DEFAULT_SEED, metavar="S", help="a whole number (default: %(default)s)"
    )
    parser.add_argument(
        "--today",
        type=_day,
        default=synthetic.TODAY,
        metavar="DAY",
        help="the last day of price histories (default: %(default)s, so that the clock changes nothing)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to (default: standard output)")
    arguments = parser.parse_args()
    console.main(lambda: run(arguments))


def run(arguments: argparse.Namespace) -> None:
    """Write the catalogue that the arguments describe."""
    with _output(arguments.output) as output:
        for line in synthetic.lines(arguments.products, arguments.seed, arguments.today):
            output.write(line)


@contextmanager
def _output(file: Path | None) -> Iterator[BinaryIO]:
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    with file.open("wb") as output:
        yield output


def _count(text: str) -> int:
    return _whole(text, MOST)


def _seed(text: str) -> int:
    return _whole(text, 2**63)


def _whole(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise argparse.ArgumentTypeError(f"it is a whole number from 0 to {most}")
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day is written like 2026-11-01") from None


if __name__ == "__main__":
    main()
