"""What of OpenAI's chat Converse can express.

Source: botocore's service model "bedrock-runtime".
"""

import base64
import re
from typing import Any

from gateway.providers.bedrock_reasoning import EFFORTS
from gateway.providers.json_mode import JSON_TOOL
from gateway.providers.vocabulary import Vocabulary

FORMATS = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "gif": "gif", "webp": "webp"}
"""Of images, by their media types."""
DATA_URL = re.compile(r"data:image/([a-z]+);base64,", re.IGNORECASE)
METADATA_TEXT = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}", re.ASCII)
MAX_METADATA = 16


def image_format(url: str) -> str | None:
    """The format of the image in a data URL; None if Converse does not take it."""
    found = DATA_URL.match(url)
    return FORMATS.get(found[1].lower()) if found else None


def _is_shown(url: str) -> bool:
    """Of data URLs, only some formats; addresses on the web are fetched first."""
    return url[:5].lower() != "data:" or image_format(url) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_cache_control(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "ephemeral" and value.get("ttl") in (None, "5m", "1h")


def _are_thoughts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_thought, value))


def _is_thought(block: Any) -> bool:
    """Whether it is signed: Bedrock has no model that takes its thoughts back without, not even those that never sign."""
    if not isinstance(block, dict):
        return False
    if block.get("type") == "redacted_thinking":
        return redacted(block.get("data")) is not None
    signature = block.get("signature")
    return (
        block.get("type") == "thinking"
        and _is_text(block.get("thinking", ""))
        and bool(signature)
        and _is_text(signature)
    )


def redacted(data: Any) -> bytes | None:
    """The bytes of a redacted thought, which come and go as Base64; None if it is none."""
    try:
        return base64.b64decode(data, validate=True) or None if isinstance(data, str) else None
    except ValueError:
        return None


def _is_tool_choice(value: Any) -> bool:
    if isinstance(value, str):
        return value in ("none", "auto", "required")
    return value.get("type") == "function" and isinstance(value.get("function"), dict)


def _is_metadata(value: dict[str, str]) -> bool:
    texts = [*value, *value.values()]
    return "" not in value and len(value) <= MAX_METADATA and all(map(METADATA_TEXT.fullmatch, texts))


VOCABULARY: Vocabulary = {
    **dict.fromkeys(
        [
            *("messages", "messages.content", "messages.content.image_url", "messages.tool_call_id"),
            *("messages.tool_calls.id", "messages.tool_calls.function", "messages.tool_calls.function.name"),
            *("messages.tool_calls.function.arguments", "messages.thinking_blocks.*"),
            *("messages.cache_control.*", "messages.content.cache_control.*", "tools.cache_control.*"),
            *("tools", "tools.function", "tools.function.description", "tools.function.strict"),
            *("tools.function.parameters", "tools.function.parameters.*", "tool_choice.*"),
            *("response_format", "response_format.json_schema", "response_format.json_schema.name"),
            *("response_format.json_schema.description", "response_format.json_schema.schema"),
            *("response_format.json_schema.schema.*", "response_format.json_schema.strict"),
            *("max_tokens", "max_completion_tokens", "top_p", "metadata.*"),
        ]
    ),
    "messages.role": lambda role: role != "function",
    "messages.content.type": lambda kind: kind in ("text", "image_url", "refusal"),
    "messages.content.image_url.url": _is_shown,
    "messages.content.text": _is_text,
    "messages.content.refusal": _is_text,
    "messages.refusal": _is_text,
    "messages.tool_calls": lambda calls: all(call.get("function") for call in calls),
    "messages.tool_calls.type": lambda kind: kind == "function",
    "messages.thinking_blocks": _are_thoughts,
    "messages.cache_control": _is_cache_control,
    "messages.content.cache_control": _is_cache_control,
    "tools.cache_control": _is_cache_control,
    "tools.type": lambda kind: kind == "function",
    "tools.function.name": lambda name: name != JSON_TOOL,
    "tool_choice": _is_tool_choice,
    "response_format.type": lambda kind: kind in ("text", "json_object", "json_schema"),
    "temperature": lambda value: value <= 1,
    "stop": lambda value: all(value) if isinstance(value, list) else bool(value),
    "reasoning_effort": lambda word: word in EFFORTS,
    "service_tier": lambda tier: tier in ("priority", "flex"),
    "metadata": _is_metadata,
    "user": lambda user: bool(METADATA_TEXT.fullmatch(user)),
}
