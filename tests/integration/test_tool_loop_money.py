"""What completions that run tools cost and hold, whatever the model calls, and whoever fails or does not tell what it took."""

import json
import random
from decimal import Decimal

import pytest

from gateway.deadline import Deadline
from gateway.holds import Hold
from gateway.providers import openai_compatible
from gateway.providers.base import HttpRequest, HttpResponse
from gateway.tools import catalogue
from tests.integration.fleets import Fleet, deployment
from tests.integration.harness import Clock, Json
from tests.integration.test_limits import item_of, limit
from tests.integration.tool_loops import ENTRY, TOOLS, WEATHER

PRICES = [
    {"input": "1", "output": "8", "cache_read": "0.1", "cache_write": "1.25"},
    {"input": "3", "output": "1", "cache_read": "0.3"},
]
CALLS = [*((name, '{"query": "x"}') for name in (*TOOLS, "get_weather", "unknown")), ("search_catalog", '{"q')]
CAP = 50
BUDGET = Decimal("0.5")


class Dearest:
    """Providers that take as many tokens as they may: one for each byte, and all of the cap; some say nothing of that."""

    def __init__(self, chance: random.Random, fleet: Fleet) -> None:
        self.chance = chance
        self.fleet = fleet
        self.known: list[Decimal] = []

    def send(self, request: HttpRequest, _: Deadline) -> HttpResponse:
        size = len(json.dumps(request.body, ensure_ascii=False).encode())
        price = PRICES[0] if f"{self.fleet.addresses['first']}/" in request.url else PRICES[1]
        into = self.chance.choice(["input", "cache_write"])
        cost = (size * Decimal(price.get(into, price["input"])) + CAP * Decimal(price["output"])) / 10**6
        (held,) = item_of(self.fleet.gateway)["holds"].values()
        assert Hold.read(held).cost >= sum(self.known) + cost
        if self.chance.random() < 0.2:
            return HttpResponse(self.chance.choice([500, 429, 400]), {}, b"{}")
        told = self.chance.random() < 0.8
        self.known += [cost] * told
        return HttpResponse(200, {}, json.dumps(self._answer(size, into) | ({} if told else {"usage": None})).encode())

    def _answer(self, size: int, into: str) -> Json:
        calls = [
            {"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for i, (name, arguments) in enumerate(self.chance.choices(CALLS[:4] + CALLS, k=self.chance.randint(0, 4)))
        ]
        message = {"role": "assistant", "content": "Hm.", "tool_calls": calls or None}
        written = {"prompt_tokens_details": {"cache_write_tokens": size}} if into == "cache_write" else {}
        usage = {"prompt_tokens": size, "completion_tokens": CAP, "total_tokens": size + CAP} | written
        return {
            "id": "x",
            "model": "x",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }


@pytest.mark.parametrize("seed", range(25))
def test_the_hold_is_always_enough_for_all_rounds_and_what_is_charged_is_what_they_cost(
    fleet: Fleet, clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dearest = Dearest(random.Random(seed), fleet)
    monkeypatch.setattr(catalogue, "TOOLS", TOOLS)
    monkeypatch.setattr(openai_compatible, "send", dearest.send)
    fleet.gateway.change_key(scopes=["inference", "products"])
    limit(fleet.gateway, clock.time, total_budget=BUDGET, tpm_limit=10**9, max_parallel=1)
    fleet.serve(
        *(
            deployment(name, priority=i, price=PRICES[i], capabilities=["chat", "tools"])
            for i, name in enumerate(("first", "second"))
        )
    )
    answer = fleet.gateway.chat(model="m", tools=[ENTRY, WEATHER], max_tokens=CAP)
    row, item = fleet.gateway.row(), item_of(fleet.gateway)
    assert answer.status == row["status"] in (200, 400, 429, 502)
    assert (item["holds"], item["total_left"]) == ({}, BUDGET - row["cost_usd"])
    assert row["cost_usd"] >= sum(dearest.known)
    assert row.get("cost_estimated") or row["cost_usd"] == sum(dearest.known)
