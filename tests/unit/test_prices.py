"""The prices that ship, of the models that ship, against recorded usages and against a second reckoning.

tests/data/usages/*.json, a file for each adapter:

    case, deployment, at   what is peculiar about it, who answered, and when
    body                   the provider's answer, as far as it tells what was used
    embeds                 whether it is an answer of vectors
    sum, cost              tokens × published price per million, and what that comes to in US dollars; null if unknown
    read_apart             why genai-prices cannot read the body
    priced_apart           why genai-prices comes to another cost
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import genai_prices
import pytest
from genai_prices.data import providers
from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, Provider, StartDateConstraint

from gateway import pricing
from gateway.providers import anthropic_answers, bedrock, gemini_answers, openai_compatible
from gateway.registry import Deployment, Registry
from gateway.registry_source import build, shipped
from gateway.usage import Usage
from local.console import Failure
from operate import list_prices, update_prices

Json = dict[str, Any]

USAGES = Path(__file__).parent.parent / "data" / "usages"
READERS: dict[str, Callable[[Json], Usage]] = {
    "openai_compatible": openai_compatible.usage_of,
    "anthropic": anthropic_answers.usage_of,
    "bedrock": bedrock.usage_of,
    "gemini": gemini_answers.usage_of,
}
FLAVORS = {"openai": "chat", "azure": "chat", "deepseek": "chat", "x-ai": "chat", "openrouter": "chat"}
"""What genai-prices calls the API that we use, where it does not by default."""

OWN = {"local", "ollama", "vllm"}
"""Providers that run on one's own machines."""

UNPRICED = {"bedrock/cohere.embed-v4:0", "bedrock/cohere.embed-multilingual-v3"}
"""Deployments of others without a list price: they cost null, and keys with a budget are refused them."""


def recorded() -> Iterator[tuple[str, Json]]:
    for family in READERS:
        for case in json.loads((USAGES / f"{family}.json").read_text(encoding="utf-8")):
            yield family, case


RECORDED = list(recorded())
COSTED = [(family, case) for family, case in RECORDED if case["cost"] is not None]


def cases(recorded: list[tuple[str, Json]], *apart: str) -> pytest.MarkDecorator:
    """Each recorded usage but those that are apart in one of these ways."""
    chosen = [(family, case) for family, case in recorded if not case.keys() & {*apart}]
    names = [f"{case['deployment']}: {case['case']}" for _, case in chosen]
    return pytest.mark.parametrize(("family", "case"), chosen, ids=names)


def deployments(registry: Registry) -> dict[str, Deployment]:
    return {d.name: d for model in registry.models.values() for d in model.deployments}


def moment(case: Json) -> datetime:
    return datetime.fromisoformat(case["at"])


def read(family: str, case: Json) -> Usage:
    usage = READERS[family](case["body"])
    return Usage(input_tokens=usage.prompt_tokens, output_tokens=0) if case.get("embeds") else usage


def reckoned(family: str, case: Json) -> Decimal | None:
    """What the gateway says that it cost."""
    price = deployments(build())[case["deployment"]].price
    return pricing.cost(read(family, case), price, moment(case).timestamp())


def theirs(deployment: str) -> tuple[Provider, ModelInfo]:
    """A deployment in genai-prices."""
    name, model = deployment.split("/", 1)
    provider = next(p for p in providers if p.id == list_prices.PROVIDERS.get(name, name))
    found = provider.find_model(model.lower(), all_providers=providers)
    assert found
    return provider, found


def as_theirs(usage: Usage) -> genai_prices.Usage:
    """Our buckets as theirs, in which the parts are inside the whole."""
    return genai_prices.Usage(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        output_tokens=usage.output_tokens,
    )


@pytest.mark.parametrize("family", READERS)
def test_enough_usages_are_recorded(family: str) -> None:
    assert sum(name == family for name, _ in COSTED) >= 20


@cases(RECORDED)
def test_a_recorded_usage_costs_what_the_provider_publishes(family: str, case: Json) -> None:
    amount = reckoned(family, case)
    assert (None if amount is None else pricing.dollars(amount)) == case["cost"]


