"""Anthropic's answers as OpenAI's."""

import json
from typing import Any

from gateway.errors import GatewayError, UpstreamError
from gateway.providers.anthropic_errors import to_error
from gateway.providers.base import Answer, HttpResponse, completion, printable
from gateway.providers.json_mode import JSON_TOOL
from gateway.providers.reading import as_dict, as_text, count, json_of, name
from gateway.registry import Deployment
from gateway.usage import Usage

FINISH_REASONS = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
"""All others are "stop"."""

THOUGHTS = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}
"""The fields of the blocks that Anthropic wants back, to the letter."""

REFUSED = "The provider's safety system refused to answer."
LISTED = {
    "service_tier": (None, "standard"),
    "speed": (None, "standard"),
    "inference_geo": (None, "", "global", "not_available"),
}
"""The values of `usage` with which list prices apply."""


def from_response(response: HttpResponse, deployment: Deployment, now: float) -> Answer:
    """Anthropic's answer.

    Args:
        now: seconds since the epoch; Anthropic does not say when it answered.
    Raises:
        GatewayError: it is an error, or no message; an error inside a 200 is an error too.
    """
    found = json_of(response)
    body = as_dict(found)
    if response.status != 200 or body.get("type") == "error" or body.get("error"):
        raise to_error(response.status, response.headers, body)
    usage = usage_of(body)
    message, finish = _choice(body, usage)
    model = printable(as_text(body.get("model")) or deployment.model)
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
    return completion(name(body.get("id")) or "msg_unknown", now, model, choices, usage)


def _choice(body: dict[str, Any], usage: Usage) -> tuple[dict[str, Any], str]:
    """The message, and why it ends."""
    try:
        blocks = [_checked(block) for block in _items(body.get("content"))]
        used = [block for block in blocks if block["type"] == "tool_use"]
        calls = [_call(block) for block in used if block["name"] != JSON_TOOL]
        json_said = [_compact(block["input"]) for block in used if block["name"] == JSON_TOOL]
    except _NotAMessage:
        raise _no_message(usage) from None
    finish = FINISH_REASONS.get(as_text(body.get("stop_reason")), "stop")
    said = "".join(json_said or [block["text"] for block in blocks if block["type"] == "text"])
    message: dict[str, Any] = {"role": "assistant", "content": said or None, "refusal": None}
    if finish == "content_filter":
        explained = as_text(as_dict(body.get("stop_details")).get("explanation"))
        return message | {"refusal": explained or REFUSED}, finish
    if finish in ("stop", "tool_calls"):
        finish = "tool_calls" if calls else "stop"
    message |= {"tool_calls": calls} if calls else {"content": said}
    return message | _thoughts(blocks), finish


class _NotAMessage(Exception):
    """The answer is not as Anthropic's are."""


def _no_message(usage: Usage) -> GatewayError:
    return UpstreamError("The provider's answer is not a message.", billed=usage)


def _items(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise _NotAMessage
    return content


FIELDS: dict[str, dict[str, type]] = {
    "text": {"text": str},
    "tool_use": {"id": str, "name": str, "input": dict},
    **{kind: dict.fromkeys(fields, str) for kind, fields in THOUGHTS.items()},
}
"""What the blocks that are read must have."""


def _checked(block: Any) -> dict[str, Any]:
    """The block, if it is one; blocks of unknown types, such as what the server's own tools did, are let through."""
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        raise _NotAMessage
    for field, kind in FIELDS.get(block["type"], {}).items():
        if not isinstance(block.get(field), kind):
            raise _NotAMessage
    return block if block["type"] in FIELDS else {"type": block["type"]}


def _call(block: dict[str, Any]) -> dict[str, Any]:
    if not block["id"] or not block["name"]:
        raise _NotAMessage
    called = {"name": block["name"], "arguments": _compact(block["input"])}
    return {"id": block["id"], "type": "function", "function": called}


def _compact(value: dict[str, Any]) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:
        raise _NotAMessage from None


def thought(block: dict[str, Any]) -> dict[str, Any]:
    """A block of thoughts, as Anthropic wants it back."""
    return {field: block[field] for field in ("type", *THOUGHTS[block["type"]])}


def _thoughts(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """What it thought, as text for people and as blocks for sending back."""
    kept = [thought(block) for block in blocks if block["type"] in THOUGHTS]
    text = "\n\n".join(block["thinking"] for block in kept if block.get("thinking"))
    return ({"reasoning_content": text} if text else {}) | ({"thinking_blocks": kept} if kept else {})


def usage_of(body: dict[str, Any]) -> Usage:
    """The tokens that the answer says it used; what is missing or absurd is None.

    Anthropic counts what was read from and written to the cache outside `input_tokens`, and thoughts inside
    `output_tokens`.
    """
    usage = as_dict(body.get("usage"))
    by_age = as_dict(usage.get("cache_creation"))
    five_minutes, one_hour = (count(by_age.get(f"ephemeral_{age}_input_tokens")) for age in ("5m", "1h"))
    written, output = count(usage.get("cache_creation_input_tokens")), count(usage.get("output_tokens"))
    if written is None and (five_minutes, one_hour) != (None, None):
        written = (five_minutes or 0) + (one_hour or 0)
    return Usage(
        input_tokens=count(usage.get("input_tokens")),
        cache_read_tokens=count(usage.get("cache_read_input_tokens")),
        cache_write_tokens=written,
        output_tokens=output,
        cache_write_1h_tokens=_part(one_hour, written),
        reasoning_tokens=_part(count(as_dict(usage.get("output_tokens_details")).get("thinking_tokens")), output),
        special=_special(usage),
    )


def _part(part: int | None, whole: int | None) -> int | None:
    return None if part is None or whole is None else min(part, whole)


def _special(usage: dict[str, Any]) -> str | None:
    """Why list prices do not apply."""
    for field, listed in LISTED.items():
        if usage.get(field) not in listed:
            return f"{field.replace('_', ' ')} {name(usage[field])}"
    if any(count(requests) for requests in as_dict(usage.get("server_tool_use")).values()):
        return "server tools"
    return None
