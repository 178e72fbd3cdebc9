"""Every route, and every interesting error, from API Gateway's event to its answer."""

import json
from typing import Any

import pytest

from gateway import __version__, routes
from gateway.registry_source import registry
from tests.conftest import EVENTS, LambdaContext, load_event
from tests.integration.admins import FUNCTIONS, put_team
from tests.integration.catalogue import ROUTES as PRODUCT_ROUTES
from tests.integration.harness import KEY, KEY_ID, Gateway, attempts_of, event_with, with_header

CASES: dict[str, tuple[str, int, str | None]] = {
    "health": ("health", 200, None),
    "list_models": ("list_models", 200, None),
    "get_model": ("get_model", 200, None),
    "get_model_encoded": ("get_model", 200, None),
    "get_model_unknown": ("get_model", 404, "model_not_found"),
    "chat_completions": ("chat_completions", 200, None),
    "chat_completions_stream": ("chat_completions", 200, None),
    "chat_completions_tools": ("chat_completions", 200, None),
    "completions_chat": ("completions", 200, None),
    "completions_prompt": ("completions", 200, None),
    "embeddings": ("embeddings", 200, None),
    "route": ("route", 200, None),
    "unknown_route": ("unknown_route", 404, "unknown_route"),
    "error_unsupported_endpoint": ("unknown_route", 404, "unsupported_endpoint"),
    "error_wrong_method": ("unknown_route", 405, "method_not_allowed"),
    "error_no_key": ("chat_completions", 401, "invalid_api_key"),
    "error_garbage_key": ("chat_completions", 401, "invalid_api_key"),
    "error_no_body": ("chat_completions", 400, None),
    "error_not_json": ("chat_completions", 400, None),
    "error_json_array": ("chat_completions", 400, None),
    "error_invalid_utf8": ("chat_completions", 400, None),
    "error_embeddings_of_a_chat_model": ("embeddings", 400, None),
    "create_key": ("create_key", 201, None),
    "list_keys": ("list_keys", 200, None),
    "get_key": ("get_key", 200, None),
    "update_key": ("update_key", 200, None),
    "delete_key": ("delete_key", 200, None),
    "rotate_key": ("rotate_key", 200, None),
    "create_team": ("create_team", 201, None),
    "list_teams": ("list_teams", 200, None),
    "get_team": ("get_team", 200, None),
    "update_team": ("update_team", 200, None),
    "delete_team": ("delete_team", 200, None),
    "error_unknown_field": ("create_key", 400, None),
    "error_empty_patch": ("update_key", 400, None),
    "error_budget_with_exponent": ("create_key", 400, None),
    "error_foreign_cursor": ("list_keys", 400, None),
    "error_key_not_found": ("get_key", 404, "not_found"),
    "get_usage": ("get_usage", 200, None),
    "list_requests": ("list_requests", 200, None),
    "get_request": ("get_request", 404, "not_found"),
    "error_unknown_parameter": ("get_usage", 400, None),
    "error_changed_cursor": ("list_requests", 400, None),
    "error_others_usage": ("get_usage", 404, "not_found"),
    "list_products": ("list_products", 200, None),
    "get_product": ("get_product", 404, "not_found"),
    "list_offers": ("list_offers", 404, "not_found"),
    "search_products": ("search_products", 503, "index_unavailable"),
    "list_categories": ("list_categories", 503, "index_unavailable"),
    "list_tools": ("list_tools", 200, None),
    "call_tool": ("call_tool", 503, "index_unavailable"),
    "error_unknown_tool": ("call_tool", 404, "not_found"),
    "mcp": ("mcp", 200, None),
    "mcp_initialize": ("mcp", 200, None),
    "mcp_notification": ("mcp", 202, None),
    "mcp_list_tools": ("mcp", 200, None),
    "error_mcp_get": ("mcp", 405, "method_not_allowed"),
    "error_mcp_batch": ("mcp", 400, "invalid_request"),
    "error_mcp_header": ("mcp", 400, "header_mismatch"),
    "error_mcp_unknown_tool": ("mcp", 400, "invalid_params"),
    "error_empty_query": ("search_products", 400, None),
    "error_upside_down_prices": ("list_products", 400, None),
    "error_no_such_product": ("get_product", 404, "not_found"),
    "error_page_of_none": ("search_products", 400, None),
}
"""What becomes of each of events/: the function it goes to, the status and the error's code."""

