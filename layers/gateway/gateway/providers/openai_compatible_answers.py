"""A chat completion as OpenAI's clients can read it, and send its messages back: many who speak the protocol come near it."""

import hashlib
import json
from typing import Any

from gateway.providers.reading import as_dict, as_objects, as_text

FINISH_REASONS = {
    **{reason: reason for reason in ("stop", "length", "tool_calls", "content_filter", "function_call")},
    **dict.fromkeys(("model_length", "max_tokens"), "length"),
}
"""OpenAI's, and what others have for them; Mistral counts the context window apart. All else is a plain end."""
BROKEN = ("error", "abort", "aborted", "insufficient_system_resource")
"""Ends in the middle, of OpenRouter and Mistral, vLLM, DeepSeek."""
ELSEWHERE = ("tool_calls", "function_call", "refusal", "audio")
"""Where a message says something, if its content is null."""

Fields = dict[str, Any]


def readable(body: Fields, model: str) -> Fields | None:
    """The answer, with what clients count on; None if it is no chat completion.

    Args:
        model: who answered, if the answer does not say.
    """
    choices, seed = body.get("choices"), _digest(body)
    if not isinstance(choices, list) or not choices:
        return None
    read = [_choice(as_dict(choice), index, f"{seed}{index:02}") for index, choice in enumerate(choices)]
    if None in read:
        return None
    named = {"id": as_text(body.get("id")) or f"chatcmpl-{seed}", "model": as_text(body.get("model")) or model}
    return body | {"object": "chat.completion", "choices": read} | named


def _choice(choice: Fields, index: int, seed: str) -> Fields | None:
    message = _message(choice.get("message"), seed)
    if message is None:
        return None
    told, place = as_text(choice.get("finish_reason")), choice.get("index")
    finish = told if told in BROKEN else FINISH_REASONS.get(told, "tool_calls" if message.get("tool_calls") else "stop")
    place = place if isinstance(place, int) and not isinstance(place, bool) else index
    return choice | {"index": place, "message": message, "finish_reason": finish}


def _message(message: Any, seed: str) -> Fields | None:
    """The message; None if nobody could read it: content is text or parts, and calls are objects."""
    if not isinstance(message, dict):
        return None
    content, calls = message.get("content"), message.get("tool_calls")
    if not (content is None or isinstance(content, str) or (_are_objects(content) and all(map(_is_part, content)))):
        return None
    if not (calls is None or _are_objects(calls)):
        return None
    read = message | {"role": "assistant"} | _in_words(content)
    if calls:
        read["tool_calls"] = [_call(call, f"call_{seed}{index:02}") for index, call in enumerate(calls)]
    if not isinstance(message.get("refusal", ""), str):
        read["refusal"] = None
    if read["content"] is None:
        read["content"] = None if any(read.get(name) for name in ELSEWHERE) else ""
    return None if calls and None in read["tool_calls"] else read


def _in_words(content: str | list[Fields] | None) -> Fields:
    """The content as OpenAI has it, a string; Mistral's models put what they think into its parts."""
    if not isinstance(content, list) or not all(part.get("type") in ("text", "thinking") for part in content):
        return {"content": content}
    thoughts = [part for part in content if part["type"] == "thinking"]
    thought = "".join(as_text(piece.get("text")) for part in thoughts for piece in as_objects(part.get("thinking")))
    said = "".join(as_text(part.get("text")) for part in content if part["type"] == "text")
    return {"content": said or None} | ({"reasoning_content": thought} if thought else {})


def _is_part(part: Fields) -> bool:
    """Whether clients may send it back."""
    kind = as_text(part.get("type"))
    return isinstance(part.get("text"), str) if kind == "text" else kind not in ("", "image_url")


def _call(call: Fields, identity: str) -> Fields | None:
    """A call with an id, which some leave out, and its arguments in a string; None if it names no function."""
    function = call.get("function")
    if function is None:
        return call | {"id": as_text(call.get("id")) or identity}
    if not as_text(as_dict(function).get("name")):
        return None
    arguments = as_dict(function).get("arguments")
    written = arguments if isinstance(arguments, str) else json.dumps({} if arguments is None else arguments)
    named = {"id": as_text(call.get("id")) or identity, "type": as_text(call.get("type")) or "function"}
    return call | named | {"function": as_dict(function) | {"arguments": written}}


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _digest(body: Fields) -> str:
    """The same for the same answer, and not for another."""
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()[:20]
