"""The first admin key: made by the deploy, once, and kept nowhere but in a secret that operators may read.

Source of the protocol: custom resources of AWS CloudFormation,
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import functools
import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import requests

from gateway import dynamodb, key_store
from gateway.keys import parse
from gateway.observability import logger
from gateway.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

ENTRY = "ADMIN_KEY"
NAME = "first admin key"
ANSWER_SECONDS = 10


@functools.cache
def client() -> "SecretsManagerClient":
    """The client for Secrets Manager."""
    return boto3.client("secretsmanager")


def on_deploy(event: dict[str, Any], log_stream: str) -> None:
    """Answer CloudFormation: at the stack's creation, and whenever the secret has no key, there is one afterwards.

    Args:
        event: CloudFormation's, with the secret's name among its properties.
        log_stream: where to look when it fails.
    """
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": event.get("PhysicalResourceId", "none")}
    try:
        if event["RequestType"] != "Delete":  # the keys outlive the stack, with their table
            answer["PhysicalResourceId"] = ensure(event["ResourceProperties"]["Secret"])
    except Exception as error:  # noqa: BLE001 - whatever it is, CloudFormation would wait an hour for an answer
        logger.error("no first admin key", error=type(error).__name__)
        answer |= {"Status": "FAILED", "Reason": f"{type(error).__name__}; see the log stream {log_stream}"}
    _answer(event["ResponseURL"], answer)


def _answer(url: str, answer: dict[str, Any]) -> None:
    """Tell CloudFormation.

    Raises:
        RuntimeError: it does not take the answer; without the address, which is a secret for as long as it is good.
    """
    try:
        done = requests.put(url, data=json.dumps(answer), headers={"content-type": ""}, timeout=ANSWER_SECONDS)
        failed = None if done.ok else str(done.status_code)
    except requests.RequestException as error:
        failed = type(error).__name__
    if failed:
        raise RuntimeError(f"CloudFormation did not take the answer: {failed}")


def ensure(secret: str) -> str:
    """Make the key, unless the secret has one.

    Args:
        secret: the secret's name.
    Returns:
        The key's id, which is no secret.
    """
    entries = json.loads(client().get_secret_value(SecretId=secret)["SecretString"])
    if not entries.get(ENTRY):
        table = settings().keys_table
        key = key_store.create_key(dynamodb.client(), table, name=NAME, scopes=["admin"], now=time.time())
        client().put_secret_value(SecretId=secret, SecretString=json.dumps({ENTRY: key}))
        entries = {ENTRY: key}
    return parse(entries[ENTRY])[0]
