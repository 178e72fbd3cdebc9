"""The models: which deployments can serve the name that a client asks for. Data, in models.json and its override."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from typing import Any

from gateway import pricing
from gateway.errors import ModelNotFound
from gateway.fields import Reader, WrongData
from gateway.pricing import Price

ADAPTERS = ("local", "openai_compatible", "anthropic", "bedrock", "gemini")
ADDRESSED = ("openai_compatible", "anthropic", "gemini")
"""Adapters that have to be told where their provider is."""
STRATEGIES = ("priority", "round_robin", "cost", "latency")
CAPABILITIES = ("chat", "tools", "images", "json_schema", "reasoning", "embeddings")
NEEDS = {"tools": ("tools", "tool_choice", "functions", "function_call"), "reasoning": ("reasoning_effort",)}
"""What of a request only deployments of a capability can do."""
REASONING = ("effort", "budget")
PROVIDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What a header can carry, and no slash: a deployment is called by its provider's name, a slash, and its model's."""
MAX_DEPLOYMENTS = 5
"""Of a request: so many are tried at most, fallbacks included."""
FALLBACKS = ("fallbacks", "context_length_fallbacks", "content_policy_fallbacks")
"""A model's lists of other models."""


@dataclass(frozen=True)
class Provider:
    """Who serves models.

    Attributes:
        name: as models.json calls it.
        adapter: the module of gateway.providers that speaks its protocol.
        base_url: where it is, without a trailing slash; None if every user has their own.
        api_key, base_url_override, region: names of entries of the provider secret.
        keyless: whether it may be called without a key.
        key_header: what carries the key; "authorization" with the word Bearer, any other as it is.
        rename: OpenAI's parameters that it knows by another name, such as {"seed": "random_seed"}.
        unsupported: paths of what it refuses or ignores of OpenAI's request, such as "logit_bias".
        developer_role: whether it knows messages of the role "developer"; else they go to it as "system".
        echoes: paths of what it takes back of answers beside the message itself, such as "messages.reasoning_content";
            None for everything.
    """

    name: str
    adapter: str
    base_url: str | None = None
    api_key: str | None = None
    base_url_override: str | None = None
    region: str | None = None
    keyless: bool = False
    key_header: str = "authorization"
    rename: Mapping[str, str] = field(default_factory=dict, hash=False)
    unsupported: frozenset[str] = frozenset()
    developer_role: bool = True
    echoes: frozenset[str] | None = None

    @property
    def needs_secrets(self) -> bool:
        """Whether it takes a look into the provider secret to know how to call it."""
        return bool(self.api_key or self.base_url_override or self.region)

    def endpoint(self, secrets: Mapping[str, str]) -> "Endpoint | None":
        """Where and with which key to call it, or None if it is not configured."""
        base_url = secrets.get(self.base_url_override or "", self.base_url)
        api_key = secrets.get(self.api_key or "")
        region = secrets.get(self.region or "")
        needs_url = self.region is None and (self.base_url is not None or self.base_url_override is not None)
        if (needs_url and not base_url) or (self.region and not region) or not (api_key or self.keyless):
            return None
        return Endpoint((base_url or "").rstrip("/"), api_key, region)


@dataclass(frozen=True)
class Endpoint:
    """A provider's address and the key for it; for AWS, the region."""

    base_url: str
    api_key: str | None
    region: str | None = None

    def __repr__(self) -> str:
        """Without the key: representations end up in logs."""
        return f"Endpoint({self.base_url or self.region})"


@dataclass(frozen=True)
class Deployment:
    """One provider's model that can serve a name.

    Attributes:
        model: what the provider calls it.
        weight: its share among deployments of one rank.
        priority: its rank; the lowest is asked first.
        price: what it costs; None if that is not known.
        context_window, max_output_tokens: its limits in tokens; None if they are not known.
        capabilities: some of CAPABILITIES; None if they are not known, and then nothing is refused for want of them.
        reasoning: how it is told how much to think: by a word ("effort"), or by a number of tokens ("budget").
        dimensions: of the vectors it makes.
        timeout: seconds that it gets for an answer; None for as long as the request has.
        first_byte_timeout: seconds that it may be silent, before its answer or within it.
        rename: OpenAI's parameters that it knows by another name, with the provider's own.
        drop_params: what may be dropped of a request, and listed, instead of refused: everything but the words
            themselves (True), nothing (False), or the listed paths.
        unsupported: paths of what it cannot do though its protocol can, with the provider's own.
    """

    provider: Provider
    model: str
    weight: Decimal = Decimal(1)
    priority: int = 0
    price: Price | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[str] | None = None
    reasoning: str | None = None
    dimensions: int | None = None
    timeout: float | None = None
    first_byte_timeout: float | None = None
    rename: Mapping[str, str] = field(default_factory=dict, hash=False)
    drop_params: bool | tuple[str, ...] = False
    unsupported: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """As logs and errors call it."""
        return f"{self.provider.name}/{self.model}"

    def lacks(self, capability: str) -> bool:
        """Whether it is known not to have a capability."""
        return self.capabilities is not None and capability not in self.capabilities


@dataclass(frozen=True)
class Model:
    """A name that clients ask for.

    Attributes:
        deployments: by their priority.
        strategy: how one of them is chosen.
        fallbacks: ids of the models that are asked when all of them have failed.
        context_length_fallbacks: those that are asked instead when the request is too long for it.
        content_policy_fallbacks: those that are asked instead when its provider's content policy refuses the request.
    """

    id: str
    deployments: tuple[Deployment, ...]
    strategy: str = "priority"
    fallbacks: tuple[str, ...] = ()
    context_length_fallbacks: tuple[str, ...] = ()
    content_policy_fallbacks: tuple[str, ...] = ()


