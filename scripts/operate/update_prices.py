"""Generates prices.json: what the deployments in models.json cost, by the list prices in genai-prices."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from gateway.fields import WrongData
from gateway.pricing import PRICES_FILE
from gateway.registry_source import MODELS_FILE
from local import console
from local.console import Failure, say, step
from operate import list_prices
from operate.list_prices import SOURCE, Found

EPILOG = """\
A deployment with a price of its own in models.json keeps it. One that genai-prices does not know gets no entry, and its
price is unknown: null in answers, never 0. To take newer prices, raise genai-prices in scripts/requirements/dev.in.
"""


@dataclass(frozen=True)
class Listed:
    """The deployments of models.json.

    Attributes:
        found: those with a list price.
        missing: those without.
        own: how many have a price of their own.
    """

    found: Mapping[str, Found]
    missing: list[str]
    own: int

    @property
    def prices(self) -> dict[str, Any]:
        """As in prices.json."""
        return {name: found.price for name, found in self.found.items()}


def main() -> None:
    """Parse, then generate or check."""
    parser = argparse.ArgumentParser(prog="scripts/update-prices", description=__doc__, epilog=EPILOG)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if the file is not what would be generated"
    )
    arguments = parser.parse_args()
    console.main(check if arguments.check else update)


def update() -> None:
    """Write prices.json, and tell what has changed."""
    before, today = _present(), datetime.now(UTC).date()
    listed = _read(today)
    PRICES_FILE.write_text(text(listed.prices, today), encoding="utf-8")
    names = {name: found.name for name, found in listed.found.items()}
    lines = list(list_prices.changes(before["prices"], listed.prices, names))
    say("\n".join(lines) if lines else "No price has changed.")
    say(f"Wrote {console.shown(PRICES_FILE)}.")


def check() -> None:
    """Whether prices.json is what would be generated, had it been on the day that it names.

    Raises:
        Failure: it is not.
    """
    generated = date.fromisoformat(_present()["updated"])
    if PRICES_FILE.read_text(encoding="utf-8") != text(_read(generated).prices, generated):
        raise Failure(
            f"{console.shown(PRICES_FILE)} is not what {SOURCE} says of models.json: run scripts/update-prices."
        )
    say(f"{console.shown(PRICES_FILE)} is as generated.")


def text(prices: Mapping[str, Any], today: date) -> str:
    """The file: a deployment a line, by their names, so that a changed price is a changed line."""
    entries = ",\n".join(f"{json.dumps(name)}: {json.dumps(prices[name])}" for name in sorted(prices))
    head = f'"source": {json.dumps(SOURCE)}, "updated": "{today.isoformat()}"'
    return f'{{{head}, "prices": {{\n{entries}\n}}}}\n'


def _read(today: date) -> Listed:
    with step(f"Looking up {console.shown(MODELS_FILE)} in {SOURCE}") as note:
        listed = look_up(json.loads(MODELS_FILE.read_text(encoding="utf-8"))["models"], today)
        note(f"{len(listed.found)} with a list price, {listed.own} with a price of their own")
    if listed.missing:
        say(f"Without a price: {', '.join(listed.missing)}.")
    return listed


def look_up(models: Mapping[str, Any], today: date) -> Listed:
    """The list prices of all deployments, from a day on.

    Args:
        models: as in models.json.
    Raises:
        Failure: one of them is not what a price may be.
    """
    own, names = _deployments(models)
    try:
        prices = {name: list_prices.find(name, today) for name in names}
    except WrongData as error:
        raise Failure(f"{SOURCE} has a price that the gateway cannot take: {error}") from None
    found = {name: price for name, price in prices.items() if price}
    return Listed(found, [name for name in names if name not in found], len(own))


def _deployments(models: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Names of those with a price of their own, and of those without; one may be among both, in two models."""
    every = [deployment for model in models.values() for deployment in model["deployments"]]
    named = {(f"{one['provider']}/{one['model']}", one.get("price") is not None) for one in every}
    return sorted(name for name, own in named if own), sorted(name for name, own in named if not own)


def _present() -> dict[str, Any]:
    try:
        present: dict[str, Any] = json.loads(PRICES_FILE.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {"updated": "1970-01-01", "prices": {}}
    return present


if __name__ == "__main__":
    main()
