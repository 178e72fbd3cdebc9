"""The official MCP conformance suite on the gateway's adapter, with all that the suite looks for behind it."""

from collections.abc import Iterator

import pytest

from gateway.mcp.asgi import Asgi
from tests.conformance import suite
from tests.conformance.fixture.server import fixture_server
from tests.conformance.serving import by_adapter, listening

pytestmark = suite.needs_node


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with listening(by_adapter(Asgi(fixture_server()))) as address:
        yield f"{address}/mcp"


@pytest.mark.parametrize("revision", suite.REVISIONS)
def test_what_one_json_answer_can_do_passes(url: str, revision: str) -> None:
    assert suite.required(revision) <= suite.run(url, revision, "fixture")
