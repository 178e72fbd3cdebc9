"""Limits through the deployed stack: many instances share one truth, and OpenAI's client understands what it is told."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import openai
import pytest
import requests

from tests.e2e.conftest import Gateway
from tests.upstream import Upstream

AT_ONCE = 12
ALLOWED = 5


def admin(gateway: Gateway, method: str, path: str, body: Any = None) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {gateway.access.admin_key}"}
    answer = requests.request(method, f"{gateway.base_url}{path}", json=body, headers=headers, timeout=60)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def make_key(gateway: Gateway) -> Callable[..., dict[str, Any]]:
    """Make a key of a policy, as an admin would."""
    return lambda **policy: admin(gateway, "POST", "/keys", {"name": "limited", **policy})


def ask(gateway: Gateway, key: str, model: str = "local/chat") -> Any:
    return gateway.openai(key).chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "Hello"}], max_tokens=50
    )


def test_as_many_requests_as_the_limit_says_pass_however_many_instances_there_are(
    gateway: Gateway, make_key: Callable[..., dict[str, Any]]
) -> None:
    made = make_key(rpm_limit=ALLOWED)
    started = time.time() // 60

    def outcome(_: int) -> tuple[int, str | None, str | None]:
        try:
            return ask(gateway, made["key"]).status_code, None, None
        except openai.RateLimitError as refused:
            return 429, refused.code, refused.response.headers["retry-after"]

    with ThreadPoolExecutor(AT_ONCE) as clients:
        outcomes = list(clients.map(outcome, range(AT_ONCE)))
    statuses = [status for status, _, _ in outcomes]
    refusals = [(code, int(wait or 0)) for status, code, wait in outcomes if status == 429]
    assert all(code == "rate_limit_exceeded" and 0 < wait <= 60 for code, wait in refusals)
    minutes = 1 + int(time.time() // 60 - started)
    assert ALLOWED <= statuses.count(200) <= ALLOWED * minutes
    left = admin(gateway, "GET", f"/keys/{made['id']}")
    assert left["in_flight"] == 0
    assert len([row for row in gateway.rows() if row["owner"] == made["id"]]) == statuses.count(200)


def test_what_a_budget_has_left_is_told_and_what_it_cannot_pay_is_refused_for_good(
    gateway: Gateway, upstream: Upstream, make_key: Callable[..., dict[str, Any]]
) -> None:
    made = make_key(total_budget="0.002")
    answer = ask(gateway, made["key"], "openai/gpt-4o")
    cost = Decimal(answer.headers["x-gateway-cost-usd"])
    assert cost > 0
    assert Decimal(answer.headers["x-gateway-budget-remaining-usd"]) == Decimal("0.002") - cost
    assert admin(gateway, "GET", f"/keys/{made['id']}")["left"]["total"] == str(Decimal("0.002") - cost)
    admin(gateway, "PATCH", f"/keys/{made['id']}", {"total_budget": str(cost + Decimal("0.0001"))})
    with pytest.raises(openai.RateLimitError) as refused:
        ask(gateway, made["key"], "openai/gpt-4o")
    assert (refused.value.type, refused.value.code) == ("insufficient_quota", "insufficient_quota")
    assert refused.value.response.headers["x-should-retry"] == "false"


def test_a_key_that_an_admin_deletes_or_rotates_stops_at_once(
    gateway: Gateway, make_key: Callable[..., dict[str, Any]]
) -> None:
    made = make_key(rpm_limit=100)
    assert ask(gateway, made["key"]).status_code == 200
    rotated = admin(gateway, "POST", f"/keys/{made['id']}/rotate", {"grace_seconds": 0})
    with pytest.raises(openai.AuthenticationError):
        ask(gateway, made["key"])
    assert ask(gateway, rotated["key"]).status_code == 200
    admin(gateway, "DELETE", f"/keys/{made['id']}")
    with pytest.raises(openai.AuthenticationError):
        ask(gateway, rotated["key"])


def test_the_deploy_made_an_admin_key_and_keeps_it_in_its_secret(gateway: Gateway) -> None:
    secrets = gateway.platform.client("secretsmanager")
    text = secrets.get_secret_value(SecretId=gateway.stack.outputs()["AdminKeySecret"])["SecretString"]
    key = json.loads(text)["ADMIN_KEY"]
    answer = requests.get(f"{gateway.base_url}/keys", headers={"authorization": f"Bearer {key}"}, timeout=60)
    assert answer.status_code == 200
    assert key not in gateway.log()
