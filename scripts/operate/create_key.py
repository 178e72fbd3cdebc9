"""Creates an API key and shows it, this once."""

import argparse
import json
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gateway import key_store, keys
from local import console
from local.console import Failure
from operate import target


def main() -> None:
    """Parse, create, print."""
    parser = argparse.ArgumentParser(prog="scripts/create-key", description=__doc__)
    parser.add_argument("--name", default="key", help="what to call it (default: %(default)s)")
    parser.add_argument(
        "--scope",
        action="append",
        choices=keys.SCOPES,
        dest="scopes",
        help="what it may do; repeatable (default: inference)",
    )
    parser.add_argument("--expires-in-days", type=int, metavar="DAYS", help="when it stops working (default: never)")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    target.add_arguments(parser)
    arguments = parser.parse_args()
    console.main(lambda: create(arguments))


def create(arguments: argparse.Namespace) -> None:
    """Create the key in the table of the gateway that the arguments name."""
    gateway, now = target.find(arguments), time.time()
    if arguments.expires_in_days is not None and arguments.expires_in_days < 1:
        raise Failure("--expires-in-days must be at least 1.")
    expires_at = int(now) + arguments.expires_in_days * 86_400 if arguments.expires_in_days else None
    scopes = arguments.scopes or ["inference"]
    try:
        db = gateway.client("dynamodb")
        key = key_store.create_key(
            db, gateway.output("KeysTable"), name=arguments.name, scopes=scopes, now=now, expires_at=expires_at
        )
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The key could not be created: {error}") from None
    created = {"key": key, "id": keys.parse(key)[0], "name": arguments.name, "scopes": scopes, "expires_at": expires_at}
    print(json.dumps(created) if arguments.json else _report(created))


def _report(created: dict[str, Any]) -> str:
    return f"""Created the API key {created["id"]} ({created["name"]}; {", ".join(created["scopes"])}).
It is shown this once; the gateway keeps only its hash:

    {created["key"]}
"""


if __name__ == "__main__":
    main()
