"""Whatever is wrong with what is sent to the MCP server: the protocol's own error, in our words, and one row of it."""

import json
from typing import Any

import pytest

from gateway.tools.catalogue import TOOLS
from tests.integration.catalogue import Shop
from tests.integration.harness import Json
from tests.integration.mcp_endpoint import Endpoint, told
from tests.mcp_messages import ERAS, NEW, OLD, posted, request

LIST: Json = request(OLD, "tools/list")


@pytest.fixture(params=ERAS)
def endpoint(request: pytest.FixtureRequest, shop: Shop) -> Endpoint:
    return Endpoint(shop.gateway, request.param)


@pytest.fixture
def old(shop: Shop) -> Endpoint:
    return Endpoint(shop.gateway, OLD)


@pytest.fixture
def new(shop: Shop) -> Endpoint:
    return Endpoint(shop.gateway, NEW)


def without(message: Json, *names: str) -> Json:
    return {name: value for name, value in message.items() if name not in names}


# What is no message.


@pytest.mark.parametrize(
    ("body", "number", "identifier"),
    [
        ("", -32700, None),
        ("   ", -32700, None),
        ("{", -32700, None),
        ("{'jsonrpc': '2.0'}", -32700, None),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": NaN}}', -32700, None),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": 1e999}}', -32700, None),
        ('{"jsonrpc": "2.0", "id": 1, "method": "\\ud800"}', -32700, None),
        ("\ufffd", -32700, None),
        ('{"a":' * 5000 + "1" + "}" * 5000, -32700, None),
        ("[" * 100_000, -32700, None),
        ("[]", -32600, None),
        (json.dumps([LIST, LIST]), -32600, None),
        ("5", -32600, None),
        ("null", -32600, None),
        ('"tools/list"', -32600, None),
        ("{}", -32600, None),
        (json.dumps(without(LIST, "jsonrpc")), -32600, 1),
        (json.dumps(LIST | {"jsonrpc": "1.0"}), -32600, 1),
        (json.dumps(LIST | {"jsonrpc": 2.0}), -32600, 1),
        (json.dumps(without(LIST, "method")), -32600, 1),
        (json.dumps(LIST | {"method": 5}), -32600, 1),
        (json.dumps(LIST | {"method": ""}), -32600, 1),
        (json.dumps(LIST | {"method": "x" * 200}), -32600, 1),
        (json.dumps(LIST | {"params": []}), -32602, 1),
        (json.dumps(LIST | {"params": "x"}), -32602, 1),
        (json.dumps(LIST | {"params": None}), -32602, 1),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_in_both_eras(
    endpoint: Endpoint, body: str, number: int, identifier: Any
) -> None:
    answer = endpoint.post(body, Mcp_Method="tools/list")
    assert told(answer) == (400, number, identifier)
    row = endpoint.gateway.row()
    assert (row["status"], row["error_code"]) == (400, answer.error["data"]["code"])
    assert "tools" not in row


@pytest.mark.parametrize("identifier", [1.5, 1.0, True, False, None, {}, [], [1], {"a": 1}])
def test_an_id_that_the_protocol_does_not_take_is_refused(endpoint: Endpoint, identifier: Any) -> None:
    answer = endpoint.ask("tools/list", identifier=identifier)
    assert told(answer) == (400, -32600, None)
    assert "id" in answer.error["message"]


def test_an_id_that_no_answer_could_carry_back_is_refused(endpoint: Endpoint) -> None:
    assert endpoint.ask("tools/list", identifier='"' * 65_536).status == 200
    answer = endpoint.ask("tools/list", identifier='"' * 65_537)
    assert told(answer) == (400, -32600, None)
    assert len(answer.text) < 1000


@pytest.mark.parametrize("identifier", [0, -1, 2**53 + 1, 10**30, "", "a", "ü", "1", "x" * 10_000])
def test_an_id_comes_back_as_it_was_sent(endpoint: Endpoint, identifier: Any) -> None:
    answer = endpoint.ask("tools/list", identifier=identifier)
    assert (answer.status, answer.json["id"]) == (200, identifier)
    assert endpoint.ask("nothing", identifier=identifier).json["id"] == identifier


def test_of_a_name_that_is_there_twice_the_last_counts(old: Endpoint) -> None:
    answer = old.post('{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "ping"}')
    assert (answer.status, answer.json) == (200, {"jsonrpc": "2.0", "id": 2, "result": {}})


def test_a_message_of_five_megabytes_is_answered_and_a_longer_one_refused(endpoint: Endpoint) -> None:
    params = {"name": "get_product", "arguments": {"id": "x" * (5 * 1024 * 1024 - 1000)}}
    assert endpoint.ask("tools/call", params).json["result"]["isError"] is True
    answer = endpoint.ask("tools/call", params | {"more": "x" * 1000})
    assert told(answer) == (413, -32000, None)
    assert [row["status"] for row in endpoint.gateway.rows()] == [200, 413]


