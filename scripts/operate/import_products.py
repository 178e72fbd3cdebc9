"""Imports products and merchants' offers from a feed: JSON Lines, or Google Merchant's CSV, TSV or XML, each of them gzipped or not."""

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from catalogue import feeds, sources
from catalogue.feeds import Reading
from catalogue.importing import Import
from catalogue.report import Progress, Report, rejects
from catalogue.table import Table
from catalogue.text import ENCODINGS
from local import console
from local.console import Failure, printable
from operate import target
from operate.target import Target

THREADS = 8
MANY = Config(max_pool_connections=THREADS, retries={"total_max_attempts": 10, "mode": "standard"})
LONG = Config(read_timeout=900, tcp_keepalive=True, retries={"total_max_attempts": 1})
"""An index is built as long as a function may run, over a connection that is silent until then, and not built twice."""
SOME_REJECTED = 3
"""The exit code when rows were rejected, and all others imported."""
EPILOG = """\
The whole file is read and checked before anything is written: one that is broken, be it at its end, changes nothing. Rows that are
wrong are left out and listed, among them those with an invalid GTIN, a price that may be read in two ways (1.299 EUR), or a product
and merchant that the file had before. A second run of a file writes nothing; one that was interrupted is run again, and goes on.

A row of CSV, TSV or XML is a product with one merchant's offer; rows of the same id are offers of one product, which the first
merchant describes. A line of JSON Lines is a product with all its offers and amounts in minor units (docs/catalogue.md has the
fields), or, with `price` and no `offers`, as a row of CSV. A sale price counts while it is lower and its dates say so. Of several
shipping prices the cheapest to the first country counts. HTML is taken out of all texts.

One import writes at a time; another that has something to write is refused meanwhile.

exit codes: 0 all rows were imported, or were before; 3 some rows were rejected; 1 the file was refused, and nothing imported, or the
import broke off, or the index was not built, as the message says
"""


@dataclass(frozen=True)
class Options:
    """What to import, and how.

    Attributes:
        feed: a path, or s3://bucket/key.
        reading: how to read it.
        rejects: the file to write all rejected rows to.
        dry_run: only say what would happen.
    """

    feed: str
    reading: Reading
    rejects: Path | None = None
    dry_run: bool = False


def main() -> None:
    """Parse, import, index."""
    parser = argparse.ArgumentParser(
        prog="scripts/import-products",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="a file, or s3://BUCKET/KEY")
    parser.add_argument("--format", choices=sorted(set(feeds.FORMATS.values())), help="(default: by the file's name)")
    parser.add_argument("--encoding", choices=ENCODINGS, help="(default: UTF-8, or by the file's byte-order mark)")
    parser.add_argument(
        "--merchant", metavar="NAME", help="whose offers they are, of rows that do not say so (XML: default its title)"
    )
    parser.add_argument(
        "--id-prefix", metavar="TEXT", default="", help="put before all ids, where merchants' are alike"
    )
    parser.add_argument("--dry-run", action="store_true", help="read and compare, and write nothing")
    parser.add_argument(
        "--rejects", metavar="CSV", type=Path, help="write all rejected rows there: line, id, field, reason"
    )
    parser.add_argument("--no-index", action="store_true", help="leave the search index to its schedule")
    target.add_arguments(parser)
    arguments = parser.parse_args()
    console.main(lambda: run(arguments, target.find(arguments)))


def run(arguments: argparse.Namespace, gateway: Target) -> None:
    """Import what the arguments name, say what came of it, and build the search index.

    Raises:
        SystemExit: some rows were rejected.
    """
    reading = Reading(datetime.now(UTC), arguments.format, arguments.encoding, arguments.merchant, arguments.id_prefix)
    report = load(gateway, Options(arguments.file, reading, arguments.rejects, arguments.dry_run))
    tell(report, arguments.dry_run)
    if not arguments.dry_run and not arguments.no_index:
        print(built(build_index(gateway)))
    if report.rejected:
        sys.exit(SOME_REJECTED)


def load(gateway: Target, options: Options, progress: Progress | None = None) -> Report:
    """Import a feed.

    Raises:
        Failure: it cannot be read, and nothing was written; or the table cannot be used.
    """
    report = Report()
    db = gateway.client_with("dynamodb", MANY)
    with (
        sources.opened(options.feed, lambda: gateway.client("s3")) as source,
        rejects(report, options.rejects, options.feed) as rejected,
        _told(),
        ThreadPoolExecutor(THREADS) as pool,
    ):
        table = Table(db, gateway.output("ProductsTable"), pool)
        today = options.reading.now.date()
        Import(table, report, rejected, progress or Progress(), today, options.dry_run).run(source, options.reading)
    return report


def tell(report: Report, dry_run: bool) -> None:
    """Say what came of an import: the first rejected rows on stderr, the counts on stdout."""
    for one in report.shown:
        where = f"line {one.line}{f', {printable(one.id)}' if one.id else ''}"
        print(f"{where}: {printable(f'{one.field}: {one.reason}' if one.field else one.reason)}", file=sys.stderr)
    if report.rejected > len(report.shown):
        print(f"… and {report.rejected - len(report.shown):,} more rows were rejected.", file=sys.stderr)
    for line in report.lines():
        print(line)
    if dry_run:
        print("A dry run: nothing was written.")


def build_index(gateway: Target) -> dict[str, Any]:
    """Have the search index built from the table, if that has changed.

    Returns:
        What the function says: products, revision, bytes, seconds, outcome.
    Raises:
        Failure: it could not be built; the one before goes on serving.
    """
    client = gateway.client_with("lambda", LONG)
    try:
        answer = client.invoke(FunctionName=gateway.output("BuildIndexFunction"), Payload=b"{}")
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The search index was not built: {error}") from None
    said: Any = json.loads(answer["Payload"].read() or b"{}")
    if "FunctionError" in answer:
        raise Failure(f"The search index was not built: {printable(str(said.get('errorMessage', said)))}")
    return dict(said)


def built(said: dict[str, Any]) -> str:
    """The index's own report, as a line."""
    if said.get("outcome") != "built":
        return (
            "Index: built by another at the same time." if said.get("outcome") == "superseded" else "Index: unchanged."
        )
    size = said["bytes"] / 1_000_000
    return f"Index: {said['products']:,} products, {size:.1f} MB, built in {said['seconds']:.1f} s."


@contextmanager
def _told() -> Iterator[None]:
    """Turn DynamoDB's faults into a sentence."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The table cannot be used: {error} Run the import again: it goes on where it stopped.") from None


if __name__ == "__main__":
    main()
