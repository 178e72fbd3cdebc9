"""A conversation as Anthropic's messages."""

import re
from typing import Any

from gateway.errors import Inexpressible
from gateway.providers.anthropic_answers import thought
from gateway.providers.conversation import Block, Call, Conversation, Image, Result, Text, Thought, Turn
from gateway.registry import Deployment

MEDIA_TYPES = {
    **{kind: kind for kind in ("image/jpeg", "image/png", "image/gif", "image/webp")},
    "image/jpg": "image/jpeg",
}
FORBIDDEN_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")


def turns(conversation: Conversation, deployment: Deployment, *, with_thoughts: bool) -> list[dict[str, Any]]:
    """The turns, in each the tools' results first, where Anthropic wants them.

    Args:
        with_thoughts: whether the model takes back what it thought.
    Raises:
        Inexpressible: the user does not speak first, or there is an image of a kind, or in a place, that Anthropic does
            not take.
    """
    if conversation.turns[0].role != "user":
        raise Inexpressible(f"messages: with {deployment.name}, the user has to speak first.", param="messages")
    contents = [_content(turn, deployment, with_thoughts) for turn in conversation.turns]
    last = contents[-1][-1]
    if conversation.turns[-1].role == "assistant" and last["type"] == "text":
        last["text"] = last["text"].rstrip()  # blanks at the end of what is to be continued are refused
    return [{"role": turn.role, "content": found} for turn, found in zip(conversation.turns, contents, strict=True)]


def _content(turn: Turn, deployment: Deployment, with_thoughts: bool) -> list[dict[str, Any]]:
    blocks = [block for block in turn.blocks if with_thoughts or not isinstance(block, Thought)]
    if turn.role == "assistant":
        _refuse_images(blocks, deployment)
    return [_block(block, deployment) for block in sorted(blocks, key=lambda block: not isinstance(block, Result))]


def _refuse_images(blocks: list[Block], deployment: Deployment) -> None:
    for block in blocks:
        if isinstance(block, Image):
            raise Inexpressible(f"{block.place}: {deployment.name} takes images of the user only.", param=block.place)


def text(block: Text) -> dict[str, Any]:
    """A block of words."""
    return {"type": "text", "text": block.text} | _marked(block.cache)


def _marked(cache: Any) -> dict[str, Any]:
    """What the client's mark for the cache adds to a block."""
    return {"cache_control": cache} if cache else {}


def _block(block: Block, deployment: Deployment) -> dict[str, Any]:
    match block:
        case Text():
            return text(block)
        case Image():
            return {"type": "image", "source": _source(block, deployment)} | _marked(block.cache)
        case Call():
            called = {"type": "tool_use", "id": _id(block.id), "name": block.name, "input": block.arguments}
            return called | _marked(block.cache)
        case Result():
            content = [_block(inner, deployment) for inner in block.blocks]
            found: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(block.id)}
            return found | ({"content": content} if content else {}) | _marked(block.cache)
        case Thought():
            return thought(block.block)


def _source(image: Image, deployment: Deployment) -> dict[str, str]:
    if image.inline is None:
        return {"type": "url", "url": image.url}
    kind, data = image.inline
    if kind not in MEDIA_TYPES:
        raise Inexpressible(f"{image.place}: {deployment.name} takes JPEG, PNG, GIF and WebP.", param=image.place)
    return {"type": "base64", "media_type": MEDIA_TYPES[kind], "data": data}


def _id(call: str) -> str:
    """A call's id in Anthropic's letters: ids of other providers have others, and a chat may begin there."""
    return FORBIDDEN_IN_IDS.sub("_", call)
