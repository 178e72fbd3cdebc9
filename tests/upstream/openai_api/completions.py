"""POST /v1/completions: the legacy format, a prompt in and text out."""

from collections.abc import Iterator
from typing import Any

from tests.upstream.messages import Answer
from tests.upstream.openai_api import checks, text
from tests.upstream.openai_api.chat import CREATED, FINGERPRINT

DEFAULT_LIMIT = 16
Body = dict[str, Any]


def answer(body: Body, digest: str) -> Answer:
    """Checked and answered, streamed if asked for."""
    prompts = as_texts(checks.require(body, "prompt"))
    whole = _completion(body, prompts, digest)
    return Answer.sse(list(_events(body, whole))) if body.get("stream") else Answer.json(whole)


def as_texts(value: Any) -> list[str]:
    """The four forms OpenAI takes: a text, texts, token numbers, lists of those."""
    if isinstance(value, str):
        return [value]
    if value and all(isinstance(item, int) for item in value):
        return [_decoded(value)]
    return [item if isinstance(item, str) else _decoded(item) for item in value]


def _decoded(numbers: list[int]) -> str:
    return " ".join(f"<{number}>" for number in numbers)


def _completion(body: Body, prompts: list[str], digest: str) -> Body:
    texts = [prompt for prompt in prompts for _ in range(body.get("n") or 1)]
    choices = [_choice(body, index, prompt) for index, prompt in enumerate(texts)]
    return {
        "id": f"cmpl-{digest}",
        "object": "text_completion",
        "created": CREATED,
        "model": body["model"],
        "system_fingerprint": FINGERPRINT,
        "provider_extension": {"queue_ms": 3},
        "choices": choices,
        "usage": text.usage(_count(prompts), _count(choice["text"] for choice in choices)),
    }


def _choice(body: Body, index: int, prompt: str) -> Body:
    said, reason = text.cap(f" and so on: {prompt}", body.get("max_tokens") or DEFAULT_LIMIT)
    said = prompt + said if body.get("echo") else said
    return {"index": index, "text": said, "logprobs": None, "finish_reason": reason}


def _count(texts: Any) -> int:
    return sum(len(text.tokens(one)) for one in texts)


def _events(body: Body, whole: Body) -> Iterator[Body | str]:
    counted = (body.get("stream_options") or {}).get("include_usage", False)
    shell = {**{k: v for k, v in whole.items() if k != "usage"}, **({"usage": None} if counted else {})}
    for choice in whole["choices"]:
        for token in text.tokens(choice["text"]):
            yield {**shell, "choices": [{**choice, "text": token, "finish_reason": None}]}
        yield {**shell, "choices": [{**choice, "text": ""}]}
    if counted:
        yield {**shell, "choices": [], "usage": whole["usage"]}
    yield "[DONE]"
