"""Every admitted request leaves exactly one row, whatever becomes of it."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest

from gateway import pipeline, registry_source, request_log
from gateway.providers import local
from gateway.registry import Registry
from tests.conftest import EVENTS, load_event
from tests.integration.harness import KEY_ID, Gateway, event_with

ALWAYS = {
    "owner", "request_id", "created_at", "endpoint", "model", "status", "stream", "latency_ms", "provider_ms",
    "strategy", "attempts", "expires_at", "cost_usd",
}  # fmt: skip


def break_adapter(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def complete(*_: Any) -> None:
        raise error

    monkeypatch.setattr(local, "complete", complete)


def use_registry(monkeypatch: pytest.MonkeyPatch, **local_chat: Any) -> None:
    """A registry with only local/chat, its deployment changed."""
    data = json.loads(registry_source.MODELS_FILE.read_text(encoding="utf-8"))
    data["models"] = {"local/chat": {"deployments": [{"provider": "local", "model": "chat", **local_chat}]}}
    monkeypatch.setattr(pipeline, "registry", lambda: Registry(data))


def test_a_success_leaves_a_row_that_tells_all_of_it(gateway: Gateway) -> None:
    before = int(time.time() * 1000)
    answer = gateway.send("chat_completions")
    row = gateway.row()
    assert set(row) == ALWAYS | {"provider", "provider_model", "input_tokens", "output_tokens", "client_request_id"}
    assert (row["owner"], row["request_id"]) == (KEY_ID, answer.headers["x-request-id"])
    assert before <= row["created_at"] <= time.time() * 1000
    assert row["expires_at"] == row["created_at"] // 1000 + 90 * 86_400
    assert (row["endpoint"], row["model"], row["stream"]) == ("/api/v1/chat/completions", "local/chat", False)
    assert (row["status"], row["provider"], row["provider_model"]) == (200, "local", "local/chat")
    assert row["input_tokens"] == answer.json["usage"]["prompt_tokens"]
    assert row["output_tokens"] == answer.json["usage"]["completion_tokens"]
    assert row["strategy"] == "priority"
    assert [(a["deployment"], a["outcome"]) for a in row["attempts"]] == [("local/chat", "ok")]
    assert [set(attempt) for attempt in row["attempts"]] == [{"deployment", "outcome", "ms"}]
    assert all(isinstance(row[name], Decimal) and row[name] >= 0 for name in ("latency_ms", "provider_ms"))


def test_the_request_line_tells_what_the_row_tells(gateway: Gateway) -> None:
    line, row = gateway.send("chat_completions").request_log, gateway.row()
    for name in ("model", "status", "provider", "provider_model", "input_tokens", "output_tokens", "provider_ms"):
        assert line[name] == row[name]


def test_rows_of_a_key_sort_by_time(gateway: Gateway) -> None:
    ids = [gateway.send("chat_completions").headers["x-request-id"] for _ in range(3)]
    assert len({row["request_id"] for row in gateway.rows()}) == 3
    assert [row["request_id"] for row in sorted(gateway.rows(), key=lambda row: int(row["created_at"]))] == ids


def test_the_rows_retention_is_the_parameters(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUEST_RETENTION_DAYS", "7")
    gateway.send("chat_completions")
    row = gateway.row()
    assert row["expires_at"] == row["created_at"] // 1000 + 7 * 86_400


@pytest.mark.parametrize(
    ("route", "event", "endpoint", "stream"),
    [
        ("chat_completions", "chat_completions_stream", "/api/v1/chat/completions", True),
        ("chat_completions", "chat_completions_tools", "/api/v1/chat/completions", False),
        ("completions", "completions_chat", "/api/v1/completions", False),
        ("completions", "completions_prompt", "/api/v1/completions", False),
    ],
)
def test_every_form_of_completion_leaves_a_row(
    gateway: Gateway, route: str, event: str, endpoint: str, stream: bool
) -> None:
    gateway.send(route, event)
    row = gateway.row()
    assert (row["endpoint"], row["stream"], row["status"]) == (endpoint, stream, 200)


def test_a_model_without_credentials_leaves_a_row_without_attempts(gateway: Gateway) -> None:
    answer = gateway.chat(model="openai/gpt-4o")
    assert (answer.status, answer.error["code"]) == (503, "provider_not_configured")
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-gateway-attempts"] == "none"
    row = gateway.row()
    assert (row["status"], row["error_code"], row["attempts"]) == (503, "provider_not_configured", [])
    assert set(row) == ALWAYS | {"error_code", "client_request_id"}


def test_an_unknown_field_is_refused_where_it_cannot_be_expressed(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_registry(monkeypatch)
    answer = gateway.chat(top_k=5)
    assert (answer.status, answer.error["param"]) == (400, "top_k")
    row = gateway.row()
    assert (row["status"], row["error_code"]) == (400, "invalid_request_error")


def test_an_unknown_field_is_dropped_and_listed_where_the_model_says_so(gateway: Gateway) -> None:
    answer = gateway.chat(top_k=5, min_p=0.1)
    assert answer.status == 200
    assert answer.headers["x-gateway-dropped-params"] == "top_k, min_p"


def test_of_what_was_left_out_the_header_names_as_much_as_fits_and_counts_the_rest(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_registry(monkeypatch, drop_params=True)
    fields: dict[str, Any] = {f"{'x' * 250}{number:02}": 1 for number in range(25)}
    told = gateway.chat(**fields).headers["x-gateway-dropped-params"].split(", ")
    assert told == [*list(fields)[:20], "and 5 more"]


def test_an_answer_too_large_for_lambda_leaves_a_row_with_its_tokens(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "MAX_ANSWER_BYTES", 100)
    answer = gateway.chat()
    assert (answer.status, answer.error["code"]) == (502, "response_too_large")
    assert answer.headers["x-should-retry"] == "false"
    row = gateway.row()
    assert (row["status"], row["error_code"]) == (502, "response_too_large")
    assert row["output_tokens"] > 0


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyError("choices"), RecursionError()], ids=repr)
def test_an_unexpected_exception_inside_an_adapter_leaves_a_row(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    break_adapter(monkeypatch, error)
    answer = gateway.chat()
    assert (answer.status, answer.error["code"]) == (500, "internal_error")
    row = gateway.row()
    assert (row["status"], row["error_code"]) == (500, "internal_error")
    assert [(a["deployment"], a["outcome"]) for a in row["attempts"]] == [("local/chat", "internal_error")]
    assert answer.line("ERROR")["error"] == type(error).__name__


def test_a_process_that_is_told_to_end_leaves_a_row_first(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    break_adapter(monkeypatch, SystemExit())
    with pytest.raises(SystemExit):
        gateway.chat()
    assert gateway.row()["error_code"] == "internal_error"


def test_an_unexpected_exception_while_rendering_leaves_a_row(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "render", lambda *_: 1 / 0)
    assert gateway.chat().status == 500
    row = gateway.row()
    assert (row["status"], row["provider"], row["attempts"][0]["outcome"]) == (500, "local", "ok")


REFUSED = sorted(path.stem for path in EVENTS.glob("error_*.json"))


@pytest.mark.parametrize("name", [name for name in REFUSED if load_event(name)["resource"] != "/{proxy+}"])
def test_what_was_never_admitted_leaves_no_row(gateway: Gateway, name: str) -> None:
    gateway.send("chat_completions", name)
    assert gateway.rows() == []


def test_an_unknown_model_leaves_no_row(gateway: Gateway) -> None:
    answer = gateway.chat(model="no/such-model")
    assert (answer.status, answer.error["code"], answer.error["param"]) == (404, "model_not_found", "model")
    assert gateway.rows() == []


def test_a_repeated_write_changes_nothing_and_alarms_nobody(gateway: Gateway) -> None:
    gateway.send("chat_completions")
    row = gateway.row()
    values = {name: value for name, value in row.items() if name != "expires_at"}
    assert request_log.rows().put(values | {"status": 500, "model": "other"}) == row
    assert gateway.row() == row
    assert request_log.ROW_LOST not in gateway.log.getvalue()


def test_a_client_cannot_choose_the_rows_id(gateway: Gateway) -> None:
    event = event_with("chat_completions")
    event["headers"] |= {"X-Request-Id": "req_mine", "X-Client-Request-Id": "c" * 1000}
    answer = gateway.send("chat_completions", event)
    assert answer.headers["x-request-id"] != "req_mine"
    assert gateway.row()["client_request_id"] == "c" * 128
