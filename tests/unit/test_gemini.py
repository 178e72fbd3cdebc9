"""Chats with Gemini, by golden pairs and by Google's own types."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway.deadline import Deadline
from gateway.errors import Inexpressible, InvalidRequest
from gateway.providers import gemini, images, vocabulary
from gateway.providers.base import HttpResponse
from gateway.registry import Endpoint
from gateway.schemas import ChatCompletionRequest
from tests.unit import golden
from tests.unit.builders import caught_from, request
from tests.unit.gemini_builders import DEADLINE, ENDPOINT, NOW, PROVIDER, USUAL, deployment, is_as_told, sends

CHATS = [path for path in golden.pairs("gemini") if not path.stem.startswith("embed")]
ANSWERS = [
    path for path in CHATS if not path.stem.startswith(("error", "garbage", "usage_absurd", "finish_of_the_future"))
]

PNG = "data:image/png;base64,iVBORw0KGgo="
CALL = {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f"}}


def sent(**fields: Any) -> Any:
    """What goes to Google of a chat of these fields."""
    chat = request(**fields)
    fitted, _ = vocabulary.fitted(chat, gemini.VOCABULARY, deployment())
    return golden.sent(gemini.to_request(fitted, deployment(), ENDPOINT))["body"]


@pytest.mark.parametrize("path", CHATS, ids=lambda path: path.stem)
def test_translates_as_the_golden_pair_says(path: Path) -> None:
    pair = golden.read(path)
    asked = golden.deployment(PROVIDER, USUAL, pair)
    fitted, dropped = vocabulary.fitted(golden.chat_request(pair), gemini.VOCABULARY, asked)
    assert golden.sent(gemini.to_request(fitted, asked, ENDPOINT)) == pair["provider_request"]
    assert dropped == pair.get("dropped", [])
    is_as_told(pair, lambda: gemini.from_response(golden.response(**pair["provider_response"]), asked, NOW))


# Google's own types: they forbid fields that they do not know.


@pytest.mark.parametrize("path", CHATS, ids=lambda path: path.stem)
def test_requests_are_of_google_s_types(path: Path) -> None:
    body = golden.read(path)["provider_request"]["body"]
    known: dict[str, type[BaseModel]] = {
        "contents": types.Content,
        "systemInstruction": types.Content,
        "tools": types.Tool,
        "toolConfig": types.ToolConfig,
        "generationConfig": types.GenerationConfig,
    }
    assert body["contents"]
    for name, value in body.items():
        for item in value if isinstance(value, list) else [value]:
            known[name].model_validate_json(json.dumps(item), extra="forbid")


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_answers_in_pairs_are_of_google_s_types(path: Path) -> None:
    body = golden.read(path)["provider_response"]["body"]
    # Of generated content's usage the types do not know the tier yet.
    types.UsageMetadata.model_validate({"serviceTier": body.get("usageMetadata", {}).pop("serviceTier", None)})
    types.GenerateContentResponse.model_validate_json(json.dumps(body), extra="forbid")


# What cannot be said.


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"user": "u"}, "user"),
        ({"store": True}, "store"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"parallel_tool_calls": False, "tools": [TOOL]}, "parallel_tool_calls"),
        ({"stop": list("abcdef")}, "stop"),
        ({"n": 9}, "n"),
        ({"seed": 2**31}, "seed"),
        ({"seed": -(2**31) - 1}, "seed"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": True}, "top_k"),
        ({"top_k": 1.5}, "top_k"),
        ({"reasoning_effort": "max"}, "reasoning_effort"),
        ({"reasoning_effort": "xhigh"}, "reasoning_effort"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "1f"}}]}, "tools[0].function.name"),
        ({"tools": [TOOL], "tool_choice": "any"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "custom", "function": {"name": "f"}}}, "tool_choice.type"),
        ({"messages": [{"role": "user", "content": "Hi", "name": "Ann"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": "Hi", "cache_control": {"type": "ephemeral"}}]}, "messages[0].cache_control"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG, "detail": "original"}}]}]},
            "messages[0].content[0].image_url.detail",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}, "messages[0].tool_calls"),
        ({"response_format": {"type": "json_object"}, "tools": [TOOL]}, "response_format"),
        ({"reasoning_effort": "low", "max_tokens": 512}, "reasoning_effort"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlh"}}]}]},
            "messages[0].content[0].image_url.url",
        ),
    ],
)  # fmt: skip
def test_what_gemini_cannot_express_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    error = caught_from(lambda: sent(**fields), Inexpressible)
    assert error.param == param
    assert error.message.startswith(f"{param}: ")


@pytest.mark.parametrize("extra", ["x", {"google": "x"}, {"google": {"thought_signature": 5}}, {"other": {"x": 1}}])
def test_what_is_no_signature_of_gemini_s_is_dropped_and_told(extra: Any) -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [CALL | {"extra_content": extra}]},
    ]
    chat = request(messages=messages)
    fitted, dropped = vocabulary.fitted(chat, gemini.VOCABULARY, deployment())
    assert dropped == ["messages[1].tool_calls[0].extra_content"]
    body: Any = gemini.to_request(fitted, deployment(), ENDPOINT).body
    assert list(body["contents"][1]["parts"][0]) == ["functionCall"]


@given(st.sampled_from(["minimal", "low", "medium", "high"]), st.integers(513, 100_000))
def test_a_budget_always_leaves_room_for_an_answer(effort: str, cap: int) -> None:
    config = sent(reasoning_effort=effort, max_tokens=cap)["generationConfig"]
    assert 512 <= config["thinkingConfig"]["thinkingBudget"] < config["maxOutputTokens"] == cap


def test_no_budget_is_needed_for_no_thoughts() -> None:
    config = sent(reasoning_effort="none", max_tokens=5)["generationConfig"]
    assert config["thinkingConfig"] == {"thinkingBudget": 0}


def test_models_that_always_think_cannot_be_told_not_to() -> None:
    asked = deployment(reasoning="effort")
    error = caught_from(
        lambda: gemini.to_request(request(reasoning_effort="none"), asked, ENDPOINT),
        Inexpressible,
    )
    assert error.message == "reasoning_effort: p/gemini-2.5-flash always thinks; the least is 'minimal'."


def test_a_model_that_is_not_known_to_think_is_not_told_how_much() -> None:
    asked = deployment(reasoning=None)
    error = caught_from(lambda: gemini.to_request(request(reasoning_effort="low"), asked, ENDPOINT), Inexpressible)
    assert error.param == "reasoning_effort"


def pictures(*details: str | None) -> list[dict[str, Any]]:
    parts = [{"type": "image_url", "image_url": {"url": PNG, "detail": detail}} for detail in details]
    return [{"role": "user", "content": parts}]


@pytest.mark.parametrize(("details", "place"), [(("low", "high"), 0), ((None, "high"), 1), (("low", "auto"), 0)])
def test_older_models_look_at_all_images_alike(details: tuple[str | None, ...], place: int) -> None:
    error = caught_from(lambda: sent(messages=pictures(*details)), Inexpressible)
    assert error.param == f"messages[0].content[{place}].image_url.detail"


def test_older_models_take_no_images_in_results_of_tools() -> None:
    picture = {"type": "image_url", "image_url": {"url": PNG}}
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_a", "content": [{"type": "text", "text": "x"}, picture]},
    ]
    error = caught_from(lambda: sent(messages=messages), Inexpressible)
    assert error.param == "messages[2].content[1].image_url.url"


def test_the_most_that_gemini_takes_is_taken() -> None:
    config = sent(stop=list("abcde"), n=8, seed=-(2**31), temperature=2)["generationConfig"]
    assert config == {"temperature": 2, "candidateCount": 8, "seed": -(2**31), "stopSequences": list("abcde")}


@pytest.mark.parametrize("base_url", ["https://proxy.example", "https://proxy.example/v1beta"])
def test_the_version_is_in_the_path_once(base_url: str) -> None:
    made = gemini.to_request(request(), deployment(), Endpoint(base_url, None))
    assert made.url == "https://proxy.example/v1beta/models/gemini-2.5-flash:generateContent"


def test_without_a_key_there_is_no_header() -> None:
    assert gemini.to_request(request(), deployment(), Endpoint("http://mock", None)).headers == {}


# Asking.


def good(**fields: Any) -> HttpResponse:
    candidate = {"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}
    return golden.response(200, {"candidates": [candidate]} | fields)


def test_a_completion_is_asked_for_and_dated(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = sends(monkeypatch, good())
    answer = gemini.complete(request(), deployment(), ENDPOINT, DEADLINE)
    assert answer.body["created"] == 1_790_000_000
    assert asked[0].headers == {"x-goog-api-key": "AIza-provider-0123456789"}
    assert "key" not in asked[0].url


def test_images_on_the_web_are_sent_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def inlined(chat: ChatCompletionRequest, _: Deadline, which: Callable[[str], bool]) -> ChatCompletionRequest:
        assert which("https://shop.example/cat.png")
        text = json.dumps(chat.wire()).replace("https://shop.example/cat.png", PNG)
        return ChatCompletionRequest.model_validate(json.loads(text))

    monkeypatch.setattr(images, "inlined", inlined)
    asked = sends(monkeypatch, good())
    part = {"type": "image_url", "image_url": {"url": "https://shop.example/cat.png"}}
    gemini.complete(request(messages=[{"role": "user", "content": [part]}]), deployment(), ENDPOINT, DEADLINE)
    body: Any = asked[0].body
    assert body["contents"][0]["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]


def test_an_address_that_nobody_fetched_is_refused() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://shop.example/cat.png"}}
    error = caught_from(lambda: sent(messages=[{"role": "user", "content": [part]}]), Inexpressible)
    assert error.param == "messages[0].content[0].image_url.url"


def test_a_key_quoted_back_in_an_error_never_reaches_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    quoting = {"error": {"code": 400, "message": f"Wrong: {ENDPOINT.api_key}.", "status": "INVALID_ARGUMENT"}}
    sends(monkeypatch, golden.response(400, quoting))
    error = caught_from(lambda: gemini.complete(request(), deployment(), ENDPOINT, DEADLINE), InvalidRequest)
    assert error.message == "Wrong: ***."
