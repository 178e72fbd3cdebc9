"""OpenAI, and all that speak its protocol: vLLM, Ollama, Groq, Mistral, OpenRouter and many more.

A vendor is a row in models.json. The request goes out as it came in, but for the model's name and the stream: the
gateway reads answers whole.
"""

import re
from typing import Any

from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest, encoded
from gateway.errors import (
    ContentFiltered,
    ContextLengthExceeded,
    CredentialsRefused,
    GatewayError,
    InvalidRequest,
    RateLimited,
    UpstreamError,
)
from gateway.providers.base import Answer, HttpRequest, HttpResponse, printable, send
from gateway.providers.reading import as_dict, as_objects, count, fit_for_clients, json_of, name, retry_after, words
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest
from gateway.usage import Usage

VOCABULARY = None

REQUEST_FAULTS = {400, 413, 422}
ACCOUNT_FAULTS = {401, 402, 403}
RETRYABLE = {408, 409, 429}
FINDINGS: dict[str, type[InvalidRequest]] = {
    "context_length_exceeded": ContextLengthExceeded,
    "content_filter": ContentFiltered,
    "content_policy_violation": ContentFiltered,
}
TOO_LONG = re.compile(
    r"(maximum|max) (context|prompt|input|sequence) (length|size)|context (length|window)|maximum context"
    r"|tokens? \+ `?max_new_tokens|too large for model with|reduce the length of the (messages|prompt)",
    re.IGNORECASE,
)
"""Of vLLM, Mistral, DeepSeek, xAI, Together, OpenRouter."""
FLAGGED = re.compile(
    r"content (exists risk|policy|filter|violates|management policy)|flagged|moderation|usage guidelines|safety_check",
    re.IGNORECASE,
)
"""Of DeepSeek, Azure, xAI, OpenRouter; the last two send it as a 403."""
LISTED_TIERS = (None, "default", "standard", "auto", "on_demand")


def complete(request: ChatCompletionRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline) -> Answer:
    """Ask the provider and read its answer.

    Raises:
        InvalidRequest: the provider says that the request is at fault.
        UpstreamError: it failed, refused the gateway's key, or answered something that is no completion.
    """
    response = send(to_request(request, deployment, endpoint), deadline)
    try:
        return from_response(response, deployment)
    except GatewayError as error:
        raise fit_for_clients(error, endpoint) from None


def embed(request: EmbeddingRequest, deployment: Deployment, endpoint: Endpoint, deadline: Deadline) -> Answer:
    """Ask the provider for vectors. Raises as `complete` does."""
    response = send(to_embedding_request(request, deployment, endpoint), deadline)
    try:
        return from_embedding_response(response, deployment, request)
    except GatewayError as error:
        raise fit_for_clients(error, endpoint) from None


def to_request(request: ChatCompletionRequest, deployment: Deployment, endpoint: Endpoint) -> HttpRequest:
    """The provider's request: the client's own, under the provider's names for the model and the parameters."""
    provider = deployment.provider
    body = {n: value for n, value in request.wire().items() if n not in ("stream", "stream_options")}
    body = {provider.rename.get(n, n): value for n, value in body.items()}
    if not provider.developer_role:
        body["messages"] = [_as_system(message) for message in body["messages"]]
    if provider.unsupported:
        body["messages"] = [_without_nulls(message) for message in body["messages"]]
    return HttpRequest(
        f"{endpoint.base_url}/chat/completions", _headers(deployment, endpoint), body | {"model": deployment.model}
    )


def to_embedding_request(request: EmbeddingRequest, deployment: Deployment, endpoint: Endpoint) -> HttpRequest:
    """The provider's request for vectors: the client's own, under the provider's name for the model."""
    body = request.wire() | {"model": deployment.model}
    return HttpRequest(f"{endpoint.base_url}/embeddings", _headers(deployment, endpoint), body)


def _headers(deployment: Deployment, endpoint: Endpoint) -> dict[str, str]:
    if not endpoint.api_key:
        return {}
    header = deployment.provider.key_header
    return {header: f"Bearer {endpoint.api_key}" if header == "authorization" else endpoint.api_key}


def _as_system(message: dict[str, Any]) -> dict[str, Any]:
    return message | {"role": "system"} if message.get("role") == "developer" else message


