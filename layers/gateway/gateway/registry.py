"""The models: which deployments can serve the name that a client asks for. Data, in models.json."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.errors import ModelNotFound

MODELS_FILE = Path(__file__).with_name("models.json")


@dataclass(frozen=True)
class Provider:
    """Who serves models.

    Attributes:
        name: as models.json calls it.
        adapter: the module of gateway.providers that speaks its protocol.
        base_url: where it is, without a trailing slash; None if every user has their own.
        api_key, base_url_override: names of entries of the provider secret.
        keyless: whether it may be called without a key.
    """

    name: str
    adapter: str
    base_url: str | None = None
    api_key: str | None = None
    base_url_override: str | None = None
    keyless: bool = False

    def endpoint(self, secrets: Mapping[str, str]) -> "Endpoint | None":
        """Where and with which key to call it, or None if it is not configured."""
        base_url = secrets.get(self.base_url_override or "", self.base_url)
        api_key = secrets.get(self.api_key or "")
        needs_url = self.base_url is not None or self.base_url_override is not None
        if (needs_url and not base_url) or not (api_key or self.keyless):
            return None
        return Endpoint((base_url or "").rstrip("/"), api_key)


@dataclass(frozen=True)
class Endpoint:
    """A provider's address and the key for it."""

    base_url: str
    api_key: str | None

    def __repr__(self) -> str:
        """Without the key: representations end up in logs."""
        return f"Endpoint({self.base_url})"


@dataclass(frozen=True)
class Deployment:
    """One provider's model that can serve a name.

    Attributes:
        model: what the provider calls it.
        drop_params: fields that it cannot express are dropped and listed, instead of refused.
    """

    provider: Provider
    model: str
    drop_params: bool = False

    @property
    def name(self) -> str:
        """As logs and errors call it."""
        return f"{self.provider.name}/{self.model}"


@dataclass(frozen=True)
class Model:
    """A name that clients ask for, and its deployments in the order of their priority."""

    id: str
    deployments: tuple[Deployment, ...]

    @property
    def needs_secrets(self) -> bool:
        """Whether it takes a look into the provider secret to know how to call it."""
        return any(d.provider.api_key or d.provider.base_url_override for d in self.deployments)


class Registry:
    """All models, by their ids.

    Args:
        data: as in models.json: `updated` (the day of this list), `providers` by name, `models` by id.
    Raises:
        ValueError: the data is wrong; the message names the place.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        missing = [name for name in ("updated", "providers", "models") if name not in data]
        if missing:
            raise ValueError(f"{missing[0]}: is missing")
        self.updated = datetime.fromisoformat(data["updated"]).replace(tzinfo=UTC)
        self.providers = {name: _provider(name, fields) for name, fields in data["providers"].items()}
        self.models = {model_id: self._model(model_id, fields) for model_id, fields in data["models"].items()}

    def model(self, model_id: str) -> Model:
        """The model of that id.

        Raises:
            ModelNotFound: there is none.
        """
        if model_id not in self.models:
            raise ModelNotFound(
                f"The model '{model_id[:200]}' does not exist here; GET /models lists those that do.", param="model"
            )
        return self.models[model_id]

    def _model(self, model_id: str, fields: Mapping[str, Any]) -> Model:
        place = f"models.{model_id}"
        if not fields.get("deployments"):
            raise ValueError(f"{place}.deployments: needs at least one")
        deployments = [self._deployment(f"{place}.deployments[{i}]", d) for i, d in enumerate(fields["deployments"])]
        return Model(model_id, tuple(deployments))

    def _deployment(self, place: str, fields: Mapping[str, Any]) -> Deployment:
        if fields.get("provider") not in self.providers:
            raise ValueError(f"{place}.provider: there is no provider '{fields.get('provider')}'")
        try:
            return Deployment(**(dict(fields) | {"provider": self.providers[fields["provider"]]}))
        except TypeError as error:
            raise ValueError(f"{place}: {error}") from None


def _provider(name: str, fields: Mapping[str, Any]) -> Provider:
    try:
        return Provider(name=name, **fields)
    except TypeError as error:
        raise ValueError(f"providers.{name}: {error}") from None


@functools.cache
def registry() -> Registry:
    """The registry that ships with the layer."""
    return Registry(json.loads(MODELS_FILE.read_text(encoding="utf-8")))
