"""Lists the models of a gateway: who serves them, what they cost now, what they can do, and whether they are configured."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gateway.fields import WrongData
from gateway.models import list_models
from gateway.registry import CAPABILITIES, Registry
from gateway.registry_source import build
from local import console
from local.console import Failure
from operate import target
from operate.target import Target

Json = dict[str, Any]

COLUMNS = ("MODEL", "PROVIDER", "IN", "CACHED", "OUT", "CONTEXT", "OUTPUT", "CAPABILITIES", "CONFIGURED")
EPILOG = """\
Prices are in US dollars per million tokens, without surcharges for long inputs; a dash is for what is not known, or does
not apply; a question mark, that there is no gateway on this machine to ask what is configured.
"""
NUMBERS = range(2, 7)
"""Columns that are set flush right."""


def main() -> None:
    """Parse, look, print."""
    parser = argparse.ArgumentParser(prog="scripts/models", description=__doc__, epilog=EPILOG)
    parser.add_argument("substring", nargs="?", default="", help="only models with this in their id")
    parser.add_argument("--provider", help="only models that this provider serves")
    parser.add_argument("--capability", choices=CAPABILITIES, help="only models that can do this")
    parser.add_argument("--configured", action="store_true", help="only models whose provider's key is there")
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    target.add_arguments(parser)
    arguments = parser.parse_args()
    console.main(lambda: show(arguments))


def show(arguments: argparse.Namespace) -> None:
    """Print the models that the arguments ask for, of the gateway that they name."""
    gateway = _gateway(arguments)
    secrets = _entries(gateway) if gateway else None
    if secrets is None and arguments.configured:
        raise Failure("No gateway runs on this machine to ask what is configured: scripts/start starts it.")
    models = [model for model in _models(_registry(gateway), secrets) if _wanted(model, arguments)]
    if not models:
        print("No model is like that.", file=sys.stderr)
    if models or arguments.json:
        print(json.dumps(models, indent=2) if arguments.json else table(models))


def table(models: Sequence[Json]) -> str:
    """A line for each deployment; the model is named on its first."""
    rows = [COLUMNS, *(row for model in models for row in _rows(model))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = zip(range(len(row)), row, widths, strict=True)
    return "  ".join(
        f"{cell:>{width}}" if index in NUMBERS else f"{cell:<{width}}" for index, cell, width in cells
    ).rstrip()


def _rows(model: Json) -> Iterator[tuple[str, ...]]:
    for index, deployment in enumerate(model["deployments"]):
        rates = deployment["usd_per_million_tokens"] or {}
        yield (
            model["id"] if index == 0 else "",
            deployment["provider"],
            *(rates.get(bucket, "-") for bucket in ("input", "cache_read", "output")),
            *(_count(model[limit]) if index == 0 else "" for limit in ("context_window", "max_output_tokens")),
            _capabilities(model["capabilities"]) if index == 0 else "",
            {True: "yes", False: "no", None: "?"}[deployment["configured"]],
        )


def _capabilities(names: Sequence[str] | None) -> str:
    return "-" if names is None else " ".join(name for name in CAPABILITIES if name in names)


def _count(tokens: int | None) -> str:
    return "-" if tokens is None else f"{tokens:,}"


def _wanted(model: Json, arguments: argparse.Namespace) -> bool:
    providers = {deployment["provider"] for deployment in model["deployments"]}
    return bool(
        arguments.substring.lower() in model["id"].lower()
        and (arguments.provider is None or arguments.provider in providers)
        and (arguments.capability is None or arguments.capability in (model["capabilities"] or ()))
        and (model["configured"] or not arguments.configured)
    )


def _models(registry: Registry, secrets: Mapping[str, str] | None) -> Iterator[Json]:
    for model in list_models(registry, secrets or {})["data"]:
        yield model if secrets is not None else _unknown(model)


def _unknown(model: Json) -> Json:
    """The model, without a word on whether it is configured."""
    deployments = [deployment | {"configured": None} for deployment in model["deployments"]]
    return model | {"configured": None, "deployments": deployments}


def _gateway(arguments: argparse.Namespace) -> Target | None:
    """The gateway that the arguments name; without one on this machine the list is still of use."""
    try:
        return target.find(arguments)
    except Failure:
        if arguments.stack or arguments.profile or arguments.region:
            raise
        return None


def _entries(gateway: Target) -> Mapping[str, str]:
    """The provider secret's entries. Only whether they are there is told."""
    try:
        secret = gateway.client("secretsmanager").get_secret_value(SecretId=gateway.output("ProvidersSecret"))
        entries: dict[str, str] = json.loads(secret["SecretString"])
    except (BotoCoreError, ClientError, ValueError) as error:
        raise Failure(f"The provider secret cannot be read: {type(error).__name__}.") from None
    return {name: value for name, value in entries.items() if isinstance(value, str) and value.strip()}


def _registry(gateway: Target | None) -> Registry:
    """The models as the gateway has them: those that ship with it, under its override if that is right."""
    try:
        return build(_override(gateway) if gateway else "")
    except WrongData as error:
        print(f"The override of the models is wrong, and is left out: {error}", file=sys.stderr)
        return build()


def _override(gateway: Target) -> str:
    name = gateway.outputs.get("ModelsParameter")
    try:
        return str(gateway.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]) if name else ""
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ParameterNotFound":
            return ""
        raise Failure(f"The override of the models cannot be read: {error}") from None


if __name__ == "__main__":
    main()
