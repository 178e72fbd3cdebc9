"""A finished completion as server-sent events, for clients that asked for a stream.

The stream is buffered: Lambda's managed Python runtime returns an answer whole. Its events are those of a live one.
Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections.abc import Iterator
from typing import Any

from gateway.http import to_json

Chunk = dict[str, Any]

LINE_BREAKS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
"""What JSON may hold as it is, but some clients take for the end of a line: Python's `str.splitlines`, httpx."""


def chat_events(completion: dict[str, Any], include_usage: bool, told: dict[str, Any]) -> str:
    """A chat completion as `chat.completion.chunk` events and `[DONE]`.

    Args:
        include_usage: whether a last chunk without choices carries the usage, and all others a null; clients that did
            not ask for it index `choices[0]` of every chunk.
        told: what the gateway says of the completion, on the chunks that carry a `finish_reason`.
    """
    return _events(completion | {"object": "chat.completion.chunk"}, _chat_choices(completion), include_usage, told)


def text_events(completion: dict[str, Any], include_usage: bool, told: dict[str, Any]) -> str:
    """A `text_completion` as events: one chunk a choice, and `[DONE]`."""
    return _events(completion, iter(completion["choices"]), include_usage, told)


def _events(completion: Chunk, choices: Iterator[Chunk], include_usage: bool, told: dict[str, Any]) -> str:
    frame = {name: value for name, value in completion.items() if name not in ("choices", "usage")}
    null_usage: Chunk = {"usage": None} if include_usage else {}
    chunks = [
        frame | {"choices": [choice]} | null_usage | ({"gateway": told} if choice.get("finish_reason") else {})
        for choice in choices
    ]
    if include_usage:
        chunks.append(frame | {"choices": [], "usage": completion.get("usage")})
    lines = [*map(to_json, chunks), "[DONE]"]
    return "".join(f"data: {line}\n\n" for line in lines).translate(LINE_BREAKS)


def _chat_choices(completion: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks' choices: for each, who speaks, then what is said, then why it ended."""
    for position, choice in enumerate(completion["choices"]):
        index = choice.get("index", position)
        message = choice["message"]
        role = {"role": message.get("role") or "assistant", "content": None if message.get("content") is None else ""}
        yield {"index": index, "delta": role, "logprobs": None, "finish_reason": None}
        if delta := _delta(message):
            yield {"index": index, "delta": delta, "logprobs": choice.get("logprobs"), "finish_reason": None}
        yield {"index": index, "delta": {}, "logprobs": None, "finish_reason": choice.get("finish_reason")}


def _delta(message: dict[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in message.items() if name != "role" and value not in (None, [], "")}
    if "tool_calls" in said:
        said["tool_calls"] = [call | {"index": index} for index, call in enumerate(said["tool_calls"])]
    return said
