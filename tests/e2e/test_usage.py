"""Usage and requests of the deployed stack: over HTTP, by the clock's function, and from the shell."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from local import envs
from tests.e2e.conftest import Gateway


def get(gateway: Gateway, path: str, by: str, **query: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {by}"}
    return requests.get(f"{gateway.base_url}{path}", params=query, headers=headers, timeout=60)


def script(gateway: Gateway, *words: str) -> str:
    """What a script prints, on the tests' own gateway."""
    command = [str(envs.ROOT / "scripts" / words[0]), *words[1:], "--home", str(gateway.platform.home)]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def yesterday() -> str:
    return f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"


@pytest.fixture
def request_id(gateway: Gateway) -> str:
    """A request of the gateway's first key."""
    answer = gateway.openai().chat.completions.with_raw_response.create(
        model="local/chat", messages=[{"role": "user", "content": "Hello"}]
    )
    return str(answer.headers["x-request-id"])


def test_a_request_is_in_the_usage_and_in_the_list_at_once(
    gateway: Gateway, admin_only_key: str, request_id: str
) -> None:
    owner = request_id.split("_")[1]
    rows = [row for row in gateway.rows() if row["owner"] == owner]
    cost = sum((row["cost_usd"] for row in rows if row["cost_usd"] is not None), Decimal(0))
    for key in (gateway.access.api_key, admin_only_key):
        (line,) = get(gateway, "/usage", key, key=owner, group_by="key", bucket="month").json()["data"]
        assert (line["key"], line["requests"], Decimal(line["cost_usd"])) == (owner, len(rows), cost)
        listed = get(gateway, "/requests", key, limit="1").json()
        assert [one["id"] for one in listed["data"]] == [request_id]
        assert get(gateway, f"/requests/{request_id}", key).json() == listed["data"][0]
    assert get(gateway, "/usage", gateway.access.api_key, key="NobodysKey00").status_code == 404


def test_the_clocks_function_sums_up_what_is_over(gateway: Gateway, request_id: str) -> None:
    functions, cloudformation = gateway.platform.client("lambda"), gateway.platform.client("cloudformation")
    found = cloudformation.describe_stack_resource(StackName=gateway.stack.name, LogicalResourceId="RollUpFunction")
    answer = functions.invoke(FunctionName=found["StackResourceDetail"]["PhysicalResourceId"], Payload=b"{}")
    assert json.loads(answer["Payload"].read()) is None
    assert '"message":"usage rolled up"' in gateway.log()
    total: Any = get(gateway, "/usage", gateway.access.api_key).json()["total"]
    assert total["requests"] >= 1


def test_the_shell_tells_the_same(gateway: Gateway, request_id: str) -> None:
    assert json.loads(script(gateway, "requests", request_id, "--json"))["id"] == request_id
    assert request_id in script(gateway, "requests", "--limit", "5", "--csv")
    total = json.loads(script(gateway, "usage", "--json"))["total"]
    asked = [row for row in gateway.rows() if row["request_id"].startswith("req_")]  # other tests put rows of their own
    assert total["requests"] == len(asked)
    assert "hours, " in script(gateway, "rebuild-usage", "--from", yesterday(), "--yes")
