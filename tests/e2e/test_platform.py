"""The local platform itself: IAM is enforced, nothing leaks in, platforms are apart, and a killed one comes back."""

import io
import json
import os
import shutil
import signal
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest
import requests

from local import envs
from local.platform_ import Platform
from tests.e2e.conftest import BUILDS, PROVIDER_KEY, SHELL_CANARY, Gateway, free_port

PROBE = """
import os
import boto3

def attempt(call):
    try:
        call()
        return "allowed"
    except Exception as error:
        return error.response["Error"]["Code"]

def lambda_handler(event, context):
    db, secrets = boto3.client("dynamodb"), boto3.client("secretsmanager")
    keys, requests, usage, state = (event[f"{name}Table"] for name in ("Keys", "Requests", "Usage", "State"))
    products, bucket, s3 = event["ProductsTable"], event["SearchBucket"], boto3.client("s3")
    of_id = {"KeyConditionExpression": "id = :o", "ExpressionAttributeValues": {":o": {"S": "probe"}}}
    of_shard = {"KeyConditionExpression": "shard = :o", "ExpressionAttributeValues": {":o": {"S": "probe"}}}
    part, index = {"id": {"S": "probe"}, "part": {"S": "probe"}}, {"Bucket": bucket, "Key": "products.sqlite"}
    of_owner = {"KeyConditionExpression": "#o = :o", "ExpressionAttributeNames": {"#o": "owner"}, "ExpressionAttributeValues": {":o": {"S": "probe"}}}
    slot = {"owner": {"S": "probe"}, "slot": {"S": "probe"}}
    item = {"id": {"S": "probe"}}
    row = {"owner": {"S": "probe"}, "request_id": {"S": "probe"}}
    return {
        "environment": dict(os.environ),
        "read a key": attempt(lambda: db.get_item(TableName=keys, Key={"id": {"S": "x"}})),
        "write a key": attempt(lambda: db.put_item(TableName=keys, Item={"id": {"S": "x"}})),
        "change a key": attempt(lambda: db.update_item(TableName=keys, Key=item, UpdateExpression="REMOVE probe")),
        "take a key away": attempt(lambda: db.delete_item(TableName=keys, Key=item)),
        "list the keys": attempt(lambda: db.scan(TableName=keys)),
        "read a row": attempt(lambda: db.get_item(TableName=requests, Key=row)),
        "write a row": attempt(lambda: db.put_item(TableName=requests, Item=row)),
        "list rows": attempt(lambda: db.query(TableName=requests, **of_owner)),
        "change a row": attempt(lambda: db.update_item(TableName=requests, Key=row, UpdateExpression="REMOVE probe")),
        "read usage": attempt(lambda: db.query(TableName=usage, **of_owner)),
        "write usage": attempt(lambda: db.batch_write_item(RequestItems={usage: [{"PutRequest": {"Item": slot}}]})),
        "change usage": attempt(lambda: db.update_item(TableName=usage, Key=slot, UpdateExpression="REMOVE probe")),
        "read the state": attempt(lambda: db.batch_get_item(RequestItems={state: {"Keys": [item]}})),
        "write the state": attempt(lambda: db.update_item(TableName=state, Key=item, UpdateExpression="REMOVE probe")),
        "take state away": attempt(lambda: db.delete_item(TableName=state, Key=item)),
        "read a product": attempt(lambda: db.query(TableName=products, **of_id)),
        "list products": attempt(lambda: db.query(TableName=products, IndexName="all", **of_shard)),
        "scan products": attempt(lambda: db.scan(TableName=products)),
        "write a product": attempt(lambda: db.put_item(TableName=products, Item=part)),
        "take a product away": attempt(lambda: db.delete_item(TableName=products, Key=part)),
        "read the index": attempt(lambda: s3.list_object_versions(Bucket=bucket) and s3.head_object(**index)),
        "write the index": attempt(lambda: s3.put_object(**index, IfMatch='"none"')),
        "take the index away": attempt(lambda: s3.delete_object(**index)),
        "read the secret": attempt(lambda: secrets.get_secret_value(SecretId=event["ProvidersSecret"])),
        "write the secret": attempt(lambda: secrets.put_secret_value(SecretId=event["ProvidersSecret"], SecretString="{}")),
    }
"""


def probe(gateway: Gateway, logical_id: str) -> dict[str, Any]:
    """What a function with the role and variables of this one is allowed, and sees."""
    functions, cloudformation = gateway.platform.client("lambda"), gateway.platform.client("cloudformation")
    found = cloudformation.describe_stack_resource(StackName=gateway.stack.name, LogicalResourceId=logical_id)
    real = functions.get_function_configuration(FunctionName=found["StackResourceDetail"]["PhysicalResourceId"])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("probe.py", PROBE)
    name = f"probe-{logical_id}"
    functions.create_function(
        FunctionName=name, Runtime="python3.13", Handler="probe.lambda_handler", Role=real["Role"],
        Environment=real["Environment"], Code={"ZipFile": archive.getvalue()}, Timeout=30,
    )  # fmt: skip
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(gateway.stack.outputs()))
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    functions.delete_function(FunctionName=name)
    return result