@cases(COSTED)
def test_the_cost_is_the_sum_that_is_written_beside_it(family: str, case: Json) -> None:
    terms = [term.split(" × ") for term in case["sum"].split(" + ") if term]
    assert sum((int(tokens) * Decimal(rate) for tokens, rate in terms), Decimal(0)) / 10**6 == Decimal(case["cost"])
    usage = read(family, case)
    assert not terms or sum(int(tokens) for tokens, _ in terms) == (usage.prompt_tokens or 0) + (
        usage.output_tokens or 0
    )


@cases(COSTED, "priced_apart")
def test_genai_prices_comes_to_the_same_cost_by_our_buckets(family: str, case: Json) -> None:
    provider, model = theirs(case["deployment"])
    calculated = model.calc_price(as_theirs(read(family, case)), provider, genai_request_timestamp=moment(case))
    assert calculated.total_price == Decimal(case["cost"])


@cases(COSTED, "priced_apart", "read_apart")
def test_genai_prices_comes_to_the_same_cost_by_its_own_reading(family: str, case: Json) -> None:
    provider, model = theirs(case["deployment"])
    body = {"model": model.id, "modelVersion": model.id} | case["body"]
    flavor = FLAVORS.get(provider.id, "default")
    extracted = genai_prices.extract_usage(body, provider_id=provider.id, api_flavor=flavor)
    assert extracted.calc_price(model=model, genai_request_timestamp=moment(case)).total_price == Decimal(case["cost"])


def test_every_shipped_deployment_has_a_price_but_for_a_few_that_are_named() -> None:
    unpriced = {name for name, deployment in deployments(build()).items() if deployment.price is None}
    assert unpriced == UNPRICED


def test_what_runs_on_one_s_own_machines_costs_nothing_per_token() -> None:
    own = [d for d in deployments(build()).values() if d.provider.name in OWN]
    assert {d.provider.name for d in own} == OWN
    for deployment in own:
        assert pricing.cost(Usage(10**6, 10**6, 10**6, 0), deployment.price, 0.0) == 0


def test_list_prices_are_those_of_the_shipped_deployments_and_no_others() -> None:
    listed = {name for name, d in deployments(build()).items() if d.provider.name not in OWN} - UNPRICED
    assert set(pricing.list_prices()) == listed


def test_a_deployment_takes_its_list_price_unless_it_has_one_of_its_own() -> None:
    data = {
        "updated": "2026-11-23",
        "providers": {"openai": {"adapter": "openai_compatible", "base_url": "https://o.example", "api_key": "K"}},
        "models": {
            "a": {"deployments": [{"provider": "openai", "model": "gpt-4o"}]},
            "b": {"deployments": [{"provider": "openai", "model": "gpt-4o", "price": {"input": "7"}}]},
            "c": {"deployments": [{"provider": "openai", "model": "gpt-none"}]},
        },
    }
    models = Registry(data, pricing.list_prices()).models
    assert models["a"].deployments[0].price == pricing.list_prices()["openai/gpt-4o"]
    assert models["b"].deployments[0].price == pricing.parse("p", {"input": "7"})
    assert models["c"].deployments[0].price is None


def test_the_file_is_what_would_be_generated() -> None:
    present = json.loads(pricing.PRICES_FILE.read_text(encoding="utf-8"))
    generated = date.fromisoformat(present["updated"])
    listed = update_prices.look_up(shipped()["models"], generated)
    assert pricing.PRICES_FILE.read_text(encoding="utf-8") == update_prices.text(listed.prices, generated)
    assert present["source"] == list_prices.SOURCE


def test_a_deployment_that_has_a_price_of_its_own_in_one_model_may_need_the_list_price_in_another() -> None:
    bare = {"provider": "openai", "model": "gpt-4o"}
    models = {"a": {"deployments": [bare]}, "b": {"deployments": [bare | {"price": {"input": "1"}}]}}
    listed = update_prices.look_up(models, date(2026, 11, 23))
    assert (list(listed.prices), listed.missing, listed.own) == (["openai/gpt-4o"], [], 1)