def test_a_message_that_is_longer_written_anew_is_answered_too(endpoint: Endpoint) -> None:
    message = json.dumps(request(endpoint.era, "tools/call", {"name": "get_product", "arguments": {"id": [0]}}))
    named = {"Mcp_Method": "tools/call", "Mcp_Name": "get_product"} if endpoint.era == NEW else {}
    answer = endpoint.post(message.replace("[0]", f"[{','.join(['1e15'] * 1_000_000)}]"), **named)
    assert answer.json["result"]["isError"] is True


def test_a_body_in_base64_is_read_and_one_that_is_broken_refused(shop: Shop) -> None:
    event = posted(LIST, {"MCP-Protocol-Version": OLD}) | {"isBase64Encoded": True}
    encoded = "eyJqc29ucnBjIjoiMi4wIiwiaWQiOjcsIm1ldGhvZCI6InBpbmcifQ=="
    assert shop.gateway.send("mcp", event | {"body": encoded}).json == {"jsonrpc": "2.0", "id": 7, "result": {}}
    assert told(shop.gateway.send("mcp", event | {"body": "%%%"})) == (400, -32700, None)
    assert told(shop.gateway.send("mcp", event | {"body": "/w=="})) == (400, -32700, None)
    assert told(shop.gateway.send("mcp", event | {"body": None})) == (400, -32700, None)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonp"]
)
def test_what_is_not_sent_as_json_is_refused(endpoint: Endpoint, kind: str) -> None:
    answer = endpoint.post(request(endpoint.era, "tools/list"), Content_Type=kind)
    assert told(answer) == (415, -32600, 1)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", None])
def test_json_is_json_however_it_is_written(endpoint: Endpoint, kind: str | None) -> None:
    assert endpoint.post(request(endpoint.era, "tools/list"), Content_Type=kind).status == 200


@pytest.mark.parametrize("accepted", ["text/event-stream", "text/html", "image/*", ""])
def test_who_takes_no_json_is_refused(endpoint: Endpoint, accepted: str) -> None:
    assert told(endpoint.post(request(endpoint.era, "tools/list"), Accept=accepted)) == (406, -32600, 1)


@pytest.mark.parametrize(
    "accepted", ["*/*", None, "application/*", "application/json", "text/event-stream, application/json;q=0.5"]
)
def test_who_takes_json_among_others_is_answered(endpoint: Endpoint, accepted: str | None) -> None:
    assert endpoint.post(request(endpoint.era, "tools/list"), Accept=accepted).status == 200


# What asks for nothing.


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "notifications/of-mine"])
def test_a_notification_is_accepted_without_a_word(endpoint: Endpoint, method: str) -> None:
    answer = endpoint.post({"jsonrpc": "2.0", "method": method})
    assert (answer.status, answer.text) == (202, "")
    assert endpoint.gateway.row()["status"] == 202


@pytest.mark.parametrize(
    "answered", [{"result": {}}, {"result": 5}, {"error": {"code": 1, "message": "no"}}, {"error": "no"}]
)
def test_an_answer_to_what_was_never_asked_is_let_go_as_each_era_has_it(endpoint: Endpoint, answered: Json) -> None:
    answer = endpoint.post({"jsonrpc": "2.0", "id": 1, **answered})
    if endpoint.era == OLD:
        assert (answer.status, answer.text) == (202, "")
    else:
        assert told(answer) == (400, -32600, 1)


# What asks for what is not there.


@pytest.mark.parametrize(
    "method",
    ["nothing", "tools/delete", "resources/subscribe", "logging/setLevel", "subscriptions/listen", "tasks/list", "ü\n\t", "__init__"],
)  # fmt: skip
def test_a_method_that_is_not_there_is_told_as_each_era_has_it(endpoint: Endpoint, method: str) -> None:
    params = {"uri": "catalogue://categories", "level": "info", "notifications": {}}
    answer = endpoint.ask(method, params)
    assert told(answer) == (404 if endpoint.era == NEW else 200, -32601, 1)
    assert method in answer.error["message"]
    assert endpoint.gateway.row()["error_code"] == "method_not_found"


@pytest.mark.parametrize("method", ["resources/subscribe", "logging/setLevel"])
@pytest.mark.parametrize("params", [None, {}, {"uri": 5, "level": "loud"}])
def test_a_method_that_is_not_there_is_told_whatever_it_is_given(old: Endpoint, method: str, params: Any) -> None:
    message = request(OLD, method) | {"params": params}
    answer = old.post(message if params is not None else without(message, "params"))
    assert told(answer) == (200, -32601, 1)


