"""What the gateway answers, local model to response, is what OpenAI's client knows."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway import legacy, pipeline
from gateway.deadline import Deadline
from gateway.errors import ResponseTooLarge, UpstreamError
from gateway.providers import local, openai_compatible
from gateway.providers.base import Answer, HttpResponse
from gateway.registry import Deployment, Endpoint, Provider
from gateway.schemas import ChatCompletionRequest, LegacyCompletionRequest
from gateway.usage import Usage
from tests.unit.builders import HELLO, caught_from, request

DEPLOYMENT = Deployment(Provider("local", "local", keyless=True), "chat")


def rendered(read: ChatCompletionRequest, old: LegacyCompletionRequest | None = None) -> dict[str, Any]:
    answer = local.complete(read, DEPLOYMENT, Endpoint("", None), Deadline(2.0, clock=lambda: 1.0))
    return pipeline.render(answer, read, old, Decimal("0.000120"))


def events(response: dict[str, Any]) -> list[Any]:
    assert response["headers"]["content-type"] == "text/event-stream"
    *chunks, done = response["body"].removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(chunk.removeprefix("data: ")) for chunk in chunks]


def test_a_chat_is_a_chat_completion() -> None:
    response = rendered(request(n=2, logprobs=True, top_logprobs=1))
    assert (response["statusCode"], response["headers"]["content-type"]) == (200, "application/json")
    read = ChatCompletion.model_validate(json.loads(response["body"]), strict=True)
    assert [choice.message.content for choice in read.choices] == ["You said: Hello"] * 2


@pytest.mark.parametrize("include_usage", [True, False])
def test_a_streamed_chat_is_chunks_of_one(include_usage: bool) -> None:
    sent = events(rendered(request(stream=True, stream_options={"include_usage": include_usage}, logprobs=True)))
    chunks = [ChatCompletionChunk.model_validate(chunk, strict=True) for chunk in sent]
    assert "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices) == "You said: Hello"
    assert (chunks[-1].usage is not None) == include_usage


@pytest.mark.parametrize("stream", [True, False])
def test_a_prompt_is_a_text_completion(stream: bool) -> None:
    read, old = legacy.parse({"model": "m", "prompt": "Hello", "stream": stream, "echo": True})
    response = rendered(read, old)
    (body,) = events(response) if stream else [json.loads(response["body"])]
    completion = Completion.model_validate(body, strict=True)
    assert completion.choices[0].text == "HelloYou said: Hello"
    assert (completion.usage is None) == stream


def test_an_answer_larger_than_lambda_returns_is_refused_by_its_escaped_size() -> None:
    def answer(text: str) -> Answer:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return Answer({"choices": [choice]}, Usage(), "m")

    assert pipeline.render(answer("x" * 5_400_000), request(), None, None)["statusCode"] == 200
    assert pipeline.render(answer('"' * 1_300_000), request(), None, None)["statusCode"] == 200
    caught_from(lambda: pipeline.render(answer("x" * 5_500_000), request(), None, None), ResponseTooLarge)
    caught_from(lambda: pipeline.render(answer('"' * 1_400_000), request(), None, None), ResponseTooLarge)


def test_a_chat_on_the_old_route_is_still_a_chat() -> None:
    read, old = legacy.parse({"model": "m", "messages": HELLO})
    assert json.loads(rendered(read, old)["body"])["object"] == "chat.completion"


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["message", "text", "function", "index", "content"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of these fields, each of its own kind or of any other."""
    return st.fixed_dictionaries({}, optional={name: kind | VALUES for name, kind in fields.items()})


MESSAGES = some(role=st.just("assistant"), content=st.text(), tool_calls=st.lists(VALUES), refusal=SCALARS)
CHOICES = some(index=st.integers(), message=MESSAGES, logprobs=st.none(), finish_reason=st.just("stop"))
BODIES = some(id=st.text(), model=st.text(), choices=st.lists(CHOICES, max_size=2), usage=some(prompt_tokens=SCALARS))


@given(BODIES, st.booleans(), st.booleans())
def test_whatever_a_provider_answers_is_rendered_or_its_own_fault(
    body: dict[str, Any], old: bool, stream: bool
) -> None:
    sent = (
        {"model": "m", "stream": stream, "prompt": "Hello"}
        if old
        else {"model": "m", "stream": stream, "messages": HELLO}
    )
    read, prompt = legacy.parse(sent)
    try:
        answer = openai_compatible.from_response(HttpResponse(200, {}, json.dumps(body).encode()), DEPLOYMENT)
    except UpstreamError:
        return
    assert pipeline.render(answer, read, prompt, None)["statusCode"] == 200
