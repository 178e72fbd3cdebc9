"""Whatever is wrong with a registry's data is refused in one line that begins with the place."""

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.models import list_models
from gateway.registry import Registry
from tests.unit.registries import DATA, MISSING, Path, changed, made, model, problem, with_models

# What is refused, and where.

FIRST: Path = ("models", "a", "deployments", 0)
PRICE: Path = (*FIRST, "price")
WRONG: list[tuple[Path, Any, str]] = [
    (("updated",), MISSING, "updated: is missing"),
    (("updated",), "soon", "updated: must be a day such as '2026-11-23', not 'soon'"),
    (("updated",), "2026-01-02T03:04", "updated: must be a day"),
    (("updated",), 20260102, "updated: must be 1 to 2048 visible characters, not 20260102"),
    (("providers",), MISSING, "providers: is missing"),
    (("providers",), [], "providers: must be an object"),
    (("models",), None, "models: is missing"),
    (("models",), "x", "models: must be an object"),
    (("modles",), {}, "modles: there is no such field; there are updated, providers, models"),
    # Providers.
    (("providers", "two"), "x", "providers.two: must be an object"),
    (("providers", "two"), {}, "providers.two.adapter: is missing"),
    (("providers", "two", "adapter"), "opanai", "providers.two.adapter: must be one of local, openai_compatible, "),
    (("providers", "two", "adapter"), 1, "providers.two.adapter: must be 1 to"),
    (("providers", "two", "typo"), 1, "providers.two.typo: there is no such field; there are adapter, base_url, "),
    (("providers", "two", "base_url"), "two.example/v1", "providers.two.base_url: must be an address such as"),
    (("providers", "two", "base_url"), "ftp://two.example", "providers.two.base_url: must be an address"),
    (("providers", "two", "base_url"), "https://", "providers.two.base_url: must be an address"),
    (("providers", "two", "base_url"), "https:///v1", "providers.two.base_url: must be an address"),
    (("providers", "two", "base_url"), "https://two.example/v 1", "providers.two.base_url: must be an address"),
    (("providers", "two", "base_url"), "https://two.example/v1?key=1", "providers.two.base_url: must be an address"),
    (("providers", "two", "base_url"), "https://two.example:port", "providers.two.base_url: must be an address"),
    (("providers", "two", "api_key"), "", "providers.two.api_key: must be 1 to 2048 visible characters, not ''"),
    (("providers", "two", "api_key"), ["A"], "providers.two.api_key: must be"),
    (("providers", "two", "key_header"), "x api", "providers.two.key_header: must be a header's name"),
    (("providers", "two", "key_header"), "schlüssel", "providers.two.key_header: must be a header's name"),
    (("providers", "one", "keyless"), "yes", "providers.one.keyless: must be true or false, not 'yes'"),
    (("providers", "one", "keyless"), 1, "providers.one.keyless: must be true or false, not 1"),
    (("providers", "two", "developer_role"), 0, "providers.two.developer_role: must be true or false"),
    (("providers", "two", "rename"), ["seed"], "providers.two.rename: must be an object of strings"),
    (("providers", "two", "rename"), {"seed": 1}, "providers.two.rename: must be an object of strings"),
    (("providers", "two", "rename"), {"": "seed"}, "providers.two.rename: must be an object of strings"),
    (("providers", "two", "unsupported"), "n", "providers.two.unsupported: must be an array of strings, not 'n'"),
    (("providers", "two", "unsupported"), [1], "providers.two.unsupported: must be an array of strings"),
    (("providers", "two", "unsupported"), [""], "providers.two.unsupported: must be an array of strings"),
    (("providers", "a b"), {"adapter": "local"}, "providers.a b: a provider's name is made of letters"),
    (("providers", "a/b"), {"adapter": "local"}, "providers.a/b: a provider's name is made of letters"),
    (("providers", "ä"), {"adapter": "local"}, "providers.ä: a provider's name is made of letters"),
    (("providers", ""), {"adapter": "local"}, "providers: a name must be 1 to 256 visible characters, not ''"),
    (("providers", "new"), {"adapter": "openai_compatible"}, "providers.new: needs base_url or base_url_override"),
    (("providers", "new"), {"adapter": "anthropic"}, "providers.new: needs base_url or base_url_override"),
    (("providers", "new"), {"adapter": "gemini"}, "providers.new: needs base_url or base_url_override"),
    # Models.
    (("models", "a"), None, "models.a: must be an object"),
    (("models", "a"), [], "models.a: must be an object"),
    (("models", "a"), {}, "models.a.deployments: needs at least one"),
    (("models", "a", "deployments"), [], "models.a.deployments: needs at least one"),
    (("models", "a", "deployments"), None, "models.a.deployments: needs at least one"),
    (("models", "a", "deployments"), {}, "models.a.deployments: must be an array, not {}"),
    (("models", "a", "strategy"), "cheap", "models.a.strategy: must be one of priority, round_robin, cost, latency, "),
    (("models", "a", "strategy"), ["cost"], "models.a.strategy: must be 1 to"),
    (("models", "a", "fallback"), ["b"], "models.a.fallback: there is no such field; there are deployments, strategy, "),
    (("models", "a", "fallbacks"), "b", "models.a.fallbacks: must be an array of strings, not 'b'"),
    (("models", "a", "fallbacks"), [None], "models.a.fallbacks: must be an array of strings"),
    (("models", "a", "fallbacks"), ["b", "c"], "models.a.fallbacks: there is no model 'c'"),
    (("models", "a", "context_length_fallbacks"), ["c"], "models.a.context_length_fallbacks: there is no model 'c'"),
    (("models", "a", "content_policy_fallbacks"), "b", "models.a.content_policy_fallbacks: must be an array of strings"),
    (("models", "a", "fallbacks"), ["a"], "models.a.fallbacks: go in a circle: a → a"),
    (("models", "b", "fallbacks"), ["a"], "fallbacks: go in a circle: "),
    (("models", ""), model("y"), "models: a name must be 1 to 256 visible characters, not ''"),
    (("models", "x" * 257), model("y"), "models: a name must be 1 to 256 visible characters, not 'xxx"),
    (("models", "a\nb"), model("y"), r"models: a name must be 1 to 256 visible characters, not 'a\nb'"),
    (("models", " a"), model("y"), "models: a name must be 1 to 256 visible characters, not ' a'"),
    (("models", "\ud800"), model("y"), r"models: a name must be 1 to 256 visible characters, not '\ud800'"),
    # Deployments.
    ((*FIRST,), 7, "models.a.deployments[0]: must be an object"),
    ((*FIRST, "provider"), MISSING, "models.a.deployments[0].provider: is missing"),
    ((*FIRST, "provider"), "three", "models.a.deployments[0].provider: there is no provider 'three'; there are one, two, aws"),
    ((*FIRST, "provider"), {}, "models.a.deployments[0].provider: must be 1 to"),
    ((*FIRST, "model"), MISSING, "models.a.deployments[0].model: is missing"),
    ((*FIRST, "model"), "", "models.a.deployments[0].model: must be 1 to 2048 visible characters, not ''"),
    ((*FIRST, "model"), "x\r\ny", "models.a.deployments[0].model: must be 1 to"),
    ((*FIRST, "model"), "x" * 2049, "models.a.deployments[0].model: must be 1 to"),
    ((*FIRST, "typo"), 1, "models.a.deployments[0].typo: there is no such field; there are provider, model, price, "),
    ((*FIRST, "weight"), -1, "models.a.deployments[0].weight: must be 0, or a number from 0.000001 to 1000000000, not -1"),
    ((*FIRST, "weight"), True, "models.a.deployments[0].weight: must be 0, or a number"),
    ((*FIRST, "weight"), "1", "models.a.deployments[0].weight: must be 0, or a number"),
    ((*FIRST, "weight"), float("nan"), "models.a.deployments[0].weight: must be 0, or a number"),
    ((*FIRST, "weight"), float("inf"), "models.a.deployments[0].weight: must be 0, or a number"),
    ((*FIRST, "weight"), Decimal("sNaN"), "models.a.deployments[0].weight: must be 0, or a number"),
    ((*FIRST, "weight"), Decimal("1e999999"), "models.a.deployments[0].weight: must be 0, or a number"),
    ((*FIRST, "weight"), Decimal("1e-999999"), "models.a.deployments[0].weight: must be 0, or a number"),
    ((*FIRST, "weight"), 10**4000, "models.a.deployments[0].weight: must be 0, or a number"),
    ((*FIRST, "weight"), 0, "models.a.deployments: all weights of priority 1 are 0; "),
    ((*FIRST, "priority"), -1, "models.a.deployments[0].priority: must be a whole number from 0 to 1000000000, not -1"),
    ((*FIRST, "priority"), 1.0, "models.a.deployments[0].priority: must be a whole number"),
    ((*FIRST, "priority"), False, "models.a.deployments[0].priority: must be a whole number"),
    ((*FIRST, "first_byte_timeout"), 0, "models.a.deployments[0].first_byte_timeout: must be above 0"),
    ((*FIRST, "context_window"), 0, "models.a.deployments[0].context_window: must be a whole number from 1 to"),
    ((*FIRST, "context_window"), "128k", "models.a.deployments[0].context_window: must be a whole number from 1 to"),
    ((*FIRST, "context_window"), 10**10, "models.a.deployments[0].context_window: must be a whole number from 1 to"),
    ((*FIRST, "max_output_tokens"), -5, "models.a.deployments[0].max_output_tokens: must be a whole number from 1 to"),
    ((*FIRST, "max_output_tokens"), True, "models.a.deployments[0].max_output_tokens: must be a whole number from 1"),
    ((*FIRST, "dimensions"), [1], "models.a.deployments[0].dimensions: must be a whole number from 1 to"),
    ((*FIRST, "capabilities"), "chat", "models.a.deployments[0].capabilities: must be an array of strings"),
    ((*FIRST, "capabilities"), ["vision"], "models.a.deployments[0].capabilities: there is no 'vision'; there are chat, "),
    ((*FIRST, "reasoning"), "high", "models.a.deployments[0].reasoning: must be one of effort, budget, not 'high'"),
    ((*FIRST, "reasoning"), True, "models.a.deployments[0].reasoning: must be"),
    ((*FIRST, "timeout"), 0, "models.a.deployments[0].timeout: must be above 0, at most 900, not 0"),
    ((*FIRST, "timeout"), 901, "models.a.deployments[0].timeout: must be above 0, at most 900, not 901"),
    ((*FIRST, "timeout"), -1, "models.a.deployments[0].timeout: must be 0, or a number"),
    ((*FIRST, "timeout"), "20s", "models.a.deployments[0].timeout: must be 0, or a number"),
    ((*FIRST, "drop_params"), "seed", "models.a.deployments[0].drop_params: must be true or false, not 'seed'"),
    ((*FIRST, "drop_params"), [1], "models.a.deployments[0].drop_params: must be an array of strings"),
    ((*FIRST, "unsupported"), {}, "models.a.deployments[0].unsupported: must be an array of strings"),
    (("models", "a", "deployments", 1), {"provider": "two", "model": "x"}, "models.a.deployments[1]: two/x is there already"),
    # Prices.
    (PRICE, "abc", "models.a.deployments[0].price: must be an object of dollars per million tokens"),
    (PRICE, {}, "models.a.deployments[0].price: names no price; there are input, output, "),
    (PRICE, [], "models.a.deployments[0].price: needs at least one rate card"),
    (PRICE, [{"input": 1}, 2], "models.a.deployments[0].price[1]: must be an object"),
    ((*PRICE, "input"), "abc", "models.a.deployments[0].price.input: must be US dollars per million tokens, such as '2.5', not 'abc'"),
    ((*PRICE, "input"), -1, "models.a.deployments[0].price.input: must be US dollars"),
    ((*PRICE, "input"), "-0.1", "models.a.deployments[0].price.input: must be US dollars"),
    ((*PRICE, "input"), True, "models.a.deployments[0].price.input: must be US dollars"),
    ((*PRICE, "input"), float("nan"), "models.a.deployments[0].price.input: must be US dollars"),
    ((*PRICE, "input"), "Infinity", "models.a.deployments[0].price.input: must be US dollars"),
    ((*PRICE, "input"), "1e7", "models.a.deployments[0].price.input: must be US dollars"),
    ((*PRICE, "input"), "1e-99999", "models.a.deployments[0].price.input: must be US dollars"),
    ((*PRICE, "input"), {}, "models.a.deployments[0].price.input: must be US dollars"),
    ((*PRICE, "cache_read"), 3, "models.a.deployments[0].price.cache_read: is dearer than input that is not cached"),
    ((*PRICE, "inptu"), 3, "models.a.deployments[0].price.inptu: there is no such part of a price"),
    ((*PRICE, "above"), [], "models.a.deployments[0].price.above: must be an object"),
    ((*PRICE, "above"), {"200k": {"input": 1}}, "models.a.deployments[0].price.above: steps are input tokens, such as"),
    ((*PRICE, "above"), {"9" * 5000: {"input": 1}}, "models.a.deployments[0].price.above: steps are input tokens"),
    ((*PRICE, "above"), {"1": 5}, "models.a.deployments[0].price.above.1: must be an object"),
    ((*PRICE, "above"), {"1": {"inptu": 5}}, "models.a.deployments[0].price.above.1.inptu: there is no such part"),
    ((*PRICE, "since"), "soon", "models.a.deployments[0].price.since: must be a day such as"),
    ((*PRICE, "since"), 1, "models.a.deployments[0].price.since: must be a day such as"),
    ((*PRICE, "daily"), ["01:00"], "models.a.deployments[0].price.daily: must be two times such as"),
    ((*PRICE, "daily"), ["01:00", "25:00"], "models.a.deployments[0].price.daily: must be two times such as"),
    ((*PRICE, "daily"), ["01:00", "04:00+02:00"], "models.a.deployments[0].price.daily: must be two times such as"),
    ((*PRICE, "daily"), {"01:00": 1, "04:00": 2}, "models.a.deployments[0].price.daily: must be two times such as"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "told"), WRONG, ids=lambda part: str(part)[:60] if part else "-")
