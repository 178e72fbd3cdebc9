"""What Anthropic refuses of messages, in its words: roles, blocks, and tools' results that answer no call."""

import re
from typing import Any

from tests.upstream.anthropic_api.errors import ApiError

Block = dict[str, Any]
BLOCKS = {
    "user": {"text": "text", "image": "source", "tool_result": "tool_use_id"},
    "assistant": {"text": "text", "thinking": "signature", "redacted_thinking": "data", "tool_use": "input"},
}
"""What may be in whose messages, and a field that it must have."""
IN_RESULTS = {"text": "text", "image": "source"}
ID = re.compile(r"[a-zA-Z0-9_-]+")
MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def blocks(content: Any) -> list[Block]:
    """A message's content as blocks: a string is short for one of text."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def check(messages: Any) -> None:
    """The rules of `messages`."""
    if not isinstance(messages, list) or not messages:
        raise ApiError("messages: at least one message is required")
    for index, message in enumerate(messages):
        _check_message(message, f"messages.{index}")
    _check_ends(messages)
    for index, message in enumerate(messages):
        before = messages[index - 1] if index else None
        _check_results(message, before, f"messages.{index}")
        after = messages[index + 1] if index + 1 < len(messages) else None
        _check_answered(message, after, f"messages.{index}")


def _check_message(message: Any, where: str) -> None:
    role = message.get("role")
    if role == "system":
        advice = 'The Messages API accepts a top-level `system` parameter, not "system" as an input message role.'
        raise ApiError(f'messages: Unexpected role "system". {advice}')
    if role not in BLOCKS:
        raise ApiError(f"{where}.role: Input should be 'user' or 'assistant'")
    if not message.get("content"):
        raise ApiError(
            f"{where}: all messages must have non-empty content except for the optional final assistant message"
        )
    for index, block in enumerate(blocks(message["content"])):
        _check_block(block, BLOCKS[role], f"{where}.content.{index}")


def _check_ends(messages: list[Block]) -> None:
    """Who speaks first, and how the assistant's messages end."""
    if messages[0]["role"] != "user":
        raise ApiError('messages: first message must use the "user" role')
    for index, message in enumerate(messages):
        last = blocks(message["content"])[-1]
        if last["type"] in ("thinking", "redacted_thinking"):
            raise ApiError(f"messages.{index}: The final block in an assistant message cannot be `{last['type']}`.")
    if messages[-1]["role"] == "assistant" and last.get("text", "") != last.get("text", "").rstrip():
        raise ApiError("messages: final assistant content cannot end with trailing whitespace")


def _check_block(block: Block, allowed: dict[str, str], where: str) -> None:
    kind = block.get("type", "")
    if kind not in allowed:
        tags = ", ".join(f"'{tag}'" for tag in allowed)
        raise ApiError(
            f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        )
    if block.get(allowed[kind]) is None:
        raise ApiError(f"{where}.{kind}.{allowed[kind]}: Field required")
    if kind == "text" and not block["text"].strip():
        raise ApiError("messages: text content blocks must contain non-whitespace text")
    if kind == "image":
        _check_source(block["source"], f"{where}.image.source")
    if kind == "tool_use":
        _check_call(block, f"{where}.tool_use")
    if kind == "tool_result":
        for index, part in enumerate(blocks(block.get("content") or [])):
            _check_block(part, IN_RESULTS, f"{where}.tool_result.content.{index}")


def _check_call(block: Block, where: str) -> None:
    if not ID.fullmatch(block.get("id", "")):
        raise ApiError(f"{where}.id: String should match pattern '^{ID.pattern}$'")
    if not isinstance(block["input"], dict):
        raise ApiError(f"{where}.input: Input should be a valid dictionary")


def _check_source(source: Block, where: str) -> None:
    if source.get("type") == "url" and not source.get("url", "").startswith("https://"):
        raise ApiError(f"{where}.url.url: Only HTTPS URLs are supported.")
    if source.get("type") == "base64" and source.get("media_type") not in MEDIA_TYPES:
        kinds = ", ".join(f"'{kind}'" for kind in MEDIA_TYPES)
        raise ApiError(f"{where}.base64.media_type: Input should be {kinds}")


def _check_results(message: Block, before: Block | None, where: str) -> None:
    called = _calls(before) if before else []
    for index, block in enumerate(blocks(message["content"])):
        if block["type"] == "tool_result" and block["tool_use_id"] not in called:
            raise ApiError(
                f"{where}.content.{index}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )


def _check_answered(message: Block, after: Block | None, where: str) -> None:
    """All calls are answered by the first blocks of the next message."""
    called = _calls(message)
    first = blocks(after["content"])[: len(called)] if after else []
    answered = [block.get("tool_use_id") for block in first]
    if missing := [call for call in called if call not in answered]:
        raise ApiError(
            f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}. "
            "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
        )


def _calls(message: Block) -> list[str]:
    return [block["id"] for block in blocks(message["content"]) if block["type"] == "tool_use"]
