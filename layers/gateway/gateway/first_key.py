"""The first admin key: made by the deploy, once, and kept nowhere but in a secret that operators may read."""

import functools
import json
import time
from typing import TYPE_CHECKING, Any

import boto3

from gateway import dynamodb, key_store
from gateway.keys import parse
from gateway.observability import logger
from gateway.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

ENTRY = "ADMIN_KEY"
NAME = "first admin key"


@functools.cache
def client() -> "SecretsManagerClient":
    """The client for Secrets Manager."""
    return boto3.client("secretsmanager")


def outcome(event: dict[str, Any], log_stream: str) -> dict[str, str]:
    """What CloudFormation is told: that there is a key now, and its id, or why not.

    Args:
        event: CloudFormation's, with the secret's name among its properties.
        log_stream: where to look when it fails.
    """
    try:
        if event["RequestType"] == "Delete":  # the keys outlive the stack, with their table
            return {}
        return {"PhysicalResourceId": ensure(event["ResourceProperties"]["Secret"])}
    except Exception as error:  # noqa: BLE001 - whatever it is, CloudFormation would wait an hour for an answer
        logger.error("no first admin key", error=type(error).__name__)
        return {"Status": "FAILED", "Reason": f"{type(error).__name__}; see the log stream {log_stream}"}


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
