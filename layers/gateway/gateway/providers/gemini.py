"""Google Gemini, by its own API.

Gemini 3 and its successors are deployments whose `reasoning` is "effort"; those before them count thoughts by "budget".
Source: https://ai.google.dev/api/generate-content and the types of the `google-genai` package.
"""

import re
from collections.abc import Iterator
from typing import Any

from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest
from gateway.errors import GatewayError, Inexpressible
from gateway.providers import conversation, images
from gateway.providers.base import Answer, HttpRequest, send
from gateway.providers.conversation import Block, Call, Image, Result, Text, Thought, Turn
from gateway.providers.gemini_answers import from_response
from gateway.providers.gemini_config import RESOLUTIONS, generation_config
from gateway.providers.gemini_errors import to_error
from gateway.providers.gemini_http import call
from gateway.providers.reading import as_dict, fit_for_clients, parsed
from gateway.providers.vocabulary import Check, Vocabulary
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest

__all__ = ["VOCABULARY", "complete", "embed", "from_response", "to_error", "to_request"]


def _among(*values: str) -> Check:
    return lambda value: value in values


def _signature(extra: Any) -> str | None:
    """What Gemini's own call came with, out of the call's `extra_content`."""
    found = as_dict(as_dict(extra).get("google")).get("thought_signature")
    return found if isinstance(found, str) else None


def _is_choice(value: Any) -> bool:
    """Of tools: a word, or a function by its name."""
    return value in ("none", "auto", "required") if isinstance(value, str) else bool(value.get("function"))


MEDIA_TYPES = {
    **{kind: kind for kind in ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")},
    "image/jpg": "image/jpeg",
}
MAX_STOPS = 5
MAX_CANDIDATES = 8
INT32 = 2**31

VOCABULARY: Vocabulary = {
    **dict.fromkeys(["messages", "messages.content", "messages.content.text", "messages.content.refusal"]),
    "messages.role": _among("system", "developer", "user", "assistant", "tool"),
    "messages.content.type": _among("text", "image_url", "refusal"),
    **dict.fromkeys(["messages.content.image_url", "messages.content.image_url.url"]),
    "messages.content.image_url.detail": _among("low", "high"),
    **dict.fromkeys(["messages.refusal", "messages.tool_call_id", "messages.tool_calls.id"]),
    "messages.tool_calls": lambda calls: all(call.get("function") for call in calls),
    "messages.tool_calls.type": _among("function"),
    **dict.fromkeys(f"messages.tool_calls.function{field}" for field in ("", ".name", ".arguments")),
    "messages.tool_calls.extra_content": lambda extra: _signature(extra) is not None,
    "messages.tool_calls.extra_content.*": None,
    **dict.fromkeys(["tools", "tools.function", "tools.function.description", "tools.function.strict"]),
    "tools.type": _among("function"),
    "tools.function.name": lambda name: bool(re.match("[a-zA-Z_]", name)),
    **dict.fromkeys(["tools.function.parameters", "tools.function.parameters.*"]),
    "tool_choice": _is_choice,
    "tool_choice.type": _among("function"),
    **dict.fromkeys(["tool_choice.function", "tool_choice.function.name"]),
    "response_format": None,
    "response_format.type": _among("text", "json_object", "json_schema"),
    **dict.fromkeys(f"response_format.json_schema{field}" for field in ("", ".name", ".description", ".strict")),
    **dict.fromkeys(["response_format.json_schema.schema", "response_format.json_schema.schema.*"]),
    "reasoning_effort": _among("none", "minimal", "low", "medium", "high", "xhigh"),
    **dict.fromkeys(["max_tokens", "max_completion_tokens", "temperature", "top_p", "logprobs", "top_logprobs"]),
    **dict.fromkeys(["presence_penalty", "frequency_penalty"]),
    "top_k": lambda value: type(value) is int and 0 < value < INT32,
    "stop": lambda value: isinstance(value, str) or len(value) <= MAX_STOPS,
    "seed": lambda value: -INT32 <= value < INT32,
    "n": lambda value: value <= MAX_CANDIDATES,
}

ANY_SIGNATURE = "skip_thought_signature_validator"
"""What Google documents for calls that Gemini itself did not make: https://ai.google.dev/gemini-api/docs/thought-signatures."""


def complete(request: ChatCompletionRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline) -> Answer:
    """Ask Gemini and read its answer. Images on the web are fetched here: it takes no addresses of them.

    Raises:
        InvalidRequest: the request is at fault, by Google's word or because it cannot be expressed.
        UpstreamError: Google failed, refused the gateway's key, or answered something that is no completion.
    """
    whole = images.inlined(request, deadline, lambda _: True)
    response = send(to_request(whole, deployment, endpoint), deadline)
    try:
        return from_response(response, deployment, deadline.now())
    except GatewayError as error:
        raise fit_for_clients(error, endpoint) from None


def embed(request: EmbeddingRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline) -> Answer:
    """Ask Gemini for vectors. Raises as `complete` does."""
    from gateway.providers import gemini_embeddings

    return gemini_embeddings.embed(request, deployment, endpoint, deadline)


def to_request(request: ChatCompletionRequest, deployment: Deployment, endpoint: Endpoint) -> HttpRequest:
    """Google's request; its images are data URLs.

    Raises:
        InvalidRequest: a call's arguments are not a JSON object, or there are instructions alone.
        Inexpressible: the deployment cannot do it, or only part of it at once.
    """
    chat = conversation.read(request)
    body = {
        "systemInstruction": {"parts": [{"text": text.text} for text in chat.system]} if chat.system else None,
        "contents": [content for turn in chat.turns for content in _contents(turn, deployment)],
        "tools": _tools(request),
        "toolConfig": _tool_config(request),
        "generationConfig": generation_config(request, chat, deployment),
    }
    return call("generateContent", {name: value for name, value in body.items() if value}, deployment, endpoint)


def _contents(turn: Turn, deployment: Deployment) -> Iterator[dict[str, Any]]:
    """Google's turns: results of tools by themselves, since it counts what comes with them as results."""
    results = [block for block in turn.blocks if isinstance(block, Result)]
    others = [block for block in turn.blocks if not isinstance(block, Result)]
    for blocks in (results, others):
        if blocks:
            yield _content(Turn(turn.role, list(blocks)), deployment)


def _content(turn: Turn, deployment: Deployment) -> dict[str, Any]:
    parts = [_part(block, deployment) for block in turn.blocks]
    first = next((part for part in parts if "functionCall" in part), None)
    if first and deployment.reasoning == "effort":
        first.setdefault("thoughtSignature", ANY_SIGNATURE)
    return {"role": "model" if turn.role == "assistant" else "user", "parts": parts}


def _part(block: Block, deployment: Deployment) -> dict[str, Any]:
    match block:
        case Text():
            return {"text": block.text}
        case Image():
            return _image(block, deployment)
        case Call():
            return _call(block)
        case Result():
            return {"functionResponse": _result(block, deployment)}
        case Thought():
            raise Inexpressible(f"messages.thinking_blocks: {deployment.name} cannot do this.", param="messages")


def _image(image: Image, deployment: Deployment) -> dict[str, Any]:
    if image.inline is None:
        raise Inexpressible(f"{image.place}: {deployment.name} takes images as data URLs.", param=image.place)
    kind, data = image.inline
    if kind not in MEDIA_TYPES:
        raise Inexpressible(f"{image.place}: {deployment.name} takes PNG, JPEG, WebP and HEIC.", param=image.place)
    part: dict[str, Any] = {"inlineData": {"mimeType": MEDIA_TYPES[kind], "data": data}}
    if deployment.reasoning == "effort" and image.detail in RESOLUTIONS:
        part["mediaResolution"] = {"level": RESOLUTIONS[image.detail]}
    return part


def _call(call: Call) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}}
    if signature := _signature(call.extra):
        part["thoughtSignature"] = signature
    return part


