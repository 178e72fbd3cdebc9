"""What the scripts of usage and requests share: the tables, the clock, tables of text, and errors as sentences."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gateway.errors import GatewayError
from gateway.request_rows import Tables
from local import console
from local.console import Failure
from operate.target import Target


def tables(gateway: Target) -> Tables:
    """A gateway's tables."""
    names = [gateway.output(name) for name in ("KeysTable", "RequestsTable", "UsageTable")]
    return Tables(gateway.client("dynamodb"), *names)


def retention_days(gateway: Target) -> int:
    """How long a gateway keeps the rows of requests."""
    return int(gateway.output("RequestRetentionDays"))


def now() -> int:
    """In milliseconds since the epoch."""
    return round(time.time() * 1000)


@contextmanager
def told() -> Iterator[None]:
    """Turn what is wrong with the arguments, or with the tables, into a sentence.

    Raises:
        Failure: something is.
    """
    try:
        yield
    except GatewayError as error:
        field, colon, sentence = error.message.partition(": ")
        is_argument = colon and error.param and field == error.param
        raise Failure(
            f"--{field.lstrip('-').replace('_', '-')}: {sentence}" if is_argument else error.message
        ) from None
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The tables cannot be read: {error}") from None


def given(arguments: Any, names: Sequence[str]) -> dict[str, str]:
    """The arguments that were given, by the names of the API's parameters."""
    found = {name: getattr(arguments, {"from": "from_"}.get(name, name), None) for name in names}
    return {name: str(value) for name, value in found.items() if value is not None}


def as_table(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> str:
    """Columns of text.

    Args:
        numbers: the columns that are set flush right.
    """
    lines = [columns, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    right = [column in numbers for column in columns]
    return "\n".join(
        "  ".join(
            f"{cell:>{width}}" if flush else f"{cell:<{width}}"
            for cell, width, flush in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def cell(value: Any) -> str:
    """A value in a table: numbers with their thousands apart, a dash for what is not known."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def printable(text: str) -> str:
    """A text of a client's in a table's cell."""
    return console.printable(text) or "-"
