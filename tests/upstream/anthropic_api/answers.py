"""What the pretended model answers: an echo, the tool that it has to call, or JSON by the schema."""

import json
from typing import Any

from tests.upstream.anthropic_api.conversation import blocks
from tests.upstream.openai_api import text

Body = dict[str, Any]
THOUGHT = "The user says something; I say it back."
SIGNATURE = "RXJhc2VkIGJlZm9yZSBhbnlib2R5IGNvdWxkIHJlYWQgaXQ="
IMAGE_TOKENS = 85


def answer(body: Body, digest: str) -> Body:
    """The message for this request."""
    content, reason, stopped_by = _content(body, digest)
    thoughts = _thoughts(body)
    return {
        "id": f"msg_{digest}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": thoughts + content,
        "stop_reason": reason,
        "stop_sequence": stopped_by,
        "stop_details": None,
        "usage": _usage(body, content, thoughts),
    }


def _thoughts(body: Body) -> list[Body]:
    """Their text only where the request asks for it, or a budget for it is set."""
    thinking = body.get("thinking") or {}
    if thinking.get("type") not in ("adaptive", "enabled"):
        return []
    shown = thinking.get("display", "summarized" if thinking["type"] == "enabled" else "omitted")
    return [{"type": "thinking", "thinking": THOUGHT if shown == "summarized" else "", "signature": SIGNATURE}]


def _content(body: Body, digest: str) -> tuple[list[Body], str, str | None]:
    """The blocks, why they end, and the stop sequence that ended them."""
    tool = _called_tool(body)
    if tool is not None:
        used = {"type": "tool_use", "id": f"toolu_{digest}", "name": tool["name"]}
        return [used | {"input": _input(tool["input_schema"], body)}], "tool_use", None
    said = _said(body)
    for sequence in body.get("stop_sequences", []):
        if sequence in said:
            return [{"type": "text", "text": said.partition(sequence)[0]}], "stop_sequence", sequence
    capped, reason = text.cap(said, body["max_tokens"])
    return [{"type": "text", "text": capped}], "end_turn" if reason == "stop" else "max_tokens", None


def _called_tool(body: Body) -> Body | None:
    """The tool that `tool_choice` demands: the named one, or with "any" the first."""
    choice: Body = body.get("tool_choice") or {}
    tools: list[Body] = body.get("tools") or []
    if choice.get("type") == "tool":
        return next(tool for tool in tools if tool["name"] == choice["name"])
    return tools[0] if choice.get("type") == "any" else None


def _input(schema: Body, body: Body) -> Any:
    """By the schema; where that leaves the properties open, the echo."""
    return {"answer": _said(body)} if schema.get("additionalProperties") is True else text.example(schema)


def _said(body: Body) -> str:
    form = (body.get("output_config") or {}).get("format")
    if form:
        return json.dumps(text.example(form["schema"]))
    return f"You said: {_words(body['messages'][-1]['content'])}"


def _words(content: Any) -> str:
    """All texts of a message, in tools' results too."""
    found = [
        _words(block.get("content") or []) if block["type"] == "tool_result" else block.get("text", "")
        for block in blocks(content)
    ]
    return " ".join(text for text in found if text)


def _usage(body: Body, content: list[Body], thoughts: list[Body]) -> Body:
    """A number in every field that costs differently, so that tests see what becomes of each."""
    prompt = _prompt_tokens(body)
    read, written = prompt // 2, prompt // 4
    thought = len(text.tokens(THOUGHT)) if thoughts else 0
    return {
        "input_tokens": prompt - read - written,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written - written // 2,
            "ephemeral_1h_input_tokens": written // 2,
        },
        "output_tokens": thought + sum(_tokens_of(block) for block in content),
        "output_tokens_details": {"thinking_tokens": thought} if thoughts else None,
        "server_tool_use": None,
        "service_tier": "standard",
        "inference_geo": "global",
    }


def _prompt_tokens(body: Body) -> int:
    """Words, images, tools, and three tokens a message."""
    messages = sum(3 + _tokens_in(message["content"]) for message in body["messages"])
    tools = sum(len(text.tokens(json.dumps(tool))) for tool in body.get("tools") or [])
    return messages + tools + _tokens_in(body.get("system") or [])


def _tokens_in(content: Any) -> int:
    images = [block for block in blocks(content) if block["type"] == "image"]
    return len(text.tokens(_words(content))) + IMAGE_TOKENS * len(images)


def _tokens_of(block: Body) -> int:
    return len(text.tokens(block["text"] if block["type"] == "text" else json.dumps(block["input"])))
