"""A request's identity and its deadline, by the earlier of API Gateway's clock and of Lambda's."""

from typing import Any

import pytest

from gateway.context import SAMPLE_AGE_SECONDS, SETTLING_SECONDS, begin, current
from tests.conftest import LambdaContext

NOW = 1_790_000_000.0


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.context.time.time", lambda: NOW)


def event(arrived: Any = None, **fields: Any) -> dict[str, Any]:
    """An event that API Gateway took in at this time."""
    gateway = {"extendedRequestId": "x", "requestTimeEpoch": arrived}
    return {"path": "/api/v1/models/a", "resource": "/api/v1/models/{model+}", "requestContext": gateway} | fields


def seconds_left(sent: dict[str, Any], lambda_seconds: float = 100, timeout: float = 28) -> float:
    request = begin(sent, LambdaContext(round(lambda_seconds * 1000)), {}, timeout)
    return round(request.deadline.at - NOW + SETTLING_SECONDS, 3)


def test_a_request_has_the_gateway_s_timeout_from_its_arrival_on() -> None:
    assert seconds_left(event(round((NOW - 5) * 1000))) == 23
    assert seconds_left(event(round(NOW * 1000))) == 28


def test_lambda_s_own_time_counts_if_it_ends_before() -> None:
    assert seconds_left(event(round(NOW * 1000)), lambda_seconds=10) == 10


def test_time_to_settle_is_kept_back() -> None:
    assert begin(event(round(NOW * 1000)), LambdaContext(), {}, 28).deadline.at == NOW + 28 - SETTLING_SECONDS


@pytest.mark.parametrize("arrived", [None, "now", 1_428_582_896_000, round((NOW + 60) * 1000), 0])
def test_a_saved_sample_or_a_wrong_clock_starts_now(arrived: Any) -> None:
    assert seconds_left(event(arrived)) == 28


def test_an_event_is_a_sample_from_a_certain_age_on() -> None:
    assert seconds_left(event(round((NOW - SAMPLE_AGE_SECONDS) * 1000))) == 28
    assert seconds_left(event(round((NOW - SAMPLE_AGE_SECONDS + 1) * 1000))) == 28 - SAMPLE_AGE_SECONDS + 1


@pytest.mark.parametrize("gateway", [{}, None, {"requestTimeEpoch": round((NOW - 5) * 1000)}])
def test_without_api_gateway_s_stamp_a_request_starts_now(gateway: Any) -> None:
    assert seconds_left(event(requestContext=gateway)) == 28


def test_the_id_names_the_owner_once_it_is_known() -> None:
    request = begin(event(), LambdaContext(), {}, 28)
    assert request.id == f"req_{request.ulid}"
    request.owner = "abc"
    assert request.id == f"req_abc_{request.ulid}"
    assert current() is request


def test_ids_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first = begin(event(), LambdaContext(), {}, 28).id
    monkeypatch.setattr("gateway.context.time.time", lambda: NOW + 0.002)
    assert begin(event(), LambdaContext(), {}, 28).id > first


def test_the_route_is_the_template_s_and_the_client_s_id_is_kept_short() -> None:
    request = begin(event(), LambdaContext(), {"x-client-request-id": "c" * 1000}, 28)
    assert (request.route, request.client_request_id) == ("/api/v1/models/{model+}", "c" * 128)
    bare = begin(event(resource=None), LambdaContext(), {"x-client-request-id": ""}, 28)
    assert (bare.route, bare.client_request_id) == ("/api/v1/models/a", None)
