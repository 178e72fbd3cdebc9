"""Sums up past usage again from the rows of requests: for rows that came too late for the hourly roll-up.

It can be run as often as you like, at any time; the sums are written over.
"""

import argparse
import sys

from gateway import rollups
from gateway.periods import HOUR_MS, Range, hour_label, hour_of, read_moment
from gateway.request_rows import owners
from local import console
from local.console import Failure
from operate import metering, target
from operate.target import Target


def main() -> None:
    """Parse, ask, sum."""
    parser = argparse.ArgumentParser(prog="scripts/rebuild-usage", description=__doc__)
    parser.add_argument(
        "--from",
        dest="from_",
        metavar="TIME",
        required=True,
        help="a date, or a time with offset; hours are taken whole",
    )
    parser.add_argument("--to", metavar="TIME", help="until then, without it (default: the last complete hour)")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    target.add_arguments(parser)
    arguments = parser.parse_args()
    console.main(lambda: run(arguments, target.find(arguments)))


def run(arguments: argparse.Namespace, gateway: Target) -> None:
    """Sum up the hours that the arguments name, one after the other."""
    with metering.told():
        hours = _hours(arguments, metering.now())
        if hours.start >= hours.end:
            raise Failure("There is no complete hour in that range.")
        count = hours.end - hours.start
        _confirm(arguments, f"{count:,} hours, {hour_label(hours.start)} to {hour_label(hours.end - 1)} UTC")
        sums = _rebuild(gateway, hours)
    print(f"{count:,} hours, {sums:,} sums.")


def _rebuild(gateway: Target, hours: Range) -> int:
    tables, days, sums = metering.tables(gateway), metering.retention_days(gateway), 0
    names = owners(tables)
    for hour in range(hours.start, hours.end):
        try:
            found = rollups.recompute(tables, Range(hour, hour + 1), names, metering.now(), days)
        except rollups.TooOld as error:
            raise Failure(str(error)) from None
        print(f"{hour_label(hour)}: {found:,} sums", file=sys.stderr, flush=True)
        sums += found
    return sums


def _hours(arguments: argparse.Namespace, now: int) -> Range:
    complete = rollups.complete_until(now)
    start = hour_of(read_moment(arguments.from_, "--from"))
    end = complete if arguments.to is None else -(-read_moment(arguments.to, "--to") // HOUR_MS)
    return Range(start, min(end, complete))


def _confirm(arguments: argparse.Namespace, what: str) -> None:
    if arguments.yes:
        return
    if not sys.stdin.isatty():
        raise Failure(f"This writes over the sums of {what}: say --yes.")
    if input(f"Write over the sums of {what}? [y/N] ").strip().lower() not in ("y", "yes"):
        raise Failure("Nothing was changed.")


if __name__ == "__main__":
    main()
