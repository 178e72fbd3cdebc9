"""What API Gateway answers by itself: routes, preflight requests and errors, none of which an emulator shows."""

import json
import re
from typing import Any

import pytest

from gateway import routes
from tests.template.cloudformation import Json, resolve

ORIGINS = {
    "*": "'*'",
    "https://app.example.com": "'https://app.example.com'",
    "https://a.example.com,https://b.example.com": "'*'",
    "http://localhost:3000,https://a.example.com,https://b.example.com": "'*'",
}
"""AllowedOrigins, and the one origin that a static header can name for it."""

CATCH_ALL = "/{proxy+}"
METHODS = {"get", "post", "put", "patch", "delete", "head"}
EVERY_ERROR = {"Content-Type", "x-request-id", "Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Access-Control-Expose-Headers"}  # fmt: skip
STATUSES = {
    "DEFAULT_4XX": None,
    "DEFAULT_5XX": None,
    "BAD_REQUEST_BODY": "400",
    "BAD_REQUEST_PARAMETERS": "400",
    "UNAUTHORIZED": "401",
    "WAF_FILTERED": "403",
    "MISSING_AUTHENTICATION_TOKEN": "404",
    "RESOURCE_NOT_FOUND": "404",
    "REQUEST_TOO_LARGE": "413",
    "UNSUPPORTED_MEDIA_TYPE": "415",
    "THROTTLED": "429",
    "QUOTA_EXCEEDED": "429",
    "INTEGRATION_FAILURE": "502",
    "INTEGRATION_TIMEOUT": "504",
}
"""None: each error under a default keeps the status that API Gateway gives it."""

ERRORS = sorted(STATUSES)


@pytest.fixture(scope="session")
def api(deployed: Json) -> Json:
    body: Json = deployed["Resources"]["Api"]["Properties"]["Body"]
    return body


def gateway_response(api: Json, name: str) -> Json:
    found: Json = api["x-amazon-apigateway-gateway-responses"][name]
    return found


def headers_of(api: Json, name: str, allowed_origins: str = "*") -> dict[str, str]:
    """The headers of API Gateway's own error, as API Gateway's mapping expressions."""
    found = resolve(gateway_response(api, name)["responseParameters"], {"AllowedOrigins": allowed_origins})
    return {key.removeprefix("gatewayresponse.header."): value for key, value in found.items()}


def preflight_of(api: Json, path: str, allowed_origins: str = "*") -> dict[str, str]:
    integration = api["paths"][path]["options"]["x-amazon-apigateway-integration"]
    assert integration["type"] == "mock"
    assert json.loads(integration["requestTemplates"]["application/json"]) == {"statusCode": 200}
    found = resolve(integration["responses"]["default"]["responseParameters"], {"AllowedOrigins": allowed_origins})
    return {key.removeprefix("method.response.header."): value for key, value in found.items()}


# Routes.


