"""Whoever answered before: a message that a client sends back as it came is served by every vendor of models.json."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage

from gateway.providers import openai_compatible, vocabulary
from gateway.providers.vocabulary import ECHOES
from gateway.registry import Deployment, Endpoint, Registry
from gateway.registry_source import MODELS_FILE
from tests.unit.builders import HELLO, request

VENDORS = {
    name: provider
    for name, provider in Registry(json.loads(MODELS_FILE.read_text(encoding="utf-8"))).providers.items()
    if provider.adapter == "openai_compatible"
}
TAKEN_BACK = {
    "openai": {"audio"},
    "azure": {"audio"},
    "groq": {"reasoning"},
    "deepseek": {"reasoning_content"},
    "together": {"reasoning", "reasoning_content"},
    "openrouter": {"reasoning", "reasoning_details", "reasoning_content", "annotations", "audio"},
    "ollama": {"reasoning"},
    "vllm": {"reasoning", "reasoning_content"},
}
"""What vendors know of earlier answers beside the message itself."""

FUNCTION = {"name": "f", "arguments": "{}"}
CALL = {"id": "call_1", "type": "function", "function": FUNCTION}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "4"}
MESSAGE = {"role": "assistant", "content": None, "tool_calls": [CALL]}

FULL = {
    "annotations": [{"type": "url_citation", "url_citation": {"url": "https://example.com", "title": "t"}}],
    "audio": {"id": "audio_1"},
    "reasoning_content": "Hm.",
    "reasoning": "Hm.",
    "reasoning_details": [{"type": "reasoning.encrypted", "data": "AAAA", "id": None}],
    "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "AAAA"}],
    "provider_specific_fields": {"a": 1},
    "parsed": {"a": 1},
}
FULL_CALL = CALL | {
    "index": 0,
    "extra_content": {"google": {"thought_signature": "AAAA"}},
    "provider_specific_fields": {"a": 1},
    "function": FUNCTION | {"provider_specific_fields": {"a": 1}, "parsed_arguments": {"a": 1}},
}


def paths(value: Any, path: str) -> Iterator[str]:
    """The paths of all fields within."""
    for item in value if isinstance(value, list) else [value]:
        for name, inner in item.items() if isinstance(item, dict) else ():
            yield f"{path}.{name}"
            yield from paths(inner, f"{path}.{name}")


def sent_back(vendor: str, message: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What the vendor gets of the message, and what the client is told of the rest."""
    deployment = Deployment(VENDORS[vendor], "m", unsupported=VENDORS[vendor].unsupported)
    asked = request(messages=[*HELLO, message, RESULT], tools=[{"type": "function", "function": {"name": "f"}}])
    fitted, dropped = vocabulary.fitted(asked, openai_compatible.VOCABULARY, deployment)
    body: Any = openai_compatible.to_request(fitted, deployment, Endpoint("https://x", None)).body
    return body["messages"][1], dropped


def test_the_full_message_has_every_echo() -> None:
    found = {path for path in paths(FULL | {"tool_calls": [FULL_CALL]}, "messages") if path in ECHOES}
    assert found == set(ECHOES)


@pytest.mark.parametrize("vendor", VENDORS)
def test_openai_s_own_message_goes_back_without_what_says_nothing_and_without_a_word(vendor: str) -> None:
    read = ChatCompletionMessage.model_validate(
        MESSAGE | {"refusal": None, "annotations": [], "reasoning_content": None}
    )
    said, dropped = sent_back(vendor, read.model_dump())
    assert dropped == []
    if "annotations" in TAKEN_BACK.get(vendor, set()):
        assert said.pop("annotations") == []
    assert said == MESSAGE


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_message_of_another_provider_goes_back_with_what_the_vendor_knows(vendor: str) -> None:
    said, dropped = sent_back(vendor, MESSAGE | FULL | {"tool_calls": [FULL_CALL]})
    taken = TAKEN_BACK.get(vendor, set())
    assert said == MESSAGE | {name: FULL[name] for name in taken}
    told = {place.replace("messages[1]", "messages").replace("[0]", "") for place in dropped}
    assert told == set(ECHOES) - {f"messages.{name}" for name in taken}


@pytest.mark.parametrize("vendor", VENDORS)
def test_nulls_and_values_that_ask_for_nothing_are_no_reason_to_refuse(vendor: str) -> None:
    deployment = Deployment(VENDORS[vendor], "m", unsupported=VENDORS[vendor].unsupported)
    nothing: dict[str, Any] = {
        "logit_bias": {},
        "n": 1,
        "store": False,
        "parallel_tool_calls": True,
        "max_tokens": None,
    }
    asked = request(**nothing, user=None, metadata=None, seed=None, max_completion_tokens=5)
    fitted, dropped = vocabulary.fitted(asked, openai_compatible.VOCABULARY, deployment)
    body: Any = openai_compatible.to_request(fitted, deployment, Endpoint("https://x", None)).body
    assert dropped == []
    assert not set(body) & vocabulary.unspoken(deployment)
    assert None not in body.values()
    assert (body.get("max_tokens") or body.get("max_completion_tokens")) == 5
