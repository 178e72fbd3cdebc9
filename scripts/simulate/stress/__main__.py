"""Runs the real ledger against a DynamoDB, and checks that its accounts stay exact.

race: many threads in two processes want more than a key has, of money, of requests a minute, and at once; an auditor reads the
key's item and rows all the time. kills: thousands of requests in worker processes; some kill theirs at a bad moment, some calls
are made twice, some are not answered; calls to providers fail. Afterwards one more request of each key finds what was left behind.
Exits with 1 if a promise is broken: a limit passed, a request without a row or a row without a request, money that does not add
up, a hold that stays.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any

from local import console
from local.console import Failure
from simulate import endpoints
from simulate.stress import kills, race
from simulate.stress.kills import Outcome
from simulate.stress.race import Race

WIDTHS = (20, 7, 8, 6, 8, 10, 10, 12, 12, 16, 16)
HEADERS = ("race", "s", "admitted", "rows", "refused", "at once", "samples", "exact", "seen at once", "spent", "left")


def main() -> None:
    """Parse, run, print."""
    options = parse()
    console.main(lambda: stress(options))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("scripts/stress-ledger", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="race, kills (default: both)")
    endpoints.add_arguments(parser)
    parser.add_argument("--threads", type=int, default=64, help="of a race (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=10_000, metavar="N", help="of kills (default: %(default)s)")
    parser.add_argument("--parallel", type=int, default=16, metavar="N", help="workers of kills (default: %(default)s)")
    parser.add_argument(
        "--kills", type=float, default=0.02, metavar="SHARE", help="of the requests (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="another run of chance (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    options.parts = options.parts or ["race", "kills"]
    if unknown := set(options.parts) - {"race", "kills"}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are race and kills")
    if min(options.threads, options.requests, options.parallel) < 2 or not 0 <= options.kills < 1:
        parser.error("at least two threads, requests and workers; a share is from 0 to below 1")
    return options


def stress(options: argparse.Namespace) -> None:
    """One run."""
    say = _nothing if options.json else console.say
    races, outcome = list[Race](), None
    with endpoints.chosen(options) as url:
        endpoints.create_tables(url)
        if "race" in options.parts:
            say("  ".join(f"{header:>{width}}" for header, width in zip(HEADERS, WIDTHS, strict=True)))
            for name in race.RACES:
                races.append(race.RACES[name](url, options.threads, options.seed))
                say("  ".join(f"{cell:>{width}}" for cell, width in zip(_row(races[-1]), WIDTHS, strict=True)))
        if "kills" in options.parts:
            say(f"{options.requests:,} requests, {options.parallel} at once, {options.kills:.0%} of them killed ...")
            outcome = kills.run(url, options.requests, options.parallel, options.kills, options.seed, say)
            for line in _lines(outcome):
                say(line)
    _conclude(options, races, outcome)


def _conclude(options: argparse.Namespace, races: Sequence[Race], outcome: Outcome | None) -> None:
    wrong = [f"{one.name}: {text}" for one in races for text in one.wrong]
    wrong += [f"kills: {text}" for text in outcome.wrong] if outcome else []
    if options.json:
        found: dict[str, Any] = {"races": [one.figures() for one in races], "held": not wrong}
        console.say(json.dumps(found | ({"kills": outcome.figures()} if outcome else {}), indent=2))
    if wrong:
        more = [f"and {len(wrong) - 20} more"] if len(wrong) > 20 else []
        raise Failure("\n".join(["Broken promises:", *wrong[:20], *more]))
    if not options.json:
        console.say("All promises held.")


def _row(one: Race) -> list[str]:
    return [
        one.name, f"{one.seconds:.1f}", f"{one.admitted:,}", f"{one.rows:,}", f"{sum(one.refused.values()):,}",
        f"{one.at_once}", f"{one.samples:,}", f"{one.exact:,}", f"{one.most_holds}", f"{one.spent:f}"[:16],
        f"{one.left:f}"[:16],
    ]  # fmt: skip


def _lines(outcome: Outcome) -> Iterator[str]:
    figures = ("asked", "admitted", "refused", "unsure", "killed", "rows", "abandoned", "late")
    for name in figures:
        yield f"  {name:<12} {getattr(outcome, name):>10,}"
    yield f"  {'spent':<12} {outcome.spent:>10.6f} by the rows, {outcome.rolled_up:.6f} by the roll-ups, {outcome.gone:.6f} by the keys"
    yield f"  {'seconds':<12} {outcome.seconds:>10.1f}"
    yield "  killed " + ", ".join(f"{where}: {times}" for where, times in sorted(outcome.kills.items()))


def _nothing(_: str) -> None:
    """Said."""


if __name__ == "__main__":
    main()