TOOL_ROUTES = ("list_tools", "call_tool", "mcp")
"""For keys that may see products, too."""


def test_every_event_is_a_case_here() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_an_event_gets_its_answer(gateway: Gateway, name: str) -> None:
    route, status, code = CASES[name]
    if route in FUNCTIONS.values():
        gateway.change_key(scopes=["admin"])
        put_team(gateway, "team_EventsSample")
    if route in (*PRODUCT_ROUTES, *TOOL_ROUTES):
        gateway.change_key(scopes=["products"])
    answer = gateway.send(route, name)
    assert answer.status == status
    if status >= 400:
        told = answer.error["data"] if route == "mcp" else answer.error
        assert told["code"] == code
        assert told["type"] == ("invalid_request_error" if status < 500 else "api_error")


@pytest.mark.parametrize("name", CASES)
def test_an_event_is_what_api_gateway_sends(name: str) -> None:
    event = load_event(name)
    context = event["requestContext"]
    assert event["multiValueHeaders"] == {header: [value] for header, value in event["headers"].items()}
    assert context["resourcePath"] == event["resource"]
    assert context["httpMethod"] == event["httpMethod"]
    assert context["path"] == f"/{context['stage']}{event['path']}"
    assert context["identity"]["userAgent"] == event["headers"]["User-Agent"]
    resources = {routes.PREFIX + path for path in routes.ROUTES} | {"/{proxy+}"}
    assert event["resource"] in resources
    if name not in ("health", "error_no_key", "error_garbage_key"):
        assert event["headers"]["Authorization"] == f"Bearer {KEY}"


# Models.

FIELDS_OF_A_MODEL = (
    "id", "object", "created", "owned_by", "configured", "capabilities", "context_window", "max_output_tokens",
    "deployments",
)  # fmt: skip


def test_models_are_listed_with_what_is_configured(gateway: Gateway) -> None:
    gateway.set_secret(MISTRAL_API_KEY="sk-m")
    listed = gateway.send("list_models").json
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == list(registry().models)
    configured = {d["provider"] for model in listed["data"] for d in model["deployments"] if d["configured"]}
    assert configured == {"local", "mistral"}
    assert {model["id"] for model in listed["data"] if model["configured"]} == {
        model["id"] for model in listed["data"] if any(d["configured"] for d in model["deployments"])
    }
    assert {tuple(model) for model in listed["data"]} == {FIELDS_OF_A_MODEL}


@pytest.mark.parametrize("model", ["openai%2Fgpt-4o", "openai/gpt-4o", "openai%2fgpt-4o"])
def test_a_models_slash_may_be_encoded(gateway: Gateway, model: str) -> None:
    event = event_with("get_model_encoded", pathParameters={"model": model})
    assert gateway.send("get_model", event).json["id"] == "openai/gpt-4o"


def test_a_models_colon_is_a_part_of_its_name(gateway: Gateway) -> None:
    error = gateway.send("get_model", "get_model_unknown").error
    assert "'a:b'" in error["message"]
    assert error["param"] == "model"


def test_models_need_a_key(gateway: Gateway) -> None:
    for route in ("list_models", "get_model"):
        event = load_event(route)
        del event["headers"]["Authorization"]
        assert gateway.send(route, event).error["code"] == "invalid_api_key"


# Completions.


