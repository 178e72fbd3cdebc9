"""Amazon Bedrock's Converse, by golden pairs and by AWS's own description of it."""

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.model import OperationModel
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from gateway.deadline import Deadline
from gateway.errors import GatewayError, InvalidRequest, UpstreamError
from gateway.providers import bedrock, images, vocabulary
from gateway.providers.base import Answer
from gateway.registry import Endpoint
from gateway.schemas import ChatCompletionRequest
from tests.unit import builders, golden
from tests.unit.bedrock_pairs import JSON, PROVIDER, USUAL, outcome, with_bytes
from tests.unit.golden import Json

DEPLOYMENT = golden.deployment(PROVIDER, USUAL, {})
ENDPOINT = Endpoint("", None, "us-east-1")
NOW = 1_800_000_000.0
PAIRS = golden.pairs("bedrock")
CHATS = [path for path in PAIRS if not path.stem.startswith("embed")]


@pytest.mark.parametrize("path", CHATS, ids=lambda path: path.stem)
def test_translates_a_chat_as_the_golden_pair_says(path: Path) -> None:
    pair = golden.read(path)
    deployment = golden.deployment(PROVIDER, USUAL, pair)

    def ask() -> tuple[Json, list[str]]:
        fitted, dropped = vocabulary.fitted(golden.chat_request(pair), bedrock.VOCABULARY, deployment)
        return bedrock.to_request(fitted, deployment, ENDPOINT), dropped

    if "provider_request" not in pair:
        outcome(ask, pair)
        return
    made, dropped = ask()
    assert made == parameters_of(pair["provider_request"])
    assert dropped == pair.get("dropped", [])
    outcome(lambda: read_chat(pair, deployment), pair)


def read_chat(pair: Json, deployment: Any) -> Answer:
    response = pair["provider_response"]
    if "error" in response:
        error = response["error"]
        raise bedrock.to_error(error["Code"], error["status"], error["Message"], error["headers"])
    return bedrock.from_response(with_bytes(response["parsed"]), deployment, NOW)


def parameters_of(request: Json) -> Any:
    return with_bytes(request["parameters"])


# What AWS's own description of Bedrock says of it.


@pytest.fixture(scope="module")
def operations() -> dict[str, OperationModel]:
    service = botocore.session.get_session().get_service_model("bedrock-runtime")
    return {name: service.operation_model(name) for name in ("Converse", "InvokeModel")}


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_boto3_takes_and_writes_every_golden_request(path: Path, operations: dict[str, OperationModel]) -> None:
    pair = golden.read(path)
    asked = pair.get("provider_request", [])
    for call in asked if isinstance(asked, list) else [asked]:
        operation, parameters = operations[call["operation"]], parameters_of(call)
        shape: Any = operation.input_shape
        if call["operation"] == "InvokeModel":
            parameters["body"] = json.dumps(parameters["body"]["json"]).encode()
        assert ParamValidator().validate(parameters, shape).generate_report() == ""
        written = create_serializer("rest-json").serialize_to_request(parameters, operation)
        assert json.loads(written["body"])


def test_the_finish_reasons_are_those_that_bedrock_has(operations: dict[str, OperationModel]) -> None:
    shape: Any = operations["Converse"].output_shape
    assert set(shape.members["stopReason"].enum) == {*bedrock.FINISH_REASONS, *bedrock.MALFORMED}


@pytest.mark.parametrize("operation", ["Converse", "InvokeModel"])
def test_every_error_that_bedrock_names_is_one_of_ours(operation: str, operations: dict[str, OperationModel]) -> None:
    for shape in operations[operation].error_shapes:
        status = shape.metadata["error"]["httpStatusCode"]
        error = bedrock.to_error(shape.name, status, "As told by the test.", {})
        assert isinstance(error, InvalidRequest) == (shape.name == "ValidationException")


# Whatever comes.


@given(JSON)
def test_any_json_becomes_an_answer_or_an_error(value: Any) -> None:
    parsed = {"output": {"message": {"content": [{"text": "x"}, value]}}, "stopReason": value, "usage": value}
    for answer in (parsed, {"output": value}, value if isinstance(value, dict) else {"usage": {"inputTokens": value}}):
        read_or_refused(answer)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("text", "toolUse", "reasoningContent"), JSON)), JSON)
def test_any_block_becomes_an_answer_or_an_error(block: Json, extra: Any) -> None:
    content = [block, {"toolUse": {"toolUseId": "t", "name": "f", "input": extra}}]
    tier = {"serviceTier": extra, "trace": {"promptRouter": extra}, "ResponseMetadata": extra}
    read_or_refused({"output": {"message": {"content": content}}, **tier})


