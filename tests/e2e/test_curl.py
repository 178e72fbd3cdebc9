"""The deployed gateway by plain HTTP: every kind of bad input gets its documented status and envelope, none a 500."""

import json
from typing import Any

import pytest
import requests

from gateway import keys
from tests.e2e.conftest import Gateway

HELLO = {"model": "local/chat", "messages": [{"role": "user", "content": "Hello"}]}


def post(gateway: Gateway, body: Any, path: str = "/chat/completions", key: str | None = None) -> requests.Response:
    """POST raw bytes, or anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key or gateway.access.api_key}", "Content-Type": "application/json"}
    return requests.post(f"{gateway.base_url}{path}", data=data, headers=headers, timeout=60)


def check(answer: requests.Response, status: int, code: str | None, param: str | None = None) -> dict[str, Any]:
    """The documented error, whole."""
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param)
    assert error["message"]
    assert answer.headers["x-request-id"].startswith("req_")
    return error


def test_health_needs_no_key_and_tells_nothing_more(gateway: Gateway) -> None:
    answer = requests.get(f"{gateway.base_url}/health", timeout=60)
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": "0.1.0", "stage": "dev", "tables": "ok"}


BODIES: dict[str, tuple[Any, str | None]] = {
    "no body": (b"", None),
    "not JSON": (b"{not json", None),
    "a JSON array": (b"[1]", None),
    "JSON of depth 10,000": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, None),
    "invalid UTF-8": (b'{"model": "\xff\xfe"}', "messages"),
    "no messages": ({"model": "local/chat"}, "messages"),
    "empty messages": (HELLO | {"messages": []}, "messages"),
    "messages of a wrong type": (HELLO | {"messages": "Hello"}, "messages"),
    "a message of a wrong type": (HELLO | {"messages": ["Hello"]}, "messages[0]"),
    "an unknown role": (HELLO | {"messages": [{"role": "alien", "content": "x"}]}, "messages[0].role"),
    "no model": ({"messages": HELLO["messages"]}, "model"),
    "negative max_tokens": (HELLO | {"max_tokens": -1}, "max_tokens"),
    "both caps": (HELLO | {"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens"),
    "a temperature of 9": (HELLO | {"temperature": 9}, "temperature"),
    "stream: yes": (HELLO | {"stream": "yes"}, "stream"),
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_bad_body_gets_a_400_that_names_the_field(gateway: Gateway, kind: str) -> None:
    body, param = BODIES[kind]
    check(post(gateway, body), 400, None, param)


def test_a_body_over_5_mib_gets_a_413(gateway: Gateway) -> None:
    check(post(gateway, HELLO | {"user": "x" * (5 * 1024 * 1024)}), 413, "request_too_large")


def test_an_unknown_model_gets_a_404(gateway: Gateway) -> None:
    check(post(gateway, HELLO | {"model": "nope"}), 404, "model_not_found", "model")


def test_bad_keys_get_a_401(gateway: Gateway) -> None:
    real = gateway.access.api_key
    unknown = keys.checksum("A" * 44)
    bad = [
        "garbage",
        real[:-1] + ("0" if real[-1] != "0" else "1"),
        f"sk-gw-{'A' * 12}-{'A' * 32}-{unknown}",
        real + "x",
    ]
    for key in bad:
        check(post(gateway, HELLO, key=key), 401, "invalid_api_key")
    for headers in ({}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer "}):
        check(
            requests.post(f"{gateway.base_url}/chat/completions", headers=headers, timeout=60), 401, "invalid_api_key"
        )


def test_the_word_bearer_may_be_in_any_case(gateway: Gateway) -> None:
    headers = {"authorization": f"bEARER {gateway.access.api_key}"}
    assert requests.get(f"{gateway.base_url}/models", headers=headers, timeout=60).status_code == 200


def test_a_key_without_the_scope_gets_a_403(gateway: Gateway, admin_only_key: str) -> None:
    check(post(gateway, HELLO, key=admin_only_key), 403, "insufficient_scope")


@pytest.mark.parametrize("path", ["openai%2Fgpt-4o", "openai/gpt-4o"])
def test_a_models_id_may_hold_slashes_encoded_or_not(gateway: Gateway, path: str) -> None:
    headers = {"Authorization": f"Bearer {gateway.access.api_key}"}
    answer = requests.get(f"{gateway.base_url}/models/{path}", headers=headers, timeout=60)
    assert answer.json()["id"] == "openai/gpt-4o"
    check(requests.get(f"{gateway.base_url}/models/a:b", headers=headers, timeout=60), 404, "model_not_found", "model")


def test_what_is_not_there_is_told_apart(gateway: Gateway) -> None:
    root = gateway.base_url.removesuffix("/api/v1")
    check(requests.get(f"{gateway.base_url}/nope", timeout=60), 404, "unknown_route")
    check(requests.post(f"{root}/v1/chat/completions", timeout=60), 404, "unknown_route")
    wrong = requests.delete(f"{gateway.base_url}/chat/completions", timeout=60)
    check(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"
    for path in ("/responses", "/messages", "/responses/resp_1"):
        check(requests.post(f"{gateway.base_url}{path}", timeout=60), 404, "unsupported_endpoint")


def test_completions_takes_either_format_but_not_both(gateway: Gateway) -> None:
    assert post(gateway, HELLO, "/completions").json()["object"] == "chat.completion"
    prompt = {"model": "local/chat", "prompt": "Hello"}
    assert post(gateway, prompt, "/completions").json()["object"] == "text_completion"
    check(post(gateway, HELLO | prompt, "/completions"), 400, None, "prompt")
    check(post(gateway, {"model": "local/chat"}, "/completions"), 400, None, "prompt")


def test_a_field_that_local_does_not_know_is_dropped_and_listed(gateway: Gateway) -> None:
    answer = post(gateway, HELLO | {"some_future_field": 1})
    assert answer.status_code == 200
    assert answer.headers["x-gateway-dropped-params"] == "some_future_field"


def test_each_admitted_request_has_one_row_and_refused_ones_have_none(gateway: Gateway) -> None:
    before = len(gateway.rows())
    answer = post(gateway, HELLO | {"stream": True})
    post(gateway, HELLO, key="garbage")
    post(gateway, HELLO | {"temperature": 9})
    assert len(gateway.rows()) == before + 1
    row = gateway.row(answer.headers["x-request-id"])
    assert row["owner"] == keys.parse(gateway.access.api_key)[0]
    assert (row["model"], row["provider"], row["status"], row["stream"]) == ("local/chat", "local", 200, True)
    assert row["output_tokens"] > 0
    assert row["expires_at"] - row["created_at"] // 1000 == 90 * 86_400


def test_browsers_may_read_answers_and_errors(gateway: Gateway) -> None:
    for answer in (post(gateway, HELLO), post(gateway, b""), requests.get(f"{gateway.base_url}/nope", timeout=60)):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "x-request-id" in answer.headers["access-control-expose-headers"]


def test_every_line_of_a_requests_log_carries_its_id(gateway: Gateway) -> None:
    headers = {"Authorization": f"Bearer {gateway.access.api_key}", "X-Client-Request-Id": "mine-42"}
    answer = requests.post(f"{gateway.base_url}/chat/completions", json=HELLO, headers=headers, timeout=60)
    lines = [json.loads(line) for line in gateway.log().splitlines() if "mine-42" in line]
    assert [(line["message"], line["request_id"]) for line in lines] == [("request", answer.headers["x-request-id"])]
    assert (lines[0]["model"], lines[0]["status"], lines[0]["provider"]) == ("local/chat", 200, "local")
