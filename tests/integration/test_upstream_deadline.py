"""One deadline: a provider that stalls is left in time, whichever clock says so, and the client is told."""

import time

import pytest

from tests.conftest import LambdaContext
from tests.integration.harness import Answer, Gateway, event_with
from tests.upstream import Reply, Upstream

DEFAULT = Reply.default()
MODEL = "openai/gpt-4o"
STALLS = {"start": DEFAULT.stalled("start"), "headers": DEFAULT.stalled("headers"), "middle": DEFAULT.stalled("middle"), "drip": DEFAULT.dripped(0.02)}  # fmt: skip
WINDOW = 0.15
"""Seconds that a provider has in these tests."""


def check_timeout(gateway: Gateway, answer: Answer, started: float) -> None:
    assert WINDOW * 0.5 < time.monotonic() - started < WINDOW + 5
    assert (answer.status, answer.error["type"], answer.error["code"]) == (504, "timeout_error", "upstream_timeout")
    assert answer.headers["x-should-retry"] == "false"
    rows = [row for row in gateway.rows() if row["model"] == MODEL]
    assert [(row["status"], row["error_code"]) for row in rows] == [(504, "upstream_timeout")]
    assert [attempt["outcome"] for attempt in rows[0]["attempts"]] == ["upstream_timeout"]


def warm_up(gateway: Gateway) -> None:
    """The key and the secret are known, so that the little time left is the provider's."""
    assert gateway.chat().status == 200


@pytest.mark.parametrize("stall", STALLS)
def test_a_provider_that_stalls_or_drips_is_left_at_lambdas_deadline(
    gateway: Gateway, upstream: Upstream, stall: str
) -> None:
    warm_up(gateway)
    upstream.enqueue(STALLS[stall])
    started = time.monotonic()
    answer = gateway.chat(LambdaContext(round(1000 * (1 + WINDOW))), model=MODEL)
    check_timeout(gateway, answer, started)


def test_a_provider_that_stalls_is_left_at_api_gateways_deadline(gateway: Gateway, upstream: Upstream) -> None:
    """Its clock started before a cold start did."""
    warm_up(gateway)
    upstream.enqueue(DEFAULT.stalled())
    event = event_with("chat_completions", {"model": MODEL, "messages": [{"role": "user", "content": "Say hello."}]})
    event["requestContext"]["requestTimeEpoch"] = round((time.time() - 27 + WINDOW) * 1000)
    started = time.monotonic()
    check_timeout(gateway, gateway.send("chat_completions", event), started)


def test_a_provider_that_stalls_is_left_when_the_parameter_says(
    gateway: Gateway, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUEST_TIMEOUT_SECONDS", str(1 + WINDOW))
    warm_up(gateway)
    upstream.enqueue(DEFAULT.stalled())
    started = time.monotonic()
    check_timeout(gateway, gateway.chat(model=MODEL), started)


def test_a_provider_is_not_called_when_there_is_no_time_left(gateway: Gateway, upstream: Upstream) -> None:
    answer = gateway.chat(LambdaContext(900), model=MODEL)
    assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
    assert upstream.requests == []
    assert gateway.row()["status"] == 504


def test_a_slow_answer_within_the_deadline_is_an_answer(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(DEFAULT.dripped(0.001, size=64))
    assert gateway.chat(model=MODEL).status == 200
