"""Who may ask the MCP server, and what is told and kept of a request, whatever fails."""

import json
from typing import Any

import pytest

from gateway.tools.catalogue import TOOLS
from tests.conftest import ENVIRONMENT, LambdaContext
from tests.integration.catalogue import Shop
from tests.integration.harness import Fault, Gateway, Json, event_with, with_header, with_key
from tests.integration.mcp_endpoint import Endpoint, told
from tests.mcp_messages import ERAS, OLD, posted, request

LIST: Json = request(OLD, "tools/list")


@pytest.fixture(params=ERAS)
def endpoint(request: pytest.FixtureRequest, shop: Shop) -> Endpoint:
    return Endpoint(shop.gateway, request.param)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_stream_and_no_session_to_ask_for(shop: Shop, method: str) -> None:
    answer = shop.gateway.send("mcp", event_with("error_mcp_get", httpMethod=method))
    assert told(answer) == (405, -32000, None)
    assert answer.headers["allow"] == "POST"
    assert shop.gateway.rows() == []


ORIGINS = [
    ("https://evil.example", 403),
    ("null", 403),
    ("", 403),
    ("https://shop.example.evil.example", 403),
    ("https://shop.example", 200),
]


@pytest.mark.parametrize(("origin", "status"), ORIGINS)
def test_a_page_of_another_origin_is_refused_before_its_key_is_looked_at(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, origin: str, status: int
) -> None:
    from gateway.settings import settings

    monkeypatch.setenv("ALLOWED_ORIGINS", "https://shop.example,https://other.example")
    settings.cache_clear()
    event = with_header(posted(LIST, {}), "Origin", origin)
    response = shop.gateway.handler("mcp")(event, LambdaContext())
    assert response["statusCode"] == status
    if status == 403:
        error = json.loads(response["body"])["error"]
        assert (error["code"], error["data"]["code"]) == (-32000, "origin_not_allowed")
        assert shop.gateway.rows() == []


def test_any_origin_may_ask_unless_some_are_listed(shop: Shop) -> None:
    assert ENVIRONMENT["ALLOWED_ORIGINS"] == "*"
    assert shop.gateway.send("mcp", with_header(posted(LIST, {}), "Origin", "https://any.example")).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer ",
        "Basic eDp5",
        "Bearer sk-gw-garbage",
        "Bearer sk-gw-EventsSample-NotARealSecretNotARealSecret0001-2CWyv7",
    ],
)
def test_who_sends_no_good_key_is_refused(shop: Shop, authorization: str | None) -> None:
    answer = shop.gateway.send("mcp", posted(LIST, {"Authorization": authorization}))
    assert told(answer) == (401, -32000, 1)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.error["data"]["code"] == "invalid_api_key"
    assert shop.gateway.rows() == []


def test_a_key_that_was_revoked_is_refused(shop: Shop) -> None:
    shop.gateway.change_key(key_status="revoked")
    assert told(shop.gateway.send("mcp", posted(LIST, {}))) == (401, -32000, 1)


def test_a_key_without_the_scope_is_refused(gateway: Gateway) -> None:
    gateway.change_key(scopes=["inference"])
    answer = gateway.send("mcp", posted(LIST, {}))
    assert told(answer) == (403, -32000, 1)
    assert answer.error["data"]["code"] == "insufficient_scope"


def test_a_key_has_its_limits_here_too_and_garbage_counts(endpoint: Endpoint) -> None:
    endpoint.gateway.change_key(rpm_limit=2, requests_left=2)
    first, second, third = endpoint.post("{"), endpoint.ask("tools/list"), endpoint.ask("tools/list", identifier="mine")
    assert [first.status, second.status] == [400, 200]
    assert second.headers["x-ratelimit-remaining-requests"] == "0"
    assert told(third) == (429, -32000, "mine")
    assert third.error["data"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(third.headers["retry-after"]) <= 60
    assert 0 < third.error["data"]["retry_after"] <= 60
    assert [row["status"] for row in endpoint.gateway.rows()] == [400, 200]


def test_a_table_that_does_not_answer_is_the_protocols_error_too(shop: Shop) -> None:
    shop.gateway.fail("GetItem", Fault("InternalServerError", 500))
    answer = shop.gateway.send(
        "mcp", with_key(posted(LIST, {}), "sk-gw-EventsSample-NotARealSecretNotARealSecret0000-2CWyv7")
    )
    assert told(answer) == (503, -32603, 1)


def test_a_fault_that_nobody_foresaw_is_the_protocols_error_too(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "canary-4f7a"

    def broken(*_: Any) -> Json:
        raise RuntimeError(said)

    monkeypatch.setattr("gateway.mcp.asgi.read", broken)
    answer = endpoint.ask("tools/list")
    assert told(answer) == (500, -32603, 1)
    assert said not in answer.text + json.dumps(answer.logs)
    assert endpoint.gateway.row()["status"] == 500


def test_an_answer_that_lambda_cannot_return_is_refused(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOOLS["get_product"].__dict__, "answer", lambda _: {"text": '"' * 2_000_000})
    answer = endpoint.ask("tools/call", {"name": "get_product", "arguments": {}})
    assert told(answer) == (502, -32603, 1)
    assert answer.error["data"]["code"] == "response_too_large"
    row = endpoint.gateway.row()
    assert (row["status"], row["error_code"]) == (502, "response_too_large")


def test_half_a_surrogate_pair_in_an_answer_ends_in_no_crash(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TOOLS["get_product"].__dict__, "answer", lambda _: {"text": "\ud800"})
    answer = endpoint.ask("tools/call", {"name": "get_product", "arguments": {}})
    assert answer.json["id"] == 1
    assert len(endpoint.gateway.rows()) == 1


# The log.


def test_the_log_tells_the_method_and_nothing_of_a_clients_own_words(endpoint: Endpoint) -> None:
    word = "canary-4f7a"
    answers = [
        endpoint.ask(word),
        endpoint.ask("tools/call", {"name": word, "arguments": {word: word}}),
        endpoint.ask("tools/call", {"name": "get_product", "arguments": {word: word}}),
        endpoint.ask("resources/read", {"uri": word}),
        endpoint.ask("prompts/get", {"name": "find_products", "arguments": {"need": word}}),
        endpoint.post({"jsonrpc": "2.0", "method": word}),
        endpoint.post(f"{word}"),
    ]
    assert word not in json.dumps([answer.logs for answer in answers])
    assert [answer.request_log.get("mcp_method") for answer in answers] == [
        "unknown", "tools/call", "tools/call", "resources/read", "prompts/get", "unknown", None,
    ]  # fmt: skip
