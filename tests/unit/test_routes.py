"""A request that matched no route is told why."""

import pytest

from gateway.errors import MethodNotAllowed, UnknownRoute, UnsupportedEndpoint
from gateway.routes import ROUTES, UNSUPPORTED, explain


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/api/v1/chat/completions", "POST"),
        ("DELETE", "/api/v1/completions", "POST"),
        ("POST", "/api/v1/health", "GET"),
        ("POST", "/api/v1/models", "GET"),
        ("DELETE", "/api/v1/models/openai/gpt-4o", "GET"),
        ("DELETE", "/api/v1/models/a:b", "GET"),
        ("PUT", "/api/v1/keys", "GET, POST"),
        ("PUT", "/api/v1/keys/EventsSample", "DELETE, GET, PATCH"),
        ("POST", "/api/v1/teams/team_EventsSample", "DELETE, GET, PATCH"),
        ("GET", "/api/v1/keys/EventsSample/rotate", "POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(method: str, path: str, allow: str) -> None:
    error = explain(method, path)
    assert type(error) is MethodNotAllowed
    assert (error.status, error.code) == (405, "method_not_allowed")
    assert error.response_headers() == {"allow": allow}
    assert error.message == f"{path} takes {allow}, not {method}."


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v1/models/",
        "/api/v1/modelsx",
        "/api/v1/chat/completions/",
        "/api/v1/chat",
        "/api/v10/health",
        "/api/v1health",
        "/health",
        "/v1/chat/completions",
        "/prod/api/v1/health",
        "/api/v1/responsesx",
        "/api/v1/keys/",
        "/api/v1/keys/a/b",
        "/api/v1/keys//rotate",
        "/api/v1/keys/a/rotate/",
        "/api/v1/teams/a/rotate",
    ],
)
def test_what_is_not_there_is_unknown_and_told_where_the_api_is(path: str) -> None:
    error = explain("POST", path)
    assert type(error) is UnknownRoute
    assert (error.status, error.code) == (404, "unknown_route")
    assert error.message.startswith(f"There is nothing at {path}. The API is under /api/v1")


@pytest.mark.parametrize("path", ["/responses", "/responses/resp_1", "/responses/resp_1/cancel", "/messages"])
def test_apis_that_are_not_served_get_a_pointer(path: str) -> None:
    error = explain("POST", f"/api/v1{path}")
    assert type(error) is UnsupportedEndpoint
    assert (error.status, error.code) == (404, "unsupported_endpoint")
    assert "/api/v1/chat/completions" in error.message


def test_a_method_that_is_right_is_not_called_wrong() -> None:
    assert type(explain("GET", "/api/v1/health")) is UnknownRoute


def test_an_endless_path_is_not_repeated() -> None:
    for path in ("/x" * 10_000, "/api/v1/models/" + "x" * 10_000):
        assert len(explain("POST", path).message) < 400


def test_a_route_is_not_both_served_and_unsupported() -> None:
    assert not set(ROUTES) & set(UNSUPPORTED)
