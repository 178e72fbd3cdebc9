"""A chat as Converse takes it.

Source: botocore's service model "bedrock-runtime", and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.errors import Inexpressible, InvalidRequest
from gateway.providers import json_mode
from gateway.providers.anthropic_thinking import is_off
from gateway.providers.bedrock_reasoning import reasoning
from gateway.providers.bedrock_vocabulary import MAX_METADATA, image_format, redacted
from gateway.providers.conversation import (
    Block,
    CacheControl,
    Call,
    Conversation,
    Image,
    Result,
    Text,
    Thought,
    Turn,
    read,
)
from gateway.providers.json_mode import JSON_TOOL
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest

TOOL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")

Fields = dict[str, Any]


def to_request(
    request: ChatCompletionRequest,
    deployment: Deployment,
    endpoint: Endpoint,  # noqa: ARG001 - as all adapters have it
) -> Fields:
    """The parameters of Converse.

    Raises:
        InvalidRequest: a call's arguments are no JSON object, or a tool has to be called where there is none.
        Inexpressible: Converse has no words for a combination of what is asked.
    """
    chat = read(request)
    if chat.turns[0].role != "user":
        raise _refusal("messages", f"with {deployment.name}, the user has to speak first.")
    thinking, takes_thoughts = reasoning(request, chat, deployment), not is_off(request, deployment)
    parameters = {
        "modelId": deployment.model,
        "messages": [{"role": turn.role, "content": _content(turn, takes_thoughts)} for turn in chat.turns],
        "system": list(_blocks(chat.system)),
        "inferenceConfig": _inference(request) | thinking.pop("inferenceConfig", {}),
        "toolConfig": _tool_config(request, chat, deployment),
        "outputConfig": _text_format(request) | thinking.pop("outputConfig", {}),
        "requestMetadata": _metadata(request),
        "serviceTier": _tier(request),
        **thinking,
    }
    return {name: value for name, value in parameters.items() if value}


def _content(turn: Turn, takes_thoughts: bool) -> list[Fields]:
    """The blocks, tools' results first, where Claude wants them."""
    said = [block for block in turn.blocks if takes_thoughts or not isinstance(block, Thought)]
    return list(_blocks(sorted(said, key=lambda block: not isinstance(block, Result))))


def _blocks(blocks: Sequence[Block]) -> Iterator[Fields]:
    for block in blocks:
        yield _block(block)
        if cache := _cache(block):
            yield _cache_point(cache)


def _block(block: Block) -> Fields:
    match block:
        case Text(text):
            return {"text": text}
        case Image():
            return {"image": _image(block)}
        case Call(identity, name, arguments):
            return {"toolUse": {"toolUseId": _tool_id(identity), "name": name, "input": arguments}}
        case Result(identity, _, inner):
            return {"toolResult": {"toolUseId": _tool_id(identity), "content": list(map(_block, inner))}}
        case Thought(thought):
            return {"reasoningContent": _thought(thought)}


def _cache(block: Block) -> CacheControl | None:
    """The marker on a block. Inside a tool's result Converse has none: it moves behind the result."""
    if isinstance(block, Result):
        return block.cache or next((inner.cache for inner in block.blocks if inner.cache), None)
    return None if isinstance(block, Thought) else block.cache


def _cache_point(cache: CacheControl) -> Fields:
    ttl = {"ttl": cache["ttl"]} if cache.get("ttl") else {}
    return {"cachePoint": {"type": "default"} | ttl}


def _image(image: Image) -> Fields:
    kind = image_format(image.url)
    if kind is None:
        raise _refusal(image.place, "Bedrock takes PNG, JPEG, GIF and WebP images.")
    return {"format": kind, "source": {"bytes": image.bytes}}


def _tool_id(identity: str) -> str:
    """The id of a call; one that was made by another provider, and that Bedrock would refuse, by its digest."""
    fits = TOOL_ID.fullmatch(identity)
    return identity if fits else f"call_{hashlib.sha256(identity.encode(errors='replace')).hexdigest()[:32]}"