def read_or_refused(parsed: Json) -> None:
    try:
        answer = bedrock.from_response(parsed, DEPLOYMENT, NOW)
    except GatewayError:
        return
    assert json.dumps(answer.body)
    assert isinstance(answer.model, str)


@given(st.text(max_size=30), st.integers(300, 599), st.text(max_size=30))
def test_any_error_becomes_one_of_ours(code: str, status: int, message: str) -> None:
    error = bedrock.to_error(code, status, message, {"retry-after": message})
    assert isinstance(error, InvalidRequest | UpstreamError)
    if isinstance(error, UpstreamError):
        assert error.message.isprintable()
        assert error.message.isascii()


# Thoughts go back as they came.


def test_thoughts_go_back_as_they_came() -> None:
    blocks = [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": b"\x00\xff"}},
    ]
    parsed = {"output": {"message": {"content": [*blocks, {"text": "Hi"}]}}, "stopReason": "end_turn"}
    said = bedrock.from_response(parsed, DEPLOYMENT, NOW).body["choices"][0]["message"]
    request = builders.request(messages=[*builders.HELLO, said, {"role": "user", "content": "And?"}])
    fitted, dropped = vocabulary.fitted(request, bedrock.VOCABULARY, DEPLOYMENT)
    made = bedrock.to_request(fitted, DEPLOYMENT, ENDPOINT)
    assert made["messages"][1]["content"] == [*blocks, {"text": "Hi"}]
    assert dropped == ["messages[1].reasoning_content"]


def test_thoughts_without_a_signature_are_for_people_alone() -> None:
    """Most models on Bedrock do not sign them, and none takes them back so."""
    blocks = [{"reasoningContent": {"reasoningText": {"text": text}}} for text in ("Hm.", "Ah.")]
    parsed = {"output": {"message": {"content": [*blocks, {"text": "Hi"}]}}, "stopReason": "end_turn"}
    said = bedrock.from_response(parsed, DEPLOYMENT, NOW).body["choices"][0]["message"]
    assert said == {"role": "assistant", "content": "Hi", "refusal": None, "reasoning_content": "Hm.\n\nAh."}


@pytest.mark.parametrize(("asked", "taken"), [({}, False), ({"reasoning_effort": "none"}, False), ({"reasoning_effort": "low"}, True)])  # fmt: skip
def test_thoughts_go_back_to_a_model_that_is_to_think(asked: Json, taken: bool) -> None:
    block = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    said = {"role": "assistant", "content": "Hi", "thinking_blocks": [block]}
    request = builders.request(messages=[*builders.HELLO, said, {"role": "user", "content": "And?"}], **asked)
    deployment = golden.deployment(PROVIDER, USUAL | {"reasoning": "budget"}, {})
    content = bedrock.to_request(request, deployment, ENDPOINT)["messages"][1]["content"]
    thought = {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}}
    assert content == [*([thought] if taken else []), {"text": "Hi"}]


# Images on the web.


PIXEL = "data:image/png;base64,iVBORw0KGgo="


def test_images_on_the_web_are_fetched_before_bedrock_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def inlined(request: ChatCompletionRequest, deadline: Deadline, which: Any) -> ChatCompletionRequest:
        assert which("https://example.com/a.png")
        return ChatCompletionRequest.model_validate(json.loads(json.dumps(request.wire()).replace("https://x", PIXEL)))

    def call(operation: str, parameters: Json, *_: Any) -> Json:
        asked.append(parameters["messages"][0]["content"])
        return {"output": {"message": {"content": [{"text": "Hi"}]}}}

    monkeypatch.setattr(images, "inlined", inlined)
    monkeypatch.setattr(bedrock, "call", call)
    for url in (PIXEL, "https://x"):
        content = [{"type": "image_url", "image_url": {"url": url}}]
        request = builders.request(messages=[{"role": "user", "content": content}])
        bedrock.complete(request, DEPLOYMENT, ENDPOINT, Deadline(NOW, lambda: NOW - 1))
    image = [{"image": {"format": "png", "source": {"bytes": b"\x89PNG\r\n\x1a\n"}}}]
    assert asked == [image, image]


def test_an_image_on_the_web_that_was_not_fetched_is_refused() -> None:
    content = [{"type": "image_url", "image_url": {"url": "https://x"}}]
    request = builders.request(messages=[{"role": "user", "content": content}])
    with pytest.raises(InvalidRequest) as caught:
        bedrock.to_request(request, DEPLOYMENT, ENDPOINT)
    assert caught.value.param == "messages[0].content[0].image_url.url"


def test_a_key_is_not_in_a_calls_representation() -> None:
    from gateway.providers.bedrock_client import _Call

    assert "secret" not in repr(_Call(Deadline(NOW), "secret-key"))
