"""Shows and changes the API keys or the teams of a gateway."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from gateway import key_store, keys
from gateway.accounts import LEFT, LIMITS
from gateway.key_objects import describe
from gateway.key_pages import pages
from gateway.policies import Change, KeyChange, NewTeam, Rotation, TeamChange
from local import console
from operate import policy_arguments, target

Json = dict[str, Any]
Run = Callable[[argparse.Namespace, Any, str], None]

CHANGES: dict[str, type[Change]] = {"key": KeyChange, "team": TeamChange}
EPILOG = {
    "key": "Without a command the keys are listed. A new key is made by scripts/create-key.",
    "team": "Without a command the teams are listed. A key is put into a team by scripts/create-key --team, or scripts/keys set.",
}
COLUMNS = ("ID", "NAME", "STATUS", "TEAM", "RPM", "TPM", "PARALLEL", "DAY", "MONTH", "TOTAL")
FIRST_NUMBER = 4
"""From there on columns are set flush right."""


def main(kind: str) -> None:
    """Parse, ask the table, print.

    Args:
        kind: "key" or "team".
    """
    words = sys.argv[1:]
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help")):
        words = ["list", *words]
    arguments = _parser(kind).parse_args(words)
    console.main(lambda: run(arguments))


def run(arguments: argparse.Namespace) -> None:
    """Do the command on the table of the gateway that the arguments name."""
    gateway = target.find(arguments)
    with policy_arguments.told():
        COMMANDS[arguments.command](arguments, gateway.client("dynamodb"), gateway.output("KeysTable"))


def _parser(kind: str) -> argparse.ArgumentParser:
    about = f"Shows and changes the {'API keys' if kind == 'key' else 'teams'} of a gateway."
    parser = argparse.ArgumentParser(prog=f"scripts/{kind}s", description=about, epilog=EPILOG[kind])
    parser.set_defaults(kind=kind)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    listing = _command(commands, "list", f"list the {kind}s, each limit after what is left of it", named=False)
    if kind == "key":
        listing.add_argument("--team", metavar="ID", help="only the keys of this team")
        rotation = _command(commands, "rotate", "give a key a new secret, and show it, this once")
        rotation.add_argument(
            "--grace-seconds", type=int, default=86_400, help="how long the old one stays good (default: %(default)s)"
        )
    else:
        creation = _command(commands, "create", "create a team", named=False)
        creation.add_argument("--name", required=True, help="what to call it")
        policy_arguments.add_limits(creation)
    _command(commands, "show", f"show a {kind}")
    _add_change(_command(commands, "set", f"change a {kind}"), kind)
    _command(commands, "delete", f"delete a {kind} for good")
    return parser


def _command(commands: Any, name: str, what: str, *, named: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    if named:
        parser.add_argument("id", metavar="ID")
    parser.add_argument("--json", action="store_true", help="print JSON")
    target.add_arguments(parser)
    return parser


def _add_change(parser: argparse.ArgumentParser, kind: str) -> None:
    parser.add_argument("--name", help="what to call it")
    parser.add_argument("--status", choices=("active", "disabled"), help="whether it may be used")
    if kind == "key":
        parser.add_argument(
            "--scope", action="append", choices=keys.SCOPES, dest="scopes", help="what it may do; repeatable"
        )
        parser.add_argument("--team", metavar="ID", help="the team whose limits it shares; none: no team")
        parser.add_argument("--expires-at", metavar="TIME", help="such as 2030-01-31T12:00:00Z; none: never")
    policy_arguments.add_limits(parser, change=True)


def _list(arguments: argparse.Namespace, db: Any, table: str) -> None:
    team, now = getattr(arguments, "team", None), time.time()
    found = [describe(item, now) for item in pages(db, table, arguments.kind, team=team)]
    found.sort(key=lambda one: (one["created_at"], one["id"]))
    if not found:
        print(f"There are no {arguments.kind}s.", file=sys.stderr)
    if arguments.json:
        print(json.dumps(found, indent=2))
    elif found:
        print(as_table(found))


def _show(arguments: argparse.Namespace, db: Any, table: str) -> None:
    _print(key_store.get(db, table, arguments.kind, arguments.id), arguments)


def _create(arguments: argparse.Namespace, db: Any, table: str) -> None:
    policy = policy_arguments.checked(policy_arguments.body(arguments, "name"), NewTeam)
    now = time.time()
    _print(key_store.create_team(db, table, now, policy.fields(now)), arguments)


def _set(arguments: argparse.Namespace, db: Any, table: str) -> None:
    others = ("name", "status", *(("scopes", "team", "expires_at") if arguments.kind == "key" else ()))
    policy = policy_arguments.checked(policy_arguments.body(arguments, *others), CHANGES[arguments.kind])
    fields = policy.fields(time.time())
    _print(key_store.change(db, table, arguments.kind, arguments.id, fields), arguments)


def _rotate(arguments: argparse.Namespace, db: Any, table: str) -> None:
    grace = arguments.grace_seconds
    policy_arguments.checked({"grace_seconds": grace}, Rotation)
    now = time.time()
    issued = key_store.rotate(db, table, now, arguments.id, grace)
    if arguments.json:
        print(json.dumps({"key": issued.key} | describe(issued.item, now)))
        return
    print(f"The key {arguments.id} has a new secret; the old one stays good for {grace:,} seconds.")
    print(f"It is shown this once; the gateway keeps only its hash:\n\n    {issued.key}\n")


def _delete(arguments: argparse.Namespace, db: Any, table: str) -> None:
    key_store.delete(db, table, time.time(), arguments.kind, arguments.id)
    gone = {"id": arguments.id, "object": arguments.kind, "deleted": True}
    print(json.dumps(gone) if arguments.json else f"Deleted the {arguments.kind} {arguments.id}.")


COMMANDS: dict[str, Run] = {
    "list": _list,
    "show": _show,
    "create": _create,
    "set": _set,
    "rotate": _rotate,
    "delete": _delete,
}


def _print(item: Json, arguments: argparse.Namespace) -> None:
    found = describe(item, time.time())
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name:<22} {_text(value)}")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {left}" for name, left in value.items() if left is not None) or "-"
    if isinstance(value, list):
        return ", ".join(value)
    return "-" if value is None else str(value)


def as_table(found: Sequence[Json]) -> str:
    """A line for each key or team; a limit that is counted is shown as `left/limit`."""
    rows = [COLUMNS, *map(_row, found)]
    shown = [index for index, column in enumerate(COLUMNS) if column != "TEAM" or found[0]["object"] == "key"]
    widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS))]
    return "\n".join("  ".join(_cell(row, index, widths[index]) for index in shown).rstrip() for row in rows)


def _cell(row: Sequence[str], index: int, width: int) -> str:
    return f"{row[index]:>{width}}" if index >= FIRST_NUMBER else f"{row[index]:<{width}}"


def _row(one: Json) -> tuple[str, ...]:
    limits = (_limit(one[name], one["left"].get(LEFT.get(name, "").removesuffix("_left"))) for name in LIMITS)
    return (one["id"], one["name"], one["status"], one.get("team") or "-", *limits)


def _limit(limit: Any, left: Any) -> str:
    if limit is None:
        return "-"
    return str(limit) if left is None else f"{left}/{limit}"
