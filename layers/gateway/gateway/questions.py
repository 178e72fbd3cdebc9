"""What is asked of a deployment: a chat or embeddings, fitted to what it can do."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from gateway import legacy
from gateway.body import validate
from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest, refuse_too_large
from gateway.errors import Inexpressible, ModelNotAllowed
from gateway.http import MAX_ANSWER_BYTES, to_json
from gateway.providers import adapter
from gateway.providers.base import Answer
from gateway.providers.vocabulary import fitted
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest
from gateway.tools.last_round import NO_MORE, last
from gateway.usage import Usage

WANTED = {
    "chat": "makes embeddings, by POST /embeddings, and does not chat",
    "embeddings": "chats, and makes no embeddings",
    "images": "takes no images",
    "json_schema": "follows no JSON schema",
}
"""What a deployment does that lacks a capability."""
BYTES_A_TOKEN = 4
"""The usual estimate."""
IMAGE_TOKENS = 1000
MOST_IMAGE_TOKENS = 10_000
"""The allowance for one image: providers count up to some 5,000."""
MOST_TOOL_TOKENS = 1000
"""What providers write around tools for the model to read."""
MOST_WINDOW_TOKENS = 1_000_000
"""Of a deployment whose context window is not known."""
DEAR_IMAGES = {"gpt-4o-mini": 50_000}
"""The allowance where images count for more, by a part of the deployment's name."""
CAPS = ("max_tokens", "max_completion_tokens")
COUNTED_PARTS = ("text", "refusal", "image_url", "thinking", "redacted_thinking")
"""Kinds of a message's parts whose tokens can be told from what was sent."""
MOST_INPUT_TOKENS = 10
"""Around one text to be embedded."""
BUDGET_OUTPUT_TOKENS = 16_384
"""Of a key with a budget, if the request has no cap: more than any model can say before the deadline."""
ASSUMED_OUTPUT_TOKENS = 1000
"""Of a request without a cap: the same for all deployments, so that they can be compared."""


