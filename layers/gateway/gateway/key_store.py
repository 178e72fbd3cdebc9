"""API keys and teams as the Keys table has them: made, found, changed and deleted by those who may administer.

Every change of an item is one conditional write on its `policy_no`; who was too slow reads again and changes what is
there then, so that two changes of different fields both win. DynamoDB's faults are the caller's to catch.
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gateway import dynamodb
from gateway.accounts import LEFT, LIMITS, Item, completed, new_account
from gateway.errors import InvalidRequest, NotFound, ServiceUnavailable, TeamNotEmpty
from gateway.key_pages import IDS, pages
from gateway.keys import ALPHABET, SCOPES, hash_secret, whole

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TRIES = 20
TOMBSTONE_SECONDS = 86_400
"""A deleted key's item stays so long, for the requests that are under way."""

Fields = Mapping[str, Any]
"""Attributes of an item to set; None takes one away."""


@dataclass(frozen=True)
class Issued:
    """An item, and the whole key that goes with it. The secret in it is nowhere else: show it once."""

    item: Item
    key: str


def create_key(
    db: "DynamoDBClient",
    table: str,
    *,
    name: str,
    scopes: list[str],
    now: float,
    expires_at: int | None = None,
    **policy: Any,
) -> str:
    """Create a key.

    Args:
        db: a DynamoDB client.
        table: the Keys table.
        name: what operators call it.
        scopes: some of SCOPES.
        now: seconds since the epoch.
        expires_at: seconds since the epoch, or None for never.
        policy: limits and whatever else is to be on its item.
    Returns:
        The whole key. Its secret is nowhere else: show it once.
    Raises:
        ValueError: no scope, or an unknown one.
    """
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ValueError(f"scopes must be some of {', '.join(SCOPES)}")
    fields = {"name": name, "scopes": sorted(set(scopes)), "expires_at": expires_at, **policy}
    return issue_key(db, table, now, fields).key


def issue_key(db: "DynamoDBClient", table: str, now: float, fields: Fields) -> Issued:
    """Create a key of these attributes.

    Raises:
        InvalidRequest: its team is not there.
    """
    _check_team(db, table, fields)
    secret = _random_text(32)
    own = {"secret_hash": hash_secret(secret), **fields}
    item = _put(db, table, lambda: _new(_random_text(12), "key", now, own))
    return Issued(item, whole(item["id"], secret))


def create_team(db: "DynamoDBClient", table: str, now: float, fields: Fields) -> Item:
    """Create a team of these attributes."""
    return _put(db, table, lambda: _new(f"team_{_random_text(12)}", "team", now, fields))


def new_key(key_id: str, name: str, scopes: list[str], secret_hash: str, now: float, **policy: Any) -> Item:
    """A key's item; the policy as `accounts.new_account` takes it.

    Args:
        now: seconds since the epoch.
    """
    return new_account(key_id, "key", name, now, scopes=scopes, secret_hash=secret_hash, **policy)


def get(db: "DynamoDBClient", table: str, kind: str, account_id: str) -> Item:
    """A key or a team, as it is now.

    Raises:
        NotFound: there is none of that kind, or not any more.
    """
    item = _read(db, table, account_id) if IDS[kind].fullmatch(account_id) else None
    if not item or item.get("kind") != kind or item["key_status"] == "deleted":
        raise NotFound(f"There is no {kind} '{account_id[:100]}'.", param="id")
    return item


def change(db: "DynamoDBClient", table: str, kind: str, account_id: str, fields: Fields) -> Item:
    """Change some attributes. What is left of a limit moves with it, so that what was used up stays so.

    Raises:
        NotFound: there is no such key or team.
        InvalidRequest: the team that a key is to be in is not there.
    """
    get(db, table, kind, account_id)
    _check_team(db, table, fields)
    return _change(db, table, kind, account_id, lambda _: fields)


def rotate(db: "DynamoDBClient", table: str, now: float, key_id: str, grace_seconds: int) -> Issued:
    """Give a key another secret. The present one stays good for the grace, and one that is in its grace ends now.

    Raises:
        NotFound: there is no such key.
    """
    secret = _random_text(32)
    until = int(now) + grace_seconds

    def plan(item: Item) -> Fields | None:
        if item.get("secret_hash") == hash_secret(secret):  # by a write of ours whose answer was lost
            return None
        old = (item["secret_hash"], until) if grace_seconds else (None, None)
        return {"secret_hash": hash_secret(secret), "old_hash": old[0], "old_hash_until": old[1]}

    return Issued(_change(db, table, "key", key_id, plan), whole(key_id, secret))