def test_wrong_data_is_refused_in_a_line_that_begins_with_the_place(path: Path, value: Any, told: str) -> None:
    found = problem(changed(path, value))
    assert told in found if told.startswith("fallbacks") else found.startswith(told)
    assert found.isprintable()


@pytest.mark.parametrize("data", [None, [], "x", 7, True])
def test_a_registry_that_is_no_object_is_refused(data: Any) -> None:
    assert problem(data) == "the registry: must be an object"


def test_an_address_with_credentials_is_refused_and_not_told() -> None:
    found = problem(changed(("providers", "two", "base_url"), "https://me:sk-canary@two.example/v1"))
    assert found.startswith("providers.two.base_url: must be an address")
    assert "canary" not in found


def test_a_value_is_told_in_short_however_long_or_deep_it_is() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for value in ("x" * 100_000, ["x"] * 100_000, deep, {"x" * 100_000: 1}):
        for path in ((*FIRST, "model"), (*FIRST, "weight"), (*PRICE, "input"), (*PRICE, "since"), (*PRICE, "daily")):
            data = copy.deepcopy(DATA)
            target: Any = data["models"]["a"]["deployments"][0]
            (target["price"] if "price" in path else target)[path[-1]] = value
            assert len(problem(data)) < 500


@pytest.mark.parametrize(
    "address", ["http://localhost:8000", "https://a.example", "https://[::1]:8000/v1", "https://a-b.example/x/v1.5/"]
)
def test_addresses_are_http_or_https_with_a_host(address: str) -> None:
    assert Registry(changed(("providers", "two", "base_url"), address)).providers["two"].base_url == address


