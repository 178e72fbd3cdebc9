"""OpenAI, and all that speak its protocol: vLLM, Ollama, Groq, Mistral, OpenRouter and many more.

A vendor is a row in models.json. The request goes out as it came in, but for the model's name and the stream: the
gateway reads answers whole.
"""

import re
from typing import Any

from gateway.deadline import Deadline
from gateway.embeddings import EmbeddingRequest, answer_body, decoded
from gateway.errors import (
    ContentFiltered,
    ContextLengthExceeded,
    CredentialsRefused,
    GatewayError,
    Inexpressible,
    InvalidRequest,
    RateLimited,
    UpstreamError,
)
from gateway.providers.base import Answer, HttpRequest, HttpResponse, printable, send
from gateway.providers.openai_compatible_answers import BROKEN, readable
from gateway.providers.reading import (
    as_dict,
    as_objects,
    as_text,
    count,
    fit_for_clients,
    is_vector,
    json_of,
    name,
    retry_after,
    words,
)
from gateway.providers.vocabulary import unspoken
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest
from gateway.usage import Usage

VOCABULARY = None

SPOKEN = ("messages", "messages.tool_calls", "messages.tool_calls.function")
"""Where nulls say nothing; elsewhere, as in schemas, they may."""
REQUEST_FAULTS = {400, 413, 422}
ACCOUNT_FAULTS = {401, 402, 403}
RETRYABLE = {408, 409, 429}
FINDINGS: dict[str, type[InvalidRequest]] = {
    "context_length_exceeded": ContextLengthExceeded,
    "content_filter": ContentFiltered,
    "content_policy_violation": ContentFiltered,
}
UNABLE = {"unsupported_parameter", "unsupported_value", "unknown_parameter"}
"""OpenAI's and Azure's words for what a model cannot do, though another may."""
NO_MODEL = {"model_not_found", "model_not_available", "invalid_model", "Model Not Exist"}
"""Of OpenAI, Together, Mistral and DeepSeek, in a 400: the registry's fault, not the client's."""
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
    body, unknown = request.wire(), unspoken(deployment)
    if unknown or deployment.rename:
        body = _saying(body, "", unknown)
    body = {deployment.rename.get(n, n): value for n, value in body.items() if n not in ("stream", "stream_options")}
    if not deployment.provider.developer_role:
        body["messages"] = [_as_system(message) for message in body["messages"]]
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


def _saying(value: Any, path: str, unknown: frozenset[str]) -> Any:
    """A request's body for a vendor who does not know all of it: without nulls, and without what the vendor does not know.

    Clients send answers back with a null for each field that is not there, and stricter vendors refuse even those. Of what
    they do not know, only what says nothing is still there, such as an empty array.
    """
    if isinstance(value, list):
        return [_saying(item, path, unknown) for item in value]
    if not isinstance(value, dict):
        return value
    said = {}
    for field, inner in value.items():
        place = f"{path}.{field}" if path else field
        if place not in unknown and (inner is not None or place == "messages.content"):
            said[field] = _saying(inner, place, unknown) if place in SPOKEN else inner
    return said


def from_response(response: HttpResponse, deployment: Deployment) -> Answer:
    """The provider's answer.

    Raises:
        GatewayError: it is an error, or no completion; an error inside a 200 is an error too.
    """
    said = _success(response)
    usage = usage_of(said)
    body = readable(said, deployment.model)
    if body is None:
        raise UpstreamError("The provider's answer is not a chat completion.", billed=usage)
    for choice in body["choices"]:
        if choice.get("error") or choice["finish_reason"] in BROKEN:
            error = to_error(200, response.headers, {"error": choice.get("error") or {"type": choice["finish_reason"]}})
            error.billed = usage
            raise error
    if "usage" in body and usage.to_openai() is None:
        body["usage"] = None  # what it says of tokens are no counts
    return Answer(body, usage, printable(body["model"]))


def from_embedding_response(response: HttpResponse, deployment: Deployment, request: EmbeddingRequest) -> Answer:
    """The provider's vectors, by the client's encoding whatever the provider made of that wish.

    Raises:
        GatewayError: it is an error, or not one vector for each text.
    """
    body = _success(response)
    items = sorted(as_objects(body.get("data")), key=lambda item: count(item.get("index")) or 0)
    tokens = usage_of(body).prompt_tokens
    usage = Usage(input_tokens=tokens, output_tokens=0)
    try:
        vectors: list[Any] = [_numbers(item.get("embedding")) for item in items]
    except ValueError:
        vectors = []
    if len(vectors) != request.count or not all(map(is_vector, vectors)):
        told = "The provider's answer is not one vector for each input."
        raise UpstreamError(told, billed=usage)
    model = printable(as_text(body.get("model")) or deployment.model)
    return Answer(answer_body(vectors, request, model, usage), usage, model)


def _numbers(vector: Any) -> Any:
    return list(decoded(vector)) if isinstance(vector, str) else vector


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
    if status in REQUEST_FAULTS and NO_MODEL & {code, name(details.get("type")), message}:
        return UpstreamError("The provider does not have the model.", retryable=False)
    if status in REQUEST_FAULTS and code != "rate_limit_exceeded":  # which Groq says with a 413
        return (Inexpressible if code in UNABLE else InvalidRequest)(message, param=param, code=code)
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


def _error_details(body: dict[str, Any]) -> dict[str, Any]:
    """What the error says of itself: under `error` at OpenAI, at the top at Mistral and older vLLMs, `detail` at both."""
    error = body.get("error", body)
    return {"message": body.get("detail")} | error if isinstance(error, dict) else {"message": error}