def _result(result: Result, deployment: Deployment) -> dict[str, Any]:
    """A tool's result: an object as it is, anything else as Google's own SDK wraps what functions return."""
    images = [block for block in result.blocks if isinstance(block, Image)]
    if images and deployment.reasoning != "effort":
        place = images[0].place
        raise Inexpressible(f"{place}: {deployment.name} takes no images in results of tools.", param=place)
    text = "\n".join(block.text for block in result.blocks if isinstance(block, Text))
    try:
        value = parsed(text)
    except (ValueError, RecursionError):
        value = text
    response = value if isinstance(value, dict) else {"result": text}
    parts = {"parts": [_image(image, deployment) for image in images]} if images else {}
    return {"id": result.id, "name": result.name, "response": response} | parts


def _tools(request: ChatCompletionRequest) -> list[dict[str, Any]]:
    declared = []
    for tool in request.wire().get("tools") or ():
        function = tool["function"]
        fields = {
            "name": function["name"],
            "description": function.get("description"),
            "parametersJsonSchema": function.get("parameters"),
        }
        declared.append({name: value for name, value in fields.items() if value})
    return [{"functionDeclarations": declared}] if declared else []


def _tool_config(request: ChatCompletionRequest) -> dict[str, Any]:
    """Which tools may be called. Google keeps to their schemas in the modes ANY and VALIDATED."""
    choice = request.wire().get("tool_choice")
    strict = any(tool.function and tool.function.strict for tool in request.tools or ())
    if isinstance(choice, dict):
        config = {"mode": "ANY", "allowedFunctionNames": [choice["function"]["name"]]}
    elif choice in ("required", "none"):
        config = {"mode": "ANY" if choice == "required" else "NONE"}
    else:
        config = {"mode": "VALIDATED"} if strict else {}
    return {"functionCallingConfig": config} if config else {}
