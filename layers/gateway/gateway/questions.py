"""What is asked of a deployment: a chat or embeddings, fitted to what it can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest, refuse_too_large
from gateway.errors import Inexpressible
from gateway.http import MAX_ANSWER_BYTES
from gateway.providers import adapter
from gateway.providers.base import Answer
from gateway.providers.vocabulary import fitted
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest

WANTED = {
    "chat": "makes embeddings, by POST /embeddings, and does not chat",
    "embeddings": "chats, and makes no embeddings",
    "images": "takes no images",
    "json_schema": "follows no JSON schema",
}
"""What a deployment does that lacks a capability."""


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
        _refuse_lacks(deployment, {"chat": "model", **self._needs()})
        speaker = adapter(deployment.provider.adapter)
        request, dropped = fitted(self.request, speaker.VOCABULARY, deployment)
        return Fitted(lambda endpoint, deadline: speaker.complete(request, deployment, endpoint, deadline), dropped)

    def _needs(self) -> Mapping[str, str]:
        """Capabilities that the request needs, each with the field that needs it."""
        needs = {}
        if self.request.response_format and self.request.response_format.type == "json_schema":
            needs["json_schema"] = "response_format"
        for index, message in enumerate(self.request.messages):
            for position, part in enumerate(message.content if isinstance(message.content, list) else ()):
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
        _refuse_lacks(deployment, {"embeddings": "model"})
        refuse_too_large(self.request, deployment, MAX_ANSWER_BYTES)
        speaker = adapter(deployment.provider.adapter)
        return Fitted(lambda endpoint, deadline: speaker.embed(self.request, deployment, endpoint, deadline))


Question = Chat | Embedding


def _refuse_lacks(deployment: Deployment, needs: Mapping[str, str]) -> None:
    for capability, param in needs.items():
        if deployment.lacks(capability):
            raise Inexpressible(f"{param}: {deployment.name} {WANTED[capability]}.", param=param)
