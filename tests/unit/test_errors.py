"""Each error knows its answer: status, type, code, and whether to try again."""

import json

import pytest

from gateway import errors
from gateway.errors import GatewayError
from gateway.http import error_response

TABLE = {
    errors.InvalidRequest: (400, "invalid_request_error", None, None),
    errors.ProtocolError: (400, "invalid_request_error", None, None),
    errors.Inexpressible: (400, "invalid_request_error", None, None),
    errors.ContextLengthExceeded: (400, "invalid_request_error", "context_length_exceeded", None),
    errors.ContentFiltered: (400, "invalid_request_error", "content_filter", None),
    errors.InvalidApiKey: (401, "invalid_request_error", "invalid_api_key", None),
    errors.InsufficientScope: (403, "invalid_request_error", "insufficient_scope", None),
    errors.ModelNotAllowed: (403, "invalid_request_error", "model_not_allowed", None),
    errors.OriginNotAllowed: (403, "invalid_request_error", "origin_not_allowed", None),
    errors.NotFound: (404, "invalid_request_error", "not_found", None),
    errors.UnknownRoute: (404, "invalid_request_error", "unknown_route", None),
    errors.UnsupportedEndpoint: (404, "invalid_request_error", "unsupported_endpoint", None),
    errors.ModelNotFound: (404, "invalid_request_error", "model_not_found", None),
    errors.MethodNotAllowed: (405, "invalid_request_error", "method_not_allowed", None),
    errors.TeamNotEmpty: (409, "invalid_request_error", "team_not_empty", None),
    errors.RequestTooLarge: (413, "invalid_request_error", "request_too_large", None),
    errors.RateLimitExceeded: (429, "rate_limit_error", "rate_limit_exceeded", "true"),
    errors.BudgetHeld: (429, "rate_limit_error", "budget_held", "true"),
    errors.InsufficientQuota: (429, "insufficient_quota", "insufficient_quota", "false"),
    errors.InternalError: (500, "api_error", "internal_error", None),
    errors.UpstreamError: (502, "api_error", "upstream_error", None),
    errors.RateLimited: (502, "api_error", "upstream_error", None),
    errors.CredentialsRefused: (502, "api_error", "upstream_error", None),
    errors.ResponseTooLarge: (502, "api_error", "response_too_large", "false"),
    errors.ServiceUnavailable: (503, "api_error", "service_unavailable", None),
    errors.IndexUnavailable: (503, "api_error", "index_unavailable", None),
    errors.ProviderNotConfigured: (503, "api_error", "provider_not_configured", "false"),
    errors.UpstreamTimeout: (504, "timeout_error", "upstream_timeout", "false"),
}


def family(kind: type[GatewayError]) -> set[type[GatewayError]]:
    return {kind}.union(*(family(child) for child in kind.__subclasses__()))


def test_the_table_is_of_all_errors() -> None:
    assert set(TABLE) == family(GatewayError) - {GatewayError}


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_an_error_becomes_the_response_of_the_table(kind: type[GatewayError]) -> None:
    status, error_type, code, should_retry = TABLE[kind]
    response = error_response(kind("What happened."))
    assert response["statusCode"] == status
    assert json.loads(response["body"]) == {
        "error": {"message": "What happened.", "type": error_type, "param": None, "code": code}
    }
    assert response["headers"].get("x-should-retry") == should_retry
    assert response["headers"]["content-type"] == "application/json"


def test_only_a_provider_s_own_trouble_is_worth_another_try() -> None:
    worth_it = {kind for kind in TABLE if kind("m").retryable}
    assert worth_it == {errors.UpstreamError, errors.RateLimited}
    assert errors.UpstreamError("m", retryable=False).retryable is False


def test_an_error_s_own_code_and_field_go_before_its_class_s() -> None:
    error = errors.UpstreamError("m", param="a", code="b")
    assert error.body()["error"] == {"message": "m", "type": "api_error", "param": "a", "code": "b"}


@pytest.mark.parametrize(
    ("seconds", "header"), [(None, None), (0, "1"), (0.4, "1"), (2.5, "3"), (3, "3"), (7.9, "8"), (60.0, "60")]
)
def test_retry_after_is_whole_seconds_and_at_least_one(seconds: float | None, header: str | None) -> None:
    headers = errors.ServiceUnavailable("m", retry_after=seconds).response_headers()
    assert headers.get("retry-after") == header


def test_an_error_s_headers_are_added_to_not_changed() -> None:
    sent = {"allow": "GET"}
    error = errors.UpstreamTimeout("m", headers=sent)
    assert error.response_headers() == {"allow": "GET", "x-should-retry": "false"}
    assert sent == {"allow": "GET"}


def test_without_a_key_all_are_told_the_same() -> None:
    assert errors.InvalidApiKey().message == errors.InvalidApiKey().message
    assert "sk-gw-" in errors.InvalidApiKey().message
