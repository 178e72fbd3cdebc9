"""Gemini's vectors, by golden pairs, by Google's own types, and in batches."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.genai import types

from gateway.body import parse_body
from gateway.embeddings import EmbeddingRequest
from gateway.errors import Inexpressible, InvalidRequest, RateLimited, UpstreamError
from gateway.providers import gemini, gemini_embeddings
from gateway.providers.base import HttpResponse
from gateway.providers.gemini_errors import success_of
from gateway.usage import Usage
from tests.unit import golden
from tests.unit.builders import caught_from, event
from tests.unit.gemini_builders import DEADLINE, ENDPOINT, PROVIDER, USUAL, deployment, is_as_told, sends

PAIRS = [path for path in golden.pairs("gemini") if path.stem.startswith("embed")]
ANSWERS = [path for path in PAIRS if path.stem not in ("embed_error_400", "embed_no_numbers")]


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_translates_embeddings_as_the_golden_pair_says(path: Path) -> None:
    pair = golden.read(path)
    asked = golden.deployment(PROVIDER, USUAL, pair)
    wanted = golden.embedding_request(pair)
    (made,) = gemini_embeddings.to_requests(wanted, asked, ENDPOINT)
    assert golden.sent(made) == pair["provider_request"]
    answer = golden.response(**pair["provider_response"])
    is_as_told(pair, lambda: gemini_embeddings.from_bodies([success_of(answer)], asked, wanted))


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_embedding_requests_are_of_google_s_types(path: Path) -> None:
    made = golden.read(path)["provider_request"]
    for part in made["body"]["requests"]:
        assert f"/v1beta/{part.pop('model')}:batchEmbedContents" in made["url"]
        types.Content.model_validate_json(json.dumps(part.pop("content")), extra="forbid")
        types.EmbedContentConfig.model_validate_json(json.dumps(part), extra="forbid")


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_vectors_in_pairs_are_of_google_s_types(path: Path) -> None:
    body = golden.read(path)["provider_response"]["body"]
    types.EmbedContentResponse.model_validate_json(json.dumps(body), extra="forbid")


def embedding(texts: Any, **fields: Any) -> EmbeddingRequest:
    return parse_body(event({"model": "m", "input": texts} | fields), EmbeddingRequest)


def vectors(count: int, tokens: int | None = None) -> HttpResponse:
    usage = {} if tokens is None else {"usageMetadata": {"promptTokenCount": tokens}}
    return golden.response(200, {"embeddings": [{"values": [1.0, index]} for index in range(count)]} | usage)


def test_many_texts_are_asked_for_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = sends(monkeypatch, vectors(100, 300), vectors(50, 150))
    answer = gemini.embed(embedding([f"text {i}" for i in range(150)]), deployment(), ENDPOINT, DEADLINE)
    bodies: list[Any] = [made.body for made in asked]
    assert [len(body["requests"]) for body in bodies] == [100, 50]
    assert bodies[1]["requests"][0]["content"]["parts"] == [{"text": "text 100"}]
    assert [item["index"] for item in answer.body["data"]] == list(range(150))
    assert [answer.body["data"][place]["embedding"] for place in (99, 100)] == [[1.0, 99.0], [1.0, 0.0]]
    assert answer.usage == Usage(input_tokens=450, output_tokens=0)


def test_tokens_of_a_batch_without_counts_make_the_sum_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    sends(monkeypatch, vectors(100, 300), vectors(50))
    answer = gemini.embed(embedding(["x"] * 150), deployment(), ENDPOINT, DEADLINE)
    assert answer.usage == Usage(output_tokens=0)


def test_batches_that_were_paid_before_one_failed_are_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    sends(monkeypatch, vectors(100, 300), golden.response(429, {"error": {"status": "RESOURCE_EXHAUSTED"}}))
    error = caught_from(lambda: gemini.embed(embedding(["x"] * 150), deployment(), ENDPOINT, DEADLINE), RateLimited)
    assert error.billed == Usage(input_tokens=300, output_tokens=0)


def test_a_first_batch_that_fails_is_not_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    sends(monkeypatch, golden.response(503, {}))
    error = caught_from(lambda: gemini.embed(embedding("x"), deployment(), ENDPOINT, DEADLINE), UpstreamError)
    assert error.billed is None


@pytest.mark.parametrize(
    ("asked", "unsupported", "param"),
    [
        (embedding([1, 2, 3]), [], "input"),
        (embedding("x", truncate=True), [], "truncate"),
        (embedding("x", input_type="clustering"), ["input_type"], "input_type"),
    ],
)
def test_what_embeddings_cannot_be_asked_for_is_refused(
    asked: EmbeddingRequest, unsupported: list[str], param: str
) -> None:
    able = deployment(unsupported=unsupported)
    error = caught_from(lambda: gemini_embeddings.to_requests(asked, able, ENDPOINT), Inexpressible)
    assert error.param == param


def test_a_key_quoted_back_in_an_error_never_reaches_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    quoting = {"error": {"code": 400, "message": f"Wrong: {ENDPOINT.api_key}.", "status": "INVALID_ARGUMENT"}}
    sends(monkeypatch, golden.response(400, quoting))
    error = caught_from(lambda: gemini.embed(embedding("x"), deployment(), ENDPOINT, DEADLINE), InvalidRequest)
    assert error.message == "Wrong: ***."
