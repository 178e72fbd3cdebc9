"""Amazon Bedrock: chats by Converse, which speaks for models of all makers alike, and embeddings by InvokeModel.

The request is signed with the function's own role, unless the endpoint has an Amazon Bedrock API key.
"""

import base64
import hashlib
import json
from typing import Any

from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest
from gateway.errors import UpstreamError
from gateway.providers import images
from gateway.providers.base import Answer, completion, printable
from gateway.providers.bedrock_client import call
from gateway.providers.bedrock_embeddings import embedded
from gateway.providers.bedrock_errors import to_error
from gateway.providers.bedrock_request import to_request
from gateway.providers.bedrock_vocabulary import VOCABULARY
from gateway.providers.json_mode import JSON_TOOL
from gateway.providers.reading import as_dict, as_objects, as_text, count, name
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest
from gateway.usage import Usage

__all__ = ["VOCABULARY", "complete", "embed", "from_response", "to_error", "to_request"]

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
MALFORMED = ("malformed_model_output", "malformed_tool_use")
REFUSED = "The model's content filter stopped the answer."


def complete(request: ChatCompletionRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline) -> Answer:
    """Ask the model and read its answer. Images on the web are fetched here: Bedrock takes no addresses of them.

    Raises:
        InvalidRequest: the request is at fault, by Bedrock's word or because Converse cannot express it.
        UpstreamError: Bedrock failed, refused the gateway's credentials, or answered something that is no completion.
    """
    whole = images.inlined(request, deadline, lambda _: True)
    parameters = to_request(whole, deployment, endpoint)
    return from_response(call("converse", parameters, endpoint, deadline), deployment, deadline.now())


def embed(request: EmbeddingRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline) -> Answer:
    """Make a vector of each of the request's texts. Raises as `complete` does."""
    return embedded(request, deployment, lambda parameters: call("invoke_model", parameters, endpoint, deadline))


def from_response(parsed: dict[str, Any], deployment: Deployment, now: float) -> Answer:
    """The model's answer.

    Args:
        parsed: the answer as boto3 reads it.
        now: seconds since the epoch; Bedrock does not say when it answered.
    Raises:
        UpstreamError: it is no completion, or one that the model spoilt, which is charged nevertheless.
    """
    usage = usage_of(parsed)
    try:
        message, finish = _choice(parsed)
    except _NotACompletion as error:
        raise UpstreamError(f"The model's answer {error}.", billed=usage) from None
    router = as_dict(as_dict(parsed.get("trace")).get("promptRouter"))
    model = printable(as_text(router.get("invokedModelId")).rpartition("/")[2] or deployment.model)
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
    return completion(_id(parsed, message), now, model, choices, usage)


def _id(parsed: dict[str, Any], message: dict[str, Any]) -> str:
    """By the request's id, which AWS can be asked about."""
    told = name(as_dict(parsed.get("ResponseMetadata")).get("RequestId"))
    return f"chatcmpl-{told or hashlib.sha256(json.dumps(message).encode()).hexdigest()[:24]}"


class _NotACompletion(Exception):
    """What is wrong with the model's answer."""


def _choice(parsed: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The message, and why it ends."""
    said, stop = as_dict(as_dict(parsed.get("output")).get("message")).get("content"), as_text(parsed.get("stopReason"))
    if not isinstance(said, list):
        raise _NotACompletion("is no completion")
    if stop in MALFORMED:
        raise _NotACompletion("is spoilt")
    blocks = as_objects(said)
    used = [as_dict(block["toolUse"]) for block in blocks if "toolUse" in block]
    calls = [_call(tool) for tool in used if tool.get("name") != JSON_TOOL]
    json_said = [_compact(tool.get("input")) for tool in used if tool.get("name") == JSON_TOOL]
    content = "".join(json_said or [as_text(block.get("text")) for block in blocks])
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    finish = FINISH_REASONS.get(stop, "stop")
    if finish == "content_filter":
        return message | _refusal(stop, content), finish
    if calls:
        message |= {"content": content or None, "tool_calls": calls}
    if finish in ("stop", "tool_calls"):
        finish = "tool_calls" if calls else "stop"
    return message | _thoughts(blocks), finish


def _refusal(stop: str, content: str) -> dict[str, Any]:
    """A guardrail's words stand in the place of the model's; a model's own filter leaves what was said before."""
    if stop == "guardrail_intervened":
        return {"content": None, "refusal": content or REFUSED}
    return {"content": content or None, "refusal": REFUSED}


def _call(tool: dict[str, Any]) -> dict[str, Any]:
    identity, called = as_text(tool.get("toolUseId")), as_text(tool.get("name"))
    if not identity or not called:
        raise _NotACompletion("calls a tool that it does not name")
    return {
        "id": identity,
        "type": "function",
        "function": {"name": called, "arguments": _compact(tool.get("input"))},
    }


def _compact(value: Any) -> str:
    try:
        return json.dumps({} if value is None else value, separators=(",", ":"), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        raise _NotACompletion("calls a tool with arguments that are no JSON") from None


def _thoughts(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """What it thought, as text for people, and what of it is signed as blocks for sending back."""
    thoughts = [as_dict(block.get("reasoningContent")) for block in blocks]
    told = [as_dict(thought.get("reasoningText")) for thought in thoughts]
    text = "\n\n".join(said for one in told if (said := as_text(one.get("text"))))
    kept = list(filter(None, map(_signed, thoughts)))
    return ({"reasoning_content": text} if text else {}) | ({"thinking_blocks": kept} if kept else {})


def _signed(thought: dict[str, Any]) -> dict[str, str] | None:
    hidden, told = thought.get("redactedContent"), as_dict(thought.get("reasoningText"))
    if hidden and isinstance(hidden, bytes):
        return {"type": "redacted_thinking", "data": base64.b64encode(hidden).decode()}
    if signature := as_text(told.get("signature")):
        return {"type": "thinking", "thinking": as_text(told.get("text")), "signature": signature}
    return None


def usage_of(parsed: dict[str, Any]) -> Usage:
    """The tokens that the answer says it used; what is missing or absurd is None.

    Bedrock counts what was read from and written to the cache outside `inputTokens`, and thoughts inside `outputTokens`.
    """
    usage = as_dict(parsed.get("usage"))
    by_age = [
        (detail.get("ttl"), count(detail.get("inputTokens")) or 0) for detail in as_objects(usage.get("cacheDetails"))
    ]
    written, hour = count(usage.get("cacheWriteInputTokens")), [tokens for ttl, tokens in by_age if ttl == "1h"]
    if written is None and by_age:
        written = sum(tokens for _, tokens in by_age)
    return Usage(
        input_tokens=count(usage.get("inputTokens")),
        cache_read_tokens=count(usage.get("cacheReadInputTokens")),
        cache_write_tokens=written,
        output_tokens=count(usage.get("outputTokens")),
        cache_write_1h_tokens=min(sum(hour), written or 0) if hour else None,
        special=_special(parsed),
    )


def _special(parsed: dict[str, Any]) -> str | None:
    """Why list prices do not apply."""
    tier = as_dict(parsed.get("serviceTier")).get("type")
    if tier not in (None, "default"):
        return f"service tier {name(tier)}"
    latency = as_dict(parsed.get("performanceConfig")).get("latency")
    return f"latency {name(latency)}" if latency not in (None, "standard") else None
