"""A deployed gateway for every test: tables as template.yaml declares them, its secret, the key of events/, its log."""

import copy
import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models.table import Table

from gateway import (
    context,
    dynamodb,
    health,
    http,
    key_store,
    keys,
    ledger,
    pipeline,
    request_log,
    retry,
    rounds,
    state,
)
from gateway.deadline import Deadline
from gateway.observability import logger
from gateway.router import Router
from gateway.strategies import Turns
from tests.conftest import ENVIRONMENT
from tests.integration.catalogue import BUCKET, Shop
from tests.integration.fleets import NAMES, Fleet
from tests.integration.harness import KEY_ID, KEY_SECRET, PROVIDER_KEY, Clock, Gateway, capture_logs
from tests.template import cloudformation
from tests.upstream import Upstream

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

TABLES = {
    f"{name}Table": ENVIRONMENT[f"{name.upper()}_TABLE"] for name in ("Keys", "Requests", "Usage", "State", "Products")
}
SERVICES = ("dynamodb", "secretsmanager")
TAKEN = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


def _all_items(table: Table, own: Callable[[Table], list[Any]] = Table.all_items) -> list[Any]:
    """Moto's own goes wrong if another thread writes meanwhile: it is given copies, each made in one step."""
    items = {key: dict(found) if table.range_key_attr else found for key, found in dict(table.items).items()}
    return own(SimpleNamespace(items=items, range_key_attr=table.range_key_attr))  # type: ignore[arg-type]


Table.all_items = _all_items  # type: ignore[assignment, method-assign]


@pytest.fixture(scope="module")
def secretsmanager() -> Iterator["SecretsManagerClient"]:
    """An operator's client, on a moto that stays on for a module: to switch it costs more than a test."""
    with mock_aws():
        client = boto3.client("secretsmanager")
        _deploy(dynamodb.client(), client)
        yield client


@pytest.fixture(scope="module")
def stack(secretsmanager: "SecretsManagerClient") -> dict[str, Any]:
    """Moto's state right after the deploy."""
    return {service: copy.deepcopy(vars(_backend(service))) for service in SERVICES}


@pytest.fixture
def gateway(secretsmanager: "SecretsManagerClient", stack: dict[str, Any]) -> Iterator[Gateway]:
    for service, deployed in stack.items():
        vars(_backend(service)).update(copy.deepcopy(deployed))
    yield Gateway(secretsmanager, capture_logs())
    logger.registered_handler.setStream(sys.stdout)  # type: ignore[attr-defined]


def _deploy(db: "DynamoDBClient", secretsmanager: "SecretsManagerClient") -> None:
    resources = cloudformation.load()["Resources"]
    for table, name in TABLES.items():
        declared = resources[table]["Properties"]
        db.create_table(TableName=name, **{field: declared[field] for field in TAKEN if field in declared})
    item = key_store.new_key(KEY_ID, "events", ["inference"], keys.hash_secret(KEY_SECRET), time.time())
    db.put_item(TableName=ENVIRONMENT["KEYS_TABLE"], Item=dynamodb.to_item(item))
    secretsmanager.create_secret(Name=ENVIRONMENT["PROVIDERS_SECRET"], SecretString="{}")
    boto3.client("ssm").put_parameter(Name=ENVIRONMENT["MODELS_PARAMETER"], Value="{}", Type="String")


def _backend(service: str) -> Any:
    return get_backend(service)[DEFAULT_ACCOUNT_ID]["us-east-1"]  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def parameters(secretsmanager: "SecretsManagerClient") -> "SSMClient":
    """An operator's client, on the same moto."""
    return boto3.client("ssm")


@pytest.fixture
def override(gateway: Gateway, parameters: "SSMClient") -> Iterator[Callable[[Any], None]]:
    """Write the models of the operator's own: data, or a text as it is."""

    def put(value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        parameters.put_parameter(Name=ENVIRONMENT["MODELS_PARAMETER"], Value=text, Type="String", Overwrite=True)

    yield put
    put("{}")


@pytest.fixture
def upstream(gateway: Gateway) -> Iterator[Upstream]:
    """A provider behind openai/… models."""
    with Upstream(api_key=PROVIDER_KEY) as server:
        gateway.set_secret(OPENAI_API_KEY=PROVIDER_KEY, OPENAI_BASE_URL=f"{server.url}/v1")
        yield server


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Upstream]]:
    """Several providers, for all tests of a module."""
    with ExitStack() as opened:
        yield {name: opened.enter_context(Upstream(PROVIDER_KEY)) for name in NAMES}


@pytest.fixture
def fleet(
    gateway: Gateway, servers: dict[str, Upstream], override: Callable[[Any], None], clock: Clock
) -> Iterator[Fleet]:
    """Several providers behind one model; nobody really waits before asking them again."""
    with Fleet(gateway, servers, override) as found:
        yield found


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType, float], None]:
    """Move a module's clock forward."""

    def move(module: ModuleType, seconds: float) -> None:
        clock = SimpleNamespace(time=lambda: time.time() + seconds, monotonic=lambda: time.monotonic() + seconds)
        monkeypatch.setattr(module, "time", clock)

    return move


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 repeats failed calls without waiting between them."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))


@pytest.fixture
def single_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked a second time: for tests of what one failure becomes."""
    monkeypatch.setattr(retry, "MAX_RETRIES", 0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that requests see: it stands still, but for where the router sleeps; and chance that is the clock's own.

    Tables have all the real time that they need: a busy machine is no fault of theirs.
    """
    found = Clock(time.time())
    bounds = [(state, "CALL_SECONDS"), (health, "CALL_SECONDS"), (request_log, "WRITE_SECONDS")]
    bounds += [(ledger, name) for name in ("ADMIT_SECONDS", "RELEASE_SECONDS", "REAP_SECONDS")]
    for module, name in bounds:
        monkeypatch.setattr(module, name, 60.0)
    for module in (context, http, pipeline, request_log):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=found.now))
    monkeypatch.setattr(context, "Deadline", functools.partial(Deadline, clock=found.now))
    monkeypatch.setattr(pipeline, "turns", Turns(chance=lambda: 0.25))
    for module in (pipeline, rounds):
        monkeypatch.setattr(module, "Router", functools.partial(Router, sleep=found.sleep, chance=lambda: found.chance))
    return found


@pytest.fixture
def shop(gateway: Gateway) -> Iterator[Shop]:
    """A catalogue without products, and an empty bucket for its index."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield Shop(gateway, s3)
    listed = s3.list_object_versions(Bucket=BUCKET)
    for version in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=BUCKET)
