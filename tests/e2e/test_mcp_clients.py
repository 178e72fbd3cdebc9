"""The `mcp` package's own client on the deployed stack, in each revision of the protocol that clients speak."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import jsonschema
import mcp_types as types
import pytest
import requests
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from tests.e2e.conftest import Gateway
from tests.e2e.mcp_calls import CALLS, PRODUCT
from tests.e2e.shop import HEADPHONES, catalogue

NEWEST = "2026-07-28"
REVISIONS = [NEWEST, "2025-11-25", "2025-06-18", "2025-03-26"]


@dataclass
class Wire:
    """What a client sends, and the ids of the requests that the gateway made of it."""

    gateway: Gateway
    key: str
    mode: str = "auto"
    methods: list[str] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        hooks: dict[str, list[Callable[..., Any]]] = {"response": [self._note]}
        headers = {"Authorization": f"Bearer {self.key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60, event_hooks=hooks) as http:
            transport = streamable_http_client(f"{self.gateway.base_url}/mcp", http_client=http)
            async with Client(transport, mode=self.mode) as client:
                yield client

    async def _note(self, response: httpx2.Response) -> None:
        self.methods.append(response.request.method)
        self.request_ids.append(response.headers["x-request-id"])

    def run(self, use: Callable[[Client], Awaitable[None]]) -> None:
        async def connected() -> None:
            async with self.connected() as client:
                await use(client)

        asyncio.run(connected())


@pytest.fixture
def revision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The client knows one handshake, the newest; an older client would offer its own revision in it."""
    wanted = str(request.param)
    if wanted != NEWEST:
        monkeypatch.setattr("mcp.client.session.LATEST_HANDSHAKE_VERSION", wanted)
    return wanted


@pytest.fixture
def wire(gateway: Gateway, revision: str) -> Wire:
    return Wire(gateway, gateway.access.api_key, mode="auto" if revision == NEWEST else "legacy")


in_every_revision = pytest.mark.parametrize("revision", REVISIONS, indirect=True)


def text_of(block: object) -> str:
    assert isinstance(block, types.TextContent)
    return block.text


@in_every_revision
def test_every_tool_is_listed_and_answers_what_its_schema_says(wire: Wire, revision: str) -> None:
    async def use(client: Client) -> None:
        assert client.protocol_version == revision
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(tools) == list(CALLS)
        for name, arguments in CALLS.items():
            result = await client.call_tool(name, arguments)
            assert not result.is_error, result
            content = json.loads(text_of(result.content[0]))
            assert result.structured_content == content
            schema = tools[name].output_schema
            assert schema
            jsonschema.Draft202012Validator(schema).validate(content)

    wire.run(use)
    assert set(wire.methods) == {"POST"}
    rows = [row for row in wire.gateway.rows() if row["request_id"] in wire.request_ids]
    assert Counter(row["request_id"] for row in rows) == Counter(wire.request_ids)
    assert {row["endpoint"] for row in rows} == {"/api/v1/mcp"}
    ran = {row["request_id"]: [run["tool"] for run in row.get("tools", [])] for row in rows}
    assert [tool for request_id in wire.request_ids for tool in ran[request_id]] == list(CALLS)


@in_every_revision
def test_what_is_found_are_the_rows_of_the_catalogue(wire: Wire, revision: str) -> None:
    async def use(client: Client) -> None:
        found = (await client.call_tool("search_catalog", CALLS["search_catalog"])).structured_content
        assert found
        assert found["products"]
        for product in found["products"]:
            own = catalogue()[product["id"]]
            assert own["categories"][0].startswith(HEADPHONES)
            assert product["title"] == own["title"]
            assert product["price_range"]["min"]["amount"] <= 10000

    wire.run(use)


@in_every_revision
def test_products_are_resources_that_are_listed_in_pages_and_read(wire: Wire, revision: str) -> None:
    async def use(client: Client) -> None:
        page = await client.list_resources()
        listed = [str(resource.uri) for resource in page.resources]
        more = await client.list_resources(cursor=page.next_cursor)
        assert not set(listed).intersection(str(resource.uri) for resource in more.resources)
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "catalogue://products/{id}"
        for uri in (f"catalogue://products/{PRODUCT}", listed[0]):
            (content,) = (await client.read_resource(uri)).contents
            assert isinstance(content, types.TextResourceContents)
            assert json.loads(content.text)
        with pytest.raises(MCPError) as missing:
            await client.read_resource("catalogue://products/syn-nothing")
        assert missing.value.code == (types.INVALID_PARAMS if revision == NEWEST else -32002)

    wire.run(use)


@in_every_revision
def test_prompts_are_listed_and_filled_in(wire: Wire, revision: str) -> None:
    async def use(client: Client) -> None:
        prompts = (await client.list_prompts()).prompts
        assert prompts
        for prompt in prompts:
            given = {argument.name: "42" for argument in prompt.arguments or [] if argument.required}
            (message,) = (await client.get_prompt(prompt.name, given)).messages
            assert "42" in text_of(message.content)
            with pytest.raises(MCPError, match=next(iter(given))) as incomplete:
                await client.get_prompt(prompt.name, {})
            assert incomplete.value.code == types.INVALID_PARAMS

    wire.run(use)


@in_every_revision
def test_what_a_tool_cannot_do_is_told_as_its_result_and_an_unknown_tool_is_an_error(wire: Wire, revision: str) -> None:
    async def use(client: Client) -> None:
        for name, arguments in (
            ("get_product", {"catalog": {"id": "syn-nothing"}}),
            ("search_catalog", {"catalog": {"query": 7}}),
        ):
            result = await client.call_tool(name, arguments)
            assert result.is_error
            assert "pydantic" not in text_of(result.content[0])
        with pytest.raises(MCPError, match="search_catalog") as unknown:
            await client.call_tool("buy", {})
        assert unknown.value.code == types.INVALID_PARAMS

    wire.run(use)


def refused(wire: Wire) -> MCPError:
    """What the client raises for a key that may not do this."""

    async def use(client: Client) -> None:
        await client.list_tools()
        await client.list_tools(cache_mode="bypass")

    def first(error: BaseException) -> MCPError:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        assert isinstance(error, MCPError)
        return error

    with pytest.raises((MCPError, BaseExceptionGroup)) as raised:
        wire.run(use)
    return first(raised.value)


@pytest.mark.parametrize("mode", ["auto", "legacy", NEWEST])
def test_a_client_is_told_what_is_wrong_with_its_key(gateway: Gateway, admin_only_key: str, mode: str) -> None:
    wrong = refused(Wire(gateway, "sk-gw-wrong", mode))
    assert (wrong.code, wrong.data["code"]) == (-32000, "invalid_api_key")
    without_scope = refused(Wire(gateway, admin_only_key, mode))
    assert (without_scope.code, without_scope.data["code"]) == (-32000, "insufficient_scope")


def test_a_client_is_told_when_its_key_may_go_on(gateway: Gateway) -> None:
    policy = {"name": "one a minute", "scopes": ["products"], "rpm_limit": 1}
    admin = {"Authorization": f"Bearer {gateway.access.admin_key}"}
    made = requests.post(f"{gateway.base_url}/keys", json=policy, headers=admin, timeout=60).json()
    wire = Wire(gateway, made["key"], NEWEST)
    limited = refused(wire)
    assert limited.data["code"] == "rate_limit_exceeded"
    assert 0 < limited.data["retry_after"] <= 60
    assert [row["request_id"] for row in gateway.rows() if row["request_id"] in wire.request_ids] == [
        wire.request_ids[0]
    ]
