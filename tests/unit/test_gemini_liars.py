"""Whatever comes in Google's name is an answer or an error of ours, never a crash."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.body import parse_body
from gateway.embeddings import EmbeddingRequest
from gateway.errors import GatewayError, UpstreamError
from gateway.providers import gemini, gemini_embeddings
from gateway.providers.base import Answer
from gateway.providers.gemini_errors import success_of
from tests.unit import golden
from tests.unit.builders import event
from tests.unit.gemini_builders import NOW, deployment


def answered(body: Any, status: int = 200) -> Answer:
    return gemini.from_response(golden.response(status, body), deployment(), NOW)


def test_calls_without_ids_get_ids_that_no_other_call_has() -> None:
    call = {"functionCall": {"name": "f"}}
    bodies = [
        {"candidates": [{"content": {"parts": [call, call]}}, {"content": {"parts": [call]}}], "responseId": made}
        for made in ("r1", "r2")
    ]
    ids = [
        called["id"]
        for body in bodies
        for choice in answered(body).body["choices"]
        for called in choice["message"]["tool_calls"]
    ]
    assert len(set(ids)) == len(ids) == 6
    assert ids[:3] == [
        called["id"] for c in answered(bodies[0]).body["choices"] for called in c["message"]["tool_calls"]
    ]


def test_arguments_of_any_depth_are_an_error_not_a_crash() -> None:
    for depth in range(300, 1100, 5):
        deep = '{"a":' * depth + "1" + "}" * depth
        text = '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":' + deep + "}}]}}]}"
        try:
            answered(text)
        except UpstreamError:
            continue


WORDS = st.sampled_from(["STOP", "SAFETY", "MALFORMED_RESPONSE", "PUP_LIMITED_DISABLED", "AUDIO", "UNAVAILABLE", "5s"])
NAMES = st.sampled_from(
    [
        *("candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall", "name", "args", "id"),
        *("finishReason", "promptFeedback", "blockReason", "usageMetadata", "promptTokenCount", "totalTokenCount"),
        *("cachedContentTokenCount", "promptTokensDetails", "modality", "tokenCount", "serviceTier", "trafficType"),
        *("logprobsResult", "chosenCandidates", "topCandidates", "logProbability", "token", "modelVersion"),
        *("responseId", "error", "status", "code", "message", "details", "retryDelay", "reason", "embeddings", "values"),
    ]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | WORDS
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)
PARTS = st.lists(st.dictionaries(NAMES, ANYTHING, max_size=4) | ANYTHING, max_size=3)
CANDIDATES = st.fixed_dictionaries(
    {"content": st.fixed_dictionaries({"parts": PARTS}) | ANYTHING, "finishReason": WORDS | ANYTHING},
    optional={"logprobsResult": st.fixed_dictionaries({"chosenCandidates": ANYTHING, "topCandidates": ANYTHING})},
)
BODIES = st.fixed_dictionaries(
    {"candidates": st.lists(CANDIDATES, max_size=2) | ANYTHING},
    optional={
        "usageMetadata": st.dictionaries(NAMES, ANYTHING, max_size=6),
        "promptFeedback": ANYTHING,
        "error": st.dictionaries(NAMES, ANYTHING, max_size=4),
        "modelVersion": ANYTHING,
        "responseId": ANYTHING,
    },
)


@given(body=BODIES | ANYTHING, status=st.sampled_from([200, 400, 429, 500, 302]))
def test_any_json_is_an_answer_or_an_error(body: Any, status: int) -> None:
    try:
        answer = answered(body, status)
    except GatewayError:
        return
    assert answer.body["choices"]
    said = [choice["message"] for choice in answer.body["choices"]]
    assert all(one["content"] is not None or one.get("tool_calls") or one["refusal"] for one in said)
    assert all(c["finish_reason"] in ("stop", "length", "tool_calls", "content_filter") for c in answer.body["choices"])
    json.dumps(answer.body, allow_nan=False)


@given(
    body=st.fixed_dictionaries({"embeddings": st.lists(st.dictionaries(NAMES, ANYTHING), max_size=2)}) | ANYTHING,
    fields=st.sampled_from([{}, {"encoding_format": "base64"}, {"dimensions": 2}]),
)
def test_any_json_is_vectors_or_an_error(body: Any, fields: dict[str, Any]) -> None:
    asked = parse_body(event({"model": "m", "input": "x"} | fields), EmbeddingRequest)
    try:
        found = success_of(golden.response(200, body))
        answer = gemini_embeddings.from_bodies([found], deployment(), asked)
    except GatewayError:
        return
    assert len(answer.body["data"]) == 1
