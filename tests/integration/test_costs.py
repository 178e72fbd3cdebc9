"""What a request costs is told to the client, the row and the log; what is not known is null, never 0."""

import json
from decimal import Decimal
from typing import Any

import pytest

from gateway import pipeline
from gateway.registry import Registry
from tests.conftest import LambdaContext
from tests.integration.harness import PROVIDER_KEY, Gateway, attempts_of, event_with
from tests.upstream import Reply, Upstream
from tests.upstream.openai_api.chat import completion

pytestmark = pytest.mark.usefixtures("single_try")

PROVIDERS = {
    "p": {"adapter": "openai_compatible", "api_key": "OPENAI_API_KEY", "base_url_override": "OPENAI_BASE_URL"},
    "q": {"adapter": "openai_compatible", "api_key": "OPENAI_API_KEY", "base_url_override": "OPENAI_BASE_URL"},
}
PRICE = {"input": "2.5", "cache_read": "0.25", "output": "10"}
DATA: dict[str, Any] = {
    "updated": "2026-01-01",
    "providers": PROVIDERS,
    "models": {
        "priced": {"deployments": [{"provider": "p", "model": "a", "price": PRICE}]},
        "unpriced": {"deployments": [{"provider": "p", "model": "b"}]},
        "half priced": {"deployments": [{"provider": "p", "model": "a", "price": {"input": "1"}}]},
        "priced one day": {"deployments": [{"provider": "p", "model": "a", "price": PRICE | {"since": "9999-12-31"}}]},
        "both": {
            "deployments": [
                {"provider": "p", "model": "b"},
                {"provider": "q", "model": "a", "price": PRICE, "priority": 1},
            ]
        },
        "falls back": {"deployments": [{"provider": "p", "model": "b"}], "fallbacks": ["priced"]},
        "vectors": {
            "deployments": [{"provider": "p", "model": "c", "price": {"input": "0.02"}, "capabilities": ["embeddings"]}]
        },
    },
}
USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 400},
}
COST = Decimal("0.0026")  # (600 × 2.5 + 400 × 0.25 + 100 × 10) / 1,000,000
HELLO = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(DATA)
    monkeypatch.setattr(pipeline, "registry", lambda: registry)


def used(usage: Any = USAGE, **fields: Any) -> Reply:
    return Reply.json(completion(HELLO) | {"usage": usage} | fields)


def metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [line for line in lines if "_aws" in line]


