"""API keys: `sk-gw-<id 12>-<secret 32>-<checksum 6>`, all base62.

The checksum refuses garbage without a call. Only the SHA-256 of the secret is stored; 190 random bits need no slow hash.
The Keys item carries what the ledger will count (what is left of each limit, and the holds on it) from its creation on.
"""

import hashlib
import hmac
import re
import secrets
import string
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway import dynamodb
from gateway.context import current
from gateway.errors import InsufficientScope, InvalidApiKey
from gateway.observability import logger
from gateway.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCOPES = ("inference", "admin")
UNLIMITED = 10**15
BUDGETS = ("day_limit", "month_limit", "total_limit")
CACHE_SECONDS = 10.0
CACHE_SIZE = 1000

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORMAT = re.compile(r"sk-gw-([0-9A-Za-z]{12})-([0-9A-Za-z]{32})-([0-9A-Za-z]{6})")

_cache: dict[str, tuple[float, dict[str, Any]]] = {}


@dataclass(frozen=True)
class ApiKey:
    """A key that has been checked.

    Attributes:
        id: its public part; the owner of its requests.
        scopes: what it may be used for.
        may_spend_unpriced: whether it may use models whose price is not known: a budget could not be kept.
        models: ids of those that it may use; None for all.
    """

    id: str
    scopes: frozenset[str]
    may_spend_unpriced: bool = True
    models: frozenset[str] | None = None

    def may_use(self, model: str) -> bool:
        """Whether it may use a model, be it as another one's fallback."""
        return self.models is None or model in self.models


def authenticate(token: str, scope: str, now: float | None = None) -> ApiKey:
    """Check a key and its scope, and make it the owner of the current request.

    An instance asks the table for the same key at most every 10 seconds: so long may a revoked one still pass.

    Args:
        token: what came after `Bearer`.
        scope: what the route asks for.
        now: seconds since the epoch.
    Raises:
        InvalidApiKey: garbage, unknown, revoked or expired; the answer does not say which.
        InsufficientScope: the key lacks the scope.
        ServiceUnavailable: the Keys table does not answer.
    """
    now = time.time() if now is None else now
    key_id, secret = parse(token)
    item = _lookup(key_id, now)
    if not item or not hmac.compare_digest(str(item.get("secret_hash")), hash_secret(secret)):
        raise InvalidApiKey
    if item["key_status"] != "active" or item.get("expires_at", UNLIMITED) <= now:
        raise InvalidApiKey
    request = current()
    request.owner = key_id
    logger.append_keys(request_id=request.id)
    models = None if item.get("models") is None else frozenset(item["models"])
    key = ApiKey(key_id, frozenset(item["scopes"]), _may_spend_unpriced(item), models)
    if scope not in key.scopes:
        raise InsufficientScope(f"This API key lacks the scope '{scope}'; it has: {', '.join(sorted(key.scopes))}.")
    return key


def parse(token: str) -> tuple[str, str]:
    """A token's id and secret.

    Raises:
        InvalidApiKey: it is not of a key's form, or its checksum is wrong.
    """
    found = _FORMAT.fullmatch(token)
    if not found or checksum(found[1] + found[2]) != found[3]:
        raise InvalidApiKey
    return found[1], found[2]


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
    item = new_item(key_id, name, sorted(set(scopes)), hash_secret(secret), now)
    if expires_at is not None:
        item["expires_at"] = expires_at
    unused = {"ConditionExpression": "attribute_not_exists(id)"}
    db.put_item(TableName=table, Item=dynamodb.to_item(item), **unused)  # type: ignore[arg-type]
    return f"sk-gw-{key_id}-{secret}-{checksum(key_id + secret)}"


def new_item(key_id: str, name: str, scopes: list[str], secret_hash: str, now: float) -> dict[str, Any]:
    """A Keys item with every counter on it: arithmetic on a missing attribute is an error in DynamoDB.

    Args:
        now: seconds since the epoch; the minute that it falls in is the first window.
    """
    limits = ("rpm_limit", "tpm_limit", "max_parallel", *BUDGETS)
    left = ("requests_left", "tokens_left", "day_left", "month_left", "total_left")
    return {
        "id": key_id,
        "kind": "key",
        "name": name,
        "scopes": scopes,
        "secret_hash": secret_hash,
        "key_status": "active",
        "created_at": int(now),
        "minute_no": int(now // 60),
        "holds": {},
        **dict.fromkeys(limits + left, UNLIMITED),
    }


def hash_secret(secret: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def checksum(text: str) -> str:
    """CRC-32 in six base62 digits: tells a mistyped or cut key from a real one, and protects nothing."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits


def _may_spend_unpriced(item: dict[str, Any]) -> bool:
    """Without a budget always; with one only if the key's policy says so."""
    has_budget = any(item.get(budget, UNLIMITED) < UNLIMITED for budget in BUDGETS)
    return not has_budget or item.get("allow_unpriced_models") is True


def _lookup(key_id: str, now: float) -> dict[str, Any] | None:
    """The key's item, at most 10 seconds old. An unknown id is not remembered: it may be created any moment."""
    if key_id in _cache and now - _cache[key_id][0] < CACHE_SECONDS:
        return _cache[key_id][1]
    item = dynamodb.get(settings().keys_table, {"id": key_id})
    if item:
        if len(_cache) >= CACHE_SIZE:
            _cache.clear()
        _cache[key_id] = (now, item)
    return item


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
