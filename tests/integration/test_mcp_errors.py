"""Whatever is wrong with what is sent to the MCP server: the protocol's own error, in our words, and one row of it."""

import json
from typing import Any

import pytest

from gateway.tools.catalogue import TOOLS
from tests.conftest import ENVIRONMENT, LambdaContext
from tests.integration.catalogue import Shop
from tests.integration.harness import Answer, Fault, Gateway, Json, event_with, with_header, with_key
from tests.integration.mcp_endpoint import Endpoint
from tests.mcp_messages import ERAS, META, NEW, OLD, posted, request

LIST: Json = request(OLD, "tools/list")
CALL = request(NEW, "tools/call", {"name": "get_product", "arguments": {"id": "hp-1"}})


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


def told(answer: Answer) -> tuple[int, int, Any]:
    """An error's status, number and id."""
    return answer.status, answer.error["code"], answer.json["id"]


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


# Versions and the headers of the newest one.


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
        {"_meta": without(META, "io.modelcontextprotocol/clientCapabilities")},
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


# Methods of HTTP, origins, keys, limits.


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
