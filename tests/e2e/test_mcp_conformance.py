"""The official MCP conformance suite on the deployed stack.

The suite sends no key, so a proxy adds one. Scenarios that call the suite's own tools, resources and prompts are expected to
fail here: the shop has others. They pass behind the same adapter in test_mcp_conformance_fixture.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from local.access import create
from local.stack import Stack
from tests.conformance import suite
from tests.conformance.serving import listening, with_key
from tests.e2e.conftest import Gateway, free_port

pytestmark = suite.needs_node


@pytest.fixture(scope="module")
def url(gateway: Gateway) -> Iterator[str]:
    with listening(with_key(gateway.base_url, gateway.access.api_key)) as address:
        yield f"{address}{urlsplit(gateway.base_url).path}/mcp"


@pytest.fixture(scope="module")
def strict_url(gateway: Gateway) -> Iterator[str]:
    """Of a second stack beside the first, which serves pages of one origin only: its own address."""
    port = free_port()
    origins = {"AllowedOrigins": f"http://127.0.0.1:{port}", "Stage": "prod"}
    stack = Stack(gateway.platform.emulator.url, "strict", origins)
    gateway.platform.deploy(stack)
    access = create(gateway.platform.client("dynamodb"), stack.outputs()["KeysTable"], stack.base_url())
    with listening(with_key(access.base_url, access.api_key), port) as address:
        yield f"{address}{urlsplit(access.base_url).path}/mcp"


@pytest.mark.parametrize("revision", suite.REVISIONS)
def test_what_the_shop_offers_passes(url: str, revision: str) -> None:
    suite.run(url, revision, "deployed")


@pytest.mark.parametrize("revision", suite.REVISIONS[:2])
def test_a_page_of_another_origin_is_refused(strict_url: str, revision: str) -> None:
    suite.run_one(strict_url, revision, "dns-rebinding-protection")
