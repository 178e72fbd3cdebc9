"""GET /models: the registry in OpenAI's format, with what is configured here."""

from collections.abc import Mapping
from typing import Any

from gateway.registry import Model, Registry


def list_models(registry: Registry, secrets: Mapping[str, str]) -> dict[str, Any]:
    """All models.

    Args:
        secrets: the providers' keys by name; they tell which models can be used.
    """
    return {"object": "list", "data": [describe(model, registry, secrets) for model in registry.models.values()]}


def describe(model: Model, registry: Registry, secrets: Mapping[str, str]) -> dict[str, Any]:
    """One model. `created` is the day of the registry's list: providers do not all say when a model was made."""
    providers = dict.fromkeys(deployment.provider for deployment in model.deployments)
    return {
        "id": model.id,
        "object": "model",
        "created": int(registry.updated.timestamp()),
        "owned_by": ", ".join(provider.name for provider in providers),
        "configured": any(provider.endpoint(secrets) for provider in providers),
    }
