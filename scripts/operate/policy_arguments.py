"""The arguments that say what a key or a team may do, checked as the API checks them."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from gateway.body import Strict, validate
from gateway.errors import GatewayError
from local.console import Failure

Model = TypeVar("Model", bound=Strict)

COUNTS = {
    "rpm_limit": "requests a minute",
    "tpm_limit": "tokens a minute",
    "max_parallel": "requests at the same time",
}
BUDGETS = {
    "day_budget": "US dollars a day, such as 2.50",
    "month_budget": "US dollars a month",
    "total_budget": "US dollars in all",
}
NONE = "none"
"""What takes a limit away."""


def add_limits(parser: argparse.ArgumentParser, *, change: bool = False) -> None:
    """The arguments of keys and teams alike.

    Args:
        change: whether they are for something that is there, so that what is said can be taken back.
    """
    also = f"; {NONE}: no limit" if change else " (default: no limit)"
    for name, what in (COUNTS | BUDGETS).items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="N", help=what + also)
    every = f"; {NONE}: every model" if change else " (default: every model)"
    parser.add_argument(
        "--model", action="append", dest="models", metavar="ID", help=f"a model that may be used; repeatable{every}"
    )
    parser.add_argument(
        "--allow-unpriced-models",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether models may be used whose price is not known, in spite of a budget",
    )


def body(arguments: argparse.Namespace, *others: str) -> dict[str, Any]:
    """The arguments that were given, as a request of the API says them.

    Args:
        others: further arguments that a request has under the same name.
    """
    said = {name: getattr(arguments, name) for name in (*others, *COUNTS, *BUDGETS, "models", "allow_unpriced_models")}
    return {name: _value(name, value) for name, value in said.items() if value is not None}


def checked(said: dict[str, Any], model: type[Model]) -> Model:
    """A body as the API takes it.

    Raises:
        Failure: something in it is wrong; the sentence names the argument.
    """
    try:
        return validate(said, model)
    except GatewayError as error:
        raise Failure(_argument(error)) from None


@contextmanager
def told() -> Iterator[None]:
    """Turn what the table, or the gateway, says into one sentence.

    Raises:
        Failure: something is wrong; nothing was changed.
    """
    try:
        yield
    except GatewayError as error:
        raise Failure(_argument(error)) from None
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The Keys table refuses, or does not answer: {error}") from None


def _value(name: str, value: Any) -> Any:
    if value in (NONE, [NONE]) and name != "name":
        return None
    if name in (*COUNTS, "expires_at") and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:30])
    return value


def _argument(error: GatewayError) -> str:
    """The error's sentence, with the argument in the place of the field."""
    field, colon, sentence = error.message.partition(": ")
    if not (colon and error.param and field == error.param):
        return error.message
    name = error.param.replace("models", "model").replace("scopes", "scope").replace("_", "-")
    return f"--{name}: {sentence}"
