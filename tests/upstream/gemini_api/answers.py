"""What the pretended Gemini says: an echo, a call where the request demands one, JSON where it asks for it."""

import base64
import json
from typing import Any

from tests.upstream.gemini_api.checks import declarations, thinks_by_level
from tests.upstream.openai_api import text

Body = dict[str, Any]
IMAGE_TOKENS = 258
THOUGHTS = 16
THOUGHT = "I think about it."


def answer(body: Body, model: str, digest: str) -> Body:
    """The answer to a request that has been checked."""
    config = body.get("generationConfig") or {}
    candidates = [_candidate(body, model, digest, index) for index in range(config.get("candidateCount", 1))]
    said = sum(_tokens(candidate["content"]["parts"]) for candidate in candidates)
    return {
        "candidates": candidates,
        "usageMetadata": _usage(body, said, THOUGHTS if _thinks(config) else 0),
        "modelVersion": model,
        "responseId": digest,
    }


def _usage(body: Body, said: int, thoughts: int) -> Body:
    """Half of the prompt counts as cached; thoughts are not among the candidates. Zeros are left out, as Google does."""
    prompt = sum(
        3 + _tokens(content["parts"]) for content in [body.get("systemInstruction"), *body["contents"]] if content
    )
    counts = {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": prompt // 2,
        "candidatesTokenCount": said,
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": prompt + said + thoughts,
    }
    details = {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}]}
    return {name: count for name, count in counts.items() if count} | details


def _thinks(config: Body) -> bool:
    thinking = config.get("thinkingConfig") or {}
    return bool(thinking.get("thinkingLevel") or thinking.get("thinkingBudget"))


def _candidate(body: Body, model: str, digest: str, index: int) -> Body:
    config = body.get("generationConfig") or {}
    found: Body = {"finishReason": "STOP", "index": index}
    called = _called(body)
    if called:
        parts = [_call(called, model, f"{digest}{index}")]
        found["finishMessage"] = "Model generated function call(s)."
    else:
        said, reason = text.cap(_stopped(_said(body), config), config.get("maxOutputTokens"))
        found["finishReason"] = "STOP" if reason == "stop" else "MAX_TOKENS"
        parts = [{"text": said}]
        if config.get("responseLogprobs"):
            found["logprobsResult"] = _logprobs(said, config.get("logprobs", 0))
    if _thinks(config) and config["thinkingConfig"].get("includeThoughts"):
        parts.insert(0, {"text": THOUGHT, "thought": True})
    return found | {"content": {"parts": parts, "role": "model"}}


def _called(body: Body) -> Body | None:
    """The function that mode ANY demands: the first of those allowed."""
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    allowed = calling.get("allowedFunctionNames")
    able = [declared for declared in declarations(body) if not allowed or declared["name"] in allowed]
    return able[0] if calling.get("mode") == "ANY" else None


def _call(declared: Body, model: str, digest: str) -> Body:
    """Later models give ids and signatures."""
    call = {"name": declared["name"], "args": text.example(declared.get("parametersJsonSchema") or {})}
    if not thinks_by_level(model):
        return {"functionCall": call}
    signature = base64.b64encode(f"signature {digest}".encode()).decode()
    return {"functionCall": {"id": digest[-12:], **call}, "thoughtSignature": signature}


def _said(body: Body) -> str:
    config = body.get("generationConfig") or {}
    echo = f"You said: {' '.join(_words(part) for part in body['contents'][-1]['parts'])}"
    if config.get("responseMimeType") != "application/json":
        return echo
    schema = config.get("responseJsonSchema")
    return json.dumps({"answer": echo} if schema is None else text.example(schema))


def _words(part: Body) -> str:
    if "functionResponse" in part:
        response = part["functionResponse"]["response"]
        return str(response.get("result") or json.dumps(response))
    return str(part.get("text", "(image)"))


def _stopped(said: str, config: Body) -> str:
    ends = [said.find(stop) for stop in config.get("stopSequences", []) if stop in said]
    return said[: min(ends)] if ends else said


def _logprobs(said: str, top: int) -> Body:
    chosen = [{"token": token, "tokenId": 7, "logProbability": -0.1} for token in text.tokens(said)]
    return {"chosenCandidates": chosen, "topCandidates": [{"candidates": [one][:top]} for one in chosen]}


def _tokens(parts: list[Body]) -> int:
    """Of all but thoughts, which are counted apart."""
    return sum(_tokens_of(part) for part in parts if not part.get("thought"))


def _tokens_of(part: Body) -> int:
    if "inlineData" in part:
        return IMAGE_TOKENS
    told = part.get("text") or json.dumps(part.get("functionCall") or part.get("functionResponse"))
    return len(text.tokens(told))
