"""DynamoDB's faults: the client is told to try again, or does not notice, and nothing is a 500."""

import json
import threading
from collections.abc import Callable
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)

from gateway import readiness, request_log
from tests.conftest import ENVIRONMENT
from tests.integration.harness import KEY_ID, Fault, Gateway

ADDRESS = "https://dynamodb.us-east-1.amazonaws.com"
FAULTS = [
    Fault("ThrottlingException"),
    Fault("ProvisionedThroughputExceededException"),
    Fault("RequestLimitExceeded"),
    Fault("AccessDeniedException"),
    Fault("ResourceNotFoundException"),
    Fault("UnrecognizedClientException"),
    Fault("ExpiredTokenException"),
    Fault("ValidationException"),
    Fault("InternalServerError", 500),
    Fault("ServiceUnavailable", 503),
    Fault(ReadTimeoutError(endpoint_url=ADDRESS)),
    Fault(ConnectTimeoutError(endpoint_url=ADDRESS)),
    Fault(EndpointConnectionError(endpoint_url=ADDRESS)),
    Fault(HTTPClientError(error="reset")),
    Fault(NoCredentialsError()),
]
pytestmark = pytest.mark.usefixtures("no_backoff")


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_keys_table_that_does_not_answer_is_a_503_with_retry_after(gateway: Gateway, fault: Fault) -> None:
    gateway.fail("GetItem", fault)
    answer = gateway.send("chat_completions")
    assert (answer.status, answer.error["code"]) == (503, "service_unavailable")
    assert answer.headers["retry-after"] == "1"
    line = answer.line("ERROR")
    assert (line["message"], line["table"], line["error"]) == ("table unavailable", "keys", str(fault))


@pytest.mark.parametrize("route", ["list_models", "get_model", "chat_completions", "completions"])
def test_no_route_does_without_the_keys_table(gateway: Gateway, route: str) -> None:
    gateway.db.delete_table(TableName=ENVIRONMENT["KEYS_TABLE"])
    assert gateway.send(route, "completions_prompt" if route == "completions" else route).status == 503


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_lost_row_is_logged_whole_and_the_client_gets_its_answer(gateway: Gateway, fault: Fault) -> None:
    gateway.fail("PutItem", fault)
    answer = gateway.send("chat_completions")
    assert answer.status == 200
    assert answer.json["choices"][0]["message"]["content"] == "You said: Say hello to the reader."
    line = answer.line("CRITICAL")
    assert line["message"] == request_log.ROW_LOST
    assert (line["row"]["owner"], line["row"]["request_id"]) == (KEY_ID, answer.headers["x-request-id"])
    assert (line["row"]["status"], line["row"]["model"]) == (200, "local/chat")
    assert line["row"]["output_tokens"] == answer.json["usage"]["completion_tokens"]
    assert line["row"]["expires_at"] > 0


def test_a_lost_row_can_be_put_in_later(gateway: Gateway) -> None:
    broken = Fault("ThrottlingException")
    gateway.fail("PutItem", broken)
    lost = gateway.send("chat_completions").line("CRITICAL")["row"]
    gateway.recover("PutItem", broken)
    lost["cost_usd"] = Decimal(lost["cost_usd"])
    request_log.rows().put(lost)
    assert gateway.row() == lost


def test_a_table_that_stays_silent_does_not_outlast_the_function(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3's own timeouts and retries add up to more than Lambda leaves after the deadline."""
    silent = threading.Event()
    monkeypatch.setattr(request_log, "WRITE_SECONDS", 0.05)
    gateway.events.register_first("before-send.dynamodb.PutItem", lambda **_: silent.wait(10))
    answer = gateway.send("chat_completions")
    silent.set()
    assert answer.status == 200
    assert answer.line("CRITICAL")["message"] == request_log.ROW_LOST


def test_a_passing_fault_is_survived(gateway: Gateway) -> None:
    asked = gateway.count("GetItem")
    left = [Fault("ThrottlingException")]

    def passing(**options: Any) -> Any:
        return left.pop()(**options) if left else None

    gateway.events.register_first("before-send.dynamodb.GetItem", passing)
    assert gateway.send("list_models").status == 200
    assert asked() == 1


def test_a_row_whose_first_answer_got_lost_is_written_once_and_nobody_is_alarmed(gateway: Gateway) -> None:
    """boto3 repeats the write by itself; the second one finds the row."""
    left = [Fault(ReadTimeoutError(endpoint_url=ADDRESS))]

    def lose_the_answer(request: Any, **options: Any) -> Any:
        if not left:
            return None
        row = {**json.loads(request.body), "ConditionExpression": "attribute_not_exists(request_id)"}
        fault = left.pop()
        gateway.db.put_item(**row)
        return fault(request, **options)

    gateway.events.register_first("before-send.dynamodb.PutItem", lose_the_answer)
    answer = gateway.send("chat_completions")
    assert answer.status == 200
    assert gateway.row()["request_id"] == answer.headers["x-request-id"]
    assert {line["level"] for line in answer.logs} == {"INFO"}


# Health.


def test_health_needs_no_key_and_asks_both_tables_at_most_every_ten_seconds(
    gateway: Gateway, later: Callable[[ModuleType, float], None]
) -> None:
    asked = gateway.count("GetItem")
    for _ in range(3):
        assert gateway.send("health").status == 200
    assert asked() == 2
    later(readiness, 10)
    gateway.send("health")
    assert asked() == 4


@pytest.mark.parametrize("table", ["KEYS_TABLE", "REQUESTS_TABLE"])
def test_health_is_503_when_a_table_is_gone(gateway: Gateway, table: str) -> None:
    gateway.db.delete_table(TableName=ENVIRONMENT[table])
    answer = gateway.send("health")
    assert answer.status == 503
    assert (answer.json["status"], answer.json["tables"]) == ("unavailable", "unavailable")
    assert ENVIRONMENT[table] not in answer.text


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_health_is_503_while_the_tables_do_not_answer_and_recovers(
    gateway: Gateway, later: Callable[[ModuleType, float], None], fault: Fault
) -> None:
    gateway.fail("GetItem", fault)
    assert gateway.send("health").status == 503
    gateway.recover("GetItem", fault)
    assert gateway.send("health").status == 503
    later(readiness, 10)
    assert gateway.send("health").status == 200
