"""Rows of JSON Lines: an object a line."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from catalogue.feed import TOO_LONG, Refused, Rejection, Row
from catalogue.text import Line
from gateway.fields import shown

NOT_JSON = "is not JSON"
MAX_DIGITS = 100
FAR = f"a number has more than {MAX_DIGITS} digits before or behind its point"


def rows(lines: Iterable[Line], name: str) -> Iterator[Row | Rejection]:
    """The rows of a file; empty lines are none.

    Args:
        name: the file's, for errors.
    Raises:
        Refused: it is not JSON Lines at all, but one array, or something else.
    """
    first = True
    for line in lines:
        if line.text is None:
            yield Rejection(line.number, "", "", TOO_LONG)
        elif line.text.strip():
            if first and not line.text.lstrip().startswith("{"):
                raise Refused(
                    f"{name}: it must have a JSON object on each line; it starts with {shown(line.text.strip()[:60])}."
                )
            yield _row(line.number, line.text)
        else:
            continue
        first = False


def _row(number: int, text: str) -> Row | Rejection:
    try:
        found = json.loads(text, parse_constant=_no_number, parse_float=_decimal, parse_int=_whole)
    except RecursionError:
        return Rejection(number, "", "", "is nested too deeply")
    except json.JSONDecodeError as error:
        return Rejection(number, "", "", f"{NOT_JSON}: {error.msg} at character {error.colno}")
    except ValueError as error:
        return Rejection(number, "", "", f"{NOT_JSON}: {error}")
    if not isinstance(found, dict):
        return Rejection(number, "", "", "must be a JSON object")
    return Row(number, found)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _decimal(text: str) -> Decimal:
    try:
        found = Decimal(_short(text))
    except InvalidOperation:
        raise ValueError(FAR) from None
    if abs(found.adjusted()) > MAX_DIGITS:
        raise ValueError(FAR)
    return found


def _whole(text: str) -> int:
    return int(_short(text))


def _short(text: str) -> str:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} characters")
    return text