INFERENCE = {"read a key", "change a key", "write a row", "read the state", "write the state", "read the secret"}
DENIED = {"AccessDeniedException", "AccessDenied", "403"}
"""As DynamoDB and Secrets Manager say it, as S3 says it, and as it says it to a HEAD."""
SEARCH = {"read a key", "change a key", "write a row", "read the index"}
TOOLS = {"read the index", "read a product"}
GRANTED = {
    "FirstAdminKeyFunction": {"read a key", "write a key"},
    "SweepFunction": {"list the keys", "change a key", "write a row"},
    "HealthFunction": {"read a key", "read a row"},
    "ListModelsFunction": {"read a key", "read the secret"},
    "GetModelFunction": {"read a key", "read the secret"},
    **dict.fromkeys(["ChatCompletionsFunction", "CompletionsFunction"], INFERENCE | TOOLS),
    "EmbeddingsFunction": INFERENCE,
    "RouteFunction": {"read a key", "read the state", "read the secret"},
    **{function: {"read a key"} for function in ["GetKeyFunction", "GetTeamFunction"]},
    **{function: {"read a key", "list the keys"} for function in ["ListKeysFunction", "ListTeamsFunction"]},
    **{function: {"read a key", "write a key"} for function in ["CreateKeyFunction", "CreateTeamFunction"]},
    **{
        function: {"read a key", "change a key"}
        for function in ["UpdateKeyFunction", "UpdateTeamFunction", "DeleteKeyFunction", "RotateKeyFunction"]
    },
    "DeleteTeamFunction": {"read a key", "list the keys", "change a key"},
    "GetUsageFunction": {"read a key", "list the keys", "list rows", "read usage"},
    "ListRequestsFunction": {"read a key", "list the keys", "list rows"},
    "GetRequestFunction": {"read a key", "read a row"},
    "RollUpFunction": {"list the keys", "list rows", "read usage", "write usage"},
    "ListProductsFunction": {"read a key", "change a key", "write a row", "list products"},
    **{
        function: {"read a key", "change a key", "write a row", "read a product"}
        for function in ["GetProductFunction", "ListOffersFunction"]
    },
    **dict.fromkeys(["SearchProductsFunction", "ListCategoriesFunction"], SEARCH),
    "ListToolsFunction": {"read a key", "change a key", "write a row"},
    **dict.fromkeys(["CallToolFunction", "McpFunction"], SEARCH | TOOLS),
    "BuildIndexFunction": {"scan products", "write the index"},
    "UnknownRouteFunction": set(),
}


@pytest.mark.parametrize("function", GRANTED)
def test_a_function_may_do_what_its_policy_grants_and_no_more(gateway: Gateway, function: str) -> None:
    result = probe(gateway, function)
    environment = result.pop("environment")
    assert {what for what, outcome in result.items() if outcome not in DENIED} == GRANTED[function]
    assert {result[what] for what in GRANTED[function]} <= {"allowed", "404", "412", "PreconditionFailed"}
    assert SHELL_CANARY not in environment.values()
    assert not {"GROQ_API_KEY", "OPENAI_API_KEY", "VIRTUAL_ENV", "PYTHONPATH"} & set(environment)
    assert PROVIDER_KEY not in str(environment)


def test_two_platforms_side_by_side_share_nothing(gateway: Gateway, other_platform: Platform) -> None:
    def resources(platform: Platform) -> list[Any]:
        tables = platform.client("dynamodb").list_tables()["TableNames"]
        stacks = platform.client("cloudformation").list_stacks()["StackSummaries"]
        buckets = platform.client("s3").list_buckets()["Buckets"]
        secrets = platform.client("secretsmanager").list_secrets()["SecretList"]
        return [*tables, *stacks, *buckets, *secrets]

    assert len(resources(gateway.platform)) >= 5
    assert not resources(other_platform)


def test_two_stacks_in_one_emulator_do_not_take_each_others_keys(gateway: Gateway, impatient: Gateway) -> None:
    headers = {"Authorization": f"Bearer {gateway.access.api_key}"}
    assert requests.get(f"{gateway.base_url}/models", headers=headers, timeout=60).status_code == 200
    assert requests.get(f"{impatient.base_url}/models", headers=headers, timeout=60).status_code == 401


def test_a_killed_emulator_and_a_lost_file_are_recovered_with_the_same_keys(tmp_path: Path) -> None:
    platform = Platform(tmp_path / "home", free_port(), environment={}, builds=BUILDS)
    first = platform.start()
    try:
        os.kill(json.loads((platform.home / "emulator.json").read_text())["pid"], signal.SIGKILL)
        second = platform.start()
        assert second == first
        platform.gateway_file.unlink()
        third = platform.start()
        assert third.base_url == first.base_url
        answer = requests.get(
            f"{third.base_url}/models", headers={"Authorization": f"Bearer {first.api_key}"}, timeout=60
        )
        assert answer.status_code == 200
    finally:
        platform.stop()


def test_sam_deploy_guided_works_with_enter_alone(other_platform: Platform, tmp_path: Path) -> None:
    """The layer that it deploys is Lambda's: on this Python it works, or says in a sentence why it cannot."""
    checkout = tmp_path / "checkout"
    left_out = shutil.ignore_patterns(".local", ".git", ".aws-sam", "tests", "node_modules")
    shutil.copytree(envs.ROOT, checkout, ignore=left_out)
    built = other_platform.sam("build", cwd=checkout)
    assert built.returncode == 0, built.stderr
    guided = other_platform.sam("deploy", "--guided", cwd=checkout, stdin="\n" * 60)
    assert guided.returncode == 0, guided.stdout + guided.stderr
    outputs = other_platform.stack.outputs()
    assert outputs["BaseUrl"].endswith(f"{outputs['ApiId']}.execute-api.us-east-1.amazonaws.com/dev/api/v1")
    answer = requests.get(f"{other_platform.stack.base_url()}/health", timeout=60)
    if any(suffix.startswith(".cpython-313-") and suffix.endswith("-linux-gnu.so") for suffix in EXTENSION_SUFFIXES):
        assert answer.status_code == 200
    else:
        assert "The gateway layer was built for" in answer.text
        assert "sam build" in answer.text