@pytest.mark.parametrize("model_id", ["a", "openai/gpt-4o", "meta:llama 3", "modèle", "x" * 256])
def test_names_of_models_are_what_clients_may_send(model_id: str) -> None:
    assert Registry(with_models(**{model_id: model("y")})).model(model_id).id == model_id


def test_one_deployment_of_a_rank_may_be_drained_by_a_weight_of_0() -> None:
    data = with_models(m=model("x", "y"))
    data["models"]["m"]["deployments"][0]["weight"] = 0
    assert [deployment.weight for deployment in Registry(data).model("m").deployments] == [0, 1]


# Any data.


def places(data: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    if isinstance(data, dict | list):
        for step, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from places(value, (*path, step))


WORDS = [
    "a",
    "b",
    "c",
    "one",
    "two",
    "x",
    "",
    "local",
    "chat",
    "cost",
    "1",
    "-1",
    "NaN",
    "2026-01-01",
    "01:00",
    "https://h",
]
NUMBERS = st.integers() | st.floats() | st.decimals() | st.integers(min_value=-2, max_value=2)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=8) | st.sampled_from(WORDS)
NAMES = st.text(max_size=4) | st.sampled_from([*WORDS, "deployments", "fallbacks", "price", "input", "above", "model"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


@given(st.sampled_from(list(places(DATA))), NAMES | st.none(), VALUES)
def test_any_value_at_any_place_makes_a_registry_or_is_refused(path: Path, name: str | None, value: Any) -> None:
    """The value in the place of another, or beside it under a name."""
    where = path if name is None else (*path[:-1], name)
    try:
        data = changed(where, value) if where else value
    except (TypeError, IndexError):
        return  # beside an array's items there are no names
    if isinstance(registry := made(data), Registry):
        json.dumps(list_models(registry, {}))
        assert all(list(registry.with_fallbacks(found)) for found in registry.models)
    else:
        assert registry.isprintable()