def delete(db: "DynamoDBClient", table: str, now: float, kind: str, account_id: str) -> None:
    """Delete a key or a team. Its item stays for a day, so that requests that are under way are settled on it.

    A key that is put into a team in the very moment of the team's deletion is left without one, and good for nothing.

    Raises:
        NotFound: there is no such key or team.
        TeamNotEmpty: the team has keys.
    """
    get(db, table, kind, account_id)
    if kind == "team" and any(pages(db, table, "key", team=account_id)):
        raise TeamNotEmpty(f"The team '{account_id}' still has keys: delete them, or take them out of it, first.")
    gone = {"secret_hash": None, "old_hash": None, "old_hash_until": None}
    tombstone = {"key_status": "deleted", "purge_at": int(now) + TOMBSTONE_SECONDS, **gone}
    try:
        _change(db, table, kind, account_id, lambda _: tombstone)
    except NotFound:  # just now, by somebody else, or by a write of ours whose answer was lost
        return


def _new(account_id: str, kind: str, now: float, fields: Fields) -> Item:
    policy = {name: value for name, value in fields.items() if value is not None}
    return new_account(account_id, kind, policy.pop("name"), now, **policy)


def _put(db: "DynamoDBClient", table: str, make: Callable[[], Item]) -> Item:
    """Put a new item. boto3 repeats the write under the same id, so a lost answer does not leave two."""
    while True:
        item = make()
        try:
            db.put_item(TableName=table, Item=dynamodb.to_item(item), ConditionExpression="attribute_not_exists(id)")
        except db.exceptions.ConditionalCheckFailedException:
            if _read(db, table, item["id"]) != item:
                continue  # somebody else's: by chance, once in 10^21
        return item


def _change(
    db: "DynamoDBClient", table: str, kind: str, account_id: str, plan: Callable[[Item], Fields | None]
) -> Item:
    """Change an item by what the plan makes of it as it is; None leaves it.

    Raises:
        ServiceUnavailable: others change it all the time.
    """
    for _ in range(TRIES):
        item = get(db, table, kind, account_id)
        if not item["policy_no"]:
            _number(db, table, item)
            continue
        fields = plan(item)
        if fields is None:
            return item
        try:
            return _update(db, table, item, fields)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
    raise ServiceUnavailable(f"This {kind} is being changed by others all the time; try again.", retry_after=1)


def _number(db: "DynamoDBClient", table: str, item: Item) -> None:
    """Write what an item lacks that was made before there were limits. Others may do the same."""
    names = [name for name in completed({}) if name != "policy_no"]
    sets = [f"#{name} = if_not_exists(#{name}, :{name})" for name in names]
    with suppress(db.exceptions.ConditionalCheckFailedException):
        db.update_item(
            TableName=table,
            Key=dynamodb.to_item({"id": item["id"]}),
            UpdateExpression=f"SET #policy_no = :one, {', '.join(sets)}",
            ConditionExpression="attribute_exists(id) AND attribute_not_exists(#policy_no)",
            ExpressionAttributeNames={f"#{name}": name for name in ("policy_no", *names)},
            ExpressionAttributeValues=dynamodb.to_item({":one": 1} | {f":{name}": item[name] for name in names}),
        )


def _update(db: "DynamoDBClient", table: str, item: Item, fields: Fields) -> Item:
    """One write on condition that the policy is still the one that was read."""
    put = {name: value for name, value in fields.items() if value is not None} | {"policy_no": item["policy_no"] + 1}
    added = {LEFT[limit]: fields[limit] - item[limit] for limit in LIMITS if limit in fields and limit in LEFT}
    removed = [f"#{name}" for name, value in fields.items() if value is None]
    sets = [f"#{name} = :{name}" for name in put] + [f"#{name} = #{name} + :{name}" for name in added]
    found = db.update_item(
        TableName=table,
        Key=dynamodb.to_item({"id": item["id"]}),
        UpdateExpression=f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removed)}" if removed else ""),
        ConditionExpression="#policy_no = :was",
        ExpressionAttributeNames={f"#{name}": name for name in (*put, *fields, *added)},
        ExpressionAttributeValues=dynamodb.to_item(
            {f":{name}": value for name, value in (put | added).items()} | {":was": item["policy_no"]}
        ),
        ReturnValues="ALL_NEW",
    )
    return dynamodb.from_item(found["Attributes"])


def _check_team(db: "DynamoDBClient", table: str, fields: Fields) -> None:
    if fields.get("team") is not None:
        try:
            get(db, table, "team", fields["team"])
        except NotFound:
            raise InvalidRequest(f"team: there is no team '{fields['team'][:100]}'.", param="team") from None


def _read(db: "DynamoDBClient", table: str, account_id: str) -> Item | None:
    found = db.get_item(TableName=table, Key=dynamodb.to_item({"id": account_id}), ConsistentRead=True).get("Item")
    return completed(dynamodb.from_item(found)) if found else None


def _random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
