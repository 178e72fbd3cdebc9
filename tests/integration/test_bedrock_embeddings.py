"""Embeddings of Bedrock over real HTTP: as many calls as the texts need, within one deadline."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest
from gateway.errors import UpstreamError, UpstreamTimeout
from gateway.providers import bedrock, bedrock_client
from gateway.providers.base import Answer
from gateway.registry import Deployment, Endpoint, Provider
from tests.upstream import Reply, Upstream
from tests.upstream.bedrock_api.errors import error_answer
from tests.upstream.bedrock_api.protocol import Bedrock

PROVIDER = Provider("bedrock", "bedrock", region="BEDROCK_REGION", keyless=True)
WINDOW = 0.3
"""Seconds that Bedrock has where it stalls."""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(protocol=Bedrock()) as server:
        yield server
    bedrock_client.client.cache_clear()


def embed(upstream: Upstream, model: str, seconds: float = 5, **body: Any) -> Answer:
    request = EmbeddingRequest.model_validate({"model": "m"} | body)
    endpoint = Endpoint(upstream.url, None, "eu-west-1")
    return bedrock.embed(request, Deployment(PROVIDER, model), endpoint, Deadline(time.time() + seconds))


def test_titan_is_asked_once_for_each_text(upstream: Upstream) -> None:
    answer = embed(upstream, "amazon.titan-embed-text-v2:0", input=["red shoes", "blue", "red shoes"], dimensions=256)
    vectors = [item["embedding"] for item in answer.body["data"]]
    assert vectors[0] == vectors[2] != vectors[1]
    assert [len(vector) for vector in vectors] == [256, 256, 256]
    assert answer.usage.input_tokens == 5
    assert {request.path for request in upstream.requests} == {"/model/amazon.titan-embed-text-v2%3A0/invoke"}
    assert len(upstream.requests) == 3


def test_cohere_is_asked_once_for_many(upstream: Upstream) -> None:
    answer = embed(upstream, "cohere.embed-v4:0", input=["red shoes", "blue"], encoding_format="base64")
    assert len(answer.body["data"]) == 2
    assert answer.usage.input_tokens == 3
    assert len(upstream.requests) == 1


def test_a_failure_among_many_texts_is_told_with_what_was_paid(upstream: Upstream) -> None:
    upstream.enqueue(Reply.default(), Reply(error_answer(503)))
    with pytest.raises(UpstreamError) as caught:
        embed(upstream, "amazon.titan-embed-text-v1", input=["a b", "c d"])
    assert caught.value.billed is not None
    assert caught.value.billed.input_tokens == 2


def test_texts_end_at_the_deadline_too(upstream: Upstream) -> None:
    embed(upstream, "amazon.titan-embed-text-v2:0", input="a")
    upstream.enqueue(*[Reply.default().stalled()] * 20)
    started = time.monotonic()
    with pytest.raises(UpstreamTimeout):
        embed(upstream, "amazon.titan-embed-text-v2:0", WINDOW, input=["a"] * 20)
    assert time.monotonic() - started < WINDOW + 5


def test_a_compressed_answer_is_read(upstream: Upstream) -> None:
    upstream.enqueue(Reply.default().gzipped())
    assert len(embed(upstream, "amazon.titan-embed-text-v2:0", input="a").body["data"]) == 1
