"""The deploy makes the first admin key, once, and CloudFormation gets an answer whatever happens."""

import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3

from gateway import first_key
from tests.conftest import load_event
from tests.integration.harness import Fault, Gateway, with_key

SECRET = "gateway/admin-key"
EVENT = {
    "RequestType": "Create",
    "ResponseURL": "https://cloudformation.example/?signature=canary",
    "StackId": "stack",
    "RequestId": "1",
    "LogicalResourceId": "FirstAdminKey",
    "ResourceProperties": {"Secret": SECRET},
}


class CloudFormation:
    """Takes answers."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.ok = True

    def request(self, method: str, url: str, body: str, **_: Any) -> Any:
        assert (method, url) == ("PUT", EVENT["ResponseURL"])
        self.answers.append(json.loads(body))
        return SimpleNamespace(status=200 if self.ok else 403)


@pytest.fixture
def cloudformation(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    found = CloudFormation()
    monkeypatch.setattr(urllib3, "request", found.request)
    gateway.secretsmanager.create_secret(Name=SECRET, SecretString="{}")
    first_key.client.cache_clear()
    return found


def deploy(gateway: Gateway, **changes: Any) -> None:
    gateway.handler("first_admin_key")(EVENT | changes, SimpleNamespace(log_stream_name="stream"))


def stored(gateway: Gateway) -> str:
    entries = json.loads(gateway.secretsmanager.get_secret_value(SecretId=SECRET)["SecretString"])
    return str(entries["ADMIN_KEY"])


def test_the_key_is_in_the_secret_works_and_is_told_to_nobody(gateway: Gateway, cloudformation: CloudFormation) -> None:
    deploy(gateway)
    key = stored(gateway)
    assert gateway.send("list_keys", with_key(load_event("list_keys"), key)).status == 200
    (answer,) = cloudformation.answers
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", key.split("-")[2])
    assert key not in json.dumps(answer)


def test_a_repeat_an_update_and_the_end_of_the_stack_change_nothing(
    gateway: Gateway, cloudformation: CloudFormation
) -> None:
    deploy(gateway)
    key = stored(gateway)
    for kind in ("Create", "Update", "Delete"):
        deploy(gateway, RequestType=kind, PhysicalResourceId=key.split("-")[2])
    assert stored(gateway) == key
    assert {answer["Status"] for answer in cloudformation.answers} == {"SUCCESS"}
    assert {answer["PhysicalResourceId"] for answer in cloudformation.answers} == {key.split("-")[2]}


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"ADMIN_KEY": 1}'])
def test_a_failure_is_told_with_where_to_look(gateway: Gateway, cloudformation: CloudFormation, content: str) -> None:
    gateway.secretsmanager.put_secret_value(SecretId=SECRET, SecretString=content)
    deploy(gateway)
    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert "stream" in answer["Reason"]


def test_a_table_that_does_not_answer_fails_the_deploy(gateway: Gateway, cloudformation: CloudFormation) -> None:
    gateway.fail("PutItem", Fault("AccessDeniedException"))
    deploy(gateway)
    assert cloudformation.answers[0]["Status"] == "FAILED"


def test_the_address_of_the_answer_is_not_told(gateway: Gateway, cloudformation: CloudFormation) -> None:
    cloudformation.ok = False
    with pytest.raises(RuntimeError) as told:
        deploy(gateway)
    assert "canary" not in str(told.value)


def test_a_layer_for_another_python_does_not_hold_the_deploy_up(
    gateway: Gateway, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("gateway.first_key")
    monkeypatch.setitem(sys.modules, "gateway.first_key", None)
    deploy(gateway)
    (answer,) = cloudformation.answers
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "none")
