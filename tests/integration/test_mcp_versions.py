"""Revisions of the protocol that do not fit what the MCP server, or the rest of the message, says."""

import pytest

from gateway.tools.catalogue import TOOLS
from tests.integration.catalogue import Shop
from tests.integration.harness import Json
from tests.integration.mcp_endpoint import Endpoint, told
from tests.mcp_messages import META, NEW, OLD, posted, request

LIST: Json = request(OLD, "tools/list")
CALL = request(NEW, "tools/call", {"name": "get_product", "arguments": {"id": "hp-1"}})


@pytest.fixture
def new(shop: Shop) -> Endpoint:
    return Endpoint(shop.gateway, NEW)


@pytest.mark.parametrize("version", ["1999-01-01", "2027-01-01", "latest", "2026-07-28, 2025-11-25", " "])
def test_an_unknown_version_is_told_which_are_known(shop: Shop, version: str) -> None:
    version_key = "io.modelcontextprotocol/protocolVersion"
    for message in (LIST, LIST | {"params": {"_meta": META | {version_key: version}}}):
        answer = shop.gateway.send(
            "mcp", posted(message, {"MCP-Protocol-Version": version, "Mcp-Method": "tools/list"})
        )
        assert told(answer) == (400, -32022, 1)
        assert answer.error["data"]["supported"] == [NEW]
        assert answer.error["data"]["requested"] == version


def test_a_notification_of_an_unknown_version_is_refused_too(shop: Shop) -> None:
    message = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answer = shop.gateway.send("mcp", posted(message, {"MCP-Protocol-Version": "1999-01-01"}))
    assert told(answer) == (400, -32022, None)


def test_a_client_that_names_no_version_at_all_is_an_older_one(shop: Shop) -> None:
    answer = shop.gateway.send("mcp", posted(LIST, {}))
    assert (answer.status, len(answer.json["result"]["tools"])) == (200, len(TOOLS))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"_meta": {}},
        {"_meta": []},
        {"_meta": None},
        {"_meta": {"io.modelcontextprotocol/protocolVersion": NEW}},
    ],
)
def test_the_newest_revision_wants_its_meta(new: Endpoint, params: Json) -> None:
    answer = new.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params})
    assert told(answer) == (400, -32602, 1)
    assert "_meta" in answer.error["message"]


@pytest.mark.parametrize(
    "changed",
    [
        {"Mcp_Method": "tools/list"}, {"Mcp_Method": None}, {"Mcp_Method": "TOOLS/CALL"},
        {"Mcp_Name": "search_catalog"}, {"Mcp_Name": None}, {"Mcp_Name": "=?base64?%%%?="},
        {"MCP_Protocol_Version": None}, {"MCP_Protocol_Version": OLD}, {"MCP_Protocol_Version": "2025-03-26"},
    ],
)  # fmt: skip
def test_headers_that_say_other_than_the_message_are_refused(new: Endpoint, changed: dict[str, str | None]) -> None:
    answer = new.post(CALL, **changed)
    assert told(answer) == (400, -32020, 1)
    row = new.gateway.row()
    assert (row["status"], row["error_code"]) == (400, "header_mismatch")
    assert "tools" not in row


def test_the_names_of_headers_are_the_same_in_any_case(new: Endpoint) -> None:
    named = {"mcp-protocol-version": NEW, "MCP-METHOD": "tools/call", "mcp-NAME": "get_product"}
    assert new.gateway.send("mcp", posted(CALL, dict(named))).status == 200


def test_a_name_that_a_header_cannot_carry_comes_in_base64(new: Endpoint) -> None:
    message = request(NEW, "resources/read", {"uri": "catalogue://products/ü"})
    answer = new.post(message, Mcp_Name="=?base64?Y2F0YWxvZ3VlOi8vcHJvZHVjdHMvw7w=?=")
    assert told(answer) == (400, -32602, 1)
