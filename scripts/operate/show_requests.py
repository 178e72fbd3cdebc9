"""Shows the requests that were made to a gateway, newest first, or one of them with all that is known of it."""

import argparse
import json
import sys
from typing import Any

from gateway import csv_text, request_queries
from gateway.query import Parameters
from gateway.routes import PREFIX
from local import console
from local.console import Failure
from operate import metering, target
from operate.target import Target

Json = dict[str, Any]

COLUMNS = {
    "created_at": "TIME", "id": "ID", "asked": "MODEL", "provider": "PROVIDER", "status": "STATUS", "error_code": "ERROR",
    "input_tokens": "INPUT", "output_tokens": "OUTPUT", "cost_usd": "USD", "latency_ms": "MS",
}  # fmt: skip
NUMBERS = ("STATUS", "INPUT", "OUTPUT", "USD", "MS")


def main() -> None:
    """Parse, look, print."""
    parser = argparse.ArgumentParser(prog="scripts/requests", description=__doc__)
    parser.add_argument("id", nargs="?", metavar="ID", help="show this one: the x-request-id of its answer")
    parser.add_argument("--from", dest="from_", metavar="TIME", help="a date, or a time with offset")
    parser.add_argument("--to", metavar="TIME", help="until then, without it")
    for name in ("key", "model", "provider", "status", "error-code"):
        parser.add_argument(f"--{name}", help=f"only those of this {name.replace('-', ' ')}")
    parser.add_argument("--limit", type=int, default=20, help="how many, at most (default: %(default)s)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print CSV")
    target.add_arguments(parser)
    arguments = parser.parse_args()
    console.main(lambda: run(arguments, target.find(arguments)))


def run(arguments: argparse.Namespace, gateway: Target) -> None:
    """Print the requests that the arguments ask for."""
    with metering.told():
        if arguments.id:
            found = [request_queries.find(metering.tables(gateway), arguments.id, None, metering.now())]
        else:
            found = _listed(arguments, gateway)
    if arguments.csv:
        sys.stdout.write(csv_text.table(request_queries.COLUMNS, found))
    elif arguments.json:
        print(json.dumps(found[0] if arguments.id else found, indent=2))
    elif arguments.id:
        print("\n".join(f"{name:<22} {_text(value)}" for name, value in found[0].items()))
    elif found:
        print(as_table(found))
    else:
        print("There are no such requests.", file=sys.stderr)


def as_table(found: list[Json]) -> str:
    """A line for each request; those that asked no model have their route in its place."""
    asked = [one | {"asked": one["model"] or (one["endpoint"] or "").removeprefix(PREFIX)} for one in found]
    rows = [[metering.cell(one[name]) for name in COLUMNS] for one in asked]
    return metering.as_table(tuple(COLUMNS.values()), rows, NUMBERS)


def _listed(arguments: argparse.Namespace, gateway: Target) -> list[Json]:
    """As many as are asked for, page by page."""
    if arguments.limit < 1:
        raise Failure("--limit: must be at least 1.")
    names = [name for name in request_queries.PARAMETERS if name not in ("format", "cursor", "limit")]
    asked, found, cursor = metering.given(arguments, names), list[Json](), ""
    while len(found) < arguments.limit:
        limit = str(min(arguments.limit - len(found), request_queries.MAX_LIMIT))
        given = Parameters(
            asked | {"limit": limit} | ({"cursor": cursor} if cursor else {}), request_queries.PARAMETERS
        )
        listing = request_queries.listing(given, given.text("key"), metering.now())
        page = request_queries.page(metering.tables(gateway), listing, metering.now())
        found += page.rows
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    return found


def _text(value: Any) -> str:
    if isinstance(value, list | dict | bool):
        return json.dumps(value)
    return "-" if value is None else metering.printable(str(value))


if __name__ == "__main__":
    main()
