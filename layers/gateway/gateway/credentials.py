"""The providers' keys: one Secrets Manager secret, a JSON object of names such as OPENAI_API_KEY.

Read when a provider is first needed, and again after a minute, so that a changed key needs no deploy.
"""

import functools
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway.errors import ServiceUnavailable
from gateway.observability import logger
from gateway.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_SECONDS = 60.0

_cache: tuple[float, dict[str, str]] | None = None


def provider_secrets(now: float | None = None) -> Mapping[str, str]:
    """The secret's entries, at most a minute old; older ones while Secrets Manager does not answer.

    Args:
        now: seconds since the epoch.
    Raises:
        ServiceUnavailable: the secret cannot be read and never was.
    """
    global _cache
    now = time.time() if now is None else now
    if _cache is None or now - _cache[0] >= CACHE_SECONDS:
        _cache = (now, _read() if _cache is None else _read_or(_cache[1]))
    return _cache[1]


@functools.cache
def client() -> "SecretsManagerClient":
    """The instance's client, as impatient as the one for DynamoDB."""
    config = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 2, "mode": "standard"})
    return boto3.client("secretsmanager", config=config)


def _read() -> dict[str, str]:
    try:
        text = client().get_secret_value(SecretId=settings().providers_secret)["SecretString"]
        entries = json.loads(text)
        pairs = list(entries.items())
    except (BotoCoreError, ClientError, KeyError, ValueError, AttributeError, RecursionError) as error:
        # Only the kind of fault is logged: a JSON error quotes what it stumbled on.
        logger.error("provider secret unreadable", secret=settings().providers_secret, error=type(error).__name__)
        raise ServiceUnavailable("The gateway cannot read its providers' keys.", retry_after=5) from None
    return {name: value.strip() for name, value in pairs if isinstance(value, str) and value.strip()}


def _read_or(last_good: dict[str, str]) -> dict[str, str]:
    try:
        return _read()
    except ServiceUnavailable:
        return last_good