def test_the_cost_is_told_everywhere(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(used())
    answer = gateway.chat(model="priced")
    assert answer.headers["x-gateway-cost-usd"] == "0.0026"
    assert "x-gateway-cost-usd" in answer.headers["access-control-expose-headers"]
    assert answer.request_log["cost_usd"] == "0.0026"
    row = gateway.row()
    assert row["cost_usd"] == COST
    assert (row["input_tokens"], row["cache_read_tokens"], row["output_tokens"]) == (600, 400, 100)


def test_a_stream_carries_its_cost_on_the_chunk_that_ends_it(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(used())
    events = gateway.chat(model="priced", stream=True).events
    assert [event["gateway"] for event in events if "gateway" in event] == [{"cost_usd": "0.0026"}]
    assert events[-1]["choices"][0]["finish_reason"] == "stop"


def test_a_price_that_is_not_known_is_null_a_warning_and_a_metric(
    gateway: Gateway, upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream.enqueue(used())
    answer = gateway.chat(model="unpriced")
    assert answer.status == 200
    assert "x-gateway-cost-usd" not in answer.headers
    assert gateway.row()["cost_usd"] is None
    warning = answer.line("WARNING")
    assert (warning["message"], warning["deployment"], warning["metric"]) == ("cost unknown", "p/b", "UnknownPrice")
    (metric,) = metrics(capsys)
    assert (metric["UnknownPrice"], metric["deployment"]) == ([1.0], "p/b")
    assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "AIModelGateway"


def test_a_stream_of_unknown_cost_says_null(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(used())
    events = gateway.chat(model="unpriced", stream=True).events
    assert [event["gateway"] for event in events if "gateway" in event] == [{"cost_usd": None}]


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 5}, {"prompt_tokens": "5", "completion_tokens": 1}])
def test_an_answer_without_counts_costs_nobody_knows_what(
    gateway: Gateway, upstream: Upstream, capsys: pytest.CaptureFixture[str], usage: Any
) -> None:
    upstream.enqueue(used(usage))
    assert gateway.chat(model="priced").status == 200
    assert gateway.row()["cost_usd"] is None
    assert [list(metric)[-1] for metric in metrics(capsys)] == ["UnknownUsage"]


def test_another_service_tier_is_not_charged_at_the_list_price(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(used(service_tier="priority"))
    answer = gateway.chat(model="priced")
    assert gateway.row()["cost_usd"] is None
    assert answer.line("WARNING")["special"] == "service tier priority"


def test_a_request_that_a_provider_refused_cost_nothing(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(Reply.error(400, "No."))
    answer = gateway.chat(model="unpriced")
    assert answer.headers["x-gateway-cost-usd"] == "0"
    assert gateway.row()["cost_usd"] == 0


@pytest.mark.parametrize("reply", [Reply.default().stalled("headers"), Reply.default().stalled("middle")])
def test_what_a_provider_charges_for_an_answer_that_never_came_is_not_known(
    gateway: Gateway, upstream: Upstream, capsys: pytest.CaptureFixture[str], reply: Reply
) -> None:
    gateway.chat(model="priced")
    capsys.readouterr()
    upstream.enqueue(reply)
    answer = gateway.chat(LambdaContext(2000), model="priced")
    assert (answer.status, "x-gateway-cost-usd" in answer.headers) == (504, False)
    assert gateway.rows()[-1]["cost_usd"] is None
    assert [list(metric)[-1] for metric in metrics(capsys)] == ["UnknownUsage"]


@pytest.mark.parametrize("budget", ["day_budget", "month_budget", "total_budget"])
def test_a_key_with_a_budget_is_refused_a_model_whose_price_is_not_known(
    gateway: Gateway, upstream: Upstream, budget: str
) -> None:
    gateway.change_key(**{budget: Decimal("5")})
    answer = gateway.chat(model="unpriced")
    assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "model_not_allowed", "model")
    assert upstream.requests == []
    assert gateway.rows() == []
    assert gateway.chat(model="priced").status == 200


@pytest.mark.parametrize("model", ["half priced", "priced one day"])
def test_a_price_that_does_not_tell_what_an_answer_costs_now_is_not_known(
    gateway: Gateway, upstream: Upstream, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    upstream.enqueue(used())
    assert gateway.chat(model=model).status == 200
    assert gateway.row()["cost_usd"] is None
    assert [list(metric)[-1] for metric in metrics(capsys)] == ["UnknownPrice"]


@pytest.mark.parametrize("model", ["half priced", "priced one day"])
def test_with_a_budget_a_price_that_does_not_tell_what_an_answer_costs_now_is_none(
    gateway: Gateway, upstream: Upstream, model: str
) -> None:
    gateway.change_key(total_budget=Decimal("5"))
    assert gateway.chat(model=model).error["code"] == "model_not_allowed"
    assert upstream.requests == []


def test_with_a_budget_embeddings_need_no_price_of_output(gateway: Gateway, upstream: Upstream) -> None:
    gateway.change_key(total_budget=Decimal("5"))
    event = event_with("embeddings", {"model": "vectors", "input": "a"})
    assert gateway.send("embeddings", event).status == 200


def test_a_key_s_policy_may_allow_unknown_prices(gateway: Gateway, upstream: Upstream) -> None:
    gateway.change_key(total_budget=Decimal("5"), allow_unpriced_models=True)
    assert gateway.chat(model="unpriced").status == 200


@pytest.mark.parametrize("model", ["both", "falls back"])
def test_with_a_budget_only_priced_deployments_are_asked(gateway: Gateway, upstream: Upstream, model: str) -> None:
    gateway.change_key(total_budget=Decimal("5"))
    upstream.enqueue(used())
    answer = gateway.chat(model=model)
    assert answer.status == 200
    assert gateway.row()["cost_usd"] == COST
    assert [request.json["model"] for request in upstream.requests] == ["a"]


def test_fallback_models_are_asked_when_all_deployments_have_failed(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(Reply.error(500), used())
    answer = gateway.chat(model="falls back")
    assert answer.status == 200
    assert attempts_of(answer) == [("p/b", "upstream_error"), ("p/a", "ok")]
    assert [request.json["model"] for request in upstream.requests] == ["b", "a"]


# Embeddings.


def test_embeddings_are_logged_and_priced(gateway: Gateway, upstream: Upstream) -> None:
    answer = gateway.send("embeddings", event_with("embeddings", {"model": "vectors", "input": ["a b", "c"]}))
    assert answer.status == 200
    row = gateway.row()
    tokens = answer.json["usage"]["prompt_tokens"]
    assert (row["endpoint"], row["input_tokens"], row["output_tokens"]) == ("/api/v1/embeddings", tokens, 0)
    assert row["cost_usd"] == Decimal("0.02") * tokens / 1_000_000
    assert upstream.requests[0].json == {"model": "c", "input": ["a b", "c"]}


def test_what_lambda_could_not_return_is_refused_before_the_provider_is_paid(
    gateway: Gateway, upstream: Upstream
) -> None:
    body = {"model": "vectors", "input": ["a"] * 2000, "dimensions": 3072}
    answer = gateway.send("embeddings", event_with("embeddings", body))
    assert (answer.status, answer.error["param"]) == (400, "input")
    assert "send at most 74 inputs a request, or 333 with encoding_format 'base64'" in answer.error["message"]
    assert upstream.requests == []
    assert gateway.row()["status"] == 400
    fits = gateway.send("embeddings", event_with("embeddings", body | {"input": ["a"] * 74}))
    assert fits.status == 200


def test_embeddings_are_not_to_be_had_from_a_model_that_chats_nor_the_reverse(
    gateway: Gateway, upstream: Upstream
) -> None:
    answer = gateway.chat(model="vectors")
    assert (answer.status, answer.error["param"]) == (400, "model")
    assert "makes embeddings, by POST /embeddings" in answer.error["message"]
    assert upstream.requests == []


def test_the_provider_s_key_never_reaches_the_client_of_embeddings(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(Reply.error(400, f"Wrong: {PROVIDER_KEY}"))
    answer = gateway.send("embeddings", event_with("embeddings", {"model": "vectors", "input": "a"}))
    assert answer.status == 400
    assert "***" in answer.error["message"]


@pytest.mark.parametrize(
    "reply",
    [Reply.default().reset(), Reply.default().reset("middle"), Reply.default().cut(), Reply.default().truncated()],
)
def test_what_broke_after_the_provider_had_the_request_may_have_been_charged(
    gateway: Gateway, upstream: Upstream, reply: Reply
) -> None:
    upstream.enqueue(reply)
    assert gateway.chat(model="priced").status == 502
    assert gateway.row()["cost_usd"] is None


def test_what_never_reached_the_provider_cost_nothing(gateway: Gateway, upstream: Upstream) -> None:
    gateway.set_secret(OPENAI_API_KEY=PROVIDER_KEY, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert gateway.chat(model="priced").status == 502
    assert gateway.row()["cost_usd"] == 0
