"""The providers' keys: read when first needed, at most a minute old, and kept while Secrets Manager does not answer."""

import json
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from gateway import credentials
from tests.conftest import ENVIRONMENT
from tests.integration.harness import Fault, Gateway

Later = Callable[[ModuleType, float], None]
SECRET = ENVIRONMENT["PROVIDERS_SECRET"]
FAULTS = [
    Fault("ThrottlingException"),
    Fault("AccessDeniedException"),
    Fault("ResourceNotFoundException"),
    Fault("DecryptionFailure"),
    Fault("InternalServiceError", 500),
    Fault(ReadTimeoutError(endpoint_url="https://secretsmanager.us-east-1.amazonaws.com")),
]
GARBAGE = ["", "{", "not JSON", "[]", '["sk-canary"]', '"sk-canary"', "null", "7", "[" * 10_000, '{"a": NaN']


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client that the gateway reads its secret with."""
    client = boto3.client("secretsmanager")
    monkeypatch.setattr(credentials, "boto3", SimpleNamespace(client=lambda *_, **__: client))
    return client


def count_reads(client: Any) -> list[str]:
    reads: list[str] = []
    client.meta.events.register(
        "before-call.secrets-manager.GetSecretValue", lambda **_: reads.append("GetSecretValue")
    )
    return reads


def fail(client: Any, fault: Fault) -> None:
    client.meta.events.register_first("before-send.secrets-manager.GetSecretValue", fault)


def configured(gateway: Gateway) -> set[str]:
    models = gateway.send("list_models").json["data"]
    return {d["provider"] for model in models for d in model["deployments"] if d["configured"]} - {"local"}


def test_the_secret_is_read_once_a_minute(gateway: Gateway, client: Any, later: Later) -> None:
    reads = count_reads(client)
    for _ in range(3):
        gateway.send("list_models")
        gateway.chat()
    assert len(reads) == 1
    later(credentials, 59)
    gateway.send("list_models")
    assert len(reads) == 1
    later(credentials, 60)
    gateway.send("list_models")
    assert len(reads) == 2


def test_a_changed_key_is_used_within_a_minute(gateway: Gateway, later: Later) -> None:
    gateway.set_secret(OPENAI_API_KEY="sk-one")
    assert configured(gateway) == {"openai"}
    gateway.set_secret(GROQ_API_KEY="sk-two")
    assert configured(gateway) == {"openai"}
    later(credentials, 60)
    assert configured(gateway) == {"groq"}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.usefixtures("no_backoff")
def test_the_old_keys_serve_while_secrets_manager_does_not(
    gateway: Gateway, client: Any, later: Later, fault: Fault
) -> None:
    gateway.set_secret(OPENAI_API_KEY="sk-one")
    assert configured(gateway) == {"openai"}
    fail(client, fault)
    later(credentials, 60)
    assert configured(gateway) == {"openai"}
    assert "provider secret unreadable" in gateway.log.getvalue()
    client.meta.events.unregister("before-send.secrets-manager.GetSecretValue", fault)
    gateway.set_secret(GROQ_API_KEY="sk-two")
    later(credentials, 120)
    assert configured(gateway) == {"groq"}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.usefixtures("no_backoff")
def test_a_secret_that_was_never_read_is_a_503_with_retry_after(gateway: Gateway, client: Any, fault: Fault) -> None:
    fail(client, fault)
    for answer in (gateway.send("list_models"), gateway.send("get_model"), gateway.chat(model="openai/gpt-4o")):
        assert (answer.status, answer.error["code"]) == (503, "service_unavailable")
        assert answer.headers["retry-after"] == "5"
    row = gateway.row()
    assert (row["status"], row["error_code"], row["attempts"]) == (503, "service_unavailable", [])


@pytest.mark.parametrize("text", GARBAGE, ids=lambda text: text[:12])
def test_a_garbage_secret_is_a_503_that_does_not_quote_it(gateway: Gateway, client: Any, text: str) -> None:
    client.meta.events.register("after-call.secrets-manager.GetSecretValue", lambda parsed, **_: parsed.update(SecretString=text))  # fmt: skip
    answer = gateway.send("list_models")
    assert (answer.status, answer.error["code"]) == (503, "service_unavailable")
    assert "canary" not in gateway.log.getvalue()


def test_a_binary_secret_is_a_503(gateway: Gateway) -> None:
    gateway.secretsmanager.put_secret_value(SecretId=SECRET, SecretBinary=b"{}")
    assert gateway.send("list_models").status == 503


def test_a_garbage_secret_does_not_replace_a_good_one(gateway: Gateway, later: Later) -> None:
    gateway.set_secret(OPENAI_API_KEY="sk-one")
    assert configured(gateway) == {"openai"}
    gateway.secretsmanager.put_secret_value(SecretId=SECRET, SecretString="OPENAI_API_KEY=sk-canary")
    later(credentials, 60)
    assert configured(gateway) == {"openai"}
    assert "canary" not in gateway.log.getvalue()


def test_entries_are_trimmed_and_those_that_are_no_text_are_left_out(gateway: Gateway) -> None:
    entries = {"OPENAI_API_KEY": " sk-one\n", "GROQ_API_KEY": "  ", "XAI_API_KEY": None, "MISTRAL_API_KEY": 7}
    gateway.secretsmanager.put_secret_value(SecretId=SECRET, SecretString=json.dumps(entries))
    assert configured(gateway) == {"openai"}
    assert credentials.provider_secrets() == {"OPENAI_API_KEY": "sk-one"}


def test_a_model_without_credentials_is_marked_so(gateway: Gateway) -> None:
    model = gateway.send("get_model", "get_model_encoded").json
    assert model["configured"] is False
    assert gateway.send("get_model").json["configured"] is True
