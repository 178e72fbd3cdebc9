"""The local platform itself: IAM is enforced, nothing leaks in, platforms are apart, and a killed one comes back."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest
import requests
from local import aws, envs
from local.emulator import Emulator
from local.platform_ import Platform
from local.stack import sam_environment

from tests.e2e.conftest import PROVIDER_KEY, SHELL_CANARY, Gateway, free_port

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
    keys, requests = event["KeysTable"], event["RequestsTable"]
    row = {"owner": {"S": "probe"}, "request_id": {"S": "probe"}}
    return {
        "environment": dict(os.environ),
        "read a key": attempt(lambda: db.get_item(TableName=keys, Key={"id": {"S": "x"}})),
        "write a key": attempt(lambda: db.put_item(TableName=keys, Item={"id": {"S": "x"}})),
        "list the keys": attempt(lambda: db.scan(TableName=keys)),
        "read a row": attempt(lambda: db.get_item(TableName=requests, Key=row)),
        "write a row": attempt(lambda: db.put_item(TableName=requests, Item=row)),
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


GRANTED = {
    "HealthFunction": {"read a key", "read a row"},
    "ListModelsFunction": {"read a key", "read the secret"},
    "GetModelFunction": {"read a key", "read the secret"},
    "ChatCompletionsFunction": {"read a key", "write a row", "read the secret"},
    "CompletionsFunction": {"read a key", "write a row", "read the secret"},
    "UnknownRouteFunction": set(),
}


@pytest.mark.parametrize("function", GRANTED)
def test_a_function_may_do_what_its_policy_grants_and_no_more(gateway: Gateway, function: str) -> None:
    result = probe(gateway, function)
    environment = result.pop("environment")
    assert {what for what, outcome in result.items() if outcome == "allowed"} == GRANTED[function]
    assert {outcome for what, outcome in result.items() if what not in GRANTED[function]} == {"AccessDeniedException"}
    assert SHELL_CANARY not in environment.values()
    assert not {"GROQ_API_KEY", "OPENAI_API_KEY", "VIRTUAL_ENV", "PYTHONPATH"} & set(environment)
    assert PROVIDER_KEY not in str(environment)


def test_two_platforms_side_by_side_share_nothing(gateway: Gateway, other_emulator: Emulator) -> None:
    def resources(url: str) -> list[Any]:
        tables = aws.client("dynamodb", url).list_tables()["TableNames"]
        stacks = aws.client("cloudformation", url).list_stacks()["StackSummaries"]
        buckets = aws.client("s3", url).list_buckets()["Buckets"]
        secrets = aws.client("secretsmanager", url).list_secrets()["SecretList"]
        return [*tables, *stacks, *buckets, *secrets]

    assert len(resources(gateway.platform.emulator.url)) >= 5
    assert not resources(other_emulator.url)


def test_two_stacks_in_one_emulator_do_not_take_each_others_keys(gateway: Gateway, impatient: Gateway) -> None:
    headers = {"Authorization": f"Bearer {gateway.access.api_key}"}
    assert requests.get(f"{gateway.base_url}/models", headers=headers, timeout=60).status_code == 200
    assert requests.get(f"{impatient.base_url}/models", headers=headers, timeout=60).status_code == 401


def test_a_killed_emulator_and_a_lost_file_are_recovered_with_the_same_keys(tmp_path: Path) -> None:
    platform = Platform(tmp_path / "home", free_port(), environment={})
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


def test_sam_deploy_guided_works_with_enter_alone(other_emulator: Emulator, tmp_path: Path) -> None:
    """The layer that it deploys is Lambda's: on this Python it works, or says in a sentence why it cannot."""
    checkout = tmp_path / "checkout"
    shutil.copytree(
        envs.ROOT, checkout, ignore=shutil.ignore_patterns(".local", ".git", ".aws-sam", "tests", "node_modules")
    )
    sam = [str(envs.python("sam")), "-m", "samcli"]
    environment = sam_environment(other_emulator.url)
    run = {"cwd": checkout, "env": environment, "text": True, "capture_output": True, "timeout": 300}
    built = subprocess.run([*sam, "build"], check=False, **run)
    assert built.returncode == 0, built.stderr
    guided = subprocess.run([*sam, "deploy", "--guided"], input="\n" * 60, check=False, **run)
    assert guided.returncode == 0, guided.stdout + guided.stderr
    described = aws.client("cloudformation", other_emulator.url).describe_stacks(StackName="ai-model-gateway-dev")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0]["Outputs"]}
    assert outputs["BaseUrl"].endswith(f"{outputs['ApiId']}.execute-api.us-east-1.amazonaws.com/dev/api/v1")
    answer = requests.get(f"{other_emulator.url}/_aws/execute-api/{outputs['ApiId']}/dev/api/v1/health", timeout=60)
    runs_here = any("cpython-313-" in suffix and "linux" in suffix for suffix in EXTENSION_SUFFIXES)
    if runs_here and sys.platform == "linux":
        assert answer.status_code == 200
    else:
        assert "The gateway layer was built for" in answer.text
        assert "sam build" in answer.text
