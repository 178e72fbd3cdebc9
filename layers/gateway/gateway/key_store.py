"""API keys as the Keys table has them: created here, and changed by those who may administer."""

import secrets
from typing import TYPE_CHECKING, Any

from gateway import dynamodb
from gateway.accounts import new_account
from gateway.keys import ALPHABET, SCOPES, hash_secret, whole

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def create_key(
    db: "DynamoDBClient", table: str, *, name: str, scopes: list[str], now: float, expires_at: int | None = None
) -> str:
    """Create a key without limits.

    Args:
        db: a DynamoDB client.
        table: the Keys table.
        name: what operators call it.
        scopes: some of SCOPES.
        now: seconds since the epoch.
        expires_at: seconds since the epoch, or None for never.
    Returns:
        The whole key. Its secret is nowhere else: show it once.
    Raises:
        ValueError: no scope, or an unknown one.
    """
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ValueError(f"scopes must be some of {', '.join(SCOPES)}")
    key_id, secret = _random_text(12), _random_text(32)
    item = new_key(key_id, name, sorted(set(scopes)), hash_secret(secret), now)
    if expires_at is not None:
        item["expires_at"] = expires_at
    unused = {"ConditionExpression": "attribute_not_exists(id)"}
    db.put_item(TableName=table, Item=dynamodb.to_item(item), **unused)  # type: ignore[arg-type]
    return whole(key_id, secret)


def new_key(key_id: str, name: str, scopes: list[str], secret_hash: str, now: float, **policy: Any) -> dict[str, Any]:
    """A key's item; the policy as `accounts.new_account` takes it.

    Args:
        now: seconds since the epoch.
    """
    return new_account(key_id, "key", name, now, scopes=scopes, secret_hash=secret_hash, **policy)


def _random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
