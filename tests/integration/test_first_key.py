"""The deploy makes the first admin key, once, and CloudFormation gets an answer whatever happens."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
import requests

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

    def put(self, url: str, data: str, **_: Any) -> Any:
        assert url == EVENT["ResponseURL"]
        self.answers.append(json.loads(data))
        return SimpleNamespace(ok=self.ok, status_code=403)


@pytest.fixture
def cloudformation(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    found = CloudFormation()
    monkeypatch.setattr(requests, "put", found.put)
    gateway.secretsmanager.create_secret(Name=SECRET, SecretString="{}")
    first_key.client.cache_clear()
    return found


def stored(gateway: Gateway) -> str:
    entries = json.loads(gateway.secretsmanager.get_secret_value(SecretId=SECRET)["SecretString"])
    return str(entries["ADMIN_KEY"])


def test_the_key_is_in_the_secret_works_and_is_told_to_nobody(gateway: Gateway, cloudformation: CloudFormation) -> None:
    first_key.on_deploy(EVENT, "stream")
    key = stored(gateway)
    assert gateway.send("list_keys", with_key(load_event("list_keys"), key)).status == 200
    (answer,) = cloudformation.answers
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", key.split("-")[2])
    assert key not in json.dumps(answer)


def test_a_repeat_an_update_and_the_end_of_the_stack_change_nothing(
    gateway: Gateway, cloudformation: CloudFormation
) -> None:
    first_key.on_deploy(EVENT, "stream")
    key = stored(gateway)
    for kind in ("Create", "Update", "Delete"):
        first_key.on_deploy(EVENT | {"RequestType": kind, "PhysicalResourceId": key.split("-")[2]}, "stream")
    assert stored(gateway) == key
    assert {answer["Status"] for answer in cloudformation.answers} == {"SUCCESS"}
    assert {answer["PhysicalResourceId"] for answer in cloudformation.answers} == {key.split("-")[2]}


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"ADMIN_KEY": 1}'])
def test_a_failure_is_told_with_where_to_look(gateway: Gateway, cloudformation: CloudFormation, content: str) -> None:
    gateway.secretsmanager.put_secret_value(SecretId=SECRET, SecretString=content)
    first_key.on_deploy(EVENT, "stream")
    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert "stream" in answer["Reason"]


def test_a_table_that_does_not_answer_fails_the_deploy(gateway: Gateway, cloudformation: CloudFormation) -> None:
    gateway.fail("PutItem", Fault("AccessDeniedException"))
    first_key.on_deploy(EVENT, "stream")
    assert cloudformation.answers[0]["Status"] == "FAILED"


def test_the_address_of_the_answer_is_not_told(gateway: Gateway, cloudformation: CloudFormation) -> None:
    cloudformation.ok = False
    with pytest.raises(RuntimeError) as told:
        first_key.on_deploy(EVENT, "stream")
    assert "canary" not in str(told.value)
