"""The scripted provider answers as Gemini does, also in the eyes of Google's own client."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.unit import golden
from tests.upstream import Recorded, Reply, Upstream
from tests.upstream.client import post
from tests.upstream.gemini_api.errors import error_answer, error_info
from tests.upstream.gemini_api.protocol import Gemini

KEY = "AIza-test"
FLASH, PRO = "gemini-2.5-flash", "gemini-3-pro-preview"
HELLO = {"role": "user", "parts": [{"text": "hello there"}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"functionDeclarations": [{"name": "weather", "parametersJsonSchema": SCHEMA}, {"name": "time"}]}]
CALL = {"functionCall": {"name": "weather", "args": {}}}
RESULT = {"functionResponse": {"name": "weather", "response": {"result": "sunny"}}}
PNG = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
CHATS = [path for path in golden.pairs("gemini") if path.stem != "model_name_with_slash"]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(protocol=Gemini(KEY)) as server:
        yield server


def answer(body: Any, path: str, headers: dict[str, str], query: str = "") -> Any:
    """What the protocol answers, without a server: status and JSON."""
    made = Gemini(KEY)(Recorded("POST", path, headers, json.dumps(body).encode(), query))
    return made.status, json.loads(made.body)


def ask(model: str = FLASH, **fields: Any) -> Any:
    body = {"contents": [HELLO]} | fields
    status, answered = answer(body, f"/v1beta/models/{model}:generateContent", {"x-goog-api-key": KEY})
    assert status == 200, answered
    return answered


def refusal(body: Any = None, model: str = FLASH, **fields: Any) -> Any:
    """What is said of a request that is refused with 400."""
    body = {"contents": [HELLO]} | fields if body is None else body
    method = "batchEmbedContents" if "embedding" in model else "generateContent"
    status, answered = answer(body, f"/v1beta/models/{model}:{method}", {"x-goog-api-key": KEY})
    assert (status, answered["error"]["code"], answered["error"]["status"]) == (400, 400, "INVALID_ARGUMENT")
    return answered["error"]["message"]


@pytest.mark.parametrize("path", CHATS, ids=lambda path: path.stem)
def test_takes_all_requests_of_the_golden_pairs(path: Path) -> None:
    made = golden.read(path)["provider_request"]
    status, body = answer(made["body"], urlsplit(made["url"]).path, {"x-goog-api-key": KEY})
    assert status == 200, body


def test_an_answer_has_every_part_that_a_real_one_has() -> None:
    body = ask(generationConfig={"candidateCount": 2})
    assert [found["index"] for found in body["candidates"]] == [0, 1]
    assert body["candidates"][0]["content"] == {"role": "model", "parts": [{"text": "You said: hello there"}]}
    assert body["candidates"][0]["finishReason"] == "STOP"
    assert body["modelVersion"] == FLASH
    usage = body["usageMetadata"]
    assert (usage["promptTokenCount"], usage["cachedContentTokenCount"], usage["candidatesTokenCount"]) == (5, 2, 8)
    assert usage["totalTokenCount"] == 13
    assert body == ask(generationConfig={"candidateCount": 2})


def test_answers_end_at_the_token_limit_or_at_a_stop_sequence() -> None:
    for config, text, reason in (
        ({"maxOutputTokens": 2}, "You said:", "MAX_TOKENS"),
        ({"stopSequences": [" hello"]}, "You said:", "STOP"),
    ):
        (found,) = ask(generationConfig=config)["candidates"]
        assert (found["content"]["parts"][0]["text"], found["finishReason"]) == (text, reason)


def test_json_is_answered_where_it_is_asked_for() -> None:
    config: dict[str, Any] = {"responseMimeType": "application/json"}
    for schema, expected in (
        ({}, {"answer": "You said: hello there"}),
        ({"responseJsonSchema": SCHEMA}, {"city": "text"}),
    ):
        (found,) = ask(generationConfig=config | schema)["candidates"]
        assert json.loads(found["content"]["parts"][0]["text"]) == expected


def test_thoughts_are_told_and_counted_apart() -> None:
    body = ask(PRO, generationConfig={"thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True}})
    assert [part.get("thought", False) for part in body["candidates"][0]["content"]["parts"]] == [True, False]
    assert body["usageMetadata"]["thoughtsTokenCount"] == 16
    assert body["usageMetadata"]["candidatesTokenCount"] == 4


def test_log_probabilities_are_of_each_token() -> None:
    (found,) = ask(generationConfig={"responseLogprobs": True, "logprobs": 1})["candidates"]
    result = found["logprobsResult"]
    assert "".join(token["token"] for token in result["chosenCandidates"]) == "You said: hello there"
    assert [len(top["candidates"]) for top in result["topCandidates"]] == [1, 1, 1, 1]


def calling(**config: Any) -> dict[str, Any]:
    return {"tools": TOOLS, "toolConfig": {"functionCallingConfig": config}}


def test_mode_any_is_answered_with_a_call() -> None:
    (found,) = ask(**calling(mode="ANY"))["candidates"]
    assert found["content"]["parts"] == [{"functionCall": {"name": "weather", "args": {"city": "text"}}}]
    (found,) = ask(PRO, **calling(mode="ANY", allowedFunctionNames=["time"]))["candidates"]
    (part,) = found["content"]["parts"]
    assert part["functionCall"]["name"] == "time"
    assert part["functionCall"]["id"]
    assert part["thoughtSignature"]
    assert "functionCall" not in ask(**calling(mode="VALIDATED"))["candidates"][0]["content"]["parts"][0]


def test_results_of_calls_are_said_back() -> None:
    contents = [HELLO, {"role": "model", "parts": [CALL]}, {"role": "user", "parts": [RESULT]}]
    (found,) = ask(contents=contents)["candidates"]
    assert found["content"]["parts"] == [{"text": "You said: sunny"}]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"x": 1}, 'Invalid JSON payload received. Unknown name "x": Cannot find field.'),
        (
            {"generationConfig": {"thinkingConfig": {"effort": 1}}},
            "Invalid JSON payload received. Unknown name \"effort\" at 'generation_config.thinking_config': "
            "Cannot find field.",
        ),
        (
            {"contents": [{"role": "user", "parts": [{"text": "a"}, {"txt": "b"}]}]},
            "Invalid JSON payload received. Unknown name \"txt\" at 'contents[0].parts[1]': Cannot find field.",
        ),
        ({"contents": []}, "* GenerateContentRequest.contents: contents is not specified\n"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]}, "Please use a valid role: user, model."),
        ({"contents": [{"role": "user"}]}, "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.\n"),
        (
            {"contents": [{"role": "user", "parts": [{"text": ""}]}]},
            "* GenerateContentRequest.contents[0].parts[0].data: "
            "required oneof field 'data' must have one initialized field\n",
        ),
        (
            {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/gif", "data": "AA=="}}]}]},
            "Unsupported MIME type: image/gif",
        ),
        (
            {"generationConfig": {"temperature": 2.5}},
            "* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].\n",
        ),
        (
            {"generationConfig": {"seed": 2**31}},
            "Invalid value at 'generation_config.seed' (TYPE_INT32), 2147483648",
        ),
        ({"generationConfig": {"candidateCount": 9}}, "Invalid value at 'generation_config.candidate_count' (TYPE_INT32), 9"),
        (
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}},
            "Thinking level is not supported for this model.",
        ),
        (
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 1}}},
            "You can only set only one of thinking budget and thinking level.",
        ),
        (
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 9}, "maxOutputTokens": 9}},
            "max_output_tokens must be greater than the thinking budget",
        ),
        (calling(mode="SOME"), "Invalid value at 'tool_config.function_calling_config.mode', \"SOME\""),
        (
            calling(mode="ANY", allowedFunctionNames=["nothing"]),
            "Function calling config: allowed_function_names should be among the function declarations.",
        ),
        (
            {"contents": [HELLO, {"role": "user", "parts": [RESULT]}]},
            "Please ensure that function response turn comes immediately after a function call turn.",
        ),
        (
            {"contents": [{"role": "model", "parts": [CALL]}]},
            "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
        ),
        (
            {"generationConfig": {"responseMimeType": "application/json"}, "tools": TOOLS},
            "Function calling with a response mime type: 'application/json' is unsupported",
        ),
        (
            {"contents": [HELLO, {"role": "model", "parts": [CALL]}, {"role": "user", "parts": [RESULT, {"text": "a"}]}]},
            "Please ensure that the number of function response parts is equal to the number of function call parts of "
            "the function call turn.",
        ),
        (
            {"contents": [HELLO, {"role": "model", "parts": [CALL, CALL]}, {"role": "user", "parts": [RESULT]}]},
            "Please ensure that the number of function response parts is equal to the number of function call parts of "
            "the function call turn.",
        ),
    ],
)  # fmt: skip
def test_refuses_in_google_s_words(fields: dict[str, Any], message: str) -> None:
    assert refusal(**fields) == message


def test_fields_may_be_in_snake_case() -> None:
    (found,) = ask(generation_config={"response_mime_type": "application/json"})["candidates"]
    assert json.loads(found["content"]["parts"][0]["text"]) == {"answer": "You said: hello there"}


def test_later_models_want_their_signatures_back() -> None:
    contents = [HELLO, {"role": "model", "parts": [CALL]}, {"role": "user", "parts": [RESULT]}]
    assert refusal(model=PRO, contents=contents).startswith("Function call is missing a thought_signature")
    contents[1]["parts"] = [CALL | {"thoughtSignature": "c2ln"}]
    assert ask(PRO, contents=contents)


def test_the_least_budget_depends_on_the_model() -> None:
    for model, least in (("gemini-2.5-flash-lite", 512), ("gemini-2.5-pro", 128), (FLASH, 1)):
        assert ask(model, generationConfig={"thinkingConfig": {"thinkingBudget": least}})
        if least > 1:
            message = refusal(model=model, generationConfig={"thinkingConfig": {"thinkingBudget": least - 1}})
            assert message.startswith(f"The thinking budget {least - 1} is invalid.")


def test_older_models_see_all_images_alike() -> None:
    part = PNG | {"mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}
    contents = [{"role": "user", "parts": [part]}]
    assert refusal(contents=contents) == "Media resolution per part is not enabled."
    assert ask(PRO, contents=contents)["usageMetadata"]["promptTokenCount"] == 3 + 258


@pytest.mark.parametrize(
    ("headers", "query", "status", "word"),
    [
        ({}, "", 403, "PERMISSION_DENIED"),
        ({"x-goog-api-key": "other"}, "", 400, "INVALID_ARGUMENT"),
        ({"x-goog-api-key": KEY}, f"key={KEY}", 400, "INVALID_ARGUMENT"),
    ],
)
def test_the_key_is_in_its_header(headers: dict[str, str], query: str, status: int, word: str) -> None:
    given, body = answer({"contents": [HELLO]}, f"/v1beta/models/{FLASH}:generateContent", headers, query)
    assert (given, body["error"]["status"]) == (status, word)
    if headers.get("x-goog-api-key") == "other":
        assert body["error"]["details"] == [error_info("API_KEY_INVALID")]


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gpt-4o:generateContent",
        f"/v1beta/models/{FLASH}:batchEmbedContents",
        "/v1beta/models/gemini-embedding-001:generateContent",
        f"/v1beta/models/{FLASH}:countTokens",
        f"/v1beta/{FLASH}",
    ],
)
def test_what_is_not_there_is_a_404(path: str) -> None:
    status, body = answer({"contents": [HELLO]}, path, {"x-goog-api-key": KEY})
    assert (status, body["error"]["status"]) == (404, "NOT_FOUND")


def embedding(said: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": said}]}} | fields


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([], "requests is not specified"),
        ([embedding()] * 101, "at most 100 requests can be in one batch"),
        ([embedding(model="models/other")], "the model must match"),
        ([embedding("")], "content is empty"),
        ([embedding(taskType="POETRY")], "Invalid value at 'requests[0].task_type'"),
        ([embedding(x=1)], "Unknown name \"x\" at 'requests[0]'"),
    ],
)
def test_refuses_embeddings_in_google_s_words(requests: list[Any], message: str) -> None:
    assert message in refusal({"requests": requests}, model="gemini-embedding-001")


def test_scripted_errors_have_google_s_shape(upstream: Upstream) -> None:
    upstream.enqueue(Reply(error_answer(503)), Reply(error_answer(200, "Overloaded", code=503)))
    path = f"/v1beta/models/{FLASH}:generateContent"
    for status, message in ((503, "The upstream failed as it was told to."), (200, "Overloaded")):
        response = post(upstream, {}, path)
        assert response.status_code == status
        assert response.json() == {"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}}
