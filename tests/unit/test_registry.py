"""The registry is data: who serves a model, in which order, and whether they are configured."""

import time
from decimal import Decimal
from typing import Any

import pytest

from gateway.errors import ModelNotFound
from gateway.models import list_models
from gateway.providers import adapter
from gateway.registry import ADAPTERS, Deployment, Endpoint, Provider, Registry
from gateway.registry_source import build, shipped
from tests.unit.builders import caught_from
from tests.unit.registries import DATA, model, problem, with_models

HOSTED = Provider("p", "openai_compatible", "https://p.example/v1/", "P_KEY", "P_URL")
OWN = Provider("p", "openai_compatible", None, "P_KEY", "P_URL", keyless=True)
LOCAL = Provider("p", "local", keyless=True)
AWS = Provider("p", "bedrock", region="P_REGION", keyless=True)


def asked(registry: Registry, name: str) -> list[str]:
    return [deployment.model for model in registry.with_fallbacks(name) for deployment in model.deployments]


# What is read.


def test_a_deployment_is_all_that_its_entry_says() -> None:
    first, second = sorted(Registry(DATA).model("a").deployments, key=lambda deployment: -deployment.priority)
    assert (first.name, first.weight, first.priority, first.timeout) == ("two/x", Decimal("2.5"), 1, 20.0)
    assert (first.context_window, first.max_output_tokens, first.reasoning) == (128000, 4096, "effort")
    assert first.capabilities == frozenset({"chat", "tools"})
    assert first.drop_params == ("seed",)
    assert first.unsupported == {"n", "logit_bias", "reasoning_effort"}
    assert first.price is not None
    assert first.price.cards[0].rates.cache_read == Decimal("0.25")
    assert (second.name, second.weight, second.priority) == ("one/y", Decimal(1), 0)
    assert second.drop_params is True
    assert (second.capabilities, second.price, second.timeout, second.dimensions) == (None, None, None, None)


def test_a_provider_is_all_that_its_entry_says() -> None:
    assert Registry(DATA).providers["two"] == Provider(
        "two",
        "openai_compatible",
        "https://two.example/v1",
        "TWO_KEY",
        "TWO_URL",
        key_header="api-key",
        rename={"seed": "random_seed"},
        unsupported=frozenset({"logit_bias"}),
        developer_role=False,
    )


def test_deployments_are_asked_by_their_priority_and_then_in_their_order() -> None:
    data = with_models(m=model("x", "y", "z"))
    data["models"]["m"]["deployments"][0]["priority"] = 1
    assert [deployment.model for deployment in Registry(data).model("m").deployments] == ["y", "z", "x"]


def test_numbers_are_taken_by_their_digits() -> None:
    deployment = Registry(with_models(m=model("x", weight=0.1, price={"input": 0.1}))).model("m").deployments[0]
    assert deployment.weight == Decimal("0.1")
    assert deployment.price is not None
    assert deployment.price.cards[0].rates.input == Decimal("0.1")


def test_a_price_of_its_own_counts_before_the_list_price() -> None:
    prices = {"one/x": Registry(with_models(m=model("x", price={"input": 9}))).model("m").deployments[0].price}
    own, listed, none = Registry(
        with_models(a=model("x", price={"input": 1}), b=model("x"), c=model("y")),
        {name: price for name, price in prices.items() if price},
    ).models.values()
    assert own.deployments[0].price != listed.deployments[0].price == prices["one/x"]
    assert none.deployments[0].price is None


def test_what_only_a_capability_can_do_is_unsupported_without_it() -> None:
    unsupported = Registry(with_models(m=model("x", capabilities=["chat"]))).model("m").deployments[0].unsupported
    assert {"tools", "tool_choice", "functions", "function_call", "reasoning_effort"} == unsupported
    assert not Registry(with_models(m=model("x"))).model("m").deployments[0].unsupported


def test_the_day_of_the_list_is_when_its_models_were_made() -> None:
    assert {m["created"] for m in list_models(Registry(DATA), {})["data"]} == {1767312000}


@pytest.mark.parametrize("model_id", ["c", "", "A", "a/", "x" * 100_000])
def test_an_unknown_model_is_not_found(model_id: str) -> None:
    error = caught_from(lambda: Registry(DATA).model(model_id), ModelNotFound)
    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
    assert len(error.message) < 300


