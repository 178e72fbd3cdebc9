"""A chat in the form that Anthropic, Bedrock and Gemini share: instructions apart, and turns of user and assistant.

Each turn is a list of blocks; tools' results belong to the user's turns, and neighbouring messages of one side are one
turn. The request has been validated and fitted to the adapter's vocabulary before.
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gateway.errors import InvalidRequest
from gateway.providers.reading import parsed
from gateway.schemas import ChatCompletionRequest

CacheControl = dict[str, Any]
"""Anthropic's marker on a block, `{"type": "ephemeral", "ttl": "5m" | "1h"}`: all up to here goes into the cache."""


@dataclass(frozen=True)
class Text:
    """Words."""

    text: str
    cache: CacheControl | None = None


@dataclass(frozen=True)
class Image:
    """A picture.

    Attributes:
        url: a data URL, or an address on the web.
        place: the field that it came in, for errors.
        detail: how closely the model is to look, in OpenAI's words; None if it may choose.
    """

    url: str
    place: str
    cache: CacheControl | None = None
    detail: str | None = None

    @property
    def inline(self) -> tuple[str, str] | None:
        """Media type and Base64 of a data URL; None for an address on the web."""
        head, _, data = self.url.partition(",")
        scheme, _, rest = head.partition(":")
        return (rest.partition(";")[0].lower(), data) if scheme.lower() == "data" else None

    @property
    def bytes(self) -> bytes:
        """A data URL's bytes."""
        return base64.b64decode(self.url.partition(",")[2])


@dataclass(frozen=True)
class Call:
    """A tool's call that the model made.

    Attributes:
        extra: what came beside it as `extra_content`: signatures that the provider wants back.
    """

    id: str
    name: str
    arguments: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)
    cache: CacheControl | None = None


@dataclass(frozen=True)
class Result:
    """What a tool's call brought: `name` is the tool's."""

    id: str
    name: str
    blocks: "list[Text | Image]"
    cache: CacheControl | None = None


@dataclass(frozen=True)
class Thought:
    """A block of `thinking_blocks`: what the model thought, with the signature by which the provider knows it again."""

    block: dict[str, Any]


Block = Text | Image | Call | Result | Thought


@dataclass
class Turn:
    """What one side said before the other said something."""

    role: Literal["user", "assistant"]
    blocks: list[Block]


@dataclass
class Conversation:
    """The chat: instructions, in the order in which they came, and turns."""

    system: list[Text]
    turns: list[Turn]


def read(request: ChatCompletionRequest) -> Conversation:
    """The request's messages.

    Raises:
        InvalidRequest: a refusal is no text, a call has no function, or its arguments are not a JSON object; or there are
            instructions alone, or with images.
    """
    system: list[Text] = []
    turns: list[Turn] = []
    names: dict[str, str] = {}
    for index, message in enumerate(request.wire()["messages"]):
        place = f"messages[{index}]"
        if message["role"] in ("system", "developer"):
            system += _instructions(message, place)
        else:
            role: Literal["user", "assistant"] = "assistant" if message["role"] == "assistant" else "user"
            _join(turns, Turn(role, _marked(_blocks(message, place, names), message)))
    _conclude(turns)
    if not turns:
        raise InvalidRequest("messages: needs a message of the user.", param="messages")
    return Conversation(system, turns)


def _join(turns: list[Turn], turn: Turn) -> None:
    if turns and turns[-1].role != turn.role:
        _conclude(turns)
    if turns and turns[-1].role == turn.role:
        turns[-1].blocks += turn.blocks
    elif turn.blocks:
        turns.append(turn)


def _conclude(turns: list[Turn]) -> None:
    """Leave out thoughts that led to no word, such as those that the output cap cut off: no provider takes them back."""
    while turns and turns[-1].blocks and isinstance(turns[-1].blocks[-1], Thought):
        turns[-1].blocks.pop()
    if turns and not turns[-1].blocks:
        turns.pop()


def _marked(blocks: Iterable[Block], message: dict[str, Any]) -> list[Block]:
    """The blocks, a message's mark for the cache on the last of them, unless that has its own; thoughts carry none."""
    found, cache = list(blocks), message.get("cache_control")
    if cache and found and not isinstance(found[-1], Thought) and not found[-1].cache:
        found[-1] = replace(found[-1], cache=cache)
    return found


def _blocks(message: dict[str, Any], place: str, names: dict[str, str]) -> Iterator[Block]:
    """A message's blocks; `names` are the tools called so far, by the ids of their calls."""
    if message["role"] == "tool":
        called = message["tool_call_id"]
        yield Result(called, names.get(called, ""), _content(message, place))
        return
    yield from map(Thought, message.get("thinking_blocks") or ())
    yield from _content(message, place)
    if message.get("refusal") is not None and (refusal := _refusal(message, place)).strip():
        yield Text(refusal)
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call.get("function")
        if not function:
            where = f"{place}.tool_calls[{index}].function"
            raise InvalidRequest(f"{where}: this field is required.", param=where)
        names[call["id"]] = function["name"]
        arguments = _arguments(function["arguments"], f"{place}.tool_calls[{index}].function.arguments")
        yield Call(call["id"], function["name"], arguments, call.get("extra_content") or {})


def _instructions(message: dict[str, Any], place: str) -> list[Text]:
    blocks = _marked(_content(message, place), message)
    for block in blocks:
        if isinstance(block, Image):
            raise InvalidRequest(f"{block.place}: images are for messages of the user.", param=block.place)
    return [block for block in blocks if isinstance(block, Text)]


def _content(message: dict[str, Any], place: str) -> "list[Text | Image]":
    """Its words and pictures; blank texts are left out, since most providers refuse them, but not their marks."""
    content = message.get("content")
    if isinstance(content, str):
        return [Text(content)] if content.strip() else []
    blocks: list[Text | Image] = []
    for index, part in enumerate(content or []):
        where, cache = f"{place}.content[{index}]", part.get("cache_control")
        if part["type"] == "image_url":
            image = part["image_url"]
            blocks.append(Image(image["url"], f"{where}.image_url.url", cache, image.get("detail")))
        elif (text := part["text"] if part["type"] == "text" else _refusal(part, where)).strip():
            blocks.append(Text(text, cache))
        elif cache and blocks and not blocks[-1].cache:
            blocks[-1] = replace(blocks[-1], cache=cache)
    return blocks


def _refusal(said: dict[str, Any], place: str) -> str:
    """The refusal in a message or a part."""
    refusal = said.get("refusal")
    if not isinstance(refusal, str):
        raise InvalidRequest(f"{place}.refusal: must be a string.", param=f"{place}.refusal")
    return refusal


def _arguments(text: str, place: str) -> dict[str, Any]:
    try:
        arguments = parsed(text or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise InvalidRequest(f"{place}: must be a JSON object in a string.", param=place)
    return arguments
