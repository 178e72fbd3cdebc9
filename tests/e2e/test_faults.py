"""A provider that fails behind the deployed gateway: a clear answer, exactly one row, nothing secret in the log."""

from typing import Any

import openai
import pytest

from tests.e2e.conftest import PROVIDER_KEY, Gateway
from tests.upstream import Reply, Upstream

CANARY = "canary-of-a-customer-91bc"
ASK: dict[str, Any] = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": CANARY}]}

FAULTS = {
    "429": (Reply.rate_limited(retry_after=7), 502, "upstream_error"),
    "500": (Reply.error(500, CANARY), 502, "upstream_error"),
    "401": (Reply.error(401, f"Incorrect API key provided: {PROVIDER_KEY}"), 502, "upstream_error"),
    "400": (Reply.error(400, f"you sent {PROVIDER_KEY}", param="temperature"), 400, None),
    "context": (Reply.error(400, "too long", code="context_length_exceeded"), 400, "context_length_exceeded"),
    "error inside 200": (Reply.error(200), 502, "upstream_error"),
    "truncated JSON": (Reply.default().truncated(), 502, "upstream_error"),
    "half a body": (Reply.default().cut("middle"), 502, "upstream_error"),
    "reset": (Reply.default().reset(), 502, "upstream_error"),
    "garbage": (Reply.garbage(), 502, "upstream_error"),
    "HTML": (Reply.html(status=200), 502, "upstream_error"),
    "redirect": (Reply.redirect("http://127.0.0.1:1/"), 502, "upstream_error"),
    "no choices": (Reply.json({"choices": []}), 502, "upstream_error"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_clearly_and_leaves_one_row(
    gateway: Gateway, upstream: Upstream, fault: str, stream: bool
) -> None:
    reply, status, code = FAULTS[fault]
    upstream.enqueue(reply)
    with pytest.raises(openai.APIStatusError) as raised:
        gateway.openai().chat.completions.create(**ASK, stream=stream)
    error = raised.value
    assert (error.status_code, error.code) == (status, code)
    assert PROVIDER_KEY not in error.response.text
    assert len(upstream.requests) == 1
    row = gateway.row(error.response.headers["x-request-id"])
    assert (row["status"], row["stream"]) == (status, stream)
    assert row["attempts"][0]["deployment"] == "openai/gpt-4o"


def test_a_stalled_provider_is_given_up_within_the_timeout(impatient: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(Reply.default().stalled("middle"))
    with pytest.raises(openai.APIStatusError) as raised:
        impatient.openai().chat.completions.create(**ASK)
    assert (raised.value.status_code, raised.value.code) == (504, "upstream_timeout")
    assert raised.value.response.headers["x-should-retry"] == "false"
    row = impatient.row(raised.value.response.headers["x-request-id"])
    assert row["status"] == 504
    assert row["latency_ms"] < 2000


def test_neither_prompts_nor_keys_are_in_the_log(gateway: Gateway, upstream: Upstream) -> None:
    upstream.enqueue(Reply.error(500, CANARY), Reply.error(400, CANARY), Reply.error(401, PROVIDER_KEY))
    for _ in range(3):
        with pytest.raises(openai.APIStatusError):
            gateway.openai().chat.completions.create(**ASK)
    raw = gateway.openai().chat.completions.with_raw_response.create(**ASK)
    log = gateway.log()
    assert raw.headers["x-request-id"] in log
    for secret in (CANARY, PROVIDER_KEY, gateway.access.api_key.split("-")[3]):
        assert secret not in log