def test_a_deployment_is_called_by_its_provider_and_model() -> None:
    assert Deployment(HOSTED, "openai/gpt-oss-120b").name == "p/openai/gpt-oss-120b"


# Fallbacks.


def test_fallbacks_are_asked_after_a_model_s_own_deployments_each_with_its_own() -> None:
    models = {
        "a": model("a1", "a2", fallbacks=("b", "d")),
        "b": model("b1", fallbacks=("c",)),
        "c": model("c1"),
        "d": model("d1"),
    }
    registry = Registry(with_models(**models))
    assert asked(registry, "a") == ["a1", "a2", "b1", "c1", "d1"]
    assert asked(registry, "b") == ["b1", "c1"]
    assert asked(registry, "d") == ["d1"]


def test_a_diamond_of_fallbacks_asks_each_deployment_once() -> None:
    models = {
        "a": model("a1", fallbacks=("b", "c")),
        "b": model("b1", fallbacks=("d",)),
        "c": model("c1", fallbacks=("d",)),
        "d": model("d1"),
    }
    assert asked(Registry(with_models(**models)), "a") == ["a1", "b1", "d1", "c1"]


def test_a_circle_is_told_in_its_order() -> None:
    models = {"a": model("x", fallbacks=("b",)), "b": model("x", fallbacks=("c",)), "c": model("x", fallbacks=("a",))}
    found = problem(with_models(start=model("x", fallbacks=("a",)), **models))
    circles = ["a → b → c → a", "b → c → a → b", "c → a → b → c"]
    assert found in [f"models.{circle[0]}.fallbacks: go in a circle: {circle}" for circle in circles]


def test_fallbacks_that_meet_again_and_again_are_followed_once() -> None:
    """Each of 60 models falls back to two, and each two to the same next: 2^30 ways to the last."""
    models: dict[str, Any] = {}
    for step in range(30):
        ahead = (f"a{step + 1}", f"b{step + 1}") if step < 29 else ()
        models |= {f"{side}{step}": model(f"{side}{step}", fallbacks=ahead) for side in "ab"}
    started = time.perf_counter()
    assert len(asked(Registry(with_models(**models)), "a0")) == 59
    assert time.perf_counter() - started < 1


def test_a_chain_of_fallbacks_may_be_longer_than_python_s_stack() -> None:
    models = {f"m{step}": model(f"m{step}", fallbacks=(f"m{step + 1}",)) for step in range(5000)}
    registry = Registry(with_models(**models, m5000=model("last")))
    assert asked(registry, "m0")[-1] == "last"
    found = problem(with_models(**models, m5000=model("last", fallbacks=("m0",))))
    assert "go in a circle" in found


# What ships.


def test_the_registry_that_ships_is_whole() -> None:
    registry = build()
    assert {provider.adapter for provider in registry.providers.values()} <= set(ADAPTERS)
    assert {d.provider.adapter for m in registry.models.values() for d in m.deployments} == set(ADAPTERS)
    for name in ADAPTERS:
        assert callable(adapter(name).complete)
        assert callable(adapter(name).embed)


def test_every_provider_that_ships_serves_a_model() -> None:
    used = {d.provider.name for m in build().models.values() for d in m.deployments}
    assert used == set(shipped()["providers"])


def test_the_local_provider_stands_in_for_no_real_model() -> None:
    local = [m.id for m in build().models.values() for d in m.deployments if d.provider.adapter == "local"]
    assert local
    assert all(model_id.startswith("local/") for model_id in local)


# Providers.


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
        (AWS, {}, None),
        (AWS, {"P_REGION": "eu-west-1"}, Endpoint("", None, "eu-west-1")),
    ],
)
def test_a_provider_is_configured_by_its_secrets(
    provider: Provider, secrets: dict[str, str], expected: Endpoint | None
) -> None:
    assert provider.endpoint(secrets) == expected


def test_an_endpoint_never_shows_its_key() -> None:
    endpoint = Endpoint("https://p.example", "sk-secret")
    assert "sk-secret" not in f"{endpoint!r} {endpoint} {[endpoint]}"
