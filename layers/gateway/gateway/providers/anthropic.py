"""Anthropic's Messages API: Claude.

The version is 2023-06-01: the later 2026-10-21 differs by refusing temperature, top_p and top_k, which older models take.
Newer models refuse them themselves; their deployments say so by `unsupported`.

Sources: https://platform.claude.com/docs/en/api/messages and the types of the `anthropic` package.
"""

import re
from typing import Any

from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest
from gateway.errors import GatewayError, Inexpressible, InvalidRequest
from gateway.providers import anthropic_messages, images, json_mode
from gateway.providers.anthropic_answers import THOUGHTS, from_response
from gateway.providers.anthropic_errors import to_error
from gateway.providers.anthropic_thinking import is_off, thinking
from gateway.providers.base import Answer, HttpRequest, send
from gateway.providers.conversation import read
from gateway.providers.json_mode import JSON_TOOL
from gateway.providers.reading import as_dict, as_text, fit_for_clients
from gateway.providers.vocabulary import Vocabulary
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest

__all__ = ["VOCABULARY", "complete", "embed", "from_response", "to_error", "to_request"]

VERSION = "2023-06-01"
MAX_USER_ID = 256
EMAIL = re.compile(r"\S+@\S+\.\S+")
"""Anthropic refuses ids of users that look like it."""


def _is_opaque(user: Any) -> bool:
    return isinstance(user, str) and 0 < len(user) <= MAX_USER_ID and not EMAIL.search(user)


def _has_words(stop: Any) -> bool:
    """Whether each stop sequence has more than blanks, as it must have."""
    return all(text.strip() for text in ([stop] if isinstance(stop, str) else stop))


def _are_thoughts(blocks: Any) -> bool:
    """Whether they are Anthropic's own, signed: those of others it refuses."""
    return isinstance(blocks, list) and all(map(_is_thought, blocks))


def _is_thought(block: Any) -> bool:
    fields = THOUGHTS.get(as_text(as_dict(block).get("type")), ())
    return bool(fields and all(isinstance(block.get(field), str) for field in fields) and block[fields[-1]])


def _is_choice(choice: Any) -> bool:
    return isinstance(choice, dict) or choice in ("none", "auto", "required")


VOCABULARY: Vocabulary = {
    **dict.fromkeys(
        [
            *("messages", "messages.content", "messages.content.text", "messages.content.refusal"),
            *("messages.content.image_url", "messages.content.image_url.url", "messages.refusal"),
            *("messages.cache_control", "messages.cache_control.*", "messages.thinking_blocks.*"),
            *("messages.content.cache_control", "messages.content.cache_control.*", "messages.tool_call_id"),
            *("messages.tool_calls", "messages.tool_calls.id", "messages.tool_calls.function"),
            *("messages.tool_calls.function.name", "messages.tool_calls.function.arguments"),
            *("tools", "tools.cache_control", "tools.cache_control.*", "tools.function", "tools.function.description"),
            *("tools.function.strict", "tools.function.parameters", "tools.function.parameters.*"),
            *("tool_choice.function", "tool_choice.function.name", "parallel_tool_calls"),
            *("response_format", "response_format.json_schema", "response_format.json_schema.name"),
            *("response_format.json_schema.description", "response_format.json_schema.schema"),
            *("response_format.json_schema.schema.*", "max_tokens", "max_completion_tokens", "top_p"),
            "reasoning_effort",
        ]
    ),
    "messages.role": lambda role: role in ("system", "developer", "user", "assistant", "tool"),
    "messages.content.type": lambda kind: kind in ("text", "image_url", "refusal"),
    "messages.thinking_blocks": _are_thoughts,
    "messages.tool_calls.type": lambda kind: kind == "function",
    "tools.type": lambda kind: kind == "function",
    "tools.function.name": lambda name: name != JSON_TOOL,
    "tool_choice": _is_choice,
    "tool_choice.type": lambda kind: kind == "function",
    "response_format.type": lambda kind: kind in ("text", "json_object", "json_schema"),
    "stop": _has_words,
    "temperature": lambda value: value <= 1,
    "top_k": lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    "user": _is_opaque,
}


def complete(request: ChatCompletionRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline) -> Answer:
    """Ask Anthropic and read its answer. Of images on the web it reads only those with https: others are fetched here.

    Raises:
        InvalidRequest: the request is at fault, by Anthropic's word or because it cannot be expressed.
        UpstreamError: Anthropic failed, refused the gateway's key, or answered something that is no message.
    """
    whole = images.inlined(request, deadline, _is_plain_http)
    response = send(to_request(whole, deployment, endpoint), deadline)
    try:
        return from_response(response, deployment, deadline.now())
    except GatewayError as error:
        raise fit_for_clients(error, endpoint) from None


