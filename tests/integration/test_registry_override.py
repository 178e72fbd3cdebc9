"""An operator's own models: in force within a minute, and never the reason why a request fails."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from gateway import registry_source
from tests.conftest import ENVIRONMENT
from tests.integration.harness import Answer, Fault, Gateway, event_with

Json = dict[str, Any]
Later = Callable[[ModuleType, float], None]
Override = Callable[[Any], None]

PARAMETER = ENVIRONMENT["MODELS_PARAMETER"]
FREE = {"input": "0", "output": "0"}
DEPLOYMENT: Json = {"provider": "local", "model": "chat", "capabilities": ["chat"], "price": FREE}
MINE: Json = {"models": {"mine": {"deployments": [DEPLOYMENT]}}}
BROKEN = {
    "{": "the override: is not JSON: ",
    "[]": "the override: must be an object",
    '{"modles": {}}': "modles: there is no such field",
    '{"models": {"mine": {"deployments": []}}}': "models.mine.deployments: needs at least one",
    '{"models": {"mine": {"deployments": [{"provider": "local", "model": "x", "weight": NaN}]}}}': "the override: NaN",
    json.dumps({"models": {"x" * 250: {"deployments": 1}, "y" * 250: {"deployments": 1}}}): "models.xxx",
}
"""Texts of an override, and how what is wrong with them is told."""
FAULTS = [
    Fault("AccessDeniedException"),
    Fault("ThrottlingException"),
    Fault("InternalServerError", 500),
    Fault(ReadTimeoutError(endpoint_url="https://ssm.us-east-1.amazonaws.com")),
    Fault(ConnectTimeoutError(endpoint_url="https://ssm.us-east-1.amazonaws.com")),
]


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client that the gateway reads the parameter with."""
    client = boto3.client("ssm")
    monkeypatch.setattr(registry_source, "boto3", SimpleNamespace(client=lambda *_, **__: client))
    return client


@pytest.fixture
def reads(ssm: Any) -> list[str]:
    """A parameter's name for each time that the gateway asked for it."""
    names: list[str] = []
    event = "provide-client-params.ssm.GetParameter"
    ssm.meta.events.register(event, lambda params, **_: names.append(params["Name"]))
    return names


@pytest.fixture
def metrics(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """Names of the metrics counted since the last look."""

    def told() -> list[str]:
        lines = map(json.loads, capsys.readouterr().out.splitlines())
        found = [line for line in lines if "_aws" in line]
        assert all(line["service"] == ENVIRONMENT["POWERTOOLS_SERVICE_NAME"] for line in found)
        return [line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for line in found]

    return told


@pytest.fixture
def down(ssm: Any) -> Iterator[Callable[[Fault | None], None]]:
    """Let SSM answer with a fault from now on, or be well again."""
    event, faults = "before-send.ssm.GetParameter", list[Fault]()

    def fail(fault: Fault | None) -> None:
        while faults:
            ssm.meta.events.unregister(event, faults.pop())
        if fault:
            faults.append(fault)
            ssm.meta.events.register_first(event, fault)

    yield fail
    fail(None)


def ids(gateway: Gateway) -> set[str]:
    return {model["id"] for model in gateway.send("list_models").json["data"]}


def problems(answer: Answer) -> list[Json]:
    return [line for line in answer.logs if line["level"] == "ERROR"]


# What it changes.


def test_a_model_of_the_operator_s_own_is_listed_told_and_served(gateway: Gateway, override: Override) -> None:
    override(MINE)
    assert {"mine", "local/chat", "openai/gpt-4o"} <= ids(gateway)
    told = gateway.send("get_model", event_with("get_model", pathParameters={"model": "mine"})).json
    assert (told["id"], told["owned_by"], told["capabilities"]) == ("mine", "local", ["chat"])
    answer = gateway.chat(model="mine")
    assert (answer.status, answer.headers["x-gateway-provider"]) == (200, "local")
    assert gateway.row()["model"] == "mine"


def test_a_model_that_was_taken_away_is_not_there(gateway: Gateway, override: Override) -> None:
    override({"models": {"local/chat": None}})
    assert "local/chat" not in ids(gateway)
    assert gateway.chat().error["code"] == "model_not_found"


def test_a_price_of_the_operator_s_own_is_what_a_request_costs(gateway: Gateway, override: Override) -> None:
    deployment = DEPLOYMENT | {"price": {"input": 0.1, "output": "0.3"}}
    override({"models": {"mine": {"deployments": [deployment]}}})
    answer = gateway.chat(model="mine")
    usage = answer.json["usage"]
    tenths = usage["prompt_tokens"] + 3 * usage["completion_tokens"]
    assert answer.headers["x-gateway-cost-usd"] == f"{tenths / 10_000_000:.7f}".rstrip("0")
    assert gateway.row()["cost_usd"] == Decimal(answer.headers["x-gateway-cost-usd"])
    assert gateway.chat().headers["x-gateway-cost-usd"] == "0"


def test_a_provider_of_the_operator_s_own_is_asked(gateway: Gateway, override: Override, upstream: Any) -> None:
    provider = {"adapter": "openai_compatible", "base_url": f"{upstream.url}/v1", "api_key": "OPENAI_API_KEY"}
    model = {"deployments": [{"provider": "house", "model": "gpt-4o"}]}
    override({"providers": {"house": provider}, "models": {"house/best": model}})
    answer = gateway.chat(model="house/best")
    assert (answer.status, answer.headers["x-gateway-provider"]) == (200, "house")


# When.


def test_a_change_is_in_force_after_a_minute_and_not_before(gateway: Gateway, override: Override, later: Later) -> None:
    assert "mine" not in ids(gateway)
    override(MINE)
    later(registry_source, 59)
    assert "mine" not in ids(gateway)
    later(registry_source, 60)
    assert "mine" in ids(gateway)
    override("{}")
    later(registry_source, 120)
    assert "mine" not in ids(gateway)


def test_the_parameter_is_asked_for_once_a_minute_whatever_is_in_it(
    gateway: Gateway, override: Override, later: Later, reads: list[str]
) -> None:
    for minute, text in enumerate(["{}", "{}", MINE, "broken", "broken"]):
        override(text)
        later(registry_source, 60 * minute)
        for _ in range(2):
            gateway.send("list_models")
            gateway.chat()
        assert reads.count(PARAMETER) == minute + 1


def test_an_instance_that_starts_beside_a_broken_override_finds_the_last_right_one(
    gateway: Gateway, override: Override, reads: list[str], metrics: Callable[[], list[str]]
) -> None:
    for text in (MINE, "broken", '{"models":'):
        override(text)
    answer = gateway.chat(model="mine")
    assert answer.status == 200
    assert len(problems(answer)) == 1
    assert metrics() == ["RegistryInvalid"]
    assert [name.partition(":")[0] for name in reads] == [PARAMETER] * 3


def test_what_has_not_changed_is_not_built_again(gateway: Gateway, override: Override, later: Later) -> None:
    override(MINE)
    gateway.chat()
    before = registry_source.registry()
    later(registry_source, 60)
    gateway.chat()
    assert registry_source.registry() is before


def test_a_request_that_names_no_key_costs_no_look_at_the_parameter(gateway: Gateway, reads: list[str]) -> None:
    assert gateway.send("chat_completions", "error_no_key").status == 401
    assert gateway.send("health").status == 200
    assert reads == []


# A broken one.


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:20])
def test_a_broken_override_leaves_the_shipped_models_a_line_and_a_metric(
    gateway: Gateway, override: Override, metrics: Callable[[], list[str]], text: str
) -> None:
    override(text)
    answer = gateway.chat()
    assert answer.status == 200
    (line,) = problems(answer)
    assert (line["message"], line["parameter"]) == ("registry override invalid", PARAMETER)
    assert line["problem"].startswith(BROKEN[text])
    assert len(line["problem"]) <= 300
    assert metrics() == ["RegistryInvalid"]
    assert "local/chat" in ids(gateway)
    assert metrics() == []