def _thought(block: Fields) -> Fields:
    if block["type"] == "redacted_thinking":
        return {"redactedContent": redacted(block["data"])}
    return {"reasoningText": {"text": block.get("thinking", ""), "signature": block["signature"]}}


def _inference(request: ChatCompletionRequest) -> Fields:
    stop = [request.stop] if isinstance(request.stop, str) else request.stop
    values = {
        "maxTokens": request.output_cap,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": stop or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _tool_config(request: ChatCompletionRequest, chat: Conversation, deployment: Deployment) -> Fields:
    """The tools; none where none may be called, since Converse cannot be told so."""
    choice, tools = request.wire().get("tool_choice"), request.wire().get("tools") or []
    if not tools and choice not in (None, "auto", "none"):
        raise InvalidRequest("tool_choice: there are no tools to choose from.", param="tool_choice")
    if choice == "none":
        tools = []
    if request.response_format and request.response_format.type == "json_object":
        return _json_config(request, bool(tools), deployment)
    if not tools:
        _refuse_calls("tools" if choice is None else "tool_choice", chat, deployment)
        return {}
    config: Fields = {"tools": [spec for tool in tools for spec in _tool(tool)]}
    if choice == "required":
        config["toolChoice"] = {"any": {}}
    if isinstance(choice, dict):
        config["toolChoice"] = {"tool": {"name": choice["function"]["name"]}}
    return config


def _refuse_calls(param: str, chat: Conversation, deployment: Deployment) -> None:
    """Without tools, none can have been called before."""
    if any(isinstance(block, Call | Result) for turn in chat.turns for block in turn.blocks):
        raise _refusal(param, f"{deployment.name} needs the tools of the calls that the messages tell of.")


def _json_config(request: ChatCompletionRequest, has_tools: bool, deployment: Deployment) -> Fields:
    json_mode.check(request, deployment, has_tools=has_tools)
    tool = {"name": JSON_TOOL, "description": json_mode.DESCRIPTION, "inputSchema": _schema(None)}
    return {"tools": [{"toolSpec": tool}], "toolChoice": {"any": {}}}


def _tool(tool: Fields) -> Iterator[Fields]:
    function = tool["function"]
    spec = {"name": function["name"], "inputSchema": _schema(function.get("parameters"))}
    if function.get("description"):
        spec["description"] = function["description"]
    if function.get("strict"):
        spec["strict"] = True
    yield {"toolSpec": spec}
    if tool.get("cache_control"):
        yield _cache_point(tool["cache_control"])


def _schema(parameters: Fields | None) -> Fields:
    return {"json": {"type": "object"} | (parameters or {})}


def _text_format(request: ChatCompletionRequest) -> Fields:
    """A schema, which Converse wants as text."""
    wanted = request.response_format.json_schema if request.response_format else None
    if wanted is None:
        return {}
    if not wanted.schema_:
        place = "response_format.json_schema.schema"
        raise InvalidRequest(f"{place}: this field is required.", param=place)
    schema = {"name": wanted.name, "schema": json.dumps(wanted.schema_, ensure_ascii=False)}
    if wanted.description:
        schema["description"] = wanted.description
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}


def _metadata(request: ChatCompletionRequest) -> Fields:
    """What the logs of Bedrock's calls can be searched for."""
    metadata: Fields = dict(request.metadata or {})
    if request.user and metadata.setdefault("user", request.user) != request.user:
        raise _refusal("user", "is another one than in metadata, where Bedrock has it.")
    if len(metadata) > MAX_METADATA:
        raise _refusal("user", f"Bedrock has no room for it beside {MAX_METADATA} entries of metadata.")
    return metadata


def _tier(request: ChatCompletionRequest) -> Fields:
    tier = request.wire().get("service_tier")
    return {"type": tier} if tier in ("priority", "flex") else {}


def _refusal(param: str, reason: str) -> Inexpressible:
    return Inexpressible(f"{param}: {reason}", param=param)
