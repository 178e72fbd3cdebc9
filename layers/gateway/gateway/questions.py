"""What is asked of a deployment: a chat or embeddings, fitted to what it can do."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gateway import legacy
from gateway.body import validate
from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest, refuse_too_large
from gateway.errors import Inexpressible
from gateway.http import MAX_ANSWER_BYTES
from gateway.providers import adapter
from gateway.providers.base import Answer
from gateway.providers.vocabulary import fitted
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest
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
        buckets: what it costs, in a price's words.
    """

    request: ChatCompletionRequest
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
        request, dropped = fitted(self.request, speaker.VOCABULARY, deployment)
        return Fitted(lambda endpoint, deadline: speaker.complete(request, deployment, endpoint, deadline), dropped)

    def lacking(self, deployment: Deployment) -> Inexpressible | None:
        """What of the chat is known to be beyond the deployment, without a look into its protocol."""
        return _lack(deployment, self._needs())

    def expected(self, deployment: Deployment) -> Usage:
        """Tokens that the deployment is expected to charge for: a quarter of the input's bytes, and the output's cap."""
        cap = self.request.output_cap or ASSUMED_OUTPUT_TOKENS
        output = min(cap, deployment.max_output_tokens or cap) * (self.request.n or 1)
        return Usage(input_tokens=self._input_tokens, output_tokens=output)

    @cached_property
    def _input_tokens(self) -> int:
        wire = self.request.wire()
        said = [wire["messages"], wire.get("tools") or []]
        size = sum(len(text.encode("utf-8", "replace")) for text in _leaves(said) if isinstance(text, str))
        images = sum(1 for message in self.request.messages for part in _parts(message) if part.type == "image_url")
        return math.ceil(size / BYTES_A_TOKEN) + images * IMAGE_TOKENS

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


Question = Chat | Embedding


def _lack(deployment: Deployment, needs: Mapping[str, str]) -> Inexpressible | None:
    for capability, param in needs.items():
        if deployment.lacks(capability):
            return Inexpressible(f"{param}: {deployment.name} {WANTED[capability]}.", param=param)
    return None


def _parts(message: Any) -> Sequence[Any]:
    return message.content if isinstance(message.content, list) else ()


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