@dataclass(frozen=True)
class Fitted:
    """A question as one deployment can be asked it.

    Attributes:
        ask: asks, at an address and until a deadline.
        dropped: places of the request that the deployment cannot express, and which its model says may be dropped.
    """

    ask: Callable[[Endpoint, Deadline], Answer]
    dropped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Chat:
    """A chat completion.

    Attributes:
        cap: on the output, in tokens, if the request has none.
        is_bounded: whether the most that it costs has to be known.
        is_last: whether no tool may be called any more.
        buckets: what it costs, in a price's words.
    """

    request: ChatCompletionRequest
    cap: int | None = None
    is_bounded: bool = False
    is_last: bool = False
    buckets = ("input", "output")

    @property
    def model(self) -> str:
        """The name that the client asks for."""
        return self.request.model

    @property
    def stream(self) -> bool:
        """Whether the answer is to be a stream."""
        return bool(self.request.stream)

    def prompt(self) -> Any:
        """The customer's words, for a log that may have them."""
        return self.request.wire()["messages"]

    def fitted(self, deployment: Deployment) -> Fitted:
        """The chat as a deployment can be asked it.

        Raises:
            Inexpressible: it cannot.
        """
        if lacking := self.lacking(deployment):
            raise lacking
        speaker = adapter(deployment.provider.adapter)
        wanted = self._capped(deployment)
        request, dropped = fitted(last(wanted, deployment) if self.is_last else wanted, speaker.VOCABULARY, deployment)
        if self.is_bounded and (uncapped := [name for name in CAPS if name in dropped]):
            raise Inexpressible(
                f"{uncapped[0]}: {deployment.name} takes no cap, and this API key has a budget.", param="model"
            )
        return Fitted(lambda endpoint, deadline: speaker.complete(request, deployment, endpoint, deadline), dropped)

    def lacking(self, deployment: Deployment) -> Inexpressible | None:
        """What of the chat is known to be beyond the deployment, without a look into its protocol."""
        return _lack(deployment, self._needs())

    def expected(self, deployment: Deployment) -> Usage:
        """Tokens that the deployment is expected to charge for: a quarter of the input's bytes, and the output's cap."""
        cap = self.request.output_cap or ASSUMED_OUTPUT_TOKENS
        output = min(cap, deployment.max_output_tokens or cap) * (self.request.n or 1)
        return Usage(input_tokens=self._input_tokens, output_tokens=output)

    def bounded(self, *, is_strict: bool) -> "Chat":
        """The same chat with a bound on what it costs, for a key with a budget.

        Args:
            is_strict: whether what list prices do not cover is refused.
        Raises:
            ModelNotAllowed: it asks for something of that kind.
        """
        wire = self.request.wire()
        wanted = [name for name, harmless in BEYOND_LIST.items() if is_strict and not harmless(wire.get(name))]
        wanted += ["tools" for tool in self.request.tools or () if is_strict and tool.type != "function"]
        if wanted:
            raise ModelNotAllowed(
                f"{wanted[0]}: list prices do not cover this, and this API key has a budget; its policy has to allow it.",
                param=wanted[0],
            )
        return replace(self, cap=None if self.request.output_cap else BUDGET_OUTPUT_TOKENS, is_bounded=True)

    def _capped(self, deployment: Deployment) -> ChatCompletionRequest:
        if self.cap is None:
            return self.request
        cap = min(self.cap, deployment.max_output_tokens or self.cap)
        return validate(self.request.wire() | {"max_tokens": cap}, ChatCompletionRequest)

    def most(self, deployment: Deployment) -> Usage:
        """The most tokens that the deployment can charge for: no token has less than a byte, and no answer is beyond its cap.

        What is sent by reference, such as a video, may fill the whole context window, and nothing can be more than that.
        """
        own = self.request.output_cap
        cap = own or self.cap or ASSUMED_OUTPUT_TOKENS
        output = (cap if own else min(cap, deployment.max_output_tokens or cap)) * (self.request.n or 1)
        window = deployment.context_window or MOST_WINDOW_TOKENS
        image = next((count for name, count in DEAR_IMAGES.items() if name in deployment.model), MOST_IMAGE_TOKENS)
        inputs = window if self._has_other_parts else self._most_text_tokens + self._images * image
        return Usage(input_tokens=min(inputs, deployment.context_window or inputs), output_tokens=output)

    @cached_property
    def _most_text_tokens(self) -> int:
        size = len(to_json(self.request.wire()).encode()) - sum(_size_of_image(part) for part in self._all_parts())
        asked = self.request
        tools = MOST_TOOL_TOKENS if asked.tools or asked.functions or asked.response_format else 0
        return size + tools + (len(NO_MORE) if self.is_last else 0)

    @cached_property
    def _has_other_parts(self) -> bool:
        return any(part.get("type") not in COUNTED_PARTS for part in self._all_parts())

    def _all_parts(self) -> list[dict[str, Any]]:
        """The parts of all messages, as they were sent."""
        contents = [message.get("content") for message in self.request.wire()["messages"]]
        return [part for content in contents if isinstance(content, list) for part in content]

    @cached_property
    def _images(self) -> int:
        return sum(1 for message in self.request.messages for part in _parts(message) if part.type == "image_url")

    @cached_property
    def _input_tokens(self) -> int:
        wire = self.request.wire()
        said = [wire["messages"], wire.get("tools") or []]
        size = sum(len(text.encode("utf-8", "replace")) for text in _leaves(said) if isinstance(text, str))
        return math.ceil(size / BYTES_A_TOKEN) + self._images * IMAGE_TOKENS

    def _needs(self) -> Mapping[str, str]:
        """Capabilities that the request needs, each with the field that needs it."""
        needs = {"chat": "model"}
        if self.request.response_format and self.request.response_format.type == "json_schema":
            needs["json_schema"] = "response_format"
        for index, message in enumerate(self.request.messages):
            for position, part in enumerate(_parts(message)):
                if part.type == "image_url":
                    needs.setdefault("images", f"messages[{index}].content[{position}]")
        return needs


