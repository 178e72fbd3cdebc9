"""Creates an API key and shows it, this once."""

import argparse
import json
import time
from typing import Any

from gateway import key_store, keys
from gateway.key_objects import describe
from gateway.policies import NewKey
from local import console
from local.console import Failure
from operate import policy_arguments, target


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
    parser.add_argument("--team", metavar="ID", help="the team whose limits it shares (default: none)")
    policy_arguments.add_limits(parser)
    parser.add_argument("--expires-in-days", type=int, metavar="DAYS", help="when it stops working (default: never)")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    target.add_arguments(parser)
    arguments = parser.parse_args()
    console.main(lambda: create(arguments))


def create(arguments: argparse.Namespace) -> None:
    """Create the key in the table of the gateway that the arguments name."""
    now = time.time()
    days = arguments.expires_in_days
    if days is not None and not 1 <= days <= 100_000:
        raise Failure("--expires-in-days must be from 1 to 100000.")
    expiry = {"expires_at": int(now) + days * 86_400} if days else {}
    policy = policy_arguments.checked(policy_arguments.body(arguments, "name", "scopes", "team") | expiry, NewKey)
    gateway = target.find(arguments)
    with policy_arguments.told():
        table = gateway.output("KeysTable")
        issued = key_store.issue_key(gateway.client("dynamodb"), table, now, policy.fields(now))
    created = {"key": issued.key} | describe(issued.item, now)
    print(json.dumps(created) if arguments.json else _report(created))


def _report(created: dict[str, Any]) -> str:
    return f"""Created the API key {created["id"]} ({created["name"]}; {", ".join(created["scopes"])}).
It is shown this once; the gateway keeps only its hash:

    {created["key"]}
"""


if __name__ == "__main__":
    main()
