"""The MCP server on a real index and table: what it offers, in both eras, and the one row that each message leaves."""

import json

import jsonschema
import pytest

from gateway import __version__
from gateway.mcp.prompts import PROMPTS
from gateway.tools.catalogue import TOOLS
from tests.integration.catalogue import HEADPHONES, SAMPLE, Shop, product
from tests.integration.harness import Gateway, Json
from tests.integration.mcp_endpoint import Endpoint
from tests.mcp_messages import ERAS, NEW, OLD, posted

CALLS: dict[str, Json] = {
    "search_catalog": {"catalog": {"query": "headphones", "filters": {"price": {"max": 10_000}}}},
    "lookup_catalog": {"catalog": {"ids": ["hp-1", "nothing"]}},
    "get_product": {"catalog": {"id": "hp-2"}},
    "get_product_offers": {"catalog": {"id": "hp-2"}},
    "list_categories": {},
}


@pytest.fixture(params=ERAS)
def endpoint(request: pytest.FixtureRequest, shop: Shop) -> Endpoint:
    shop.put(SAMPLE)
    shop.build()
    return Endpoint(shop.gateway, request.param)


@pytest.fixture
def newest(shop: Shop) -> Endpoint:
    shop.put(SAMPLE)
    shop.build()
    return Endpoint(shop.gateway, NEW)


# The handshake, and what took its place.


def test_the_newest_revision_is_discovered(newest: Endpoint) -> None:
    found = newest.result("server/discover")
    assert found["supportedVersions"] == [NEW]
    assert set(found["capabilities"]) == {"tools", "resources", "prompts", "completions"}
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"] == {
        "name": "catalogue",
        "title": "Product catalogue",
        "version": __version__,
        "description": "Products, offers and prices of a shop.",
    }
    assert "search_catalog" in found["instructions"]
    assert (found["resultType"], found["ttlMs"], found["cacheScope"]) == ("complete", 3_600_000, "public")


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [("2024-11-05", "2024-11-05"), ("2025-03-26", "2025-03-26"), ("2025-06-18", "2025-06-18"), (OLD, OLD), (NEW, OLD), ("1999-01-01", OLD)],
)  # fmt: skip
def test_a_handshake_agrees_on_a_revision(gateway: Gateway, shop: Shop, asked: str, agreed: str) -> None:
    params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "example", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": "first", "method": "initialize", "params": params}
    answer = gateway.send("mcp", posted(message, {}))
    assert (answer.status, answer.json["id"]) == (200, "first")
    assert answer.json["result"]["protocolVersion"] == agreed
    assert answer.json["result"]["serverInfo"]["name"] == "catalogue"
    assert "mcp-session-id" not in answer.headers


def test_a_ping_of_the_older_revisions_is_answered(shop: Shop) -> None:
    assert Endpoint(shop.gateway, OLD).result("ping") == {}


# Tools.


def test_the_tools_are_those_of_the_catalogue_in_their_order(endpoint: Endpoint) -> None:
    assert endpoint.result("tools/list")["tools"] == [tool.definition() for tool in TOOLS.values()]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_answers_by_its_schema_and_the_same_as_text(endpoint: Endpoint, tool: str) -> None:
    result = endpoint.call(tool, CALLS[tool])
    jsonschema.validate(result["structuredContent"], TOOLS[tool].output_schema)
    (text,) = result["content"]
    assert text["type"] == "text"
    assert json.loads(text["text"]) == result["structuredContent"]
    assert result["isError"] is False


def test_a_call_leaves_one_row_that_tells_the_tool(endpoint: Endpoint) -> None:
    answer = endpoint.ask("tools/call", {"name": "get_product", "arguments": {"catalog": {"id": "hp-1"}}})
    row = endpoint.gateway.row()
    assert (row["endpoint"], row["status"], row["cost_usd"]) == ("/api/v1/mcp", 200, 0)
    ((told),) = row["tools"]
    assert (told["tool"], told["outcome"]) == ("get_product", "ok")
    assert answer.headers["x-request-id"] == row["request_id"]
    line = answer.request_log
    assert (line["mcp_method"], line["mcp_tool"]) == ("tools/call", "get_product")


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("get_product", {"catalog": {"id": "none-such"}}, "none-such"),
        ("get_product", {"catalog": {"id": 5}}, "catalog.id: must be a string"),
        ("search_catalog", {"catalog": {"query": "x", "pagination": {"limit": 0}}}, "catalog.pagination.limit"),
        ("search_catalog", {}, "catalog"),
    ],
)
def test_what_is_wrong_with_arguments_is_a_result_that_a_model_can_act_on(
    endpoint: Endpoint, tool: str, arguments: Json, told: str
) -> None:
    result = endpoint.call(tool, arguments)
    assert result["isError"] is True
    assert told in result["content"][0]["text"]
    assert "structuredContent" not in result
    (ran,) = endpoint.gateway.row()["tools"]
    assert ran["outcome"] != "ok"