class Registry:
    """All models, by their ids.

    Args:
        data: as in models.json: `updated` (the day of this list), `providers` by name, `models` by id.
        prices: list prices by deployment, for those that name none of their own.
    Raises:
        WrongData: the data is wrong; the message names the place.
    """

    def __init__(self, data: Any, prices: Mapping[str, Price] | None = None) -> None:
        self._prices = prices or {}
        whole = Reader("", data)
        self.updated = whole.day("updated")
        self.providers = {place.key: _provider(place) for place in whole.objects("providers")}
        self.models = {place.key: self._model(place) for place in whole.objects("models")}
        whole.done()
        self._check_fallbacks()

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

    def with_fallbacks(self, *ids: str) -> Iterator[Model]:
        """Models, each followed by its first fallback with all of that one's own, the next; each once."""
        seen: set[str] = set()
        ahead = [self.models[found] for found in reversed(ids)]
        while ahead:
            model = ahead.pop()
            if model.id not in seen:
                seen.add(model.id)
                yield model
                ahead += (self.models[fallback] for fallback in reversed(model.fallbacks))

    def _check_fallbacks(self) -> None:
        for model in self.models.values():
            for kind in FALLBACKS:
                for fallback in getattr(model, kind):
                    if fallback not in self.models:
                        raise WrongData(f"models.{model.id}.{kind}: there is no model '{fallback}'")
        try:
            TopologicalSorter({model.id: model.fallbacks for model in self.models.values()}).prepare()
        except CycleError as error:
            circle = error.args[1][::-1]  # told from the last to the first
            raise WrongData(f"models.{circle[0]}.fallbacks: go in a circle: {' → '.join(circle)}") from None

    def _model(self, place: Reader) -> Model:
        deployments = [self._deployment(deployment) for deployment in place.items("deployments")]
        if not deployments:
            raise WrongData(f"{place.at('deployments')}: needs at least one")
        _check_deployments(place.at("deployments"), deployments)
        model = Model(
            place.key,
            tuple(sorted(deployments, key=lambda deployment: deployment.priority)),
            place.word("strategy", STRATEGIES) or "priority",
            *(place.texts(kind) or () for kind in FALLBACKS),
        )
        place.done()
        return model

    def _deployment(self, place: Reader) -> Deployment:
        name = place.text("provider")
        if name not in self.providers:
            raise WrongData(
                f"{place.at('provider')}: there is no provider '{name}'; there are {_listed(self.providers)}"
            )
        provider, model = self.providers[name], place.text("model")
        price = place.take("price")
        capabilities = place.texts("capabilities", CAPABILITIES)
        lacking = [] if capabilities is None else [needs for name, needs in NEEDS.items() if name not in capabilities]
        deployment = Deployment(
            provider,
            model,
            weight=place.number("weight", default=Decimal(1)),
            priority=place.rank("priority"),
            price=pricing.parse(place.at("price"), price) if price is not None else self._prices.get(f"{name}/{model}"),
            context_window=place.whole("context_window"),
            max_output_tokens=place.whole("max_output_tokens"),
            capabilities=None if capabilities is None else frozenset(capabilities),
            reasoning=place.word("reasoning", REASONING),
            dimensions=place.whole("dimensions"),
            timeout=place.seconds("timeout"),
            first_byte_timeout=place.seconds("first_byte_timeout"),
            rename={**provider.rename, **place.names("rename")},
            drop_params=place.flag_or_texts("drop_params"),
            unsupported=provider.unsupported.union(place.texts("unsupported") or (), *lacking),
        )
        place.done()
        return deployment


def _check_deployments(place: str, deployments: Sequence[Deployment]) -> None:
    weights: dict[int, Decimal] = {}
    names: set[str] = set()
    for index, deployment in enumerate(deployments):
        if deployment.name in names:
            raise WrongData(f"{place}[{index}]: {deployment.name} is there already")
        names.add(deployment.name)
        weights[deployment.priority] = weights.get(deployment.priority, Decimal(0)) + deployment.weight
    if idle := [priority for priority, weight in weights.items() if not weight]:
        raise WrongData(f"{place}: all weights of priority {idle[0]} are 0; leave out what is not to be asked")


def _provider(place: Reader) -> Provider:
    if not PROVIDER_NAME.fullmatch(place.key):
        raise WrongData(f"{place.place}: a provider's name is made of letters, digits and . _ -")
    defaults = Provider(place.key, place.word("adapter", ADAPTERS, required=True) or "")
    provider = Provider(
        defaults.name,
        defaults.adapter,
        base_url=place.address("base_url"),
        api_key=place.optional_text("api_key"),
        base_url_override=place.optional_text("base_url_override"),
        region=place.optional_text("region"),
        keyless=place.flag("keyless", defaults.keyless),
        key_header=place.header("key_header") or defaults.key_header,
        rename=place.names("rename"),
        unsupported=frozenset(place.texts("unsupported") or ()),
        developer_role=place.flag("developer_role", defaults.developer_role),
        echoes=None if (echoes := place.texts("echoes")) is None else frozenset(echoes),
    )
    place.done()
    if provider.adapter in ADDRESSED and not (provider.base_url or provider.base_url_override):
        raise WrongData(f"{place.place}: needs base_url or base_url_override")
    return provider


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(names)
