"""What the pretended model reads and says: the words, their count, values for a JSON schema."""

import re
from typing import Any

IMAGE_TOKENS = 85
EXAMPLES: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def tokens(text: str) -> list[str]:
    """A token is a word with the space before it; joined they are the text again."""
    return re.findall(r"\s*\S+|\s+$", text)


def cap(text: str, limit: int | None) -> tuple[str, str]:
    """The text within the limit of tokens, and the finish reason that goes with it."""
    words = tokens(text)
    return (text, "stop") if limit is None or len(words) <= limit else ("".join(words[:limit]), "length")


def of_content(content: Any) -> str:
    """A message's text, be it a string or parts."""
    if isinstance(content, str):
        return content
    texts = [part.get("text") for part in content or [] if isinstance(part, dict)]
    return " ".join(text for text in texts if text)


def prompt_tokens(messages: list[dict[str, Any]]) -> int:
    """Words, images, and three tokens a message, as OpenAI counts its framing."""
    return sum(3 + len(tokens(of_content(message.get("content")))) + _images(message) for message in messages)


def usage(prompt: int, completion: int, reasoning: int = 0) -> dict[str, Any]:
    """Half of the prompt counts as cached, so that tests see a number in every field that costs differently."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion + reasoning,
        "total_tokens": prompt + completion + reasoning,
        "prompt_tokens_details": {"cached_tokens": prompt // 2, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def example(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """A value that satisfies a JSON schema of the kind tools and response_format use."""
    root = schema if root is None else root
    if "$ref" in schema:
        return example(_resolve(schema["$ref"], root), root)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return example(schema[union][0], root)
    return _example_of_type(schema, root)


def _example_of_type(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: example(part, root) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema["items"], root)] if "items" in schema else []
    return EXAMPLES[kind]


def _resolve(pointer: str, root: dict[str, Any]) -> dict[str, Any]:
    found = root
    for name in pointer.removeprefix("#").strip("/").split("/"):
        found = found[name] if name else found
    return found


def _images(message: dict[str, Any]) -> int:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    images = [part for part in parts if isinstance(part, dict) and part.get("type") == "image_url"]
    return IMAGE_TOKENS * len(images)