@pytest.mark.parametrize("method", ["initialize", "ping"])
def test_what_only_older_revisions_have_is_not_in_the_newest(new: Endpoint, method: str) -> None:
    assert told(new.ask(method)) == (404, -32601, 1)


@pytest.mark.parametrize("value", ["often", 2, 1.5])
def test_a_capability_that_is_neither_true_nor_false_is_told_so(old: Endpoint, value: Any) -> None:
    capabilities = {"roots": {"listChanged": value}}
    params = {"protocolVersion": OLD, "capabilities": capabilities, "clientInfo": {"name": "example", "version": "1"}}
    assert old.error("initialize", params)["message"] == "params.capabilities.roots.listChanged: must be true or false."


def test_what_only_the_newest_revision_has_is_not_in_older_ones(old: Endpoint) -> None:
    assert told(old.ask("server/discover")) == (200, -32601, 1)


@pytest.mark.parametrize("name", ["buy_product", "", "Search_Catalog", "x" * 5000])
def test_a_tool_that_is_not_there_is_no_result_but_an_error(endpoint: Endpoint, name: str) -> None:
    answer = endpoint.ask("tools/call", {"name": name, "arguments": {}})
    assert told(answer) == (400 if endpoint.era == NEW else 200, -32602, 1)
    assert all(tool in answer.error["message"] for tool in TOOLS)
    assert "tools" not in endpoint.gateway.row()
    assert "mcp_tool" not in answer.request_log


@pytest.mark.parametrize(
    ("method", "params", "param"),
    [
        ("tools/call", {}, "params.name"),
        ("tools/call", {"name": None}, "params.name"),
        ("tools/call", {"name": "get_product", "arguments": []}, "params.arguments"),
        ("tools/call", {"name": "get_product", "arguments": "{}"}, "params.arguments"),
        ("tools/call", {"name": "get_product", "arguments": 5}, "params.arguments"),
        ("tools/list", {"cursor": 5}, "params.cursor"),
        ("tools/list", {"cursor": "x"}, "params.cursor"),
        ("prompts/list", {"cursor": "x"}, "params.cursor"),
        ("resources/list", {"cursor": {}}, "params.cursor"),
        ("resources/read", {}, "params.uri"),
        ("prompts/get", {}, "params.name"),
        ("prompts/get", {"name": "find_products", "arguments": []}, "params.arguments"),
        ("prompts/get", {"name": "find_products", "arguments": {"need": "x", "Need": 5}}, "params.arguments.Need"),
        ("tools/call", {"name": "get_product", "requestState": 5}, "params.requestState"),
        ("completion/complete", {}, "params.argument"),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "best_offer"}, "argument": {"name": "product_id", "value": 5}}, "params.argument.value"),
        ("completion/complete", {"ref": {"type": "ref/prompt"}, "argument": {"name": "a", "value": "b"}}, "params.ref.name"),
        ("tools/list", {"_meta": {"progressToken": []}}, "params._meta.progressToken"),
    ],
)  # fmt: skip
def test_a_parameter_of_the_wrong_type_is_named(endpoint: Endpoint, method: str, params: Json, param: str) -> None:
    answer = endpoint.ask(method, params)
    assert told(answer) == (400 if endpoint.era == NEW else 200, -32602, 1)
    assert answer.error["data"]["param"] == param
    assert answer.error["message"].startswith(f"{param}: ")
    assert endpoint.gateway.row()["error_code"] == "invalid_params"


def test_a_key_that_is_wrong_is_told_without_the_checkers_own_word_for_keys(endpoint: Endpoint) -> None:
    arguments = {"query": "x", "filters": {"attributes": {" ": ["a"]}}}
    told_to_model = endpoint.call("search_catalog", arguments)["content"][0]["text"]
    assert told_to_model == "catalog.filters.attributes. : must be an attribute's name, such as colour."


@pytest.mark.parametrize(
    ("method", "name"), [("tools/call", "name"), ("prompts/get", "name"), ("resources/read", "uri")]
)
def test_a_name_that_is_no_text_is_named_by_older_revisions_and_is_in_no_header_of_the_newest(
    endpoint: Endpoint, method: str, name: str
) -> None:
    answer = endpoint.ask(method, {name: 5})
    if endpoint.era == OLD:
        assert (told(answer), answer.error["data"]["param"]) == ((200, -32602, 1), f"params.{name}")
    else:
        assert told(answer) == (400, -32020, 1)


def test_a_foreign_cursor_is_named(endpoint: Endpoint, shop: Shop) -> None:
    shop.put([])
    shop.build()
    answer = endpoint.ask("resources/list", {"cursor": "x"})
    assert told(answer) == (400 if endpoint.era == NEW else 200, -32602, 1)
    assert answer.error["data"]["param"] == "params.cursor"
    assert "nextCursor" in answer.error["message"]
