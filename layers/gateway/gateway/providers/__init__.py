"""Adapters: our code for each provider's protocol, imported when first used."""

from importlib import import_module
from typing import Protocol, cast

from gateway.deadline import Deadline
from gateway.providers.base import Answer
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest

ADAPTERS = {
    "local": "gateway.providers.local",
    "openai_compatible": "gateway.providers.openai_compatible",
}


class Adapter(Protocol):
    """What a module of this package has.

    PASSES_UNKNOWN_FIELDS says whether fields that the gateway does not know go to the provider as they came.
    """

    PASSES_UNKNOWN_FIELDS: bool

    def complete(
        self, request: ChatCompletionRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline
    ) -> Answer:
        """Answer a chat request, unstreamed.

        Raises:
            InvalidRequest: the provider says that the request is at fault.
            UpstreamError: the provider failed.
        """


def adapter(name: str) -> Adapter:
    """The adapter of that name, from ADAPTERS."""
    return cast(Adapter, import_module(ADAPTERS[name]))
