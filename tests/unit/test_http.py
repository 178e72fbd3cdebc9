"""Requests in and responses out: headers, keys, bodies, CORS, and the one place where exceptions become HTTP."""

import dataclasses
import json
from typing import Any

import pytest

from gateway.errors import InvalidApiKey, ModelNotFound
from gateway.http import api_handler, bearer_token, cors_headers, json_response, request_headers, respond, to_json
from gateway.settings import settings
from tests.conftest import LambdaContext
from tests.unit.builders import caught_from

EVENT: dict[str, Any] = {
    "httpMethod": "GET",
    "path": "/api/v1/health",
    "resource": "/api/v1/health",
    "headers": None,
    "requestContext": {},
}


def authorized(value: Any, name: str = "Authorization") -> dict[str, Any]:
    return {"headers": {name: value}}


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_a_bearer_token_is_found_in_any_case(word: str, name: str) -> None:
    assert bearer_token(authorized(f"  {word}  sk-gw-x  ", name)) == "sk-gw-x"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"headers": None},
        {"headers": {}},
        authorized(None),
        authorized(""),
        authorized("Bearer"),
        authorized("Bearer "),
        authorized("sk-gw-x"),
        authorized("Basic sk-gw-x"),
        authorized("Bearersk-gw-x"),
        authorized("sk-gw-x", "x-api-key"),
    ],
)
def test_a_request_without_a_token_is_told_how_to_send_one(event: dict[str, Any]) -> None:
    error = caught_from(lambda: bearer_token(event), InvalidApiKey)
    assert error.message == "You did not send an API key. Send one as 'Authorization: Bearer sk-gw-…'."


def test_header_names_are_lower_case_and_none_is_none() -> None:
    assert request_headers({"headers": {"X-A": "B", "accept": 5}}) == {"x-a": "B", "accept": "5"}
    assert request_headers({"headers": None}) == request_headers({}) == {}


def test_json_is_compact_and_readable() -> None:
    assert to_json({"a": [1, "é😀"], "b": None}) == '{"a":[1,"é😀"],"b":null}'


def test_half_of_a_surrogate_pair_is_escaped_so_that_it_can_be_sent() -> None:
    text = to_json({"a": "é\ud83d"})
    assert text.encode() == b'{"a":"\\u00e9\\ud83d"}'
    assert json.loads(text) == {"a": "é\ud83d"}


def test_a_response_is_json_unless_it_says_otherwise() -> None:
    assert json_response(201, {"a": 1}, {"x": "y"}) == {
        "statusCode": 201,
        "headers": {"content-type": "application/json", "x": "y"},
        "body": '{"a":1}',
    }
    assert respond(200, "", {"content-type": "text/plain"})["headers"] == {"content-type": "text/plain"}


@pytest.mark.parametrize("origin", [None, "https://a.example"])
def test_every_origin_may_read_if_all_may(origin: str | None) -> None:
    headers = cors_headers(dataclasses.replace(settings(), allowed_origins=("*",)), origin)
    assert headers["access-control-allow-origin"] == "*"
    assert "x-request-id" in headers["access-control-expose-headers"]
    assert "vary" not in headers


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://a.example", True),
        ("https://b.example", True),
        ("https://c.example", False),
        ("https://a.example.evil", False),
        ("null", False),
        ("", False),
        (None, False),
    ],
)
def test_only_listed_origins_may_read_and_each_is_named_alone(origin: str | None, allowed: bool) -> None:
    config = dataclasses.replace(settings(), allowed_origins=("https://a.example", "https://b.example", ""))
    headers = cors_headers(config, origin)
    assert headers["vary"] == "origin"
    assert headers.get("access-control-allow-origin") == (origin if allowed else None)
    assert ("access-control-expose-headers" in headers) == allowed


def handled(action: Any, event: dict[str, Any] = EVENT) -> dict[str, Any]:
    return api_handler(lambda event, context: action())(event, LambdaContext())


def failing(error: Exception) -> Any:
    def fail() -> None:
        raise error

    return fail


def test_every_response_carries_a_new_request_id() -> None:
    ids = {handled(lambda: respond(200, ""))["headers"]["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(request_id.startswith("req_") and len(request_id) == 30 for request_id in ids)
    assert handled(failing(ModelNotFound("m")))["headers"]["x-request-id"].startswith("req_")


def test_an_error_of_ours_is_answered_as_it_says() -> None:
    response = handled(failing(ModelNotFound("No such model.", param="model")))
    assert response["statusCode"] == 404
    assert json.loads(response["body"])["error"]["code"] == "model_not_found"
    assert response["headers"]["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("log_prompts", [False, True])
def test_an_unexpected_error_s_text_is_in_the_log_only_with_the_prompts(
    monkeypatch: pytest.MonkeyPatch, log_prompts: bool
) -> None:
    logged: list[Any] = []
    monkeypatch.setattr("gateway.http.logger.error", lambda message, **fields: logged.append(fields))
    monkeypatch.setattr("gateway.http.settings", lambda: dataclasses.replace(settings(), log_prompts=log_prompts))
    response = handled(failing(ValueError("prompt: my secret words")))
    assert response["statusCode"] == 500
    assert json.loads(response["body"])["error"] == {
        "message": "The gateway failed. Its log names the cause under this request's id.",
        "type": "api_error",
        "param": None,
        "code": "internal_error",
    }
    assert logged[0]["error"] == "ValueError"
    assert ("my secret words" in str(logged)) == log_prompts
