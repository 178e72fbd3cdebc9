"""How adapters read what providers send: nothing of it is believed to be of the right type, or of a bearable size."""

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from gateway.errors import GatewayError, UpstreamError
from gateway.providers.base import HttpResponse, printable
from gateway.registry import Endpoint
from gateway.usage import Usage

SECONDS = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?(e[0-9]{1,2})?")
MAX_RETRY_AFTER = 3600.0
"""Seconds; who says more says: not soon."""
MAX_MESSAGE = 2000
MAX_NUMBER = 1e38
"""Of a vector: clients may want it as a float32."""
MAX_TOKENS = 10**12
"""What claims to be more is no count; DynamoDB's numbers end at 38 digits."""


def json_of(response: HttpResponse) -> Any:
    """The response's JSON; None for an error that is not JSON.

    Raises:
        UpstreamError: a success that is not JSON, or only a part of it.
    """
    try:
        return parsed(response.body)
    except (ValueError, RecursionError):
        if response.status == 200:
            raise UpstreamError("The provider's answer is not JSON, or only a part of it.", billed=Usage()) from None
        return None


def parsed(text: str | bytes) -> Any:
    """The JSON in a text, without what JSON does not have, such as NaN, or what is beyond all numbers.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a value that should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def count(value: Any) -> int | None:
    """A number of tokens; None if it is missing or absurd."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TOKENS else None


def is_vector(value: Any) -> bool:
    """Whether it is numbers, and at least one of them."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(type(number) in (int, float) and abs(number) < MAX_NUMBER for number in value)
    )


def name(value: Any) -> str | None:
    """A code or a parameter's path; logged and stored, so of a bearable length."""
    return printable(value) if value and isinstance(value, str) else None


def words(value: Any) -> str:
    """A message, whatever it was made of: FastAPI's are arrays of objects."""
    return value if isinstance(value, str) else json.dumps(value) if value else ""


def retry_after(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """How long the provider wants us to wait, in seconds, an hour at the most; None if it does not say, or says nonsense.

    A date is measured by the provider's own clock, if the response tells it: that clock may be wrong by any time.

    Args:
        headers: the response's, names in lower case.
        clock: ours, in seconds since the epoch, for those who tell no time.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    said = headers.get("retry-after")
    found = milliseconds / 1000 if milliseconds is not None else _number(said)
    if found is None and (until := _moment(said)) is not None:
        now = _moment(headers.get("date"))
        found = until - (clock() if now is None else now)
    return None if found is None or found < 0 else min(found, MAX_RETRY_AFTER)


def _number(value: str | None) -> float | None:
    return float(value) if value and SECONDS.fullmatch(value) else None


def _moment(value: str | None) -> float | None:
    """An HTTP date in seconds since the epoch; None if it is none."""
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except (ValueError, OverflowError, TypeError):
        return None


def fit_for_clients(error: GatewayError, endpoint: Endpoint) -> GatewayError:
    """Providers quote what they were sent: the key must not reach the client, nor a whole prompt."""
    if endpoint.api_key:
        error.message = error.message.replace(endpoint.api_key, "***")
        error.param = error.param and error.param.replace(endpoint.api_key, "***")
        error.code = error.code and error.code.replace(endpoint.api_key, "***")
    error.message = error.message[:MAX_MESSAGE]
    error.from_provider = True
    return error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    return value if math.isfinite(value) else _refuse(number)
