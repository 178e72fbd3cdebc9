"""The registry in force: models.json, which ships with the layer, and over it an operator's own JSON in an SSM parameter.

The parameter is read when a model is first asked for, and again after a minute, so that a change of it needs no deploy.
Whatever is wrong with it, the gateway goes on with what it had.
"""

import functools
import json
import time
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway import pricing
from gateway.fields import Reader, WrongData, shown
from gateway.observability import count, logger
from gateway.registry import Registry
from gateway.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

MODELS_FILE = Path(__file__).with_name("models.json")
CACHE_SECONDS = 60.0
RETRY_SECONDS = 5.0
"""After which SSM is asked again that did not answer: it takes some 40 calls a second, and many instances may start at once."""
MAX_PROBLEM = 300
MAX_VERSIONS = 10
"""How far back a right one is looked for."""
PARTS = ("providers", "models")
"""What an override may change."""

_cache: tuple[float, float, Registry] | None = None
"""When it was read, for how long it counts, and the registry."""


def registry(now: float | None = None) -> Registry:
    """The registry in force, at most a minute old; never an error.

    Args:
        now: seconds since the epoch.
    """
    global _cache
    now = time.time() if now is None else now
    if _cache is None or not 0 <= now - _cache[0] < _cache[1]:
        _cache = (now, *_fresh(_cache[2] if _cache else None))
    return _cache[2]


@functools.cache
def client() -> "SSMClient":
    """The instance's client, as impatient as the one for the provider secret."""
    config = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 2, "mode": "standard"})
    return boto3.client("ssm", config=config)


@functools.cache
def shipped() -> Mapping[str, Any]:
    """The data of models.json."""
    data: Mapping[str, Any] = json.loads(MODELS_FILE.read_text(encoding="utf-8"), parse_float=Decimal)
    return data


@functools.lru_cache(maxsize=4)
def build(override: str = "") -> Registry:
    """The registry that ships with the layer, with the text of an override over it.

    Raises:
        WrongData: the override, or what comes of it, is wrong; the message names the place.
    """
    return Registry(merged(shipped(), parse(override)), pricing.list_prices())


def merged(shipped: Mapping[str, Any], override: Any) -> dict[str, Any]:
    """A registry's data with an override over it, neither of them changed.

    Args:
        override: `providers` and `models`, or one of them. Each entry takes the place of the shipped one of its name, as a
            whole; null takes that away. The day of the list, `updated`, may be another.
    Raises:
        WrongData: the override is no such object. What is in its entries is for Registry to say.
    """
    whole = Reader("", override, of="the override")
    changes = {part: whole.mapping(part) for part in PARTS}
    updated = whole.optional_text("updated") or shipped["updated"]
    whole.done()
    parts = {part: {**shipped[part], **changes[part]} for part in PARTS}
    return (
        dict(shipped)
        | {"updated": updated}
        | {
            part: {name: entry for name, entry in entries.items() if entry is not None}
            for part, entries in parts.items()
        }
    )


def parse(text: str) -> Any:
    """An override's JSON, its numbers by their digits; an empty text is an empty object.

    Raises:
        WrongData: it is not JSON, or says something twice.
    """
    try:
        return json.loads(
            text.strip() or "{}", parse_float=_exact, parse_constant=_refuse, object_pairs_hook=_unambiguous
        )
    except WrongData:
        raise
    except RecursionError:
        raise WrongData("the override: is nested too deeply") from None
    except ValueError as error:
        raise WrongData(f"the override: is not JSON: {error}") from None


def _exact(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        return _refuse(digits)


def _refuse(number: str) -> Decimal:
    raise WrongData(f"the override: {number:.50} is not a number that can be meant")


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets a name be there twice, and Python's parser would forget the first one's value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise WrongData(f"the override: {shown(twice)} is there twice in one object")
    return found


def _fresh(last_good: Registry | None) -> tuple[float, Registry]:
    """For how long it counts, and the registry."""
    parameter = settings().models_parameter
    try:
        text, version = _read(parameter)
    except (BotoCoreError, ClientError, KeyError) as error:
        logger.error("registry override unreadable", parameter=parameter, error=_kind(error))
        count("RegistryUnreadable")
        return RETRY_SECONDS, last_good or build()
    try:
        return CACHE_SECONDS, build(text)
    except WrongData as error:
        logger.error("registry override invalid", parameter=parameter, problem=str(error)[:MAX_PROBLEM])
        count("RegistryInvalid")
        return CACHE_SECONDS, _earlier(parameter, version) or last_good or build()


def _earlier(parameter: str, version: int) -> Registry | None:
    """By the newest right version before a wrong one: an instance that starts now has never seen it."""
    for older in range(version - 1, max(0, version - 1 - MAX_VERSIONS), -1):
        try:
            return build(_read(f"{parameter}:{older}")[0])
        except WrongData:
            continue
        except (BotoCoreError, ClientError, KeyError):
            return None
    return None


def _read(parameter: str) -> tuple[str, int]:
    """The parameter's text and version; nothing if there is no such parameter: an operator may have deleted it."""
    try:
        found = client().get_parameter(Name=parameter)["Parameter"]
        return found["Value"], found["Version"]
    except ClientError as error:
        if _kind(error) == "ParameterNotFound":
            return "", 0
        raise


def _kind(error: Exception) -> str:
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
    return code or type(error).__name__
