"""The same answers and errors in every provider's own words, for the contract that all adapters keep.

Every answer of a kind means the same, whoever gives it; counts are told as each provider counts.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.upstream import Reply
from tests.upstream.messages import Recorded

Json = dict[str, Any]

KEY = "sk-canary-provider-key-8c1f"
MODEL = "model-that-answered"
UNCACHED, READ, WRITTEN, SAID, THOUGHT = 100, 40, 10, 7, 3
"""Tokens of every answer: 150 in, of which 40 came from the cache and 10 went into it; 7 out, of which 3 are thoughts.

Who cannot tell what was written or thought tells the same sums without it.
"""

CALLS = [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]


@dataclass(frozen=True)
class Speaker:
    """One provider, as tests script it.

    Attributes:
        provider: its row of the registry.
        deployment: what its deployment has beside the usual.
        secrets: what the provider secret holds, given the upstream's address.
        answers: replies by what they mean.
        errors: replies by what went wrong.
        embedder: its model that makes embeddings, or None.
        writes: whether it tells what went into its cache; thinks: whether it counts thoughts apart.
    """

    provider: Json
    deployment: Json
    secrets: Callable[[str], dict[str, str]]
    answers: Mapping[str, Reply]
    errors: Mapping[str, Reply]
    embedder: str | None = None
    writes: bool = True
    thinks: bool = True


def texts_of(request: Recorded) -> str:
    """All that was sent, to look for words in."""
    return json.dumps(request.json, ensure_ascii=False)


def _openai(message: Json, finish: str = "stop") -> Reply:
    return Reply.json(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": MODEL,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "refusal": None} | message, "finish_reason": finish}
            ],
            "usage": {
                "prompt_tokens": UNCACHED + READ + WRITTEN,
                "completion_tokens": SAID,
                "total_tokens": UNCACHED + READ + WRITTEN + SAID,
                "prompt_tokens_details": {"cached_tokens": READ, "cache_write_tokens": WRITTEN},
                "completion_tokens_details": {"reasoning_tokens": THOUGHT},
            },
        }
    )


def _openai_error(status: int, code: str | None, message: str = "As told.", **headers: str) -> Reply:
    body = {"error": {"message": message, "type": "an_error", "param": None, "code": code}}
    return Reply.json(body, status, headers)


OPENAI = Speaker(
    {
        "adapter": "openai_compatible",
        "base_url": "https://unused.example",
        "api_key": "KEY",
        "base_url_override": "URL",
    },
    {},
    lambda url: {"KEY": KEY, "URL": f"{url}/v1"},
    {
        "text": _openai({"content": "Four."}),
        "calls": _openai(
            {
                "content": None,
                "tool_calls": [
                    {"id": f"call_{i}", "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
                    for i, (n, a) in enumerate(CALLS)
                ],
            },
            "tool_calls",
        ),
        "cut short": _openai({"content": "Fo"}, "length"),
        "refused": _openai({"content": None, "refusal": "I will not."}, "content_filter"),
    },
    {
        "rate limited": _openai_error(429, "rate_limit_exceeded", **{"retry-after": "7"}),
        "overloaded": _openai_error(503, "overloaded"),
        "failed": _openai_error(500, None),
        "key refused": _openai_error(401, "invalid_api_key"),
        "no credit": _openai_error(429, "insufficient_quota"),
        "no such model": _openai_error(404, "model_not_found"),
        "too long": _openai_error(400, "context_length_exceeded"),
        "filtered": _openai_error(400, "content_filter"),
        "bad request": _openai_error(400, None, "You asked for nonsense."),
        "error inside a success": _openai_error(200, "server_error"),
    },
    embedder="text-embedding-3-small",
)


def _anthropic(content: list[Json], stop: str = "end_turn") -> Reply:
    return Reply.json(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {
                "input_tokens": UNCACHED,
                "cache_read_input_tokens": READ,
                "cache_creation_input_tokens": WRITTEN,
                "output_tokens": SAID,
                "output_tokens_details": {"thinking_tokens": THOUGHT},
            },
        }
    )


def _anthropic_error(status: int, kind: str, message: str = "As told.", **headers: str) -> Reply:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return Reply.json(body, status, headers)


ANTHROPIC = Speaker(
    {"adapter": "anthropic", "base_url": "https://unused.example", "api_key": "KEY", "base_url_override": "URL"},
    {"reasoning": "effort"},
    lambda url: {"KEY": KEY, "URL": url},
    {
        "text": _anthropic([{"type": "text", "text": "Four."}]),
        "calls": _anthropic(
            [{"type": "tool_use", "id": f"toolu_{i}", "name": n, "input": a} for i, (n, a) in enumerate(CALLS)],
            "tool_use",
        ),
        "cut short": _anthropic([{"type": "text", "text": "Fo"}], "max_tokens"),
        "refused": _anthropic([{"type": "text", "text": "I will not."}], "refusal"),
    },
    {
        "rate limited": _anthropic_error(429, "rate_limit_error", **{"retry-after": "7"}),
        "overloaded": _anthropic_error(529, "overloaded_error"),
        "failed": _anthropic_error(500, "api_error"),
        "key refused": _anthropic_error(401, "authentication_error"),
        "no credit": _anthropic_error(
            400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."
        ),
        "no such model": _anthropic_error(404, "not_found_error"),
        "too long": _anthropic_error(
            400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"
        ),
        "filtered": _anthropic_error(400, "invalid_request_error", "Output blocked by content filtering policy"),
        "bad request": _anthropic_error(400, "invalid_request_error", "You asked for nonsense."),
        "error inside a success": _anthropic_error(200, "overloaded_error"),
    },
)


def _bedrock(content: list[Json], stop: str = "end_turn") -> Reply:
    return Reply.json(
        {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": stop,
            "usage": {
                "inputTokens": UNCACHED,
                "cacheReadInputTokens": READ,
                "cacheWriteInputTokens": WRITTEN,
                "outputTokens": SAID,
                "totalTokens": UNCACHED + READ + WRITTEN + SAID,
            },
            "metrics": {"latencyMs": 5},
            "trace": {"promptRouter": {"invokedModelId": MODEL}},
        }
    )


def _bedrock_error(status: int, kind: str, message: str = "As told.", **headers: str) -> Reply:
    return Reply.json({"message": message}, status, {"x-amzn-errortype": kind, **headers})


BEDROCK = Speaker(
    {"adapter": "bedrock", "region": "REGION", "base_url_override": "URL", "keyless": True},
    {"model": "anthropic.claude-sonnet-4-5-20250929-v1:0", "reasoning": "budget"},
    lambda url: {"REGION": "us-east-1", "URL": url},
    {
        "text": _bedrock([{"text": "Four."}]),
        "calls": _bedrock(
            [{"toolUse": {"toolUseId": f"tooluse_{i}", "name": n, "input": a}} for i, (n, a) in enumerate(CALLS)],
            "tool_use",
        ),
        "cut short": _bedrock([{"text": "Fo"}], "max_tokens"),
        "refused": _bedrock([{"text": "I will not."}], "content_filtered"),
    },
    {
        "rate limited": _bedrock_error(429, "ThrottlingException", **{"retry-after": "7"}),
        "overloaded": _bedrock_error(503, "ServiceUnavailableException"),
        "failed": _bedrock_error(500, "InternalServerException"),
        "key refused": _bedrock_error(403, "UnrecognizedClientException"),
        "no credit": _bedrock_error(403, "AccessDeniedException"),
        "no such model": _bedrock_error(404, "ResourceNotFoundException"),
        "too long": _bedrock_error(400, "ValidationException", "Input is too long for requested model."),
        "filtered": _bedrock_error(400, "ValidationException", "The request was blocked by our content filters."),
        "bad request": _bedrock_error(400, "ValidationException", "You asked for nonsense."),
        "error inside a success": _bedrock_error(200, "InternalServerException"),
    },
    embedder="amazon.titan-embed-text-v2:0",
    thinks=False,
)


def _gemini(parts: list[Json], finish: str = "STOP") -> Reply:
    return Reply.json(
        {
            "candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": finish}],
            "usageMetadata": {
                "promptTokenCount": UNCACHED + READ + WRITTEN,
                "cachedContentTokenCount": READ,
                "candidatesTokenCount": SAID - THOUGHT,
                "thoughtsTokenCount": THOUGHT,
                "totalTokenCount": UNCACHED + READ + WRITTEN + SAID,
            },
            "modelVersion": MODEL,
            "responseId": "r1",
        }
    )


def _gemini_error(status: int, kind: str, message: str = "As told.", code: int = 0, **details: str) -> Reply:
    error = {"code": code or status, "message": message, "status": kind}
    if details:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", **details}]
    return Reply.json({"error": error}, status)


GEMINI = Speaker(
    {"adapter": "gemini", "base_url": "https://unused.example", "api_key": "KEY", "base_url_override": "URL"},
    {"model": "gemini-3.8-flash", "reasoning": "effort"},
    lambda url: {"KEY": KEY, "URL": url},
    {
        "text": _gemini([{"text": "Four."}]),
        "calls": _gemini([{"functionCall": {"name": n, "args": a}} for n, a in CALLS]),
        "cut short": _gemini([{"text": "Fo"}], "MAX_TOKENS"),
        "refused": _gemini([], "PROHIBITED_CONTENT"),
    },
    {
        "rate limited": _gemini_error(429, "RESOURCE_EXHAUSTED", retryDelay="7s"),
        "overloaded": _gemini_error(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        "failed": _gemini_error(500, "INTERNAL"),
        "key refused": _gemini_error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        "no credit": _gemini_error(403, "PERMISSION_DENIED"),
        "no such model": _gemini_error(404, "NOT_FOUND"),
        "too long": _gemini_error(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        "filtered": Reply.json({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
        "bad request": _gemini_error(400, "INVALID_ARGUMENT", "You asked for nonsense."),
        "error inside a success": _gemini_error(200, "INTERNAL", code=500),
    },
    embedder="gemini-embedding-001",
    writes=False,
)

SPEAKERS = {"openai_compatible": OPENAI, "anthropic": ANTHROPIC, "bedrock": BEDROCK, "gemini": GEMINI}


def calling(
    provider: str, *calls: tuple[str, Json | str], text: str = "", thoughts: list[Json] | None = None, **fields: Any
) -> Reply:
    """An answer that calls tools: names and arguments; those may be a broken text where the protocol has them as texts.

    Args:
        thoughts: blocks of the provider's own that come first, or are a part of the first call.
        fields: what a provider that speaks OpenAI's protocol says beside that.
    """
    named = list(enumerate(calls))
    if provider == "openai_compatible":
        made = [
            {"id": f"call_{i}", "type": "function", "function": {"name": n, "arguments": a if isinstance(a, str) else json.dumps(a)}}
            for i, (n, a) in named
        ]  # fmt: skip
        return _openai({"content": text or None, "tool_calls": made, **fields}, "tool_calls")
    if provider == "gemini":
        parts = [{"functionCall": {"name": n, "args": a}} for n, a in calls]
        parts[0] |= (thoughts or [{}])[0]
        return _gemini([{"text": text}] * bool(text) + parts)
    said = (thoughts or []) + [{"text": text} | ({"type": "text"} if provider == "anthropic" else {})] * bool(text)
    if provider == "anthropic":
        return _anthropic(
            said + [{"type": "tool_use", "id": f"toolu_{i}", "name": n, "input": a} for i, (n, a) in named], "tool_use"
        )
    return _bedrock(
        said + [{"toolUse": {"toolUseId": f"tooluse_{i}", "name": n, "input": a}} for i, (n, a) in named], "tool_use"
    )
