"""API keys: `sk-gw-<id 12>-<secret 32>-<checksum 6>`, all base62.

The checksum refuses garbage without a call. Only the SHA-256 of the secret is stored; 190 random bits need no slow hash.
"""

import hashlib
import hmac
import re
import string
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway import dynamodb
from gateway.accounts import UNLIMITED, Item, completed, has_budget, is_limited
from gateway.context import current
from gateway.errors import InsufficientScope, InvalidApiKey
from gateway.observability import logger
from gateway.settings import settings

SCOPES = ("inference", "products", "admin")
CACHE_SECONDS = 10.0
REFUSAL_SECONDS = 1.0
"""Nobody is refused by what is known for longer; so a wrong secret costs one look-up a second at most."""
CACHE_SIZE = 1000

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORMAT = re.compile(r"sk-gw-([0-9A-Za-z]{12})-([0-9A-Za-z]{32})-([0-9A-Za-z]{6})")

_cache: dict[str, tuple[float, Item]] = {}


@dataclass(frozen=True)
class ApiKey:
    """A key that has been checked.

    Attributes:
        id: its public part; the owner of its requests.
        scopes: what it may be used for.
        may_spend_unpriced: whether it may use models whose price is not known: a budget could not be kept.
        models: ids of those that it may use; None for all.
        team: its team's id.
        has_budget: whether it, or its team, may spend only so much.
        accounts: the items of the key and of its team, as far as they have limits.
        secret_hash: of the secret that was sent.
    """

    id: str
    scopes: frozenset[str]
    may_spend_unpriced: bool = True
    models: frozenset[str] | None = None
    team: str | None = None
    has_budget: bool = False
    accounts: Sequence[Item] = field(default=(), hash=False, repr=False)
    secret_hash: str = field(default="", repr=False)

    def may_use(self, model: str) -> bool:
        """Whether it may use a model, be it as another one's fallback."""
        return self.models is None or model in self.models


def authenticate(token: str, scope: str | None, now: float | None = None, *, admitted: bool = False) -> ApiKey:
    """Check a key and its scope, and make it the owner of the current request.

    An instance asks the table for the same key at most every 10 seconds: so long may a revoked one still pass. Not where the
    request is admitted by the ledger: that finds out about every change at once.

    Args:
        token: what came after `Bearer`.
        scope: what the route asks for; None if it takes any key.
        now: seconds since the epoch.
        admitted: whether the ledger is asked next, if the key has limits.
    Raises:
        InvalidApiKey: garbage, unknown, revoked or expired; the answer does not say which.
        InsufficientScope: the key lacks the scope.
        ServiceUnavailable: the Keys table does not answer.
    """
    now = time.time() if now is None else now
    key_id, secret = parse(token)
    key = _found(key_id, hash_secret(secret), now, admitted=admitted)
    request = current()
    request.owner = key_id
    logger.append_keys(request_id=request.id)
    if scope is not None and scope not in key.scopes:
        key = _checked(key_id, key.secret_hash, now, REFUSAL_SECONDS)
        _demand(scope, key)
    return key


def again(key: ApiKey, scope: str, now: float, item: Item | None = None) -> ApiKey:
    """A key that was checked before, by what it is now.

    Args:
        item: its account's, or its team's, as the table just had it; if there is none, the table is asked.
    Raises:
        InvalidApiKey, InsufficientScope: it is not good any more.
        ServiceUnavailable: the Keys table does not answer.
    """
    if item:
        remember(item, now)
    checked = _checked(key.id, key.secret_hash, now, float("inf") if item else REFUSAL_SECONDS)
    _demand(scope, checked)
    return checked


def _demand(scope: str, key: ApiKey) -> None:
    if scope not in key.scopes:
        raise InsufficientScope(f"This API key lacks the scope '{scope}'; it has: {', '.join(sorted(key.scopes))}.")


def _found(key_id: str, secret_hash: str, now: float, *, admitted: bool) -> ApiKey:
    """The key, if it is good. What was known of it a while ago is not enough to refuse it: it may have been rotated since."""
    most = float("inf") if admitted else CACHE_SECONDS
    try:
        return _checked(key_id, secret_hash, now, most)
    except InvalidApiKey:
        return _checked(key_id, secret_hash, now, REFUSAL_SECONDS)


def _checked(key_id: str, secret_hash: str, now: float, most: float) -> ApiKey:
    """The key, by what was known of it and its team so many seconds ago at most."""
    item = _lookup(key_id, now, most)
    if not item or item.get("kind", "key") != "key" or not _is_secret(item, secret_hash, now):
        raise InvalidApiKey
    if item["key_status"] != "active" or item.get("expires_at", UNLIMITED) <= now:
        raise InvalidApiKey
    team = _lookup(item["team"], now, most) if item.get("team") else None
    if item.get("team") and (not team or team["key_status"] != "active"):
        raise InvalidApiKey
    members = [item, team] if team else [item]
    lists = [frozenset(one["models"]) for one in members if one.get("models") is not None]
    return ApiKey(
        item["id"],
        frozenset(item["scopes"]),
        all(map(_may_spend_unpriced, members)),
        frozenset.intersection(*lists) if lists else None,
        item.get("team"),
        any(map(has_budget, members)),
        [one for one in members if is_limited(one)],
        secret_hash,
    )


def _is_secret(item: Item, secret_hash: str, now: float) -> bool:
    """Whether it is the key's secret, or the one before, as long as that is good."""
    if hmac.compare_digest(str(item.get("secret_hash")), secret_hash):
        return True
    return item.get("old_hash_until", 0) > now and hmac.compare_digest(str(item.get("old_hash")), secret_hash)


def parse(token: str) -> tuple[str, str]:
    """A token's id and secret.

    Raises:
        InvalidApiKey: it is not of a key's form, or its checksum is wrong.
    """
    found = _FORMAT.fullmatch(token)
    if not found or checksum(found[1] + found[2]) != found[3]:
        raise InvalidApiKey
    return found[1], found[2]


def whole(key_id: str, secret: str) -> str:
    """The key that its owner is given."""
    return f"sk-gw-{key_id}-{secret}-{checksum(key_id + secret)}"


def hash_secret(secret: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def checksum(text: str) -> str:
    """CRC-32 in six base62 digits: tells a mistyped or cut key from a real one, and protects nothing."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits


def _may_spend_unpriced(item: Item) -> bool:
    """Without a budget always; with one only if the key's policy says so."""
    return not has_budget(item) or item.get("allow_unpriced_models") is True


def remember(item: Item, now: float) -> None:
    """Keep an account's item as the table just had it."""
    if len(_cache) >= CACHE_SIZE:
        _cache.clear()
    _cache[item["id"]] = (now, item)


def _lookup(account_id: str, now: float, most: float) -> Item | None:
    """The item of a key or a team, so many seconds old at most; 10, if the ledger will not say what has changed.

    An unknown id is not remembered: it may be created any moment.
    """
    at, item = _cache.get(account_id, (0.0, None))
    if item and now - at < (most if is_limited(item) else min(most, CACHE_SECONDS)):
        return item
    item = dynamodb.get(settings().keys_table, {"id": account_id}, consistent=True)
    if not item:
        return None
    remember(completed(item), now)
    return completed(item)
