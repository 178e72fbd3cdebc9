"""Settles requests whose rows the tables did not take, from the log lines that carry them.

Such a line says "request row lost" and raises the metric RowLost. Each row is put in once, and its cost is charged once, however
often this is run.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, TextIO

from botocore.exceptions import BotoCoreError, ClientError

from gateway.errors import ServiceUnavailable
from gateway.ledger import Ledger
from gateway.request_log import ROW_LOST, Rows
from local import console
from local.console import Failure, step
from operate import target
from operate.target import Target

Row = dict[str, Any]

NEEDED = ("owner", "request_id", "created_at", "expires_at", "status")


def main() -> None:
    """Parse, read, settle."""
    parser = argparse.ArgumentParser("scripts/replay-settlements", description=__doc__)
    parser.add_argument(
        "file", nargs="?", type=argparse.FileType(encoding="utf-8"),
        help="log lines, one JSON object each; - for stdin (default: the gateway's log group)",
    )  # fmt: skip
    parser.add_argument(
        "--hours", type=float, default=24.0, help="how far to look back in the log group (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    target.add_arguments(parser)
    arguments = parser.parse_args()
    console.main(lambda: run(arguments))


def run(arguments: argparse.Namespace) -> None:
    """Settle what the arguments' log tells of, on the gateway that they name."""
    gateway = target.find(arguments)
    lines = arguments.file or _logged(gateway, time.time() - arguments.hours * 3600)
    client = gateway.client("dynamodb")
    # The rows carry their own end; retention is for those that are made anew.
    rows = Rows(gateway.output("RequestsTable"), 90, lambda: client)
    found = settle(Ledger(gateway.output("KeysTable"), rows, lambda: client), lost(lines))
    print(json.dumps(found) if arguments.json else f"{found['put']:,} put in, {found['there']:,} were there already.")


def settle(ledger: Ledger, rows: Iterable[Row]) -> dict[str, int]:
    """Settle rows; how many were put in, and how many were there.

    Raises:
        Failure: a table does not answer; what is done so far is done.
    """
    counts = {"put": 0, "there": 0}
    for row in rows:
        try:
            is_new = ledger.replay(row)
        except ServiceUnavailable:
            raise Failure(f"The tables do not answer at {row['request_id']}; run this again.") from None
        counts["put" if is_new else "there"] += 1
        print(f"{row['request_id']}: {'put in' if is_new else 'there already'}", file=sys.stderr)
    return counts


def lost(lines: Iterable[str] | TextIO) -> Iterator[Row]:
    """The rows that log lines tell of; other lines are passed over."""
    for line in lines:
        try:
            told = json.loads(line, parse_float=Decimal)
        except ValueError:
            continue
        row = told.get("row") if isinstance(told, dict) and told.get("message") == ROW_LOST else None
        if isinstance(row, dict) and all(name in row for name in NEEDED):
            cost = row.get("cost_usd")
            yield row | {"cost_usd": None if cost is None else Decimal(str(cost))}


def _logged(gateway: Target, since: float) -> Iterator[str]:
    pages = gateway.client("logs").get_paginator("filter_log_events")
    found = pages.paginate(
        logGroupName=gateway.output("LogGroup"), startTime=int(since * 1000), filterPattern=f'"{ROW_LOST}"'
    )
    with step("Reading the log", lambda text: print(text, file=sys.stderr)) as note:
        try:
            lines = [event["message"] for page in found for event in page["events"]]
        except (BotoCoreError, ClientError) as error:
            raise Failure(f"The log cannot be read: {error}") from None
        note(f"{len(lines):,} lines")
    yield from lines


if __name__ == "__main__":
    main()
