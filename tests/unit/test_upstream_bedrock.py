"""The scripted provider answers as Bedrock does, also in the eyes of boto3."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.upstream import Upstream
from tests.upstream.bedrock_api.errors import error_answer
from tests.upstream.bedrock_api.protocol import Bedrock
from tests.upstream.client import post

KEY = "bedrock-api-key-upstream"
CONVERSE = "/model/amazon.nova-lite-v1%3A0/converse"
BEARER = {"Authorization": f"Bearer {KEY}"}
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "hello there"}]}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"toolSpec": {"name": name, "inputSchema": {"json": SCHEMA}}} for name in ("time", "weather")]
USE = {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "tooluse_1", "content": [{"text": "sunny"}]}}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(protocol=Bedrock(KEY)) as server:
        yield server


@pytest.fixture
def client(upstream: Upstream) -> Any:
    config = Config(retries={"total_max_attempts": 1})
    return Session(region_name="eu-west-1").client("bedrock-runtime", endpoint_url=upstream.url, config=config)


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def refusal(client: Any, **parameters: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        client.converse(**{"modelId": "amazon.nova-lite-v1:0"} | HELLO | parameters)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


def test_a_signed_request_is_answered_with_an_echo(client: Any) -> None:
    answer = client.converse(modelId="us.amazon.nova-lite-v1:0", **HELLO)
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "You said: hello there"}]}
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"]["totalTokens"] == 6
    assert answer["ResponseMetadata"]["RequestId"]


def test_the_same_request_gets_the_same_bytes(upstream: Upstream) -> None:
    answers = [post(upstream, HELLO, CONVERSE, headers=BEARER).content for _ in range(2)]
    assert answers[0] == answers[1]


def test_an_answer_ends_at_the_token_limit(client: Any) -> None:
    answer = client.converse(modelId="amazon.nova-lite-v1:0", **HELLO, inferenceConfig={"maxTokens": 2})
    assert answer["output"]["message"]["content"] == [{"text": "You said:"}]
    assert answer["stopReason"] == "max_tokens"


@pytest.mark.parametrize(("choice", "called"), [({"any": {}}, "time"), ({"tool": {"name": "weather"}}, "weather")])
def test_a_demanded_tool_is_used_with_input_that_fits_its_schema(client: Any, choice: Any, called: str) -> None:
    config = {"tools": TOOLS, "toolChoice": choice}
    answer = client.converse(modelId="amazon.nova-lite-v1:0", **HELLO, toolConfig=config)
    (block,) = answer["output"]["message"]["content"]
    assert (block["toolUse"]["name"], block["toolUse"]["input"]) == (called, {"city": "text"})
    assert answer["stopReason"] == "tool_use"


def test_a_schema_is_answered_with_json(client: Any) -> None:
    structure = {"jsonSchema": {"name": "city", "schema": json.dumps(SCHEMA)}}
    wanted = {"textFormat": {"type": "json_schema", "structure": structure}}
    answer = client.converse(modelId="amazon.nova-lite-v1:0", **HELLO, outputConfig=wanted)
    assert json.loads(answer["output"]["message"]["content"][0]["text"]) == {"city": "text"}


def test_thoughts_come_before_the_answer_where_they_are_asked_for(client: Any) -> None:
    fields = {"thinking": {"type": "adaptive"}}
    answer = client.converse(modelId="anthropic.claude-x", **HELLO, additionalModelRequestFields=fields)
    assert [list(block) for block in answer["output"]["message"]["content"]] == [["reasoningContent"], ["text"]]


def test_cached_tokens_are_counted_apart(client: Any) -> None:
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    usage = client.converse(modelId="anthropic.claude-x", messages=[user({"text": "a b c d e f"}, point)])["usage"]
    assert (usage["inputTokens"], usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"]) == (3, 1, 2)
    assert usage["cacheDetails"] == [{"ttl": "1h", "inputTokens": 2}]


def test_a_tools_result_after_its_use_is_accepted(client: Any) -> None:
    messages = [*HELLO["messages"], assistant(USE), user(RESULT)]
    answer = client.converse(modelId="amazon.nova-lite-v1:0", messages=messages, toolConfig={"tools": TOOLS})
    assert answer["output"]["message"]["content"] == [{"text": "You said: sunny"}]


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"messages": []}, "must start with a user message"),
        ({"messages": [assistant({"text": "hi"})]}, "must start with a user message"),
        ({"messages": [user({"text": "a"}), user({"text": "b"})]}, "must alternate"),
        ({"messages": [user()]}, "is empty"),
        ({"messages": [user({"text": " "})]}, "is blank"),
        ({"messages": [*HELLO["messages"], assistant(USE), user(RESULT)]}, "toolConfig field must be defined"),
        (
            {"messages": [user({"text": "a"}), assistant(USE), user({"text": "b"})], "toolConfig": {"tools": TOOLS}},
            "Expected toolResult",
        ),
        ({"messages": [user(RESULT)], "toolConfig": {"tools": TOOLS}}, "exceeds the number of toolUse"),
        ({"modelId": "no such model"}, "model identifier is invalid"),
    ],
)
def test_a_faulty_request_is_refused_in_bedrocks_words(client: Any, parameters: Any, told: str) -> None:
    status, code, message = refusal(client, **parameters)
    assert (status, code) == (400, "ValidationException")
    assert told in message


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (None, "MissingAuthenticationTokenException"),
        ("Bearer wrong", "AccessDeniedException"),
        ("AWS4-HMAC-SHA256 Credential=nobody", "InvalidSignatureException"),
    ],
)
def test_a_request_that_is_not_signed_is_refused(upstream: Upstream, given: str | None, kind: str) -> None:
    answer = post(upstream, HELLO, CONVERSE, headers={"Authorization": given} if given else {})
    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"].startswith(f"{kind}:")
    assert post(upstream, HELLO, CONVERSE, headers=BEARER).status_code == 200


@pytest.mark.parametrize("path", ["/", "/model/x/converse-stream", "/v1/chat/completions", f"{CONVERSE}/x"])
def test_other_routes_are_not_there(upstream: Upstream, path: str) -> None:
    assert post(upstream, HELLO, path, headers=BEARER).status_code == 404


def invoke(client: Any, model: str, **body: Any) -> Any:
    answer = client.invoke_model(modelId=model, body=json.dumps(body))
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return json.loads(answer["body"].read()), int(headers["x-amzn-bedrock-input-token-count"])


def test_titan_makes_one_vector_a_call(client: Any) -> None:
    made, counted = invoke(client, "amazon.titan-embed-text-v2:0", inputText="a b", dimensions=256, normalize=True)
    assert (len(made["embedding"]), made["inputTextTokenCount"], counted) == (256, 2, 2)


def test_cohere_makes_many_in_either_shape(client: Any) -> None:
    asked = {"texts": ["a b", "c"], "input_type": "search_query"}
    plain, counted = invoke(client, "cohere.embed-english-v3", **asked)
    typed, _ = invoke(client, "cohere.embed-v4:0", **asked, embedding_types=["float"])
    assert typed["embeddings"]["float"] == plain["embeddings"]
    assert (len(plain["embeddings"]), counted) == (2, 3)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("amazon.titan-embed-text-v1", {"inputText": "a", "dimensions": 256}),
        ("amazon.titan-embed-text-v2:0", {"inputText": ""}),
        ("amazon.titan-embed-text-v2:0", {"inputText": "a", "dimensions": 300}),
        ("cohere.embed-english-v3", {"texts": ["a"]}),
        ("cohere.embed-english-v3", {"texts": ["a"] * 97, "input_type": "search_query"}),
        ("cohere.embed-english-v3", {"texts": ["a"], "input_type": "search_query", "output_dimension": 256}),
        ("amazon.nova-lite-v1:0", {"inputText": "a"}),
    ],
)
def test_malformed_texts_are_refused(client: Any, model: str, body: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        invoke(client, model, **body)


def test_a_scripted_error_has_awss_shape() -> None:
    answer = error_answer(429, "slow down", headers={"Retry-After": "3"})
    assert json.loads(answer.body) == {"message": "slow down"}
    assert answer.headers["x-amzn-errortype"].startswith("ThrottlingException:")
    assert answer.headers["retry-after"] == "3"