def embed(
    request: EmbeddingRequest,  # noqa: ARG001 - nothing to ask for,
    deployment: Deployment,
    endpoint: Endpoint,  # noqa: ARG001 - and nobody to ask
    deadline: Deadline,  # noqa: ARG001
) -> Answer:
    """Anthropic has no embeddings.

    Raises:
        Inexpressible: always.
    """
    raise Inexpressible(f"model: {deployment.name} makes no embeddings.", param="model")


def to_request(request: ChatCompletionRequest, deployment: Deployment, endpoint: Endpoint) -> HttpRequest:
    """Anthropic's request.

    Args:
        request: fitted to the vocabulary; its images are data URLs or have https addresses.
    Raises:
        Inexpressible: what it asks for does not go together here.
        InvalidRequest: its messages cannot be read, or it chooses among tools that are not there.
    """
    conversation = read(request)
    body: dict[str, Any] = {"model": deployment.model, **thinking(request, conversation, deployment)}
    if conversation.system:
        body["system"] = [anthropic_messages.text(block) for block in conversation.system]
    with_thoughts = not is_off(request, deployment)
    body["messages"] = anthropic_messages.turns(conversation, deployment, with_thoughts=with_thoughts)
    body |= _sampling(request) | _tools(request)
    if request.response_format and request.response_format.type == "json_object":
        body |= _json_mode(request, deployment)
    if request.response_format and request.response_format.type == "json_schema":
        body["output_config"] = body.get("output_config", {}) | {"format": _schema(request)}
    return HttpRequest(f"{endpoint.base_url.removesuffix('/v1')}/v1/messages", _headers(endpoint), body)


def _headers(endpoint: Endpoint) -> dict[str, str]:
    key = {"x-api-key": endpoint.api_key} if endpoint.api_key else {}
    return key | {"anthropic-version": VERSION}


def _is_plain_http(url: str) -> bool:
    return url[:5].lower() == "http:"


def _sampling(request: ChatCompletionRequest) -> dict[str, Any]:
    wire = request.wire()
    body = {name: wire[name] for name in ("temperature", "top_p", "top_k") if wire.get(name) is not None}
    if request.stop:
        body["stop_sequences"] = [request.stop] if isinstance(request.stop, str) else request.stop
    if request.user:
        body["metadata"] = {"user_id": request.user}
    return body


def _tools(request: ChatCompletionRequest) -> dict[str, Any]:
    choice = _choice(request)
    if not request.tools:
        if choice and choice["type"] in ("any", "tool"):
            raise InvalidRequest("tool_choice: there are no tools to choose from.", param="tool_choice")
        return {}
    tools = [_tool(tool) for tool in request.wire()["tools"]]
    return {"tools": tools, "tool_choice": choice} if choice else {"tools": tools}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool["function"]
    schema = {"type": "object"} | (function.get("parameters") or {})
    found = {"name": function["name"], "description": function.get("description"), "input_schema": schema}
    found |= {"strict": function.get("strict"), "cache_control": tool.get("cache_control")}
    return {name: value for name, value in found.items() if value}


def _choice(request: ChatCompletionRequest) -> dict[str, Any] | None:
    """How the model may choose among the tools; None leaves it to the model, as many at once as it likes."""
    choice, alone = request.tool_choice, request.parallel_tool_calls is False
    if choice == "none":
        return {"type": "none"}
    found = {"type": "any" if choice == "required" else "auto"}
    if choice is not None and not isinstance(choice, str):
        if choice.function is None:
            raise InvalidRequest("tool_choice.function: this field is required.", param="tool_choice.function")
        found = {"type": "tool", "name": choice.function.name}
    if found == {"type": "auto"} and not alone:
        return None
    return found | ({"disable_parallel_tool_use": True} if alone else {})


def _json_mode(request: ChatCompletionRequest, deployment: Deployment) -> dict[str, Any]:
    json_mode.check(request, deployment, has_tools=bool(request.tools))
    tool = {
        "name": JSON_TOOL,
        "description": json_mode.DESCRIPTION,
        "input_schema": {"type": "object", "additionalProperties": True},
    }
    return {"tools": [tool], "tool_choice": {"type": "tool", "name": JSON_TOOL, "disable_parallel_tool_use": True}}


def _schema(request: ChatCompletionRequest) -> dict[str, Any]:
    wanted = request.response_format and request.response_format.json_schema
    if not wanted or not wanted.schema_:
        place = "response_format.json_schema.schema"
        raise InvalidRequest(f"{place}: this field is required.", param=place)
    described = {"description": wanted.description} if wanted.description else {}
    return {"type": "json_schema", "schema": described | json_mode.closed(wanted.schema_)}
