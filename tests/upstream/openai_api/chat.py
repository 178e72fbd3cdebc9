"""POST /v1/chat/completions: the answer whole or as a stream."""

import json
from collections.abc import Iterator
from typing import Any

from tests.upstream.messages import Answer
from tests.upstream.openai_api import checks, text

CREATED = 1_700_000_000
FINGERPRINT = "fp_upstream"
REASONING_TOKENS = 16
Body = dict[str, Any]


def answer(body: Body, digest: str) -> Answer:
    """Checked and answered, streamed if asked for."""
    checks.check_chat(body)
    whole = completion(body, digest)
    return Answer.sse(list(_events(body, whole))) if body.get("stream") else Answer.json(whole)


def completion(body: Body, digest: str = "0", content: str | None = None) -> Body:
    """A chat completion for this request; `content` replaces what the pretended model says."""
    choices = [_choice(body, digest, index, content) for index in range(body.get("n") or 1)]
    said = sum(len(text.tokens(_said(choice["message"]))) for choice in choices)
    reasoning = 0 if body.get("reasoning_effort") in (None, "none") else REASONING_TOKENS
    return {
        **_envelope(body, digest, "chat.completion"),
        "choices": choices,
        "usage": text.usage(text.prompt_tokens(body["messages"]), said, reasoning),
    }


def _envelope(body: Body, digest: str, kind: str) -> Body:
    """`provider_extension` stands for the fields that no client has heard of yet."""
    return {
        "id": f"chatcmpl-{digest}",
        "object": kind,
        "created": CREATED,
        "model": body["model"],
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
        "provider_extension": {"queue_ms": 3},
    }


def _choice(body: Body, digest: str, index: int, content: str | None) -> Body:
    message: Body = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    tool = _called_tool(body)
    if tool is not None and content is None:
        message["tool_calls"] = [_tool_call(tool, f"call_{digest[:20]}{index}")]
        return {"index": index, "message": message, "logprobs": None, "finish_reason": "tool_calls"}
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    message["content"], reason = text.cap(_content(body) if content is None else content, limit)
    logprobs = _logprobs(message["content"]) if body.get("logprobs") else None
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason}


def _called_tool(body: Body) -> Body | None:
    """The tool that `tool_choice` demands: the named one, or with "required" the first."""
    choice = body.get("tool_choice")
    tools: list[Body] = [tool["function"] for tool in body.get("tools") or [] if "function" in tool]
    if isinstance(choice, dict):
        return next(tool for tool in tools if tool["name"] == choice["function"]["name"])
    return tools[0] if choice == "required" else None


def _tool_call(function: Body, call_id: str) -> Body:
    arguments = json.dumps(text.example(function.get("parameters") or {}))
    return {"id": call_id, "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _content(body: Body) -> str:
    """An echo of the last message, or JSON where response_format asks for it."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return json.dumps(text.example(wanted["json_schema"].get("schema") or {}))
    echo = f"You said: {text.of_content(body['messages'][-1].get('content'))}"
    return json.dumps({"answer": echo}) if wanted.get("type") == "json_object" else echo


def _logprobs(content: str) -> Body:
    said = text.tokens(content)
    entries = [{"token": t, "logprob": -0.1, "bytes": list(t.encode()), "top_logprobs": []} for t in said]
    return {"content": entries, "refusal": None}


def _said(message: Body) -> str:
    calls = message.get("tool_calls") or []
    return message["content"] or " ".join(call["function"]["arguments"] for call in calls)


def _events(body: Body, whole: Body) -> Iterator[Body | str]:
    """The chunks of a stream. Asked for usage, OpenAI puts null on all of them and sends the numbers on one more."""
    counted = (body.get("stream_options") or {}).get("include_usage", False)
    shell = {**{k: v for k, v in whole.items() if k != "usage"}, "object": "chat.completion.chunk"}
    shell |= {"usage": None} if counted else {}
    for choice in whole["choices"]:
        for part in _deltas(choice):
            yield {**shell, "choices": [{"index": choice["index"], "logprobs": None, "finish_reason": None, **part}]}
    if counted:
        yield {**shell, "choices": [], "usage": whole["usage"]}
    yield "[DONE]"


def _deltas(choice: Body) -> Iterator[Body]:
    message = choice["message"]
    if "tool_calls" in message:
        yield from ({"delta": delta} for delta in _tool_deltas(message["tool_calls"]))
    else:
        yield {"delta": {"role": "assistant", "content": "", "refusal": None}}
        logprobs = (choice["logprobs"] or {}).get("content")
        for index, token in enumerate(text.tokens(message["content"])):
            known = {"logprobs": {"content": [logprobs[index]], "refusal": None}} if logprobs else {}
            yield {"delta": {"content": token}, **known}
    yield {"delta": {}, "finish_reason": choice["finish_reason"]}


def _tool_deltas(calls: list[Body]) -> Iterator[Body]:
    """The call's name first, then its arguments in fragments that are no JSON by themselves."""
    yield {"role": "assistant", "content": None, "refusal": None}
    for index, call in enumerate(calls):
        arguments = call["function"]["arguments"]
        yield {"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": ""}}]}
        for start in range(0, len(arguments), 5):
            yield {"tool_calls": [{"index": index, "function": {"arguments": arguments[start : start + 5]}}]}