def test_a_list_price_that_the_gateway_cannot_take_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    dear = ModelPrice(input_mtok=Decimal(1), cache_read_mtok=Decimal(2))
    monkeypatch.setattr(list_prices, "_info", lambda provider, name: model(ConditionalPrice(prices=dear)))
    with pytest.raises(Failure, match=r"genai-prices .* cannot take: p/m.cache_read: is dearer"):
        update_prices.look_up({"a": {"deployments": [{"provider": "p", "model": "m"}]}}, date(2026, 11, 23))


@pytest.mark.parametrize("text", ["<<<<<<< HEAD", "", None])
def test_a_broken_file_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    file = tmp_path / "prices.json"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(update_prices, "PRICES_FILE", file)
    with pytest.raises((Failure, FileNotFoundError)):
        update_prices.check()
    update_prices.update()
    assert set(json.loads(file.read_text())["prices"]) == set(pricing.list_prices())
    update_prices.check()
    assert capsys.readouterr().out.endswith("prices.json is as generated.\n")


def test_the_file_has_a_line_for_each_price_by_name() -> None:
    lines = update_prices.text({"b/x": {"input": "1"}, "a/y": [{"input": "2"}]}, date(2026, 1, 2)).splitlines()
    assert lines[1:-1] == ['"a/y": [{"input": "2"}],', '"b/x": {"input": "1"}']
    assert json.loads("\n".join(lines))["updated"] == "2026-01-02"


def model(*prices: ConditionalPrice) -> ModelInfo:
    return ModelInfo("m", match=providers[0].models[0].match, prices=list(prices))


def test_of_prices_only_those_that_count_from_today_on_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (ModelPrice(input_mtok=Decimal(rate)) for rate in (1, 2, 3))
    info = model(
        ConditionalPrice(prices=first),
        ConditionalPrice(StartDateConstraint(date(2026, 2, 1)), prices=second),
        ConditionalPrice(StartDateConstraint(date(2026, 3, 1)), prices=third),
    )
    monkeypatch.setattr(list_prices, "_info", lambda provider, name: info)
    monkeypatch.setattr(list_prices, "_owner", lambda info: "p")
    kept = [list_prices.find("p/m", date(2026, month, 15)) for month in (1, 2, 3)]
    assert [found and found.price for found in kept] == [
        [{"input": "1"}, {"input": "2", "since": "2026-02-01"}, {"input": "3", "since": "2026-03-01"}],
        [{"input": "2"}, {"input": "3", "since": "2026-03-01"}],
        {"input": "3"},
    ]


def test_a_model_that_costs_by_other_than_tokens_has_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    info = model(ConditionalPrice(prices=ModelPrice(web_searches_kcount=Decimal(10))))
    monkeypatch.setattr(list_prices, "_info", lambda provider, name: info)
    assert list_prices.find("p/m", date(2026, 1, 1)) is None


@pytest.mark.parametrize("deployment", ["openai/gpt-none", "nobody/gpt-4o", "openai/"])
def test_what_genai_prices_does_not_know_has_no_price(deployment: str) -> None:
    assert list_prices.find(deployment, date(2026, 11, 23)) is None


def test_what_has_changed_is_told_line_by_line() -> None:
    before = {"a/x": {"input": "1"}, "b/y": {"input": "1"}, "c/z": {"input": "1"}}
    after = {"a/x": {"input": "1"}, "b/y": {"input": "2", "above": {"9": {"input": "3"}}}, "d/w": [{"input": "4"}]}
    assert list(list_prices.changes(before, after, {"d/w": "d w"})) == [
        "~ b/y: input 1 → input 2, above 9 input 3",
        "- c/z: input 1",
        "+ d/w: input 4 (d w)",
    ]


@pytest.mark.parametrize("name", sorted(pricing.list_prices()))
def test_a_list_price_has_a_rate_for_what_its_model_does(name: str) -> None:
    card = pricing.list_prices()[name].card(datetime(2026, 11, 24, tzinfo=UTC))
    deployment = deployments(build())[name]
    assert card is not None
    for rates in (card.rates, *(rates for _, rates in card.above)):
        assert rates.input is not None
        assert deployment.lacks("chat") or rates.output is not None
