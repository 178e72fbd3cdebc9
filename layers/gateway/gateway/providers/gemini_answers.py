"""Gemini's answers in OpenAI's format.

Source: https://ai.google.dev/api/generate-content and the types of the `google-genai` package.
"""

import hashlib
import json
from typing import Any

from gateway.errors import ContentFiltered, CredentialsRefused, GatewayError, UpstreamError
from gateway.providers.base import Answer, HttpResponse, completion, printable
from gateway.providers.gemini_errors import success_of
from gateway.providers.reading import as_dict, as_objects, as_text, count, name
from gateway.registry import Deployment
from gateway.usage import Usage

CUT = ("MAX_TOKENS", "CONTINUATION")
WITHHELD = (
    *("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "ESCALATION", "MODEL_ARMOR"),
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
)
FAILED = (
    *("MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
    *("MISSING_THOUGHT_SIGNATURE", "NO_IMAGE", "IMAGE_OTHER"),
)
"""The model stumbled: what there is of its answer is of no use, but was paid for."""

PRICED_APART = {
    "promptTokensDetails": ("AUDIO",),
    "cacheTokensDetails": ("AUDIO",),
    "candidatesTokensDetails": ("AUDIO", "IMAGE", "VIDEO"),
}
"""Kinds of tokens that cost something else than text."""

PART = {"text": str, "thoughtSignature": str, "functionCall": dict}
"""What there may be in a part, of what is read."""

LISTED_TRAFFIC = ("", "TRAFFIC_TYPE_UNSPECIFIED", "ON_DEMAND")
LISTED_TIERS = ("", "UNSPECIFIED", "STANDARD")
LEAST = -9999.0
"""OpenAI's logarithm of a probability that is next to nothing."""


def from_response(response: HttpResponse, deployment: Deployment, now: float) -> Answer:
    """Google's answer.

    Args:
        now: seconds since the epoch: Google does not say when it answered.
    Raises:
        GatewayError: it is an error, or a refusal of the whole prompt, or no answer.
    """
    body = success_of(response)
    usage = usage_of(body)
    candidates = as_objects(body.get("candidates"))
    if not candidates:
        raise _without_candidates(body, usage)
    digest = hashlib.sha256(response.body).hexdigest()[:24]
    model = printable(as_text(body.get("modelVersion")) or deployment.model)
    choices = [_choice(index, candidate, digest, usage) for index, candidate in enumerate(candidates)]
    return completion(name(body.get("responseId")) or f"chatcmpl-{digest}", now, model, choices, usage)


def usage_of(body: dict[str, Any]) -> Usage:
    """The tokens that the answer says it used; what is missing or absurd is None.

    Google counts what came out of the cache inside the prompt, tools' results outside of it, and thoughts outside of the
    candidates. It leaves out counts of zero: the total tells them from unknown ones.
    """
    told = as_dict(body.get("usageMetadata"))
    prompt, cached, said, thoughts, tools, total = (
        count(told.get(f"{kind}TokenCount"))
        for kind in ("prompt", "cachedContent", "candidates", "thoughts", "toolUsePrompt", "total")
    )
    if said is None and prompt is not None and total is not None:
        said = max(0, total - prompt - (thoughts or 0) - (tools or 0))
    if prompt is not None:
        prompt += (tools or 0) - (cached if cached and cached <= prompt else 0)
    return Usage(
        input_tokens=prompt,
        cache_read_tokens=cached,
        output_tokens=None if said is None else said + (thoughts or 0),
        reasoning_tokens=thoughts,
        special=_special(told),
    )


def _special(told: dict[str, Any]) -> str | None:
    """Why list prices do not apply."""
    for where, kinds in PRICED_APART.items():
        for detail in as_objects(told.get(where)):
            kind = as_text(detail.get("modality")).upper()
            if kind in kinds and count(detail.get("tokenCount")):
                return f"{kind.lower()} tokens"
    traffic, tier = (as_text(told.get(field)).upper() for field in ("trafficType", "serviceTier"))
    if traffic not in LISTED_TRAFFIC:
        return f"traffic type {name(traffic)}"
    return None if tier in LISTED_TIERS else f"service tier {name(tier.lower())}"


def _without_candidates(body: dict[str, Any], usage: Usage) -> GatewayError:
    """Why there is no answer; it may be charged for all the same."""
    reason = name(as_dict(body.get("promptFeedback")).get("blockReason"))
    if reason:
        return ContentFiltered(f"The provider's content policy refused the request ({reason}).", billed=usage)
    return UpstreamError("The provider's answer has no candidates.", billed=usage)


def _choice(index: int, candidate: dict[str, Any], digest: str, usage: Usage) -> dict[str, Any]:
    reason = name(candidate.get("finishReason")) or ""
    content = candidate.get("content")
    if reason in FAILED or not (reason or isinstance(content, dict)):
        told = f"broke its answer off ({reason})" if reason else "gave a candidate without content"
        raise UpstreamError(f"The provider {told}.", billed=usage)
    if reason == "PUP_LIMITED_DISABLED":
        raise CredentialsRefused("The provider has limited the gateway's account.", billed=usage)
    message = _message(_parts(content, usage), f"call_{digest}_{index}", usage)
    if reason in WITHHELD:
        message["content"] = message["content"] or None
        message["refusal"] = f"The provider withheld the answer, or the rest of it ({reason})."
    return {
        "index": index,
        "message": message,
        "logprobs": _logprobs(candidate.get("logprobsResult")),
        "finish_reason": _finish(reason, "tool_calls" in message),
    }


def _finish(reason: str, calls: bool) -> str:
    if reason in WITHHELD:
        return "content_filter"
    if reason in CUT:
        return "length"
    return "tool_calls" if calls else "stop"


def _parts(content: Any, usage: Usage) -> list[dict[str, Any]]:
    """The parts of what was said; it may have none, but what is of a wrong type would be half an answer."""
    said = {} if content is None else content
    parts = (said.get("parts") or []) if isinstance(said, dict) else None
    if not isinstance(parts, list) or not all(map(_is_part, parts)):
        raise UpstreamError("The provider's answer is not a message.", billed=usage)
    return parts


def _is_part(part: Any) -> bool:
    return isinstance(part, dict) and all(
        part.get(field) is None or isinstance(part[field], kind) for field, kind in PART.items()
    )


def _message(parts: list[dict[str, Any]], call_id: str, usage: Usage) -> dict[str, Any]:
    """A message of the parts: what was said, what was thought, what is to be called."""
    said = "".join(as_text(part.get("text")) for part in parts if part.get("thought") is not True)
    thought = "".join(as_text(part.get("text")) for part in parts if part.get("thought") is True)
    calls = [
        _call(part, f"{call_id}_{place}", usage)
        for place, part in enumerate(parts)
        if part.get("functionCall") is not None
    ]
    message: dict[str, Any] = {"role": "assistant", "content": said or (None if calls else ""), "refusal": None}
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    return message


def _call(part: dict[str, Any], made_id: str, usage: Usage) -> dict[str, Any]:
    """A call. Older models name none, so it gets an id that no other call of the conversation has."""
    called = part["functionCall"]
    given = called.get("args")
    try:
        arguments = json.dumps({} if given is None else given, ensure_ascii=False)
    except RecursionError:
        arguments = ""
    if not arguments.startswith("{") or not as_text(called.get("name")):
        raise UpstreamError("The provider's answer has a call that nobody could make.", billed=usage)
    call = {
        "id": as_text(called.get("id")) or made_id,
        "type": "function",
        "function": {"name": called["name"], "arguments": arguments},
    }
    if signature := as_text(part.get("thoughtSignature")):
        call["extra_content"] = {"google": {"thought_signature": signature}}
    return call


def _logprobs(result: Any) -> dict[str, Any] | None:
    chosen = as_objects(as_dict(result).get("chosenCandidates"))
    if not chosen:
        return None
    others = as_objects(as_dict(result).get("topCandidates"))
    content = []
    for place, candidate in enumerate(chosen):
        top = as_objects(others[place].get("candidates")) if place < len(others) else []
        content.append(_token(candidate) | {"top_logprobs": [_token(other) for other in top]})
    return {"content": content, "refusal": None}


def _token(candidate: dict[str, Any]) -> dict[str, Any]:
    """A token and its probability; Google leaves out a logarithm of zero, that of a sure thing."""
    token, logprob = as_text(candidate.get("token")), candidate.get("logProbability", 0.0)
    if isinstance(logprob, bool) or not isinstance(logprob, int | float) or not LEAST <= logprob <= 0:
        logprob = LEAST
    return {"token": token, "logprob": float(logprob), "bytes": list(token.encode("utf-8", "surrogatepass"))}
