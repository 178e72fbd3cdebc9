"""Bedrock over real HTTP: boto3 writes, signs and reads, and everything between has the gateway's own limits."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.deadline import Deadline
from gateway.errors import (
    ContextLengthExceeded,
    CredentialsRefused,
    GatewayError,
    InvalidRequest,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.providers import base, bedrock, bedrock_client
from gateway.providers.base import Answer
from gateway.registry import Deployment, Endpoint, Provider
from gateway.schemas import ChatCompletionRequest
from tests.upstream import Reply, Upstream
from tests.upstream.bedrock_api.errors import error_answer
from tests.upstream.bedrock_api.protocol import Bedrock

KEY = "bedrock-api-key-canary-7f3d"
PROVIDER = Provider("bedrock", "bedrock", region="BEDROCK_REGION", keyless=True)
NOVA = Deployment(PROVIDER, "us.amazon.nova-2-lite-v1:0")
HELLO: list[Any] = [{"role": "user", "content": "hello there"}]
DEFAULT = Reply.default()
WINDOW = 0.3
"""Seconds that Bedrock has where it stalls."""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(protocol=Bedrock(KEY)) as server:
        yield server


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    yield
    bedrock_client.client.cache_clear()


def failing(status: int, message: str = "As told by the test.", **options: Any) -> Reply:
    return Reply(error_answer(status, message, **options))


def ask(
    upstream: Upstream, key: str | None = None, seconds: float = 5, deployment: Deployment = NOVA, **body: Any
) -> Answer:
    request = ChatCompletionRequest.model_validate({"model": "m", "messages": HELLO} | body)
    endpoint = Endpoint(upstream.url, key, "eu-west-1")
    return bedrock.complete(request, deployment, endpoint, Deadline(time.time() + seconds))


def refusal(upstream: Upstream, kind: type[GatewayError], **options: Any) -> GatewayError:
    with pytest.raises(kind) as caught:
        ask(upstream, **options)
    assert type(caught.value) is kind
    return caught.value


def text(answer: Answer) -> Any:
    return answer.body["choices"][0]["message"]["content"]


def test_a_chat_is_signed_for_its_region_and_answered(upstream: Upstream) -> None:
    answer = ask(upstream)
    (request,) = upstream.requests
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
    assert "/eu-west-1/bedrock/aws4_request" in request.headers["authorization"]
    assert request.path == "/model/us.amazon.nova-2-lite-v1%3A0/converse"
    assert text(answer) == "You said: hello there"
    assert answer.body["id"].startswith("chatcmpl-")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2, 4)


def test_a_chat_with_a_key_carries_it_and_no_signature(upstream: Upstream) -> None:
    assert text(ask(upstream, KEY)) == "You said: hello there"
    (request,) = upstream.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "x-amz-date" not in request.headers


def test_a_model_may_be_an_arn(upstream: Upstream) -> None:
    model = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2"
    assert text(ask(upstream, deployment=Deployment(PROVIDER, model))) == "You said: hello there"


def test_tools_images_schemas_and_thoughts_arrive(upstream: Upstream) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    called = ask(upstream, tools=[tool], tool_choice="required").body["choices"][0]
    assert called["finish_reason"] == "tool_calls"
    said, call = called["message"], called["message"]["tool_calls"][0]
    assert call["function"] == {"name": "weather", "arguments": '{"city":"text"}'}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
    assert text(ask(upstream, messages=[*HELLO, said, result], tools=[tool])) == "You said: sunny"
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    assert ask(upstream, messages=[{"role": "user", "content": [image]}]).usage.input_tokens == 85
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
    assert text(ask(upstream, response_format=wanted)) == '{"city": "text"}'
    assert text(ask(upstream, response_format={"type": "json_object"})) == "{}"
    claude = Deployment(PROVIDER, "us.anthropic.claude-sonnet-4-6")
    message = ask(upstream, deployment=claude, reasoning_effort="low").body["choices"][0]["message"]
    assert message["reasoning_content"] == "Let me think."


def test_calls_share_connections_and_clients(upstream: Upstream) -> None:
    ask(upstream)
    ask(upstream)
    assert len({request.connection for request in upstream.requests}) == 1
    assert bedrock_client.client.cache_info().currsize == 1


def test_calls_at_once_have_each_its_own_key_and_deadline(upstream: Upstream) -> None:
    ask(upstream, KEY)  # the client is there
    together = threading.Barrier(4)

    def one(index: int) -> str:
        key = KEY if index % 2 else f"{KEY}-wrong"
        together.wait(timeout=5)
        try:
            return str(text(ask(upstream, key, messages=[{"role": "user", "content": f"number {index}"}])))
        except CredentialsRefused:
            return "refused"

    with ThreadPoolExecutor(4) as threads:
        told = list(threads.map(one, range(4)))
    assert told == ["refused", "You said: number 1", "refused", "You said: number 3"]


# What goes wrong.


FAULTS: dict[str, tuple[Reply, type[GatewayError], bool]] = {
    "429": (failing(429), RateLimited, True),
    "429 without a name": (Reply.json({"message": "slow"}, 429), RateLimited, True),
    "not ready": (failing(429, kind="ModelNotReadyException"), UpstreamError, True),
    "500": (failing(500), UpstreamError, True),
    "503": (failing(503), UpstreamError, True),
    "424": (failing(424), UpstreamError, True),
    "408": (failing(408), UpstreamError, True),
    "404": (failing(404), UpstreamError, False),
    "403": (failing(403), CredentialsRefused, False),
    "expired": (failing(403, kind="ExpiredTokenException"), CredentialsRefused, False),
    "400": (failing(400), InvalidRequest, False),
    "too long": (failing(400, "Input is too long for requested model."), ContextLengthExceeded, False),
    "an error of lists": (Reply.json([["x"]], 400), InvalidRequest, False),
    "an error of numbers": (Reply.json({"message": 7, "code": 7, "__type": {}}, 500), UpstreamError, True),
    "html": (Reply.html(), UpstreamError, True),
    "html in a 200": (Reply.html(status=200), UpstreamError, True),
    "empty": (Reply.empty(), UpstreamError, True),
    "204": (Reply.empty(204), UpstreamError, False),
    "array": (Reply.json([1]), UpstreamError, True),
    "null": (Reply.json(None), UpstreamError, True),
    "empty object": (Reply.json({}), UpstreamError, True),
    "output a text": (Reply.json({"output": "x"}), UpstreamError, True),
    "output a number": (Reply.json({"output": 7}), UpstreamError, True),
    "content a text": (Reply.json({"output": {"message": {"content": "x"}}}), UpstreamError, True),
    "content of texts": (Reply.json({"output": {"message": {"content": ["x"]}}}), UpstreamError, True),
    "a block of two kinds": (
        Reply.json({"output": {"message": {"role": "assistant", "content": [{"text": "Hi", "citations": []}]}}}),
        UpstreamError,
        True,
    ),
    "usage a text": (Reply.json({"usage": "x"}), UpstreamError, True),
    "tokens a text": (Reply.json({"usage": {"inputTokens": "many"}}), UpstreamError, True),
    "no Base64": (
        Reply.json({"output": {"message": {"content": [{"reasoningContent": {"redactedContent": "abc"}}]}}}),
        UpstreamError,
        True,
    ),
    "NaN": (Reply.raw('{"usage": {"inputTokens": NaN}}'), UpstreamError, True),
    "deep": (Reply.raw("[" * 100_000), UpstreamError, True),
    "invalid UTF-8": (Reply.raw(b'{"output": "\xff"}'), UpstreamError, True),
    "truncated": (DEFAULT.truncated(), UpstreamError, True),
    "gzip that is none": (Reply.raw(b"{}", headers={"content-encoding": "gzip"}), UpstreamError, True),
    "garbage": (Reply.garbage(), UpstreamError, True),
    "cut before the head": (DEFAULT.cut("start"), UpstreamError, True),
    "cut in the middle": (DEFAULT.cut("middle"), UpstreamError, True),
    "reset": (DEFAULT.reset("start"), UpstreamError, True),
    "reset in the middle": (DEFAULT.reset("middle"), UpstreamError, True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_bedrock_is_one_error_of_ours_after_one_attempt(upstream: Upstream, fault: str) -> None:
    reply, kind, retryable = FAULTS[fault]
    upstream.enqueue(reply)
    assert refusal(upstream, kind).retryable is retryable
    assert len(upstream.requests) == 1


def test_a_compressed_answer_is_read(upstream: Upstream) -> None:
    upstream.enqueue(DEFAULT.gzipped())
    assert text(ask(upstream)) == "You said: hello there"


def test_bedrock_says_when_to_come_back(upstream: Upstream) -> None:
    upstream.enqueue(failing(429, headers={"retry-after": "7"}))
    assert refusal(upstream, RateLimited).retry_after == 7


STALLS = {
    "start": DEFAULT.stalled("start"),
    "headers": DEFAULT.stalled("headers"),
    "middle": DEFAULT.stalled("middle"),
    "drip": DEFAULT.dripped(0.02),
}


@pytest.mark.parametrize("stall", STALLS)
def test_a_bedrock_that_stalls_is_left_at_the_deadline(upstream: Upstream, stall: str) -> None:
    ask(upstream)  # the client is there
    upstream.enqueue(STALLS[stall])
    started = time.monotonic()
    refusal(upstream, UpstreamTimeout, seconds=WINDOW)
    assert time.monotonic() - started < WINDOW + 5


def test_an_answer_larger_than_any_completion_is_refused(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_ANSWER_BYTES", 1024 * 1024)
    upstream.enqueue(Reply.gigantic(1.1))
    assert "larger than" in refusal(upstream, UpstreamError).message


def test_a_redirect_is_not_followed(upstream: Upstream) -> None:
    with Upstream(protocol=Bedrock(KEY)) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            upstream.enqueue(Reply.redirect(f"{elsewhere.url}/model/x/converse", status))
            refusal(upstream, UpstreamError, key=KEY)
        assert elsewhere.requests == []


def test_a_bedrock_that_is_down_is_an_error(upstream: Upstream) -> None:
    upstream.stop()
    assert "connection" in refusal(upstream, UpstreamError).message


# What must not get out.


def test_a_bedrock_that_quotes_our_key_does_not_give_it_away(upstream: Upstream) -> None:
    upstream.enqueue(failing(400, f"Bad key? {KEY}"), failing(500, f"Bad key? {KEY}", kind=KEY))
    assert refusal(upstream, InvalidRequest, key=KEY).message == "Bad key? ***"
    assert KEY not in refusal(upstream, UpstreamError, key=KEY).message


@pytest.mark.parametrize("key", ["sk-“quoted”", "sk-two\nlines", "sk-ключ"])
def test_a_key_that_no_header_can_carry_is_an_error(upstream: Upstream, key: str) -> None:
    assert key not in refusal(upstream, UpstreamError, key=key).message
    assert upstream.requests == []


def test_a_function_without_credentials_says_so(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    refusal(upstream, CredentialsRefused)
    assert text(ask(upstream, KEY)) == "You said: hello there"
    assert len(upstream.requests) == 1