def test_a_completion_is_answered_in_openais_shape_with_the_gateways_headers(gateway: Gateway) -> None:
    answer = gateway.send("chat_completions")
    body = answer.json
    assert (body["object"], body["model"]) == ("chat.completion", "local/chat")
    assert body["choices"][0]["message"]["content"] == "You said: Say hello to the reader."
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"] > 0
    assert answer.headers["x-gateway-provider"] == "local"
    assert answer.headers["x-gateway-model"] == "local/chat"
    assert answer.headers["x-gateway-strategy"] == "priority"
    assert attempts_of(answer) == [("local/chat", "ok")]
    assert int(answer.headers["x-gateway-overhead-ms"]) >= 0
    assert answer.headers["x-request-id"].startswith(f"req_{KEY_ID}_")


def test_a_stream_is_openais_chunks_and_the_usage_that_was_asked_for(gateway: Gateway) -> None:
    answer = gateway.send("chat_completions", "chat_completions_stream")
    assert answer.headers["content-type"] == "text/event-stream"
    chunks = answer.events
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] > 0
    said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks[:-1])
    assert said == "You said: Say hello to the reader."


def test_a_tool_is_called_by_name_with_arguments_in_json(gateway: Gateway) -> None:
    choice = gateway.send("chat_completions", "chat_completions_tools").json["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert set(json.loads(call["function"]["arguments"])) == {"city"}


def test_completions_answers_messages_and_a_prompt_each_in_its_own_format(gateway: Gateway) -> None:
    assert gateway.send("completions", "completions_chat").json["object"] == "chat.completion"
    legacy = gateway.send("completions", "completions_prompt").json
    assert legacy["object"] == "text_completion"
    assert legacy["choices"][0]["text"].startswith("You said: Say hello")


def test_embeddings_are_vectors_of_the_texts_in_the_encoding_that_was_asked_for(gateway: Gateway) -> None:
    answer = gateway.send("embeddings")
    assert (answer.json["object"], answer.json["model"]) == ("list", "local/embeddings")
    assert [(item["index"], type(item["embedding"])) for item in answer.json["data"]] == [(0, str), (1, str)]
    assert answer.headers["x-gateway-provider"] == "local"
    assert gateway.row()["endpoint"] == "/api/v1/embeddings"


def test_a_chat_model_makes_no_embeddings_and_the_reverse(gateway: Gateway) -> None:
    for answer in (
        gateway.send("embeddings", "error_embeddings_of_a_chat_model"),
        gateway.chat(model="local/embeddings"),
    ):
        assert (answer.status, answer.error["param"]) == (400, "model")
        assert "embeddings" in answer.error["message"]


# What is not there.


def test_a_wrong_method_is_told_the_right_ones(gateway: Gateway) -> None:
    assert gateway.send("unknown_route", "error_wrong_method").headers["allow"] == "POST"


def test_an_unsupported_endpoint_points_to_the_one_to_use(gateway: Gateway) -> None:
    error = gateway.send("unknown_route", "error_unsupported_endpoint").error
    assert "/api/v1/chat/completions" in error["message"]


# Bodies.

TOO_LARGE = 5 * 1024 * 1024 + 1
BODIES: dict[str, tuple[Any, int, str | None]] = {
    "empty": ("", 400, None),
    "blank": ("  \n", 400, None),
    "null": ("null", 400, None),
    "text": ('"hello"', 400, None),
    "cut off": ('{"model": "local/chat"', 400, None),
    "deep": ("[" * 10_000 + "]" * 10_000, 400, None),
    "deep inside": ('{"model":"local/chat","messages":[],"x":' + "[" * 10_000 + "]" * 10_000 + "}", 400, None),
    "half a surrogate pair": ('{"model": "\\ud800"}', 400, None),
    "not a number": ('{"model": "local/chat", "temperature": NaN}', 400, None),
    "huge": (json.dumps({"model": "local/chat", "x": "x" * TOO_LARGE}), 413, None),
    "no messages": ({"model": "local/chat"}, 400, "messages"),
    "messages empty": ({"model": "local/chat", "messages": []}, 400, "messages"),
    "messages a text": ({"model": "local/chat", "messages": "hi"}, 400, "messages"),
    "message a text": ({"model": "local/chat", "messages": ["hi"]}, 400, "messages[0]"),
    "unknown role": (
        {"model": "local/chat", "messages": [{"role": "wizard", "content": "x"}]},
        400,
        "messages[0].role",
    ),
    "no model": ({"messages": [{"role": "user", "content": "x"}]}, 400, "model"),
    "model a number": ({"model": 4, "messages": [{"role": "user", "content": "x"}]}, 400, "model"),
}
FIELDS: dict[str, Any] = {"max_tokens": -1, "temperature": 9, "stream": "yes", "n": 0, "tools": "search", "stop": [1]}


@pytest.mark.parametrize("case", BODIES)
def test_a_bad_body_is_refused_by_name(gateway: Gateway, case: str) -> None:
    body, status, param = BODIES[case]
    answer = gateway.send("chat_completions", event_with("chat_completions", body))
    assert answer.status == status
    assert answer.error["param"] == param
    assert answer.error["code"] == ("request_too_large" if status == 413 else None)
    assert gateway.rows() == []


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("route", ["chat_completions", "completions"])
def test_a_bad_field_is_refused_by_name(gateway: Gateway, route: str, name: str) -> None:
    event = "chat_completions" if route == "chat_completions" else "completions_chat"
    body = json.loads(load_event(event)["body"]) | {name: FIELDS[name]}
    answer = gateway.send(route, event_with(event, body))
    assert answer.status == 400
    assert answer.error["param"].split("[")[0] == name


@pytest.mark.parametrize("name", [*FIELDS, "max_completion_tokens", "response_format"])
def test_a_prompts_bad_field_is_refused_by_name(gateway: Gateway, name: str) -> None:
    """Chat's own fields too: they go on to the chat that the prompt is asked as."""
    body = {"model": "local/chat", "prompt": "hi", name: FIELDS.get(name, "wrong")}
    answer = gateway.send("completions", event_with("completions_prompt", body))
    assert answer.status == 400
    assert answer.error["param"].split("[")[0] == name


def test_base64_that_is_none_is_refused(gateway: Gateway) -> None:
    assert gateway.send("chat_completions", event_with("chat_completions", "%%%", isBase64Encoded=True)).status == 400


def test_a_base64_body_is_read(gateway: Gateway) -> None:
    event = load_event("error_invalid_utf8") | {"body": "eyJtb2RlbCI6ICJhOmIiLCAibWVzc2FnZXMiOiBbeyJyb2xlIjogInVzZXIiLCAiY29udGVudCI6ICJ4In1dfQ=="}  # fmt: skip
    assert gateway.send("chat_completions", event).error["code"] == "model_not_found"


# Browsers, ids and health's words.


def test_an_origin_is_named_only_if_it_is_allowed(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://a.example.com,https://app.example.com")
    assert gateway.send("list_models").headers["access-control-allow-origin"] == "https://app.example.com"
    stranger = with_header(load_event("list_models"), "Origin", "https://evil.example.com")
    headers = gateway.handler("list_models")(stranger, LambdaContext())["headers"]
    assert not [name for name in headers if name.startswith("access-control")]
    assert headers["vary"] == "origin"


def test_the_clients_own_ids_are_logged_beside_ours(gateway: Gateway) -> None:
    line = gateway.send("chat_completions").request_log
    assert line["client_request_id"] == "client-0001"
    assert line["traceparent"] == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert gateway.row()["client_request_id"] == "client-0001"


def test_health_tells_version_and_stage_and_nothing_more(gateway: Gateway) -> None:
    answer = gateway.send("health")
    assert answer.json == {"status": "ok", "version": __version__, "stage": "dev", "tables": "ok"}
    assert answer.headers["cache-control"] == "no-store"
