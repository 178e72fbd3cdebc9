"""What every test shares: a function's environment, and clean caches."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ENVIRONMENT = {
    "STAGE": "dev",
    "ALLOWED_ORIGINS": "*",
    "LOG_PROMPTS": "false",
    "REQUEST_TIMEOUT_SECONDS": "28",
    "TOOL_ROUNDS": "5",
    "TOOL_CALLS": "10",
    "REQUEST_RETENTION_DAYS": "90",
    "KEYS_TABLE": "keys",
    "REQUESTS_TABLE": "requests",
    "USAGE_TABLE": "usage",
    "STATE_TABLE": "state",
    "PRODUCTS_TABLE": "products",
    "SEARCH_BUCKET": "search",
    "PROVIDERS_SECRET": "gateway/providers",
    "MODELS_PARAMETER": "/gateway/models",
    "POWERTOOLS_SERVICE_NAME": "gateway",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
os.environ.update(ENVIRONMENT)
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
    os.environ.pop(name, None)

EVENTS = Path(__file__).parent.parent / "events"


def load_event(name: str) -> dict[str, Any]:
    """An event of events/, as API Gateway sends it."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


class LambdaContext:
    """What Lambda passes beside the event."""

    function_name = "gateway"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def __init__(self, milliseconds: int = 30_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture
def lambda_context() -> LambdaContext:
    return LambdaContext()


@pytest.fixture(autouse=True)
def clean_caches() -> Iterator[None]:
    """An instance remembers keys, secrets, health and its clients; a test must not know of the one before it."""
    yield
    from gateway import credentials, dynamodb, health, keys, ledger, readiness, registry_source, request_log, settings
    from gateway.search import files, live

    keys._cache.clear()
    credentials._cache = None
    credentials.client.cache_clear()
    registry_source._cache = None
    registry_source.client.cache_clear()
    readiness._cache = None
    health.fleet.cache_clear()
    ledger.ledger.cache_clear()
    request_log.rows.cache_clear()
    dynamodb.client.cache_clear()
    files.client.cache_clear()
    live.live.cache_clear()
    settings.settings.cache_clear()
