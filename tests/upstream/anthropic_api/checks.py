"""What Anthropic refuses of headers and parameters, in its words. The essentials only."""

import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.upstream.anthropic_api.errors import ApiError
from tests.upstream.messages import Recorded

Body = dict[str, Any]
VERSIONS = {"2023-06-01", "2026-10-21"}
SAMPLING = {"temperature": (0, 1), "top_p": (0, 1), "top_k": (0, None)}
"""Not in the later version."""
REQUIRED = ("model", "max_tokens", "messages")
OPTIONAL = (
    *("cache_control", "container", "context_management", "inference_geo", "mcp_servers", "metadata", "output_config"),
    *("service_tier", "speed", "stop_sequences", "stream", "system", "thinking", "tool_choice", "tools"),
)
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
EFFORTS = ("low", "medium", "high", "xhigh", "max")
MAX_CACHE_MARKS = 4
MIN_BUDGET = 1024


def check_headers(headers: Mapping[str, str], api_key: str | None) -> None:
    """The key, in either header, and the version."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    given = headers.get("x-api-key") or (token if scheme.lower() == "bearer" else "")
    if api_key is not None and not given:
        raise ApiError("x-api-key header is required", 401)
    if api_key is not None and not hmac.compare_digest(given.encode(), api_key.encode()):
        raise ApiError("invalid x-api-key", 401)
    if "anthropic-version" not in headers:
        raise ApiError("anthropic-version: header is required")
    if headers["anthropic-version"] not in VERSIONS:
        raise ApiError(f'anthropic-version: "{headers["anthropic-version"]}" is not a valid version')


def parse(request: Recorded) -> Body:
    """The body as an object."""
    if not isinstance(request.json, dict):
        raise ApiError("The request body is not valid JSON")
    return request.json


def check_fields(body: Body, version: str) -> None:
    """Everything but the messages themselves."""
    known = {*REQUIRED, *OPTIONAL, *(SAMPLING if version == "2023-06-01" else ())}
    for name in body:
        if name not in known:
            raise ApiError(f"{name}: Extra inputs are not permitted")
    for name in REQUIRED:
        if body.get(name) is None:
            raise ApiError(f"{name}: Field required")
    if body.get("stream"):
        raise ApiError("stream: this upstream answers whole")
    _check_numbers(body)
    _check_words(body)
    _check_tools(body)
    _check_thinking(body)
    _check_format(body)
    if (found := sum(1 for _ in _cache_marks(body))) > MAX_CACHE_MARKS:
        raise ApiError(f"A maximum of {MAX_CACHE_MARKS} blocks with cache_control may be provided. Found {found}.")


def _check_numbers(body: Body) -> None:
    if not isinstance(body["max_tokens"], int) or isinstance(body["max_tokens"], bool):
        raise ApiError("max_tokens: Input should be a valid integer")
    if body["max_tokens"] < 1:
        raise ApiError("max_tokens: Input should be greater than or equal to 1")
    for name, (low, high) in SAMPLING.items():
        value = body.get(name)
        if value is not None and (value < low or (high is not None and value > high)):
            raise ApiError(f"{name}: range: {low}..{high}")


def _check_words(body: Body) -> None:
    for sequence in body.get("stop_sequences", []):
        if not sequence.strip():
            raise ApiError("stop_sequences: each stop sequence must contain non-whitespace")
    if "@" in (body.get("metadata") or {}).get("user_id", ""):
        raise ApiError(
            "metadata.user_id: user_id appears to contain an email address. Please send a uuid or hash value instead."
        )


def _check_tools(body: Body) -> None:
    for index, tool in enumerate(body.get("tools") or []):
        if not TOOL_NAME.fullmatch(tool.get("name", "")):
            raise ApiError(f"tools.{index}.custom.name: String should match pattern '^{TOOL_NAME.pattern}$'")
        if tool.get("input_schema", {}).get("type") != "object":
            raise ApiError(f"tools.{index}.custom.input_schema.type: Input should be 'object'")
    if body.get("tool_choice") is not None:
        _check_tool_choice(body["tool_choice"], body.get("tools") or [])


def _check_tool_choice(choice: Body, tools: list[Body]) -> None:
    if not tools:
        raise ApiError("tool_choice may only be specified while providing tools.")
    if choice.get("type") not in ("auto", "any", "tool", "none"):
        raise ApiError("tool_choice: Input tag does not match any of the expected tags: 'any', 'auto', 'none', 'tool'")
    if choice["type"] == "none" and "disable_parallel_tool_use" in choice:
        raise ApiError("tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted")
    if choice["type"] == "tool" and choice.get("name") not in [tool["name"] for tool in tools]:
        raise ApiError(f"Tool '{choice.get('name')}' not found in provided tools")


def _check_thinking(body: Body) -> None:
    thinking = body.get("thinking") or {"type": "disabled"}
    if thinking["type"] not in ("enabled", "adaptive"):
        return
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise ApiError("Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("temperature", 1) != 1:
        raise ApiError("`temperature` may only be set to 1 when thinking is enabled.")
    if thinking["type"] == "adaptive":
        return
    if thinking.get("budget_tokens", 0) < MIN_BUDGET:
        raise ApiError(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {MIN_BUDGET}")
    if thinking["budget_tokens"] >= body["max_tokens"]:
        raise ApiError("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _check_format(body: Body) -> None:
    wanted = body.get("output_config") or {}
    if wanted.get("effort") not in (None, *EFFORTS):
        raise ApiError("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    form = wanted.get("format")
    if form is None:
        return
    if form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        raise ApiError("output_config.format.schema: Field required")
    if form["schema"].get("type") == "object" and form["schema"].get("additionalProperties") is not False:
        said = "For 'object' type, 'additionalProperties' must be explicitly set to false"
        raise ApiError(f"output_config.format.schema: {said}")


def _cache_marks(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if value.get("cache_control"):
            yield value["cache_control"]
        for name, inner in value.items():
            if name not in ("input", "input_schema"):
                yield from _cache_marks(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _cache_marks(inner)