@dataclass(frozen=True)
class Embedding:
    """Vectors of texts, which are no output that is paid for; attributes as a Chat's."""

    request: EmbeddingRequest
    stream = False
    buckets = ("input",)

    @property
    def model(self) -> str:
        """The name that the client asks for."""
        return self.request.model

    def prompt(self) -> Any:
        """The customer's words, for a log that may have them."""
        return self.request.wire()["input"]

    def fitted(self, deployment: Deployment) -> Fitted:
        """The texts as a deployment can be asked for their vectors.

        Raises:
            Inexpressible: it cannot, or the answer would be larger than Lambda returns.
        """
        if lacking := self.lacking(deployment):
            raise lacking
        refuse_too_large(self.request, deployment, MAX_ANSWER_BYTES)
        speaker = adapter(deployment.provider.adapter)
        return Fitted(lambda endpoint, deadline: speaker.embed(self.request, deployment, endpoint, deadline))

    def lacking(self, deployment: Deployment) -> Inexpressible | None:
        """Whether the deployment is known to make no embeddings."""
        return _lack(deployment, {"embeddings": "model"})

    def expected(self, _: Deployment) -> Usage:
        """Tokens that a deployment is expected to charge for: those that were sent, or a quarter of the texts' bytes."""
        leaves = list(_leaves(self.request.input))
        size = sum(len(leaf.encode("utf-8", "replace")) for leaf in leaves if isinstance(leaf, str))
        tokens = sum(1 for leaf in leaves if isinstance(leaf, int))
        return Usage(input_tokens=math.ceil(size / BYTES_A_TOKEN) + tokens, output_tokens=0)

    def bounded(self, *, is_strict: bool) -> "Embedding":  # noqa: ARG002 - as a Chat's
        """As it is: there is nothing of it that has no bound."""
        return self

    def most(self, _: Deployment) -> Usage:
        """The most tokens that a deployment can charge for."""
        leaves = list(_leaves(self.request.input))
        sizes = [
            len(leaf.encode("utf-8", "replace")) + MOST_INPUT_TOKENS if isinstance(leaf, str) else 1 for leaf in leaves
        ]
        return Usage(input_tokens=sum(sizes), output_tokens=0)


Question = Chat | Embedding

BEYOND_LIST: Mapping[str, Callable[[Any], bool]] = {
    "service_tier": lambda tier: tier in (None, "auto", "default", "flex", "standard_only"),
    "modalities": lambda kinds: kinds is None or kinds == ["text"],
    **dict.fromkeys(
        ("web_search_options", "search_parameters", "plugins", "models", "provider"), lambda value: value is None
    ),
}
"""Fields of a request that make it cost more than list prices say, and whether a value of theirs does not."""


def _lack(deployment: Deployment, needs: Mapping[str, str]) -> Inexpressible | None:
    for capability, param in needs.items():
        if deployment.lacks(capability):
            return Inexpressible(f"{param}: {deployment.name} {WANTED[capability]}.", param=param)
    return None


def _parts(message: Any) -> Sequence[Any]:
    return message.content if isinstance(message.content, list) else ()


def _size_of_image(part: Mapping[str, Any]) -> int:
    """Bytes of an image, or of its address, which count by themselves."""
    return len(to_json(part.get("image_url")).encode()) if part.get("type") == "image_url" else 0


def _leaves(value: Any) -> Iterator[Any]:
    """All that is in objects and arrays, however deep; not the objects' names, and no images, which count by themselves."""
    ahead = [value]
    while ahead:
        found = ahead.pop()
        if isinstance(found, dict):
            ahead += (inner for name, inner in found.items() if name != "image_url")
        elif isinstance(found, list):
            ahead += found
        else:
            yield found


def parse(body: dict[str, Any]) -> Question:
    """A question from a body of POST /embeddings, if it has an `input`; else of one of the completions.

    Raises:
        InvalidRequest: a field is wrong; `param` names it.
    """
    if "input" in body and "messages" not in body:
        return Embedding(validate(body, EmbeddingRequest))
    return Chat(legacy.parse(body)[0])
