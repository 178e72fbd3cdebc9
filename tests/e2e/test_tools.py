"""The catalogue's tools in completions, by OpenAI's own client on the deployed stack, and over plain REST."""

import json
from decimal import Decimal
from typing import Any

import jsonschema
import openai
import pytest
import requests

from tests.e2e.conftest import Gateway
from tests.e2e.mcp_calls import CALLS
from tests.e2e.shop import HEADPHONES, Json, catalogue, get

MCP: Any = {"type": "mcp", "server_label": "catalogue", "require_approval": "never"}


def ask(gateway: Gateway, text: str, tool: Any = MCP, key: str | None = None, **options: Any) -> Any:
    """The raw answer, with its headers."""
    return gateway.openai(key).chat.completions.with_raw_response.create(
        model="local/chat", messages=[{"role": "user", "content": text}], tools=[tool], **options
    )


def calls_of(message: Any) -> list[Json]:
    """The tools that the gateway ran; OpenAI's client keeps what it does not know."""
    calls: list[Json] = message.model_extra["mcp_calls"]
    return calls


def test_a_shopping_question_is_answered_with_real_rows(gateway: Gateway) -> None:
    raw = ask(gateway, "headphones under 100 euros")
    completion = raw.parse()
    choice = completion.choices[0]
    (call,) = calls_of(choice.message)
    assert (call["type"], call["server_label"], call["name"], call["error"]) == (
        "mcp_call", "catalogue", "search_catalog", None,
    )  # fmt: skip
    assert json.loads(call["arguments"])["catalog"]["filters"]["price"] == {"max": 10000}
    found = json.loads(call["output"])["products"]
    assert found
    for product in found:
        own = catalogue()[product["id"]]
        assert own["categories"][0].startswith(HEADPHONES)
        assert product["price_range"]["min"]["amount"] <= 10000
    assert choice.finish_reason == "stop"
    assert found[0]["title"] in choice.message.content
    row = gateway.row(raw.headers["x-request-id"])
    assert [(run["tool"], run["outcome"]) for run in row["tools"]] == [("search_catalog", "ok")]
    assert len(row["attempts"]) == 2
    assert Decimal(raw.headers["x-gateway-cost-usd"]) == row["cost_usd"]
    usage = (completion.usage.prompt_tokens, completion.usage.completion_tokens)
    assert usage == (row["input_tokens"], row["output_tokens"])


def test_a_question_for_offers_takes_a_second_tool(gateway: Gateway) -> None:
    message = ask(gateway, "Show me the offers for headphones under 100 euros").parse().choices[0].message
    first, second = calls_of(message)
    assert (first["name"], second["name"]) == ("search_catalog", "get_product_offers")
    assert first["round"] < second["round"]
    (merchant, *_) = [offer["merchant"] for offer in json.loads(second["output"])["offers"]]
    assert merchant in message.content


def test_the_same_is_streamed(gateway: Gateway) -> None:
    stream = gateway.openai().chat.completions.create(
        model="local/chat",
        messages=[{"role": "user", "content": "headphones under 100 euros"}],
        tools=[MCP],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    calls = [call for delta in deltas for call in (delta.model_extra or {}).get("mcp_calls", [])]
    assert [call["name"] for call in calls] == ["search_catalog"]
    assert json.loads(calls[0]["output"])["products"][0]["title"] in "".join(delta.content or "" for delta in deltas)
    assert chunks[-1].usage is not None


def test_calls_that_need_approval_are_handed_back(gateway: Gateway) -> None:
    raw = ask(gateway, "headphones under 100 euros", {**MCP, "require_approval": "always"})
    choice = raw.parse().choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls[0].function.name == "search_catalog"
    assert "tools" not in gateway.row(raw.headers["x-request-id"])


def test_tools_need_a_key_for_the_products(gateway: Gateway) -> None:
    policy = {"name": "no products", "scopes": ["inference"]}
    admin = {"Authorization": f"Bearer {gateway.access.admin_key}"}
    made = requests.post(f"{gateway.base_url}/keys", json=policy, headers=admin, timeout=60).json()
    with pytest.raises(openai.PermissionDeniedError) as refused:
        ask(gateway, "headphones under 100 euros", key=made["key"])
    assert refused.value.code == "insufficient_scope"


def test_each_tool_answers_over_rest_what_its_schema_says(gateway: Gateway) -> None:
    listed = get(gateway, "/mcp/tools").json()["data"]
    assert [tool["name"] for tool in listed] == list(CALLS)
    for tool in listed:
        answer = post(gateway, tool["name"], CALLS[tool["name"]])
        assert answer.status_code == 200, answer.text
        jsonschema.Draft202012Validator(tool["outputSchema"]).validate(answer.json())
        row = gateway.row(answer.headers["x-request-id"])
        assert [run["tool"] for run in row["tools"]] == [tool["name"]]


def test_a_tool_that_does_not_exist_is_not_found(gateway: Gateway) -> None:
    answer = post(gateway, "buy", {})
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "name")


def post(gateway: Gateway, tool: str, arguments: Json) -> requests.Response:
    headers = {"Authorization": f"Bearer {gateway.access.api_key}"}
    return requests.post(f"{gateway.base_url}/mcp/tools/{tool}", json=arguments, headers=headers, timeout=60)
