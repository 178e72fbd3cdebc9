"""A provider that fails behind the deployed gateway: a clear answer, exactly one row, nothing secret in the log."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.e2e.conftest import PROVIDER_KEY, Gateway
from tests.upstream import Reply, Upstream

CANARY = "canary-of-a-customer-91bc"
ASK: dict[str, Any] = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": CANARY}]}

FAULTS: dict[str, tuple[Reply, int, str | None, list[str]]] = {
    "429": (Reply.rate_limited(retry_after=60), 502, "upstream_error", ["rate_limited"]),
    "500": (Reply.error(500, CANARY), 502, "upstream_error", ["upstream_error"] * 3),
    "401": (Reply.error(401, f"Bad API key: {PROVIDER_KEY}"), 502, "upstream_error", ["credentials_refused"]),
    "400": (Reply.error(400, f"you sent {PROVIDER_KEY}", param="temperature"), 400, None, ["invalid_request_error"]),
    "context": (
        Reply.error(400, "too long", code="context_length_exceeded"),
        400,
        "context_length_exceeded",
        ["context_length_exceeded"],
    ),
    "error inside 200": (Reply.error(200), 502, "upstream_error", ["upstream_error"] * 3),
    "truncated JSON": (Reply.default().truncated(), 502, "upstream_error", ["upstream_error"] * 3),
    "half a body": (Reply.default().cut("middle"), 502, "upstream_error", ["upstream_error"] * 3),
    "reset": (Reply.default().reset(), 502, "upstream_error", ["upstream_error"] * 3),
    "garbage": (Reply.garbage(), 502, "upstream_error", ["upstream_error"] * 3),
    "HTML": (Reply.html(status=200), 502, "upstream_error", ["upstream_error"] * 3),
    "redirect": (Reply.redirect("http://127.0.0.1:1/"), 502, "upstream_error", ["upstream_error"]),
    "no choices": (Reply.json({"choices": []}), 502, "upstream_error", ["upstream_error"] * 3),
}
"""What a provider does for as long as it is asked, what the client is told, and what each attempt is called."""


@pytest.fixture(autouse=True)
def forgetful(gateway: Gateway) -> Iterator[None]:
    """What a test's faults told the fleet is not known to the next one, which else would wait out a rate limit."""
    yield
    db, table = gateway.platform.client("dynamodb"), gateway.stack.outputs()["StateTable"]
    for item in db.scan(TableName=table)["Items"]:
        db.delete_item(TableName=table, Key={"id": item["id"]})


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_clearly_and_leaves_one_row(
    gateway: Gateway, upstream: Upstream, fault: str, stream: bool
) -> None:
    reply, status, code, outcomes = FAULTS[fault]
    upstream.default = reply
    with pytest.raises(openai.APIStatusError) as raised:
        gateway.openai().chat.completions.create(**ASK, stream=stream)
    error = raised.value
    assert (error.status_code, error.code) == (status, code)
    assert PROVIDER_KEY not in error.response.text
    assert len(upstream.requests) == len(outcomes)
    assert error.response.headers.get("retry-after") == ("60" if fault == "429" else None)
    assert error.response.headers.get("x-should-retry") == ("false" if fault in ("401", "redirect") else None)
    row = gateway.row(error.response.headers["x-request-id"])
    assert (row["status"], row["stream"]) == (status, stream)
    assert [attempt["deployment"] for attempt in row["attempts"]] == ["openai/gpt-4o"] * len(outcomes)
    assert [attempt["outcome"] for attempt in row["attempts"]] == outcomes


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_fault_that_passes_is_not_noticed_by_the_client(gateway: Gateway, upstream: Upstream, stream: bool) -> None:
    upstream.enqueue(Reply.error(503), Reply.default().reset())
    raw = gateway.openai().chat.completions.with_raw_response.create(**ASK, stream=stream)
    told = [attempt.split(";")[1] for attempt in raw.headers["x-gateway-attempts"].split(", ")]
    assert told == ["outcome=upstream_error", "outcome=upstream_error", "outcome=ok"]
    row = gateway.row(raw.headers["x-request-id"])
    assert [attempt["outcome"] for attempt in row["attempts"]] == ["upstream_error", "upstream_error", "ok"]
    assert row["latency_ms"] >= row["provider_ms"]


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
    upstream.enqueue(*[Reply.error(500, CANARY)] * 3, Reply.error(400, CANARY), Reply.error(401, PROVIDER_KEY))
    for _ in range(3):
        with pytest.raises(openai.APIStatusError):
            gateway.openai().chat.completions.create(**ASK)
    raw = gateway.openai().chat.completions.with_raw_response.create(**ASK)
    log = gateway.log()
    assert raw.headers["x-request-id"] in log
    for secret in (CANARY, PROVIDER_KEY, gateway.access.api_key.split("-")[3]):
        assert secret not in log
