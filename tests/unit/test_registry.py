"""The registry is data, and says where it is wrong; a provider is configured by the entries of a secret."""

import copy
from typing import Any

import pytest

from gateway.errors import ModelNotFound
from gateway.models import describe, list_models
from gateway.providers import ADAPTERS, adapter
from gateway.registry import Deployment, Endpoint, Provider, Registry, registry
from tests.unit.builders import caught_from

DATA: dict[str, Any] = {
    "updated": "2026-01-02",
    "providers": {
        "one": {"adapter": "local", "keyless": True},
        "two": {"adapter": "openai_compatible", "base_url": "https://two.example/v1", "api_key": "TWO_KEY"},
    },
    "models": {
        "a": {
            "deployments": [{"provider": "two", "model": "x"}, {"provider": "one", "model": "y", "drop_params": True}]
        },
        "b": {"deployments": [{"provider": "two", "model": "z"}, {"provider": "two", "model": "x"}]},
    },
}
HOSTED = Provider("p", "openai_compatible", "https://p.example/v1/", "P_KEY", "P_URL")
OWN = Provider("p", "openai_compatible", None, "P_KEY", "P_URL", keyless=True)
LOCAL = Provider("p", "local", keyless=True)


def test_a_model_s_deployments_keep_their_order() -> None:
    deployments = Registry(DATA).model("a").deployments
    assert [(d.name, d.drop_params) for d in deployments] == [("two/x", False), ("one/y", True)]


@pytest.mark.parametrize("model_id", ["c", "", "A", "a/", "x" * 100_000])
def test_an_unknown_model_is_not_found(model_id: str) -> None:
    error = caught_from(lambda: Registry(DATA).model(model_id), ModelNotFound)
    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
    assert len(error.message) < 300


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("models", "a"), {}, "models.a.deployments: needs at least one"),
        (("models", "a", "deployments"), [], "models.a.deployments: needs at least one"),
        (("models", "a", "deployments", 1), {"model": "x"}, r"models.a.deployments\[1\].provider: there is no"),
        (("models", "a", "deployments", 0, "provider"), "three", r"models.a.deployments\[0\].provider: .* 'three'"),
        (("models", "a", "deployments", 0, "typo"), 1, r"models.a.deployments\[0\]: .*'typo'"),
        (("models", "a", "deployments", 0), {"provider": "one"}, r"models.a.deployments\[0\]: .*'model'"),
        (("providers", "two", "typo"), 1, "providers.two: .*'typo'"),
        (("providers", "two"), {}, "providers.two: .*'adapter'"),
        (("updated",), "soon", "soon"),
    ],
)
def test_wrong_data_is_refused_naming_the_place(place: tuple[Any, ...], value: Any, message: str) -> None:
    data = copy.deepcopy(DATA)
    target: Any = data
    for part in place[:-1]:
        target = target[part]
    target[place[-1]] = value
    with pytest.raises(ValueError, match=message):
        Registry(data)


@pytest.mark.parametrize(
    ("provider", "secrets", "expected"),
    [
        (HOSTED, {}, None),
        (HOSTED, {"P_URL": "https://own"}, None),
        (HOSTED, {"P_KEY": "k"}, Endpoint("https://p.example/v1", "k")),
        (HOSTED, {"P_KEY": "k", "P_URL": "https://own/"}, Endpoint("https://own", "k")),
        (OWN, {}, None),
        (OWN, {"P_KEY": "k"}, None),
        (OWN, {"P_URL": "http://own/v1"}, Endpoint("http://own/v1", None)),
        (OWN, {"P_URL": "http://own/v1", "P_KEY": "k"}, Endpoint("http://own/v1", "k")),
        (LOCAL, {}, Endpoint("", None)),
    ],
)
def test_a_provider_is_configured_by_its_secrets(
    provider: Provider, secrets: dict[str, str], expected: Endpoint | None
) -> None:
    assert provider.endpoint(secrets) == expected


def test_an_endpoint_never_shows_its_key() -> None:
    endpoint = Endpoint("https://p.example", "sk-secret")
    assert "sk-secret" not in f"{endpoint!r} {endpoint} {[endpoint]}"


def test_the_registry_that_ships_is_whole() -> None:
    shipped = registry()
    assert {provider.adapter for provider in shipped.providers.values()} <= set(ADAPTERS)
    assert {d.provider.adapter for m in shipped.models.values() for d in m.deployments} == set(ADAPTERS)
    for name in ADAPTERS:
        assert callable(adapter(name).complete)
        assert isinstance(adapter(name).PASSES_UNKNOWN_FIELDS, bool)


def test_the_local_provider_stands_in_for_no_real_model() -> None:
    local = [(m.id, d) for m in registry().models.values() for d in m.deployments if d.provider.adapter == "local"]
    assert local
    assert all(model_id.startswith("local/") for model_id, _ in local)


def test_a_deployment_is_called_by_its_provider_and_model() -> None:
    assert Deployment(HOSTED, "openai/gpt-oss-120b").name == "p/openai/gpt-oss-120b"


def test_models_are_listed_as_openai_does_and_say_whether_they_can_be_used() -> None:
    listed = list_models(Registry(DATA), {})
    assert listed["object"] == "list"
    assert [(m["id"], m["object"], m["owned_by"], m["configured"]) for m in listed["data"]] == [
        ("a", "model", "two, one", True),
        ("b", "model", "two", False),
    ]
    assert describe(Registry(DATA).model("b"), Registry(DATA), {"TWO_KEY": "k"})["configured"] is True
    assert {m["created"] for m in listed["data"]} == {1767312000}


@pytest.mark.parametrize("name", ["updated", "providers", "models"])
def test_a_registry_without_a_whole_part_says_which(name: str) -> None:
    data = {key: value for key, value in DATA.items() if key != name}
    with pytest.raises(ValueError, match=f"^{name}: is missing$"):
        Registry(data)
