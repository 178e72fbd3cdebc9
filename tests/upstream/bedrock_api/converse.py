"""POST /model/{id}/converse: an echo, a tool's use, or JSON where a schema asks for it."""

import json
from typing import Any

from tests.upstream.bedrock_api import checks
from tests.upstream.messages import Answer
from tests.upstream.openai_api import text

Body = dict[str, Any]
IMAGE_TOKENS = 85
LATENCY = 7


def answer(model: str, body: Body, digest: str) -> Answer:
    """Checked and answered."""
    checks.check_model(model)
    checks.check_converse(body)
    blocks, stop = _said(body, digest)
    usage = _usage(body, sum(len(text.tokens(_words(block))) for block in blocks))
    output = {"message": {"role": "assistant", "content": blocks}}
    return Answer.json({"output": output, "stopReason": stop, "usage": usage, "metrics": {"latencyMs": LATENCY}})


def _said(body: Body, digest: str) -> tuple[list[Body], str]:
    tool = _called_tool(body.get("toolConfig") or {})
    if tool is not None:
        use = {"toolUseId": f"tooluse_{digest[:22]}", "name": tool["name"], "input": text.example(_schema(tool))}
        return [*_thoughts(body), {"toolUse": use}], "tool_use"
    said, reason = text.cap(_text(body), body.get("inferenceConfig", {}).get("maxTokens"))
    return [*_thoughts(body), {"text": said}], "end_turn" if reason == "stop" else "max_tokens"


def _called_tool(config: Body) -> Body | None:
    """The tool that `toolChoice` demands: the named one, or of any the first."""
    tools: list[Body] = [tool["toolSpec"] for tool in config.get("tools", []) if "toolSpec" in tool]
    choice = config.get("toolChoice") or {}
    if "tool" in choice:
        return next(tool for tool in tools if tool["name"] == choice["tool"]["name"])
    return tools[0] if "any" in choice else None


def _schema(tool: Body) -> Body:
    schema: Body = tool["inputSchema"]["json"]
    return schema


def _thoughts(body: Body) -> list[Body]:
    """What Claude thought, where it was asked to think."""
    thinking = body.get("additionalModelRequestFields", {}).get("thinking", {"type": "disabled"})
    told = {"text": "Let me think.", "signature": "c2lnbmF0dXJl"}
    return [] if thinking["type"] == "disabled" else [{"reasoningContent": {"reasoningText": told}}]


def _text(body: Body) -> str:
    wanted = body.get("outputConfig", {}).get("textFormat")
    if wanted:
        return json.dumps(text.example(json.loads(wanted["structure"]["jsonSchema"]["schema"])))
    return f"You said: {' '.join(filter(None, map(_words, body['messages'][-1]['content'])))}"


def _words(block: Body) -> str:
    """A block's text, be it the user's, a tool's or the model's."""
    if "toolResult" in block:
        return " ".join(map(_words, block["toolResult"]["content"]))
    thought: Body = block.get("reasoningContent", {}).get("reasoningText", {})
    used = json.dumps(block["toolUse"]["input"]) if "toolUse" in block else ""
    return str(block.get("text") or thought.get("text") or used)


def _usage(body: Body, output: int) -> Body:
    """What is before a cache point is written, half of it after another was read: a number in every bucket."""
    system, messages = body.get("system", []), [block for turn in body["messages"] for block in turn["content"]]
    blocks = [*system, *messages]
    tokens = sum(len(text.tokens(_words(block))) + IMAGE_TOKENS * ("image" in block) for block in blocks)
    points = [block["cachePoint"] for block in blocks if "cachePoint" in block]
    cached = tokens // 2 if points else 0
    read = cached // 2
    written = cached - read
    ages = [{"ttl": points[0].get("ttl", "5m"), "inputTokens": written}] if written else []
    return {
        "inputTokens": tokens - cached,
        "outputTokens": output,
        "totalTokens": tokens + output,
        "cacheReadInputTokens": read,
        "cacheWriteInputTokens": written,
        "cacheDetails": ages,
    }