def test_a_broken_override_leaves_the_last_good_one(
    gateway: Gateway, override: Override, later: Later, metrics: Callable[[], list[str]]
) -> None:
    override(MINE)
    assert gateway.chat(model="mine").status == 200
    override({"models": {"other": {"deployments": []}}})
    for minute in (1, 2):
        later(registry_source, 60 * minute)
        answer = gateway.chat(model="mine")
        assert answer.status == 200
        assert [line["problem"] for line in problems(answer)] == ["models.other.deployments: needs at least one"]
        assert metrics() == ["RegistryInvalid"]
    override({"models": {"other": MINE["models"]["mine"]}})
    later(registry_source, 180)
    assert gateway.chat(model="other").status == 200
    assert gateway.chat(model="mine").status == 404
    assert metrics() == []


# SSM.


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.usefixtures("no_backoff")
def test_the_shipped_models_serve_when_the_parameter_was_never_read(
    gateway: Gateway, down: Callable[[Fault | None], None], metrics: Callable[[], list[str]], fault: Fault
) -> None:
    down(fault)
    answer = gateway.chat()
    assert answer.status == 200
    (line,) = problems(answer)
    assert (line["message"], line["parameter"]) == ("registry override unreadable", PARAMETER)
    assert line["error"] == str(fault)
    assert metrics() == ["RegistryUnreadable"]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.usefixtures("no_backoff")
def test_the_last_models_serve_while_ssm_does_not_and_it_is_asked_again_seconds_later(
    gateway: Gateway,
    override: Override,
    later: Later,
    reads: list[str],
    down: Callable[[Fault | None], None],
    metrics: Callable[[], list[str]],
    fault: Fault,
) -> None:
    override(MINE)
    assert gateway.chat(model="mine").status == 200
    down(fault)
    later(registry_source, 60)
    for _ in range(3):
        assert gateway.chat(model="mine").status == 200
    assert reads == [PARAMETER] * 2
    assert metrics() == ["RegistryUnreadable"]
    override("{}")
    down(None)
    later(registry_source, 60 + registry_source.RETRY_SECONDS + 1)
    assert gateway.chat(model="mine").status == 404
    assert metrics() == []


def test_a_parameter_that_was_deleted_is_no_override(
    gateway: Gateway, override: Override, later: Later, ssm: Any, metrics: Callable[[], list[str]]
) -> None:
    override(MINE)
    assert "mine" in ids(gateway)
    ssm.delete_parameter(Name=PARAMETER)
    later(registry_source, 60)
    answer = gateway.send("list_models")
    assert "mine" not in {model["id"] for model in answer.json["data"]}
    assert problems(answer) == []
    assert metrics() == []


def test_the_client_is_impatient() -> None:
    config: Any = registry_source.client().meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 1)
    assert config.retries == {"total_max_attempts": 2, "mode": "standard"}
