"""The stack, deployed to an emulator with a port and state of its own, with a scripted provider behind it."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3.dynamodb.types
import pytest
from openai import OpenAI

from gateway import key_store
from local import envs, providers
from local.access import Access, create
from local.platform_ import Platform
from local.stack import Stack
from tests.upstream import Upstream
from tests.upstream.anthropic_api.protocol import Anthropic
from tests.upstream.gemini_api.protocol import Gemini

PROVIDER_KEY = "sk-canary-provider-key-5d1f"
SHELL_CANARY = "canary-of-the-shell-77aa"
BUILDS = envs.ROOT / ".local" / "tests-build"
"""All platforms of the tests are made of the same build."""


@dataclass(frozen=True)
class Gateway:
    """A running gateway and what tests ask of it."""

    platform: Platform
    access: Access
    stack: Stack
    clients: dict[str, OpenAI] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return self.access.base_url

    def openai(self, key: str | None = None) -> OpenAI:
        """OpenAI's own client; without its retries, so that a test sees each answer."""
        key = key or self.access.api_key
        if key not in self.clients:
            self.clients[key] = OpenAI(base_url=self.base_url, api_key=key, max_retries=0)
        return self.clients[key]

    def close(self) -> None:
        """Close the clients' connections."""
        for client in self.clients.values():
            client.close()

    def rows(self) -> list[dict[str, Any]]:
        """All rows of the Requests table."""
        table = self.stack.outputs()["RequestsTable"]
        pages = self.platform.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        read = boto3.dynamodb.types.TypeDeserializer().deserialize
        return [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def row(self, request_id: str) -> dict[str, Any]:
        """The one row of a request."""
        (row,) = [row for row in self.rows() if row["request_id"] == request_id]
        return row

    def log(self) -> str:
        """All that the functions have logged."""
        pages = self.platform.client("logs").get_paginator("filter_log_events")
        group = self.stack.outputs()["LogGroup"]
        return "\n".join(e["message"] for page in pages.paginate(logGroupName=group) for e in page["events"])


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def _upstream() -> Iterator[Upstream]:
    with Upstream(api_key=PROVIDER_KEY) as upstream:
        yield upstream


@pytest.fixture
def upstream(_upstream: Upstream) -> Iterator[Upstream]:
    """The provider behind openai/…, without a script or a memory of the test before."""
    _upstream.clear()
    yield _upstream
    _upstream.clear()


@pytest.fixture(scope="session")
def anthropic() -> Iterator[Upstream]:
    """The provider behind anthropic/…"""
    with Upstream(protocol=Anthropic(PROVIDER_KEY)) as upstream:
        yield upstream


@pytest.fixture(scope="session")
def gemini() -> Iterator[Upstream]:
    """The provider behind gemini/…"""
    with Upstream(protocol=Gemini(PROVIDER_KEY)) as upstream:
        yield upstream


@pytest.fixture(scope="session")
def gateway(
    _upstream: Upstream, anthropic: Upstream, gemini: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """The gateway, as scripts/start makes it."""
    exported = {
        "OPENAI_API_KEY": PROVIDER_KEY,
        "OPENAI_BASE_URL": f"{_upstream.url}/v1",
        "ANTHROPIC_API_KEY": PROVIDER_KEY,
        "ANTHROPIC_BASE_URL": anthropic.url,
        "GEMINI_API_KEY": PROVIDER_KEY,
        "GEMINI_BASE_URL": gemini.url,
    }
    platform = Platform(tmp_path_factory.mktemp("gateway"), free_port(), environment=exported, builds=BUILDS)
    with pytest.MonkeyPatch.context() as shell:
        for name in ("AWS_ENDPOINT_URL", "GROQ_API_KEY", "SHELL_CANARY"):
            shell.setenv(name, SHELL_CANARY)
        access = platform.start()
    started = Gateway(platform, access, platform.stack)
    yield started
    started.close()
    platform.stop()


@pytest.fixture(scope="session")
def admin_only_key(gateway: Gateway) -> str:
    """A key that may administer, but not ask models."""
    db, table = gateway.platform.client("dynamodb"), gateway.platform.outputs["KeysTable"]
    return key_store.create_key(db, table, name="admin only", scopes=["admin"], now=time.time())


@pytest.fixture(scope="session")
def impatient(gateway: Gateway) -> Iterator[Gateway]:
    """A second stack beside the first, in the same emulator, that waits 2 s for providers where the first waits 28."""
    platform = gateway.platform
    stack = Stack(platform.emulator.url, "impatient", {"RequestTimeoutSeconds": "2", "Stage": "prod"})
    platform.deploy(stack)
    secrets, outputs = platform.client("secretsmanager"), stack.outputs()
    providers.put(secrets, outputs["ProvidersSecret"], platform.environment)
    access = create(platform.client("dynamodb"), outputs["KeysTable"], stack.base_url())
    deployed = Gateway(platform, access, stack)
    yield deployed
    deployed.close()


@pytest.fixture(scope="session")
def other_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """An emulator beside the gateway's, with nothing in it."""
    platform = Platform(tmp_path_factory.mktemp("other"), free_port(), environment={}, builds=BUILDS)
    platform.emulator.ensure()
    yield platform
    platform.stop()
