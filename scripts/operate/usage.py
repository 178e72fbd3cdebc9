"""Reports a gateway's usage: requests, tokens and costs, in UTC; exact to the moment."""

import argparse
import json
import sys
from typing import Any

from gateway import csv_text, usage_report
from gateway.periods import BUCKETS
from gateway.query import Parameters
from local import console
from operate import metering, target
from operate.target import Target

Json = dict[str, Any]

NAMES = {
    "requests": "REQUESTS", "errors": "ERRORS", "input_tokens": "INPUT", "cache_read_tokens": "CACHED", "output_tokens": "OUTPUT",
    "cost_usd": "USD",
}  # fmt: skip
NUMBERS = (*NAMES.values(), "UNKNOWN")
EPILOG = """\
USD is what the providers charge. UNKNOWN, if there are any, counts the requests whose cost nobody knows. CSV and JSON have all
counts of tokens.
"""


def main() -> None:
    """Parse, sum, print."""
    parser = argparse.ArgumentParser(prog="scripts/usage", description=__doc__, epilog=EPILOG)
    parser.add_argument(
        "--from", dest="from_", metavar="TIME", help="a date, or a time with offset (default: the month's first)"
    )
    parser.add_argument("--to", metavar="TIME", help="until then, without it (default: now)")
    parser.add_argument("--bucket", choices=BUCKETS, help="what to sum by (default: day)")
    parser.add_argument("--group-by", metavar="WORDS", help="some of key,team,model,provider")
    for name in ("key", "team", "model", "provider"):
        parser.add_argument(f"--{name}", help=f"only this {name}'s usage")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON object")
    form.add_argument("--csv", action="store_true", help="print CSV")
    target.add_arguments(parser)
    arguments = parser.parse_args()
    console.main(lambda: run(arguments, target.find(arguments)))


def run(arguments: argparse.Namespace, gateway: Target) -> None:
    """Print the report that the arguments ask for."""
    names = [name for name in usage_report.PARAMETERS if name != "format"]
    now = metering.now()
    with metering.told():
        given = Parameters(metering.given(arguments, names), names)
        asked = usage_report.question(given, given.text("key"), now)
        found = usage_report.report(metering.tables(gateway), asked, now, metering.retention_days(gateway))
    if arguments.json:
        print(json.dumps(found, indent=2))
    elif arguments.csv:
        sys.stdout.write(csv_text.table(usage_report.columns(asked), found["data"]))
    else:
        print(as_table(found, asked))


def as_table(found: Json, asked: usage_report.Question) -> str:
    """A line for each bucket and group, and one for all."""
    names = dict(NAMES)
    if found["total"]["unknown_costs"]:
        names["unknown_costs"] = "UNKNOWN"
    columns = ["START", *(name.upper() for name in asked.group_by), *names.values()]
    rows = [
        [metering.cell(line[name]) for name in ("start", *asked.group_by, *names)]
        for line in [*found["data"], {"start": "total", **dict.fromkeys(asked.group_by, ""), **found["total"]}]
    ]
    rows[-1] = ["" if cell == "-" and columns[index] not in NUMBERS else cell for index, cell in enumerate(rows[-1])]
    return metering.as_table(columns, rows, NUMBERS)


if __name__ == "__main__":
    main()