def test_a_tool_that_breaks_is_a_result_too_and_tells_nothing_of_the_fault(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "canary-4f7a"

    def broken(_: Json) -> Json:
        raise RuntimeError(said)

    monkeypatch.setitem(TOOLS["get_product"].__dict__, "answer", broken)
    answer = endpoint.ask("tools/call", {"name": "get_product", "arguments": {}})
    assert answer.json["result"]["isError"] is True
    assert said not in answer.text + json.dumps(answer.logs)
    assert answer.line("ERROR")["tool"] == "get_product"


def test_a_catalogue_without_an_index_is_told_to_the_model(shop: Shop) -> None:
    result = Endpoint(shop.gateway, NEW).call("search_catalog", {"query": "headphones"})
    assert result["isError"] is True
    assert "index" in result["content"][0]["text"]


# Resources.


def test_the_products_are_listed_page_by_page_after_the_categories(
    endpoint: Endpoint, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.mcp.resources.PAGE", 3)
    uris, cursor = [], None
    for _ in range(3):
        page = endpoint.result("resources/list", {"cursor": cursor} if cursor else {})
        uris += [resource["uri"] for resource in page["resources"]]
        cursor = page.get("nextCursor")
    assert cursor is None
    assert uris[0] == "catalogue://categories"
    assert sorted(uris[1:]) == sorted(f"catalogue://products/{one.id}" for one in SAMPLE)


def test_a_product_is_listed_by_its_title_and_where_it_belongs(endpoint: Endpoint) -> None:
    listed = endpoint.result("resources/list")["resources"]
    (found,) = [resource for resource in listed if resource["name"] == "hp-1"]
    assert found == {
        "name": "hp-1",
        "title": "Sonnbach Wave 7 wireless headphones",
        "uri": "catalogue://products/hp-1",
        "description": f"Sonnbach, {HEADPHONES}",
        "mimeType": "application/json",
    }


def test_a_product_is_read_as_the_tool_tells_it(endpoint: Endpoint) -> None:
    (template,) = endpoint.result("resources/templates/list")["resourceTemplates"]
    uri = template["uriTemplate"].format(id="hp-1")
    (contents,) = endpoint.result("resources/read", {"uri": uri})["contents"]
    assert (contents["uri"], contents["mimeType"]) == (uri, "application/json")
    assert json.loads(contents["text"]) == endpoint.call("get_product", {"id": "hp-1"})["structuredContent"]


def test_a_product_whose_id_has_a_colon_is_read_by_the_uri_that_lists_it(endpoint: Endpoint, shop: Shop) -> None:
    shop.put([product("a:b~c", "A thing with a colon", price=100)])
    (contents,) = endpoint.result("resources/read", {"uri": "catalogue://products/a%3Ab~c"})["contents"]
    assert json.loads(contents["text"])["product"]["id"] == "a:b~c"


def test_the_categories_are_read_as_the_tool_tells_them(endpoint: Endpoint) -> None:
    (contents,) = endpoint.result("resources/read", {"uri": "catalogue://categories"})["contents"]
    assert json.loads(contents["text"]) == endpoint.call("list_categories")["structuredContent"]


@pytest.mark.parametrize(
    "uri",
    ["catalogue://products/none-such", "catalogue://products/", "catalogue://products/a/b", "catalogue://products/%00",
     "catalogue://other", "file:///etc/passwd", "", "catalogue://products/hp-1?x=1", "x" * 5000],
)  # fmt: skip
def test_what_is_no_resource_is_told_by_the_eras_own_number(endpoint: Endpoint, uri: str) -> None:
    answer = endpoint.ask("resources/read", {"uri": uri})
    assert answer.json["error"]["code"] == (-32602 if endpoint.era == NEW else -32002)
    assert answer.json["error"]["data"]["uri"] == uri[:256]
    assert answer.status == (400 if endpoint.era == NEW else 200)


# Prompts.


def test_the_prompts_are_listed_with_their_arguments(endpoint: Endpoint) -> None:
    listed = endpoint.result("prompts/list")["prompts"]
    assert [prompt["name"] for prompt in listed] == list(PROMPTS)
    (found,) = [prompt for prompt in listed if prompt["name"] == "find_products"]
    assert [(one["name"], one["required"]) for one in found["arguments"]] == [
        ("need", True), ("budget", False), ("currency", False),
    ]  # fmt: skip


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_carries_what_was_given_and_names_only_tools_there_are(endpoint: Endpoint, name: str) -> None:
    given = {argument: f"canary-{argument}" for argument in PROMPTS[name].required}
    result = endpoint.result("prompts/get", {"name": name, "arguments": given})
    (message,) = result["messages"]
    text = message["content"]["text"]
    assert message["role"] == "user"
    assert all(value in text for value in given.values())
    assert any(tool in text for tool in TOOLS)


def test_a_budget_is_told_with_its_currency(endpoint: Endpoint) -> None:
    arguments = {"need": "headphones", "budget": "150", "currency": "EUR"}
    result = endpoint.result("prompts/get", {"name": "find_products", "arguments": arguments})
    assert "Budget: at most 150 EUR\n" in result["messages"][0]["content"]["text"]


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"name": "find_products"}, "params.arguments.need"),
        ({"name": "find_products", "arguments": {"need": "  "}}, "params.arguments.need"),
        ({"name": "find_products", "arguments": {"need": "x", "colour": "red"}}, "params.arguments.colour"),
        ({"name": "find_products", "arguments": {"need": "x" * 1001}}, "params.arguments.need"),
        ({"name": "find_products", "arguments": {"need": 5}}, "params.arguments.need"),
        ({"name": "sell_products"}, "params.name"),
    ],
)
def test_what_is_wrong_with_a_prompts_arguments_is_named(endpoint: Endpoint, params: Json, param: str) -> None:
    error = endpoint.error("prompts/get", params)
    assert (error["code"], error["data"]["param"]) == (-32602, param)


