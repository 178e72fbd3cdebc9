"""GET /models: the registry in OpenAI's format, with what is configured here."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.pricing import BUCKETS, dollars
from gateway.registry import Deployment, Model, Registry


def list_models(
    registry: Registry, secrets: Mapping[str, str], may_use: Callable[[str], bool] = lambda _: True
) -> dict[str, Any]:
    """All models.

    Args:
        secrets: the providers' keys by name; they tell which models can be used.
        may_use: whether who asks may use the model of an id; others are left out.
    """
    models = [model for model in registry.models.values() if may_use(model.id)]
    return {"object": "list", "data": [describe(model, registry, secrets) for model in models]}


def describe(model: Model, registry: Registry, secrets: Mapping[str, str]) -> dict[str, Any]:
    """One model. `created` is the day of the registry's list: providers do not all say when a model was made.

    What it can do is what all its deployments can, by what is known of them; its prices are those of each deployment.
    """
    providers = dict.fromkeys(deployment.provider for deployment in model.deployments)
    known = [d.capabilities for d in model.deployments if d.capabilities is not None]
    return {
        "id": model.id,
        "object": "model",
        "created": int(registry.updated.timestamp()),
        "owned_by": ", ".join(provider.name for provider in providers),
        "configured": any(provider.endpoint(secrets) for provider in providers),
        "capabilities": sorted(frozenset.intersection(*known)) if known else None,
        "context_window": _least(d.context_window for d in model.deployments),
        "max_output_tokens": _least(d.max_output_tokens for d in model.deployments),
        "deployments": [_deployment(deployment, secrets) for deployment in model.deployments],
    }


def _deployment(deployment: Deployment, secrets: Mapping[str, str]) -> dict[str, Any]:
    card = deployment.price.card(datetime.now(UTC)) if deployment.price else None
    rates = {name: dollars(rate) for name in BUCKETS if card and (rate := getattr(card.rates, name)) is not None}
    return {
        "provider": deployment.provider.name,
        "model": deployment.model,
        "configured": deployment.provider.endpoint(secrets) is not None,
        "usd_per_million_tokens": rates or None,
    }


def _least(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return min(known) if known else None
