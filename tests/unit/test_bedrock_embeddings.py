"""Embeddings on Bedrock: by golden pairs, tests/data/bedrock/embed*.json, and by as many calls as the texts need."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from gateway.embeddings import EmbeddingRequest
from gateway.errors import UpstreamError, UpstreamTimeout
from gateway.providers import bedrock_embeddings
from gateway.providers.base import Answer
from gateway.providers.bedrock_embeddings import COUNT_HEADER, Made
from gateway.usage import Usage
from tests.unit import golden
from tests.unit.bedrock_pairs import JSON, PROVIDER, USUAL, outcome
from tests.unit.builders import caught_from
from tests.unit.golden import Json

EMBEDDINGS = [path for path in golden.pairs("bedrock") if path.stem.startswith("embed")]
TITAN = golden.deployment(PROVIDER, {"model": "amazon.titan-embed-text-v2:0"}, {})
COHERE = golden.deployment(PROVIDER, {"model": "cohere.embed-english-v3"}, {})


@pytest.mark.parametrize("path", EMBEDDINGS, ids=lambda path: path.stem)
def test_translates_embeddings_as_the_golden_pair_says(path: Path) -> None:
    pair = golden.read(path)
    deployment, request = golden.deployment(PROVIDER, USUAL, pair), golden.embedding_request(pair)
    if "provider_request" not in pair:
        outcome(lambda: bedrock_embeddings.to_requests(request, deployment), pair)
        return
    asked = [call["parameters"] | {"body": call["parameters"]["body"]["json"]} for call in pair["provider_request"]]
    made = bedrock_embeddings.to_requests(request, deployment)
    assert [call | {"body": json.loads(call["body"])} for call in made] == asked
    answers = [Made(one["body"], one["headers"].get(COUNT_HEADER, "")) for one in pair["provider_response"]]
    outcome(lambda: bedrock_embeddings.from_responses(answers, request, deployment), pair)


@given(JSON)
def test_any_vectors_become_an_answer_or_an_error(value: Any) -> None:
    for body in ({"embedding": value}, {"embeddings": value}, {"embeddings": {"float": value}}):
        used = answered_or_failed([Made(body, "7")])
        assert used == Usage(input_tokens=7, output_tokens=0)


def answered_or_failed(made: list[Made]) -> Usage | None:
    request = EmbeddingRequest.model_validate({"model": "m", "input": "x"})
    try:
        return bedrock_embeddings.from_responses(made, request, TITAN).usage
    except UpstreamError as error:
        return error.billed


@pytest.mark.parametrize("number", [1e39, -(10**400), True, None, "1", [1]])
def test_what_no_float_can_hold_is_no_vector(number: Any) -> None:
    request = EmbeddingRequest.model_validate({"model": "m", "input": "x", "encoding_format": "base64"})
    made = [Made({"embedding": [0.5, number]})]
    caught_from(lambda: bedrock_embeddings.from_responses(made, request, TITAN), UpstreamError)


class Body:
    """What boto3 gives to be read."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self) -> bytes:
        return json.dumps(self._body).encode()


def texts(count: int) -> EmbeddingRequest:
    return EmbeddingRequest.model_validate({"model": "m", "input": [f"text {index}" for index in range(count)]})


def titan(parameters: Json) -> Json:
    """The number in a text is its vector."""
    number = int(json.loads(parameters["body"])["inputText"].split()[1])
    return {"body": Body({"embedding": [number], "inputTextTokenCount": 2})}


def vectors(answer: Answer) -> list[Any]:
    return [item["embedding"] for item in answer.body["data"]]


def test_vectors_come_in_the_order_of_their_texts() -> None:
    answer = bedrock_embeddings.embedded(texts(50), TITAN, titan)
    assert vectors(answer) == [[index] for index in range(50)]
    assert answer.usage == Usage(input_tokens=100, output_tokens=0)


def test_eight_calls_are_made_at_once_and_no_more() -> None:
    together = threading.Barrier(8)
    under_way = threading.Semaphore(8)

    def invoke(parameters: Json) -> Json:
        assert under_way.acquire(blocking=False)
        together.wait(timeout=5)
        under_way.release()
        return titan(parameters)

    assert len(vectors(bedrock_embeddings.embedded(texts(24), TITAN, invoke))) == 24


def test_a_failure_tells_what_the_others_cost() -> None:
    failed = threading.Event()

    def invoke(parameters: Json) -> Json:
        if b"text 1" in parameters["body"]:
            failed.set()
            raise UpstreamTimeout("Too late.")
        failed.wait(timeout=5)
        return titan(parameters)

    error = caught_from(lambda: bedrock_embeddings.embedded(texts(2), TITAN, invoke), UpstreamTimeout)
    assert error.billed == Usage(input_tokens=2)


def test_a_failure_ends_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    asked: list[Json] = []

    class Threads(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            ended.set()
            super().shutdown()

    def invoke(parameters: Json) -> Json:
        asked.append(parameters)
        if len(asked) == 1:
            raise UpstreamError("Down.")
        ended.wait(timeout=5)
        return titan(parameters)

    monkeypatch.setattr(bedrock_embeddings, "ThreadPoolExecutor", Threads)
    caught_from(lambda: bedrock_embeddings.embedded(texts(2000), TITAN, invoke), UpstreamError)
    assert len(asked) <= bedrock_embeddings.AT_ONCE + 1


def test_a_failure_of_all_is_not_billed() -> None:
    def invoke(parameters: Json) -> Json:
        raise UpstreamError("Down.")

    assert caught_from(lambda: bedrock_embeddings.embedded(texts(3), TITAN, invoke), UpstreamError).billed is None


def test_cohere_gets_96_texts_a_call() -> None:
    sizes: list[int] = []

    def invoke(parameters: Json) -> Json:
        given = json.loads(parameters["body"])["texts"]
        sizes.append(len(given))
        headers = {"HTTPHeaders": {COUNT_HEADER: str(len(given))}}
        return {"body": Body({"embeddings": {"float": [[1.0]] * len(given)}}), "ResponseMetadata": headers}

    answer = bedrock_embeddings.embedded(texts(200), COHERE, invoke)
    assert sorted(sizes) == [8, 96, 96]
    assert answer.usage.input_tokens == 200