# Completion.


@pytest.mark.parametrize(
    ("ref", "argument"),
    [
        ({"type": "ref/prompt", "name": "best_offer"}, "product_id"),
        ({"type": "ref/resource", "uri": "catalogue://products/{id}"}, "id"),
    ],
)
def test_a_products_id_is_completed_by_the_words_of_its_title(endpoint: Endpoint, ref: Json, argument: str) -> None:
    params = {"ref": ref, "argument": {"name": argument, "value": "sonnbach wav"}}
    completion = endpoint.result("completion/complete", params)["completion"]
    assert sorted(completion["values"]) == ["hp-1", "hp-2"]
    assert (completion["total"], completion["hasMore"]) == (2, False)


@pytest.mark.parametrize("argument", [{"name": "need", "value": "head"}, {"name": "need", "value": ""}])
def test_what_names_no_product_is_not_completed(endpoint: Endpoint, argument: Json) -> None:
    params = {"ref": {"type": "ref/prompt", "name": "find_products"}, "argument": argument}
    assert endpoint.result("completion/complete", params)["completion"]["values"] == []


@pytest.mark.parametrize("ref", [{"type": "ref/prompt", "name": "none"}, {"type": "ref/resource", "uri": "x://y"}])
def test_nothing_is_completed_of_what_is_not_there(endpoint: Endpoint, ref: Json) -> None:
    error = endpoint.error("completion/complete", {"ref": ref, "argument": {"name": "id", "value": "a"}})
    assert error["code"] == -32602


# Caching.


@pytest.mark.parametrize(
    ("method", "params", "hint"),
    [
        ("tools/list", {}, (3_600_000, "public")),
        ("prompts/list", {}, (3_600_000, "public")),
        ("resources/templates/list", {}, (3_600_000, "public")),
        ("resources/list", {}, (60_000, "private")),
        ("resources/read", {"uri": "catalogue://categories"}, (60_000, "private")),
    ],
)
def test_a_client_is_told_how_long_it_may_keep_an_answer(
    newest: Endpoint, method: str, params: Json, hint: tuple[int, str]
) -> None:
    result = newest.result(method, params)
    assert (result["ttlMs"], result["cacheScope"]) == hint
