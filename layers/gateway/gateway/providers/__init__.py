"""Adapters: our code for each provider's protocol, imported when first used."""

from importlib import import_module
from typing import Protocol, cast

from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest
from gateway.providers.base import Answer
from gateway.providers.vocabulary import Vocabulary
from gateway.registry import ADAPTERS, Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest


class Adapter(Protocol):
    """What a module of this package has.

    VOCABULARY says what of a chat request its protocol can express; None for everything, known to us or not.
    """

    VOCABULARY: Vocabulary | None

    def complete(
        self, request: ChatCompletionRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline
    ) -> Answer:
        """Answer a chat request, unstreamed, that has been fitted to the vocabulary.

        Raises:
            InvalidRequest: the request is at fault, by the provider's word or because it cannot be expressed.
            UpstreamError: the provider failed.
        """

    def embed(
        self, request: EmbeddingRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline
    ) -> Answer:
        """Make a vector of each of the request's texts. Raises as `complete` does."""


def adapter(name: str) -> Adapter:
    """The adapter of that name, one of ADAPTERS."""
    if name not in ADAPTERS:
        raise LookupError(f"there is no adapter '{name}'")
    return cast(Adapter, import_module(f"gateway.providers.{name}"))
