"""A conversation as Anthropic's messages."""

import re
from typing import Any

from gateway.errors import Inexpressible
from gateway.providers.conversation import Block, Call, Conversation, Image, Result, Text, Thought, Turn
from gateway.registry import Deployment

MEDIA_TYPES = {
    **{kind: kind for kind in ("image/jpeg", "image/png", "image/gif", "image/webp")},
    "image/jpg": "image/jpeg",
}
FORBIDDEN_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")


def turns(conversation: Conversation, deployment: Deployment) -> list[dict[str, Any]]:
    """The turns, in each the tools' results first, where Anthropic wants them.

    Raises:
        Inexpressible: there is an image of a kind, or in a place, that Anthropic does not take.
    """
    return [{"role": turn.role, "content": _content(turn, deployment)} for turn in conversation.turns]


def text(block: Text) -> dict[str, Any]:
    """A block of words."""
    return {"type": "text", "text": block.text} | marked(block.cache)


def marked(cache: Any) -> dict[str, Any]:
    """What the client's mark for the cache adds to a block."""
    return {"cache_control": cache} if cache else {}


def _content(turn: Turn, deployment: Deployment) -> list[dict[str, Any]]:
    if turn.role == "assistant":
        for block in turn.blocks:
            if isinstance(block, Image):
                raise Inexpressible(
                    f"{block.place}: {deployment.name} takes images of the user only.", param=block.place
                )
    # Blank texts are refused; models of other providers put them before their calls.
    worded = [block for block in turn.blocks if not (isinstance(block, Text) and not block.text.strip())]
    blocks = sorted(worded or turn.blocks, key=lambda block: not isinstance(block, Result))
    return [_block(block, deployment) for block in blocks]


def _block(block: Block, deployment: Deployment) -> dict[str, Any]:
    match block:
        case Text():
            return text(block)
        case Image():
            return {"type": "image", "source": _source(block, deployment)} | marked(block.cache)
        case Call():
            return {"type": "tool_use", "id": _id(block.id), "name": block.name, "input": block.arguments}
        case Result():
            content = [_block(inner, deployment) for inner in block.blocks]
            found: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(block.id)}
            return found | ({"content": content} if content else {}) | marked(block.cache)
        case Thought():
            return block.block


def _source(image: Image, deployment: Deployment) -> dict[str, str]:
    if image.inline is None:
        return {"type": "url", "url": image.url}
    kind, data = image.inline
    if kind.lower() not in MEDIA_TYPES:
        raise Inexpressible(f"{image.place}: {deployment.name} takes JPEG, PNG, GIF and WebP.", param=image.place)
    return {"type": "base64", "media_type": MEDIA_TYPES[kind.lower()], "data": data}


def _id(call: str) -> str:
    """A call's id in Anthropic's letters: ids of other providers have others, and a chat may begin there."""
    return FORBIDDEN_IN_IDS.sub("_", call)
