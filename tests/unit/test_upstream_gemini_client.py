"""The scripted provider answers as Gemini does in the eyes of Google's own client."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from tests.upstream import Reply, Upstream
from tests.upstream.gemini_api.errors import error_answer, retry_info
from tests.upstream.gemini_api.protocol import Gemini

KEY = "AIza-test"
FLASH, PRO = "gemini-2.5-flash", "gemini-3-pro-preview"
HELLO = {"role": "user", "parts": [{"text": "hello there"}]}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"functionDeclarations": [{"name": "weather", "parametersJsonSchema": SCHEMA}]}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(protocol=Gemini(KEY)) as server:
        yield server


@pytest.fixture
def client(upstream: Upstream) -> Iterator[Any]:
    options = types.HttpOptions(base_url=upstream.url, api_version="v1beta")
    with genai.Client(api_key=KEY, http_options=options) as found:
        yield found


def test_google_s_client_reads_answers(client: Any) -> None:
    config = types.GenerateContentConfig(temperature=0.5, seed=7, system_instruction="Be brief.", candidate_count=2)
    found = client.models.generate_content(model=FLASH, contents="hello there", config=config)
    assert found.candidates[1].content.parts[0].text == "You said: hello there"
    assert found.usage_metadata.total_token_count == 5 + 3 + 2 + 8


def test_google_s_client_reads_calls_and_answers_them(client: Any) -> None:
    tools: list[Any] = [types.Tool.model_validate(TOOL)]
    calling = types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
    )
    config = types.GenerateContentConfig(tools=tools, tool_config=calling)
    asked = types.Content.model_validate(HELLO)
    found = client.models.generate_content(model=PRO, contents=[asked], config=config)
    (called,) = found.function_calls
    assert (called.name, called.args) == ("weather", {"city": "text"})
    part = types.Part(
        function_response=types.FunctionResponse(id=called.id, name="weather", response={"result": "sunny"})
    )
    contents = [asked, found.candidates[0].content, types.Content(role="user", parts=[part])]
    assert client.models.generate_content(model=PRO, contents=contents).text == "You said: sunny"


def test_google_s_client_reads_vectors(client: Any) -> None:
    config = types.EmbedContentConfig(task_type="CLUSTERING", output_dimensionality=8)
    for settings, size, unit in ((None, 16, True), (config, 8, False)):
        found = client.models.embed_content(model="gemini-embedding-001", contents=["one", "two"], config=settings)
        assert [len(one.values) for one in found.embeddings] == [size, size]
        assert math.isclose(math.hypot(*found.embeddings[0].values), 1) == unit


def test_google_s_client_sees_errors_as_its_own(upstream: Upstream, client: Any) -> None:
    upstream.enqueue(
        Reply(error_answer(429, "Slow down.", details=[retry_info("34.07s")], headers={"Retry-After": "35"}))
    )
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=FLASH, contents="hello")
    assert (caught.value.code, caught.value.status, caught.value.message) == (429, "RESOURCE_EXHAUSTED", "Slow down.")
