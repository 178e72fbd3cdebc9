"""Embeddings: every form of input, both encodings, and no answer that Lambda could not return."""

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from gateway import embeddings
from gateway.body import parse_body
from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest, answer_body, encoded, refuse_too_large, unit
from gateway.errors import Inexpressible, InvalidRequest, UpstreamTimeout
from gateway.http import MAX_ANSWER_BYTES, to_json
from gateway.providers import local
from gateway.providers.base import Answer
from gateway.registry import Deployment, Endpoint, Provider
from gateway.usage import Usage
from tests.unit.builders import caught_from, event

DEPLOYMENT = Deployment(Provider("local", "local", keyless=True), "embeddings", dimensions=256)


def asked(**fields: Any) -> EmbeddingRequest:
    return parse_body(event({"model": "local/embeddings", "input": "Hello"} | fields), EmbeddingRequest)


def answer(now: float = 1.0, deployment: Deployment = DEPLOYMENT, **fields: Any) -> Answer:
    return local.embed(asked(**fields), deployment, Endpoint("", None), Deadline(2.0, clock=lambda: now))


def vectors(*texts: str, **fields: Any) -> list[list[float]]:
    return [item["embedding"] for item in answer(input=list(texts), **fields).body["data"]]


def similarity(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("given", "count"),
    [("text", 1), (["a"], 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2), (["a"] * 2048, 2048)],
)
def test_every_form_of_input_is_taken(given: Any, count: int) -> None:
    read = asked(input=given, some_future_field=1)
    assert read.count == count
    assert read.wire() == {"model": "local/embeddings", "input": given, "some_future_field": 1}


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"input": ""}, "input", "must not be empty"),
        ({"input": []}, "input", "must not be empty"),
        ({"input": ["a", ""]}, "input[1]", "must not be empty"),
        ({"input": ["a", 1]}, "input[1]", "must be a string"),
        ({"input": [1, "a"]}, "input[1]", "must be a whole number"),
        ({"input": [1, 2.5]}, "input[1]", "must be a whole number"),
        ({"input": [-1]}, "input[0]", "must be at least 0"),
        ({"input": [[1], []]}, "input[1]", "must not be empty"),
        ({"input": [[1], "a"]}, "input[1]", "must be an array"),
        ({"input": ["a"] * 2049}, "input", "must have at most 2048 items"),
        ({"input": [[1]] * 2049}, "input", "must have at most 2048 items"),
        ({"input": None}, "input", "must be a string, or an array of strings or of tokens"),
        ({"input": {"text": "a"}}, "input", "must be a string, or an array of strings or of tokens"),
        ({"input": 7}, "input", "must be a string, or an array of strings or of tokens"),
        ({"input": [True]}, "input[0]", "must be"),
        ({"encoding_format": "hex"}, "encoding_format", "must be 'float' or 'base64'"),
        ({"dimensions": 0}, "dimensions", "must be at least 1"),
        ({"dimensions": 65537}, "dimensions", "must be at most 65536"),
        ({"dimensions": "256"}, "dimensions", "must be a whole number"),
        ({"input_type": "poem"}, "input_type", "must be 'search_document'"),
        ({"model": ""}, "model", "must not be empty"),
        ({"user": 1}, "user", "must be a string"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(fields: dict[str, Any], param: str, words: str) -> None:
    error = caught_from(lambda: asked(**fields), InvalidRequest)
    assert (error.status, error.param) == (400, param)
    assert error.message.startswith(f"{param}: {words}")


@pytest.mark.parametrize("missing", ["model", "input"])
def test_a_missing_field_is_named(missing: str) -> None:
    body = {"model": "m", "input": "a"}
    del body[missing]
    error = caught_from(lambda: parse_body(event(body), EmbeddingRequest), InvalidRequest)
    assert (error.param, error.message) == (missing, f"{missing}: this field is required.")


def test_the_answer_is_openai_s() -> None:
    body = answer(input=["Hello", "World"]).body
    read = CreateEmbeddingResponse.model_validate(body, strict=True)
    assert [item.index for item in read.data] == [0, 1]
    assert read.usage.prompt_tokens == read.usage.total_tokens == 2
    assert read.model == "local/embeddings"


def test_base64_is_the_same_vector_in_float32() -> None:
    (plain,), (packed,) = vectors("Hello"), vectors("Hello", encoding_format="base64")
    assert isinstance(packed, str)
    assert list(struct.unpack("<256f", base64.b64decode(packed))) == pytest.approx(plain, abs=1e-7)


@pytest.mark.parametrize("form", ["float", "base64", None])
@pytest.mark.parametrize("came", [[0.5, -2.0, 0.0], base64.b64encode(struct.pack("<3f", 0.5, -2.0, 0.0)).decode()])
def test_the_client_s_encoding_counts_whatever_the_provider_made_of_it(form: str | None, came: Any) -> None:
    found = encoded(came, asked(encoding_format=form))
    if form == "base64":
        assert isinstance(found, str)
        found = list(embeddings.decoded(found))
    assert found == [0.5, -2.0, 0.0]


@pytest.mark.parametrize("text", ["!", "AAA", "AAAAAAA=", "é"])
def test_garbage_is_no_vector(text: str) -> None:
    with pytest.raises(ValueError, match="not a vector"):
        embeddings.decoded(text)


def test_local_vectors_are_the_same_for_the_same_text_and_of_length_one() -> None:
    one, same, other = vectors("A red shirt", "A red shirt", "Blue whales")
    assert one == same != other
    assert similarity(one, one) == pytest.approx(1.0)


def test_local_vectors_of_similar_texts_are_nearer_than_those_of_others() -> None:
    query, near, nearish, far = vectors(
        "wireless headphones with noise cancelling",
        "noise-cancelling wireless headphone",
        "headphones, wired",
        "a recipe for apple pie",
    )
    assert similarity(query, near) > similarity(query, nearish) > similarity(query, far)
    assert abs(similarity(query, far)) < 0.3


@given(st.text(min_size=1), st.sampled_from([1, 2, 8, 256, 1536]))
def test_any_text_has_a_local_vector_of_the_size_that_was_asked_for(text: str, dimensions: int) -> None:
    (found,) = vectors(text, dimensions=dimensions)
    assert len(found) == dimensions
    assert similarity(found, found) == pytest.approx(1.0)


def test_local_takes_no_token_numbers_and_no_unknown_fields() -> None:
    assert caught_from(lambda: answer(input=[1, 2]), Inexpressible).param == "input"
    assert caught_from(lambda: answer(truncate="END"), Inexpressible).param == "truncate"
    assert answer(user="Ann", truncate=None).body["data"]


def test_local_keeps_the_deadline() -> None:
    caught_from(lambda: answer(now=3.0), UpstreamTimeout)


def test_a_vector_of_nothing_stays_as_it_is() -> None:
    assert unit([0.0, 0.0]) == [0.0, 0.0]
    assert unit([3.0, 4.0]) == [0.6, 0.8]


# Size.


def batch(request: EmbeddingRequest, deployment: Deployment = DEPLOYMENT) -> str | None:
    try:
        refuse_too_large(request, deployment, MAX_ANSWER_BYTES)
    except Inexpressible as error:
        return f"{error.status} {error.param}: {error.message}"
    return None


def test_what_lambda_could_not_return_is_refused_with_the_batch_size_that_fits() -> None:
    large = Deployment(DEPLOYMENT.provider, "m", dimensions=3072)
    assert batch(asked(input=["a"] * 75), large) == (
        "400 input: input: 75 vectors of 3,072 numbers are more than the gateway can return; send at most 74 inputs a request, or 333 "
        "with encoding_format 'base64'."
    )
    assert batch(asked(input=["a"] * 74), large) is None
    assert batch(asked(input=["a"] * 333, encoding_format="base64"), large) is None
    assert batch(asked(input=["a"] * 334, encoding_format="base64"), large) is not None
    assert batch(asked(input=["a"] * 800, dimensions=256), large) is None


def test_a_model_that_does_not_tell_its_size_is_taken_for_a_large_one() -> None:
    unknown = Deployment(DEPLOYMENT.provider, "m")
    assert "4,096 numbers" in str(batch(asked(input=["a"] * 100), unknown))


LONGEST = -1.2345678901234567e-05


@pytest.mark.parametrize("form", ["float", "base64"])
@pytest.mark.parametrize("dimensions", [1, 7, 256, 1536, 3072, 65_536])
def test_every_batch_that_is_let_through_fits(form: str, dimensions: int) -> None:
    assert len(json.dumps(LONGEST)) + 1 == embeddings.NUMBER_BYTES
    fits = next(
        n
        for n in range(2048, -1, -1)
        if batch(asked(input=["a"] * max(n, 1), encoding_format=form, dimensions=dimensions)) is None
    )
    request = asked(input=["a"] * fits, encoding_format=form, dimensions=dimensions)
    row = [LONGEST] * dimensions
    body = answer_body([row] * fits, request, "m" * 256, Usage(input_tokens=10**11, output_tokens=0))
    assert len(to_json(to_json(body)).encode()) <= MAX_ANSWER_BYTES
