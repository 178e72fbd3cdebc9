"""The catalogue's tools over plain REST: listed, called, counted, and each wrong request told why."""

from typing import Any

import pytest

from gateway.tools.catalogue import TOOLS
from tests.integration.catalogue import SAMPLE, Shop
from tests.integration.harness import Answer, Gateway, event_with, with_header


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.put(SAMPLE)
    shop.build()
    return shop


def call(gateway: Gateway, name: str, body: Any = None, **changes: Any) -> Answer:
    event = event_with("call_tool", body, pathParameters={"name": name}, path=f"/api/v1/mcp/tools/{name}")
    return gateway.send("call_tool", event | changes)


def test_the_tools_are_listed_as_mcp_tells_them(stocked: Shop, gateway: Gateway) -> None:
    answer = gateway.send("list_tools")
    assert answer.json == {
        "object": "list",
        "data": [tool.definition() for tool in TOOLS.values()],
        "has_more": False,
        "next_cursor": None,
    }
    row = gateway.row()
    assert (row["endpoint"], row["status"], row["cost_usd"]) == ("/api/v1/mcp/tools", 200, 0)
    assert "tools" not in row


def test_what_the_client_has_already_is_not_sent_again(stocked: Shop, gateway: Gateway) -> None:
    etag = gateway.send("list_tools").headers["etag"]
    again = gateway.send("list_tools", with_header(event_with("list_tools"), "If-None-Match", etag))
    assert (again.status, again.text) == (304, "")


def test_a_call_is_answered_with_the_structured_content_and_leaves_a_row(stocked: Shop, gateway: Gateway) -> None:
    answer = call(gateway, "search_catalog", {"catalog": {"query": "hedphones", "sort": "price_asc"}})
    assert answer.status == 200
    assert answer.json["products"][0]["id"] == "hp-3"
    row = gateway.row()
    assert (row["endpoint"], row["status"], row["cost_usd"]) == ("/api/v1/mcp/tools/{name}", 200, 0)
    ((told),) = row["tools"]
    assert (told["tool"], told["outcome"]) == ("search_catalog", "ok")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("lookup_catalog", {"ids": ["hp-1", "4006381333931"]}),
        ("get_product", {"catalog": {"id": "hp-1"}}),
        ("get_product_offers", {"id": "hp-1"}),
        ("list_categories", {}),
        ("list_categories", ""),
        ("list_categories", " \n"),
    ],
)
def test_every_tool_can_be_called(stocked: Shop, gateway: Gateway, name: str, body: Any) -> None:
    answer = call(gateway, name, body)
    assert answer.status == 200
    assert answer.json == TOOLS[name].answer(body if isinstance(body, dict) else {})


@pytest.mark.parametrize(
    ("name", "body", "status", "param", "code"),
    [
        ("buy_product", {}, 404, "name", "not_found"),
        ("get_product", {"id": "nothing"}, 404, "catalog.id", "not_found"),
        ("get_product", {}, 400, "catalog", None),
        ("search_catalog", {"query": 5}, 400, "catalog.query", None),
        ("search_catalog", {"query": "x", "filters": {"price": {"max": "cheap"}}}, 400, "catalog.filters.price.max", None),
        ("search_catalog", {"query": "x", "pagination": {"cursor": "W10"}}, 400, "catalog.pagination.cursor", None),
    ],
)  # fmt: skip
def test_a_wrong_call_names_what_is_wrong_and_leaves_a_row(
    stocked: Shop, gateway: Gateway, name: str, body: Any, status: int, param: str, code: str | None
) -> None:
    answer = call(gateway, name, body)
    assert (answer.status, answer.error["param"], answer.error["code"]) == (status, param, code)
    row = gateway.row()
    assert row["status"] == status
    assert [told["tool"] for told in row.get("tools") or ()] == ([name] if name in TOOLS else [])


@pytest.mark.parametrize("body", ["[]", "5", "null", '"x"', "{", '{"query": NaN}', "[" * 10_000])
def test_a_body_that_is_no_json_object_is_refused_before_it_counts(stocked: Shop, gateway: Gateway, body: str) -> None:
    assert call(gateway, "search_catalog", body).status == 400
    assert gateway.rows() == []


def test_a_body_of_over_5_mib_and_query_parameters_are_refused_before_they_count(
    stocked: Shop, gateway: Gateway
) -> None:
    assert call(gateway, "search_catalog", {"query": "x" * 5_300_000}).status == 413
    assert call(gateway, "search_catalog", {}, queryStringParameters={"query": "x"}).status == 400
    assert gateway.send("list_tools", event_with("list_tools", queryStringParameters={"a": "b"})).status == 400
    assert gateway.rows() == []


@pytest.mark.parametrize("route", ["list_tools", "call_tool"])
def test_a_key_without_the_scope_may_not(stocked: Shop, gateway: Gateway, route: str) -> None:
    gateway.change_key(scopes=["inference"], policy_no=99)
    assert gateway.send(route).error["code"] == "insufficient_scope"
    assert gateway.rows() == []


@pytest.mark.parametrize("route", ["list_tools", "call_tool"])
def test_calls_count_against_the_keys_limits(stocked: Shop, gateway: Gateway, route: str) -> None:
    gateway.change_key(rpm_limit=1, requests_left=1)
    assert [gateway.send(route).status, gateway.send(route).status] == [200, 429]
    assert gateway.row()["status"] == 200


def test_what_was_asked_is_in_no_log(stocked: Shop, gateway: Gateway) -> None:
    call(gateway, "search_catalog", {"query": "secretwish"})
    call(gateway, "search_catalog", {"query": 5, "secretwish": "secretwish"})
    call(gateway, "get_product", {"id": "secretwish"})
    assert "secretwish" not in gateway.log.getvalue() + str(gateway.rows())
