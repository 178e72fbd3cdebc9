"""POST /completions with a `prompt`: asked as a chat, answered in the format of old."""

from typing import Any

from gateway.body import validate
from gateway.errors import InvalidRequest
from gateway.schemas import ChatCompletionRequest, LegacyCompletionRequest

LEGACY_ONLY = {"prompt", "echo", "suffix", "best_of", "logprobs"}


def parse(body: dict[str, Any]) -> tuple[ChatCompletionRequest, LegacyCompletionRequest | None]:
    """Read either form of body.

    Returns:
        The chat request to serve, and the legacy request it stands for, if the body had a `prompt`.
    Raises:
        InvalidRequest: both forms at once, neither, or a wrong field.
    """
    if body.get("prompt") is not None and body.get("messages") is not None:
        raise InvalidRequest("prompt: send either prompt or messages, not both.", param="prompt")
    if body.get("prompt") is None and "messages" in body:
        return validate({name: value for name, value in body.items() if name != "prompt"}, ChatCompletionRequest), None
    request = validate(body, LegacyCompletionRequest)
    return _to_chat(body, request), request


def prompt_text(request: LegacyCompletionRequest) -> str:
    """The one prompt, out of its list if it came in one."""
    return request.prompt[0] if isinstance(request.prompt, list) else request.prompt


def _to_chat(body: dict[str, Any], request: LegacyCompletionRequest) -> ChatCompletionRequest:
    """The prompt as one user message; every other field as it came, those that only chats know checked as well."""
    fields = {name: value for name, value in body.items() if name not in LEGACY_ONLY}
    return validate(fields | {"messages": [{"role": "user", "content": prompt_text(request)}]}, ChatCompletionRequest)


def from_chat(request: LegacyCompletionRequest, completion: dict[str, Any]) -> dict[str, Any]:
    """A chat completion as a `text_completion`."""
    before = prompt_text(request) if request.echo else ""
    choices = [
        {
            "index": choice.get("index", index),
            "text": before + _text_of(choice["message"].get("content")),
            "logprobs": None,
            "finish_reason": choice.get("finish_reason"),
        }
        for index, choice in enumerate(completion["choices"])
    ]
    return completion | {"object": "text_completion", "choices": choices}


def _text_of(content: Any) -> str:
    """A message's words; some models answer in parts, of which those that are not text are left out."""
    if isinstance(content, list):
        return "".join(text for part in content if isinstance(text := part.get("text"), str))
    return content or ""
