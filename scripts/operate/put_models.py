"""Changes the models of a gateway without a deploy: checks a file, and makes it the override of those that ship."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gateway.fields import WrongData
from gateway.registry import Registry
from gateway.registry_source import build
from local import console
from local.console import Failure
from operate import target
from operate.target import Target

MAX_BYTES = 8192
"""Of an SSM parameter, in the tier that takes most."""
EPILOG = "What a file may say is in docs/providers.md. An empty object, {}, takes the override away."


def main() -> None:
    """Parse, check, put."""
    parser = argparse.ArgumentParser(prog="scripts/put-models", description=__doc__, epilog=EPILOG)
    parser.add_argument(
        "file", metavar="FILE", help="JSON with `models`, `providers` or both; - reads it from the input"
    )
    parser.add_argument(
        "--check", action="store_true", help="only say whether the file is right, and what it would change"
    )
    target.add_arguments(parser)
    arguments = parser.parse_args()
    console.main(lambda: run(arguments))


def run(arguments: argparse.Namespace) -> None:
    """Check the file, and put it where the gateway that the arguments name looks for it."""
    text = compact(_read(arguments.file))
    for line in changes(text):
        print(line)
    if arguments.check:
        print("The file is right; nothing was changed.")
        return
    gateway = target.find(arguments)
    _put(gateway, text)
    print(f"The gateway {gateway.stack} picks it up within a minute.")


def compact(text: str) -> str:
    """The override as it is stored.

    Raises:
        Failure: it is wrong, or too large.
    """
    try:
        build(text)
        packed = json.dumps(json.loads(text.strip() or "{}"), ensure_ascii=False, separators=(",", ":"))
    except WrongData as error:
        raise Failure(f"The file is wrong, and nothing was changed. {error}") from None
    size = len(packed.encode())
    if size > MAX_BYTES:
        raise Failure(f"The file is {size:,} bytes without its blanks; SSM takes {MAX_BYTES:,}. Nothing was changed.")
    return packed


def changes(text: str) -> list[str]:
    """What an override does to the models that ship with the gateway, a line each."""
    before, after = build(), build(text)
    told = [_told(name, before, after) for name in dict.fromkeys([*before.models, *after.models])]
    return [line for line in told if line]


def _told(name: str, before: Registry, after: Registry) -> str:
    old, new = before.models.get(name), after.models.get(name)
    if old == new:
        return ""
    if new is None:
        return f"- {name}"
    return f"{'+' if old is None else '~'} {name}: {', '.join(deployment.name for deployment in new.deployments)}"


def _read(file: str) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise Failure(f"{file} cannot be read: {error}") from None
    if not text.strip():
        raise Failure(f"{file} is empty; to take the override away, put an empty object: {{}}")
    return text


def _put(gateway: Target, text: str) -> None:
    parameter: dict[str, Any] = {"Name": gateway.output("ModelsParameter"), "Value": text, "Type": "String"}
    try:
        gateway.client("ssm").put_parameter(**parameter, Overwrite=True, Tier="Intelligent-Tiering")
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The override could not be put: {error}") from None


if __name__ == "__main__":
    main()
