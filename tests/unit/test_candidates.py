"""Who may serve a request, in which order, and why the others may not."""

from decimal import Decimal
from typing import Any

import pytest

from gateway import pricing
from gateway.candidates import Plan, Planner
from gateway.circuits import Result
from gateway.embeddings import EmbeddingRequest
from gateway.errors import ModelNotAllowed, ProviderNotConfigured
from gateway.keys import ApiKey
from gateway.questions import Chat, Embedding, Question
from gateway.registry import Deployment, Model
from gateway.strategies import Turns
from tests.unit.builders import request
from tests.unit.routing import CLOSED, OPEN, SECRETS, Script, deployments, registry


def price(rate: str) -> Any:
    return pricing.parse("price", {"input": rate, "output": rate})


def planned(
    script: Script,
    model: Model,
    question: Question | None = None,
    key: ApiKey | None = None,
    strategy: str | None = None,
    secrets: dict[str, str] = SECRETS,
    **models: Model,
) -> Plan:
    asked = question or Chat(request(model=model.id))
    known, turns = registry(model, models), Turns(lambda: 0.5)
    key = key or ApiKey("k", frozenset())
    plans = list(
        Planner(known, asked, key, strategy, secrets, script.health, turns, script.clock.now).plans([model.id])
    )
    return Plan([step for plan in plans for step in plan.steps], [left for plan in plans for left in plan.left_out])


def names(plan: Plan) -> list[str]:
    return [step.candidate.deployment.model for step in plan.steps]


def test_a_model_is_ordered_by_its_own_strategy_and_its_fallbacks_each_by_theirs(script: Script) -> None:
    dear, cheap = deployments("dear", price=price("9")), deployments("cheap", price=price("1"))
    model = Model("m", (*dear, *cheap), "cost", fallbacks=("f",))
    fallback = Model("f", tuple(deployments("f2", priority=2) + deployments("f1", priority=1)))
    assert names(planned(script, model, f=fallback)) == ["cheap", "dear", "f1", "f2"]


def test_a_request_s_own_strategy_goes_before_the_models(script: Script) -> None:
    dear, cheap = deployments("dear", price=price("9"), priority=0), deployments("cheap", price=price("1"), priority=1)
    model = Model("m", (*dear, *cheap))
    assert names(planned(script, model)) == ["dear", "cheap"]
    assert names(planned(script, model, strategy="cost")) == ["cheap", "dear"]


def test_a_deployment_of_two_models_is_asked_once_as_the_first_of_them_says(script: Script) -> None:
    model = Model("m", tuple(deployments("x", timeout=5.0)), fallbacks=("f",))
    plan = planned(script, model, f=Model("f", tuple(deployments("x", "y"))))
    assert names(plan) == ["x", "y"]
    assert plan.steps[0].candidate.deployment.timeout == 5


def test_the_fastest_is_known_from_the_fleet(script: Script) -> None:
    for name, seconds in (("slow", 3.0), ("fast", 1.0)):
        script.health.report(f"open/{name}", Result("ok", script.clock.now, seconds=seconds), script.clock.now)
    plan = planned(script, Model("m", tuple(deployments("slow", "fast")), "latency"))
    assert [(step.candidate.name, step.candidate.seconds) for step in plan.steps] == [
        ("open/fast", 1.0),
        ("open/slow", 3.0),
    ]


def test_the_expected_cost_is_that_of_this_request(script: Script) -> None:
    """400 bytes are 100 tokens; the cap counts as put out."""
    asked = Chat(request(model="m", messages=[{"role": "user", "content": "x" * 396}], max_tokens=50, n=2))
    plan = planned(script, Model("m", tuple(deployments("a", price=price("1")))), asked)
    assert plan.steps[0].candidate.cost == Decimal("0.0002")  # (100 + 2 × 50) tokens


def test_which_is_cheapest_depends_on_the_request(script: Script) -> None:
    reader = deployments("reader", price=pricing.parse("p", {"input": "1", "output": "10"}))
    writer = deployments("writer", price=pricing.parse("p", {"input": "10", "output": "1"}))
    model = Model("m", (*reader, *writer), "cost")
    long = Chat(request(model="m", messages=[{"role": "user", "content": "x" * 40_000}], max_tokens=10))
    short = Chat(request(model="m", messages=[{"role": "user", "content": "x"}], max_tokens=10_000))
    assert (names(planned(script, model, long))[0], names(planned(script, model, short))[0]) == ("reader", "writer")


def test_the_assumed_output_is_no_more_than_a_deployment_can_put_out(script: Script) -> None:
    usages = [Chat(request()).expected(Deployment(OPEN, "a", max_output_tokens=limit)) for limit in (None, 10, 10**6)]
    assert [usage.output_tokens for usage in usages] == [1000, 10, 1000]


def test_images_count_by_an_allowance_not_by_their_bytes() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    asked = Chat(request(messages=[{"role": "user", "content": [image, {"type": "text", "text": "What?"}]}]))
    tokens = asked.expected(Deployment(OPEN, "a")).input_tokens
    assert tokens is not None
    assert 1000 < tokens < 1050


@pytest.mark.parametrize(
    ("texts", "tokens"), [("x" * 8, 2), (["x" * 8, "é" * 4], 4), ([1, 2, 3], 3), ([[1], [2, 3]], 3)]
)
def test_what_embeddings_cost_depends_on_their_texts_or_tokens(texts: Any, tokens: int) -> None:
    asked = Embedding(EmbeddingRequest.model_validate({"model": "m", "input": texts}))
    assert asked.expected(Deployment(OPEN, "a")).input_tokens == tokens


def test_what_is_left_out_is_told_with_its_reason(script: Script) -> None:
    able = frozenset({"chat"})
    model = Model("m", tuple(deployments("a") + deployments("b", provider=CLOSED)), fallbacks=("f", "g"))
    fallback = Model("f", tuple(deployments("c")))
    other = Model("g", tuple(deployments("d", provider=CLOSED, capabilities=able)))
    schema = {"type": "json_schema", "json_schema": {"name": "n"}}
    plan = planned(
        script, model, Chat(request(model="m", response_format=schema)),
        ApiKey("k", frozenset(), models=frozenset({"m", "g"})), secrets={}, f=fallback, g=other,
    )  # fmt: skip
    assert names(plan) == ["b"]
    assert [(left.candidate.name, left.configured, left.capable, left.error.message) for left in plan.left_out] == [
        ("open/a", False, None, "There are no credentials for open."),
        ("open/c", None, None, "This API key may not use the model 'f'."),
        ("closed/d", True, False, "response_format: closed/d follows no JSON schema."),
    ]
    assert isinstance(plan.left_out[0].error, ProviderNotConfigured)
    assert isinstance(plan.left_out[1].error, ModelNotAllowed)


def test_a_key_with_a_budget_uses_only_what_has_a_price(script: Script) -> None:
    model = Model("m", tuple(deployments("a") + deployments("b", price=price("1"))))
    plan = planned(script, model, key=ApiKey("k", frozenset(), may_spend_unpriced=False))
    assert names(plan) == ["b"]
    assert "is not known" in plan.left_out[0].error.message
