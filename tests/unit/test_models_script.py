"""scripts/models tells what a gateway's models are, as far as it can be asked."""

import argparse
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from local.console import Failure
from operate import models, target
from operate.target import Target

OVERRIDE = {"models": {"mine": {"deployments": [{"provider": "groq", "model": "m", "price": {"input": "0.5"}}]}}}


class Aws:
    """Both services that the script asks."""

    def __init__(self, entries: dict[str, str], override: str | None) -> None:
        self._entries = entries
        self._override = override

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        assert SecretId == "the-secret"
        return {"SecretString": json.dumps(self._entries)}

    def get_parameter(self, Name: str) -> dict[str, Any]:  # noqa: N803
        assert Name == "the-parameter"
        if self._override is None:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": self._override}}


class Gateway(Target):
    aws: Aws

    def client(self, service: str) -> Any:
        return self.aws


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Any:
    def is_there(entries: dict[str, str], override: str | None = None) -> None:
        outputs = {"ProvidersSecret": "the-secret", "ModelsParameter": "the-parameter"}
        found = Gateway(None, None, "gateway", outputs)
        monkeypatch.setattr(Gateway, "aws", Aws(entries, override), raising=False)
        monkeypatch.setattr(target, "find", lambda arguments: found)

    return is_there


@pytest.fixture
def no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(arguments: argparse.Namespace) -> Target:
        raise Failure("It does not run.")

    monkeypatch.setattr(target, "find", find)


def asked(**fields: Any) -> argparse.Namespace:
    usual = {"substring": "", "provider": None, "capability": None, "configured": False, "json": True}
    aws = {"stack": None, "profile": None, "region": None}
    return argparse.Namespace(**(usual | aws | fields))


def shown(capsys: pytest.CaptureFixture[str], **fields: Any) -> list[dict[str, Any]]:
    models.show(asked(**fields))
    listed: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return listed


def test_only_what_has_its_key_is_configured(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway({"GROQ_API_KEY": "k", "OPENAI_API_KEY": " "})
    owners = {model["owned_by"] for model in shown(capsys, configured=True)}
    assert {"local", "groq", "groq, together, bedrock"} <= owners
    assert not {"openai", "openai, azure"} & owners


def test_without_a_gateway_the_list_tells_nothing_of_what_is_configured(
    no_gateway: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {model["configured"] for model in shown(capsys)} == {None}
    with pytest.raises(Failure, match="scripts/start"):
        models.show(asked(configured=True))
    with pytest.raises(Failure, match="does not run"):
        models.show(asked(stack="one-on-aws"))


def test_an_override_is_shown_and_a_wrong_one_is_told_and_left_out(
    gateway: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway({}, json.dumps(OVERRIDE))
    (mine,) = shown(capsys, substring="MINE")
    assert mine["deployments"][0]["usd_per_million_tokens"] == {"input": "0.5"}
    gateway({}, '{"models": {"mine": {}}}')
    models.show(asked(json=False))
    captured = capsys.readouterr()
    assert "mine" not in captured.out
    assert "models.mine.deployments" in captured.err


def test_a_list_of_nothing_says_so(no_gateway: None, capsys: pytest.CaptureFixture[str]) -> None:
    models.show(asked(substring="zzz", json=False))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "No model is like that.\n")
    assert shown(capsys, substring="zzz") == []


@pytest.mark.parametrize("error", [NoCredentialsError(), ClientError({"Error": {"Code": "AccessDenied"}}, "x")])
def test_an_override_that_cannot_be_read_is_told(
    gateway: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(aws: Aws, Name: str) -> None:  # noqa: N803
        raise error

    gateway({})
    monkeypatch.setattr(Aws, "get_parameter", fail)
    with pytest.raises(Failure, match="The override of the models cannot be read: "):
        models.show(asked())


def test_a_stack_that_is_no_gateway_is_told() -> None:
    with pytest.raises(Failure, match=r"The stack other has no output ProvidersSecret: "):
        Gateway(None, None, "other", {}).output("ProvidersSecret")


@pytest.mark.parametrize("fields", [{"profile": "mine"}, {"region": "eu-west-1"}])
def test_what_is_said_of_aws_needs_a_stack(fields: dict[str, str]) -> None:
    with pytest.raises(Failure, match="name it by --stack"):
        models.show(asked(**fields))


@pytest.mark.parametrize(
    ("fields", "some", "none"),
    [
        ({"provider": "bedrock"}, ["claude-opus-5-5", "bedrock/amazon.titan-embed-text-v2:0"], ["openai/gpt-4o"]),
        ({"capability": "embeddings"}, ["openai/text-embedding-3-small"], ["openai/gpt-4o", "vllm/default"]),
        ({"substring": "GPT-4O"}, ["gpt-4o", "azure/gpt-4o-mini"], ["openai/gpt-4.1"]),
    ],
)
def test_the_list_can_be_narrowed(
    no_gateway: None, capsys: pytest.CaptureFixture[str], fields: dict[str, str], some: list[str], none: list[str]
) -> None:
    ids = {model["id"] for model in shown(capsys, **fields)}
    assert {*some} <= ids
    assert not {*none} & ids


def test_the_table_has_a_line_for_each_deployment(no_gateway: None, capsys: pytest.CaptureFixture[str]) -> None:
    models.show(asked(substring="gpt-oss-20b", json=False))
    head, first, second, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == list(models.COLUMNS)
    assert first.split()[:7] == ["gpt-oss-20b", "groq", "0.075", "0.0375", "0.3", "128,000", "16,384"]
    assert first.split()[7:] == ["chat", "tools", "json_schema", "reasoning", "?"]
    assert second.split() == ["bedrock", "0.07", "-", "0.3", "?"]