def test_the_api_is_regional_and_traced(deployed: Json) -> None:
    assert deployed["Resources"]["Api"]["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert deployed["Resources"]["ApiStage"]["Properties"]["TracingEnabled"] is True
    stages = [r for r in deployed["Resources"].values() if r["Type"] == "AWS::ApiGateway::Stage"]
    assert [stage["Properties"]["StageName"] for stage in stages] == [{"Ref": "Stage"}]


def test_the_routes_that_explain_a_404_are_those_of_the_template(api: Json) -> None:
    declared = {
        path.removeprefix(routes.PREFIX): sorted(method.upper() for method in methods if method != "options")
        for path, methods in api["paths"].items()
        if path != CATCH_ALL
    }
    assert declared == routes.ROUTES


def test_the_catch_all_names_every_method(api: Json) -> None:
    assert set(api["paths"][CATCH_ALL]) == METHODS | {"options"}
    assert not [path for path, methods in api["paths"].items() if "x-amazon-apigateway-any-method" in methods]


def test_every_method_calls_a_function_without_an_authorizer(api: Json) -> None:
    for path, methods in api["paths"].items():
        for method in set(methods) - {"options"}:
            assert methods[method]["x-amazon-apigateway-integration"]["type"] == "aws_proxy", (path, method)
            assert methods[method].get("security", [{"NONE": []}]) == [{"NONE": []}], (path, method)


def test_a_deploy_always_reaches_the_stage(written: Json) -> None:
    """SAM names a deployment by a hash that parameters' values are not part of."""
    assert written["Resources"]["Api"]["Properties"]["AlwaysDeploy"] is True


# Preflight.


@pytest.mark.parametrize(("allowed", "header"), ORIGINS.items())
def test_preflight_allows_the_origin_on_every_path(api: Json, allowed: str, header: str) -> None:
    for path in api["paths"]:
        assert preflight_of(api, path, allowed)["Access-Control-Allow-Origin"] == header


def test_preflight_allows_what_openai_clients_send(api: Json) -> None:
    """`*` stands for x-stainless-… and whatever comes after them, but for Authorization by no browser's reading."""
    for path in api["paths"]:
        headers = preflight_of(api, path)
        assert {"authorization", "content-type", "*"} <= listed(headers["Access-Control-Allow-Headers"])
        assert METHODS | {"options"} <= listed(headers["Access-Control-Allow-Methods"])


def test_preflight_declares_every_header_that_it_sends(api: Json) -> None:
    """API Gateway refuses an integration's header that the method's response does not declare."""
    for path, methods in api["paths"].items():
        assert set(methods["options"]["responses"]["200"]["headers"]) == set(preflight_of(api, path))


def test_the_allowed_origins_are_checked_before_they_are_deployed(written: Json) -> None:
    pattern = written["Parameters"]["AllowedOrigins"]["AllowedPattern"]
    assert all(re.fullmatch(pattern, origins) for origins in ORIGINS)
    wrong = ["", "example.com", "https://a.example.com/", "https://a.example.com, https://b.example.com", "*,https://a"]
    assert not [
        origins for origins in [*wrong, "https://a'b", "https://a,", "https://me@a"] if re.fullmatch(pattern, origins)
    ]


# API Gateway's own errors.


def test_these_errors_are_ours(api: Json) -> None:
    found = api["x-amazon-apigateway-gateway-responses"]
    assert {name: response.get("statusCode") for name, response in found.items()} == STATUSES


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_a_fixed_text_in_openais_format(api: Json, error: str) -> None:
    """API Gateway's variables would quote the request, its Authorization header too."""
    templates = gateway_response(api, error)["responseTemplates"]
    assert list(templates) == ["application/json"]
    assert "$" not in templates["application/json"]
    body = json.loads(templates["application/json"])
    assert list(body) == ["error"]
    assert list(body["error"]) == ["message", "type", "param", "code"]
    assert body["error"]["message"].endswith(".")
    assert body["error"]["param"] is None
    assert body["error"]["type"] in {"invalid_request_error", "rate_limit_error", "api_error", "timeout_error"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("DEFAULT_5XX", "internal_error"), ("UNAUTHORIZED", "invalid_api_key"), ("REQUEST_TOO_LARGE", "request_too_large"),
        ("MISSING_AUTHENTICATION_TOKEN", "unknown_route"), ("THROTTLED", "rate_limit_exceeded"),
        ("INTEGRATION_TIMEOUT", "upstream_timeout"),
    ],
)  # fmt: skip
def test_an_error_has_the_code_that_the_gateway_gives_it(api: Json, error: str, code: str) -> None:
    assert json.loads(gateway_response(api, error)["responseTemplates"]["application/json"])["error"]["code"] == code


@pytest.mark.parametrize("error", ERRORS)
def test_a_browser_may_read_an_error_and_its_id(api: Json, error: str) -> None:
    headers = headers_of(api, error)
    assert set(headers) >= EVERY_ERROR
    assert headers["x-request-id"] == "context.requestId"
    assert headers["Content-Type"] == "'application/json'"
    exposed = listed(headers["Access-Control-Expose-Headers"])
    assert {"x-request-id", "retry-after", "x-should-retry"} <= exposed
    assert "authorization" in listed(headers["Access-Control-Allow-Headers"])


@pytest.mark.parametrize(("allowed", "header"), ORIGINS.items())
def test_an_error_names_the_origin_that_preflight_names(api: Json, allowed: str, header: str) -> None:
    assert {headers_of(api, error, allowed)["Access-Control-Allow-Origin"] for error in ERRORS} == {header}


@pytest.mark.parametrize("error", ERRORS)
def test_a_header_is_a_quoted_text_or_a_context_variable(api: Json, error: str) -> None:
    for value in headers_of(api, error).values():
        assert re.fullmatch(r"'[^'$]+'|context\.requestId", value)


def test_errors_say_when_to_try_again(api: Json) -> None:
    assert headers_of(api, "THROTTLED")["Retry-After"] == "'1'"
    assert headers_of(api, "QUOTA_EXCEEDED")["Retry-After"] == "'60'"
    assert headers_of(api, "INTEGRATION_TIMEOUT")["x-should-retry"] == "'false'"
    others = set(ERRORS) - {"THROTTLED", "QUOTA_EXCEEDED", "INTEGRATION_TIMEOUT"}
    assert {frozenset(headers_of(api, error)) for error in others} == {frozenset(EVERY_ERROR)}


def listed(header: Any) -> set[str]:
    """The names in a quoted, comma-separated header, in lower case."""
    assert re.fullmatch(r"'[^']+'", header)
    return {name.strip().lower() for name in header.strip("'").split(",")}