def _without_nulls(message: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's clients send answers back with a null for each field that is not there, which stricter vendors refuse."""
    return {field: value for field, value in message.items() if value is not None or field == "content"}


def from_response(response: HttpResponse, deployment: Deployment) -> Answer:
    """The provider's answer.

    Raises:
        GatewayError: it is an error, or no completion; an error inside a 200 is an error too.
    """
    body = _success(response)
    if not _has_choices(body):
        raise UpstreamError("The provider's answer is not a chat completion.")
    for choice in body["choices"]:
        if choice.get("error"):
            raise to_error(200, response.headers, choice)
    return Answer(body, usage_of(body), printable(str(body.get("model") or deployment.model)))


def from_embedding_response(response: HttpResponse, deployment: Deployment, request: EmbeddingRequest) -> Answer:
    """The provider's vectors, by the client's encoding whatever the provider made of that wish.

    Raises:
        GatewayError: it is an error, or not one vector for each text.
    """
    body = _success(response)
    try:
        data = [item | {"embedding": encoded(item["embedding"], request)} for item in as_objects(body.get("data"))]
    except (ValueError, KeyError, TypeError, OverflowError):
        data = []
    if len(data) != request.count:
        raise UpstreamError("The provider's answer is not one vector for each input.")
    tokens = usage_of(body).prompt_tokens
    model = printable(str(body.get("model") or deployment.model))
    return Answer(body | {"data": data}, Usage(input_tokens=tokens, output_tokens=0), model)


def _success(response: HttpResponse) -> dict[str, Any]:
    body = json_of(response)
    if response.status != 200 or (isinstance(body, dict) and body.get("error")):
        raise to_error(response.status, response.headers, body)
    return as_dict(body)


def to_error(status: int, headers: Any, body: Any) -> GatewayError:
    """A provider's error as one of ours.

    Args:
        status: HTTP status; 200 if the error came inside a success.
        headers: the response's, names in lower case.
        body: its JSON, or None if it is not JSON.
    """
    details = _error_details(as_dict(body))
    if status == 200:
        status = _status_of(details.get("code"))
    code, param = name(details.get("code")), name(details.get("param"))
    message = words(details.get("message")) or f"The provider answered HTTP {status}."
    if finding := _finding(status, code, message):
        return finding(message, param=param)
    if status in ACCOUNT_FAULTS or code in ("invalid_api_key", "insufficient_quota"):
        return CredentialsRefused("The provider refused the gateway's credentials for it.")
    if status in REQUEST_FAULTS:
        return InvalidRequest(message, param=param, code=code)
    told = f"error {code or name(details.get('type')) or 'without a code'}" if status == 200 else f"HTTP {status}"
    kind = RateLimited if status == 429 or code == "rate_limit_exceeded" else UpstreamError
    retryable = status == 200 or status >= 500 or status in RETRYABLE
    return kind(f"The provider answered {told}.", retry_after=retry_after(headers), retryable=retryable)


def _status_of(code: Any) -> int:
    """The status that an error inside a 200 would have had: OpenRouter gives it as the error's code."""
    return code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600 else 200


def _finding(status: int, code: str | None, message: str) -> type[InvalidRequest] | None:
    """What is the matter with the request, by OpenAI's codes, or by the words of those who have no codes."""
    if code in FINDINGS:
        return FINDINGS[code]
    if status not in REQUEST_FAULTS | {403}:
        return None
    if TOO_LONG.search(message) and status != 403:
        return ContextLengthExceeded
    return ContentFiltered if FLAGGED.search(message) else None


def usage_of(body: dict[str, Any]) -> Usage:
    """The tokens that the answer says it used; what is missing or absurd is None.

    OpenAI counts what was read from and written to the cache inside `prompt_tokens`, and reasoning inside
    `completion_tokens`. Not all who speak its protocol do; the sums tell.
    """
    usage = as_dict(body.get("usage"))
    prompt, completion, total = (count(usage.get(f"{kind}_tokens")) for kind in ("prompt", "completion", "total"))
    asked, said = as_dict(usage.get("prompt_tokens_details")), as_dict(usage.get("completion_tokens_details"))
    read = _first_count(asked.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens"))
    written, reasoning = count(asked.get("cache_write_tokens")), count(said.get("reasoning_tokens"))
    cached = (read or 0) + (written or 0)
    if reasoning and completion is not None and total == (prompt or 0) + completion + reasoning:
        completion += reasoning
    return Usage(
        input_tokens=prompt - cached if prompt is not None and prompt >= cached else prompt,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=completion,
        reasoning_tokens=reasoning,
        special=_special(body, asked, said),
    )


def _first_count(*values: Any) -> int | None:
    return next((counted for value in values if (counted := count(value)) is not None), None)


def _special(body: dict[str, Any], asked: dict[str, Any], said: dict[str, Any]) -> str | None:
    """Why list prices do not apply."""
    if count(asked.get("audio_tokens")) or count(said.get("audio_tokens")):
        return "audio tokens"
    tiers = (body.get("service_tier"), as_dict(body.get("usage")).get("service_tier"))
    return next((f"service tier {name(tier)}" for tier in tiers if tier not in LISTED_TIERS), None)


def _has_choices(body: dict[str, Any]) -> bool:
    choices = body.get("choices")
    return isinstance(choices, list) and bool(choices) and all(_is_message(as_dict(c).get("message")) for c in choices)


def _is_message(message: Any) -> bool:
    """Whether it can be read: content of text or parts, and calls that are objects."""
    if not isinstance(message, dict):
        return False
    content, calls = message.get("content"), message.get("tool_calls")
    return (content is None or isinstance(content, str) or _are_objects(content)) and (
        calls is None or _are_objects(calls)
    )


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _error_details(body: dict[str, Any]) -> dict[str, Any]:
    """What the error says of itself: under `error` at OpenAI, at the top at Mistral and older vLLMs, `detail` at both."""
    error = body.get("error", body)
    return {"message": body.get("detail")} | error if isinstance(error, dict) else {"message": error}
