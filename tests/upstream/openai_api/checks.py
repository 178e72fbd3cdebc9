"""What OpenAI refuses, in its words. The essentials only: unknown fields pass, so that tests can see them arrive."""

import hmac
from typing import Any

from tests.upstream.messages import Recorded
from tests.upstream.openai_api.errors import ApiError

Body = dict[str, Any]
ROLES = ("system", "assistant", "user", "function", "tool", "developer")
RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "n": (1, 128),
    "max_tokens": (1, None),
    "max_completion_tokens": (1, None),
    "top_logprobs": (0, 20),
}
TYPE_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "decimal"}


def check_key(authorization: str, api_key: str | None) -> None:
    """401 as OpenAI has it; no key asked for, none checked."""
    if api_key is None:
        return
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "bearer" or not given:
        raise ApiError("You didn't provide an API key.", status=401)
    if not hmac.compare_digest(given.encode(), api_key.encode()):
        raise ApiError("Incorrect API key provided.", code="invalid_api_key", status=401)


def parse(request: Recorded) -> Body:
    """The body as an object with a model."""
    body = request.json
    if not isinstance(body, dict):
        raise ApiError("We could not parse the JSON body of your request.")
    if not isinstance(body.get("model"), str):
        raise ApiError("you must provide a model parameter")
    _check_stream(body)
    for name, (low, high) in RANGES.items():
        _check_range(body, name, low, high)
    return body


def check_chat(body: Body) -> None:
    """The rules of /chat/completions."""
    for index, message in enumerate(_required_array(body, "messages")):
        _check_message(message, index, body["messages"][:index])
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise ApiError(message, "max_tokens", "invalid_parameter_combination")
    _check_tool_choice(body)


def require(body: Body, name: str) -> Any:
    """The value of a field that has to be there."""
    if body.get(name) is None:
        raise ApiError(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    return body[name]


def _required_array(body: Body, name: str) -> list[Any]:
    value = require(body, name)
    if not isinstance(value, list):
        raise _wrong_type(name, "an array of objects", value)
    if not value:
        message = f"Invalid '{name}': empty array. Expected an array with minimum length 1."
        raise ApiError(message, name, "empty_array")
    return value


def _check_message(message: Any, index: int, earlier: list[Any]) -> None:
    where = f"messages[{index}]"
    if not isinstance(message, dict):
        raise _wrong_type(where, "an object", message)
    role = message.get("role")
    if role is None:
        raise ApiError(f"Missing required parameter: '{where}.role'.", f"{where}.role", "missing_required_parameter")
    if role not in ROLES:
        known = ", ".join(f"'{name}'" for name in ROLES)
        raise ApiError(f"Invalid value: '{role}'. Supported values are: {known}.", f"{where}.role", "invalid_value")
    if role == "tool":
        _check_tool_message(message, where, earlier)
    elif role != "assistant" and not isinstance(message.get("content"), str | list):
        raise _wrong_type(f"{where}.content", "one of a string or array of objects", message.get("content"))


def _check_tool_message(message: Body, where: str, earlier: list[Any]) -> None:
    """A tool's result has to answer a call that an assistant message before it made."""
    calls = [call for said in earlier for call in said.get("tool_calls") or []]
    if message.get("tool_call_id") not in [call.get("id") for call in calls]:
        text = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
        raise ApiError(f"Invalid parameter: {text}", f"{where}.role")


def _check_tool_choice(body: Body) -> None:
    choice = body.get("tool_choice")
    if choice in (None, "none"):
        return
    if not body.get("tools"):
        raise ApiError("Invalid value for 'tool_choice': only allowed when 'tools' are specified.", "tool_choice")
    names = [tool.get("function", {}).get("name") for tool in body["tools"]]
    if isinstance(choice, dict) and choice.get("function", {}).get("name") not in names:
        raise ApiError("Tool choice not found in 'tools' parameter.", "tool_choice", "invalid_value")


def _check_stream(body: Body) -> None:
    if not isinstance(body.get("stream", False), bool | None):
        raise _wrong_type("stream", "a boolean", body["stream"])
    if body.get("stream_options") is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise ApiError(message, "stream_options", "invalid_value")


def _check_range(body: Body, name: str, low: float, high: float | None) -> None:
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(name, "a number", value)
    if value < low:
        message = f"Invalid '{name}': below minimum value. Expected a value >= {low}, but got {value} instead."
        raise ApiError(
            message, name, "integer_below_min_value" if isinstance(value, int) else "decimal_below_min_value"
        )
    if high is not None and value > high:
        message = f"Invalid '{name}': above maximum value. Expected a value <= {high}, but got {value} instead."
        raise ApiError(
            message, name, "integer_above_max_value" if isinstance(value, int) else "decimal_above_max_value"
        )


def _wrong_type(name: str, expected: str, value: Any) -> ApiError:
    got = "null" if value is None else f"a(n) {TYPE_NAMES[type(value)]}"
    return ApiError(f"Invalid type for '{name}': expected {expected}, but got {got} instead.", name, "invalid_type")
