"""OpenAI, and all that speak its protocol: vLLM, Ollama, Groq, Mistral, OpenRouter and many more.

A vendor is a row in models.json. The request goes out as it came in, but for the model's name and the stream: the
gateway reads answers whole.
"""

import json
import math
from typing import Any, NoReturn

from gateway.deadline import Deadline
from gateway.errors import (
    ContentFiltered,
    ContextLengthExceeded,
    CredentialsRefused,
    GatewayError,
    InvalidRequest,
    UpstreamError,
)
from gateway.providers.base import Answer, HttpRequest, HttpResponse, Usage, printable, send
from gateway.registry import Deployment, Endpoint
from gateway.schemas import ChatCompletionRequest

PASSES_UNKNOWN_FIELDS = True

REQUEST_FAULTS = {400, 413, 422}
MAX_MESSAGE = 2000
MAX_TOKENS = 10**12
"""What claims to be more is no count; DynamoDB's numbers end at 38 digits."""
FINDINGS: dict[str, type[InvalidRequest]] = {
    "context_length_exceeded": ContextLengthExceeded,
    "content_filter": ContentFiltered,
    "content_policy_violation": ContentFiltered,
}


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
        raise _fit_for_clients(error, endpoint) from None


def to_request(request: ChatCompletionRequest, deployment: Deployment, endpoint: Endpoint) -> HttpRequest:
    """The provider's request: the client's own, under the provider's name for the model."""
    body = {name: value for name, value in request.wire().items() if name not in ("stream", "stream_options")}
    headers = {"authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
    return HttpRequest(f"{endpoint.base_url}/chat/completions", headers, body | {"model": deployment.model})


def from_response(response: HttpResponse, deployment: Deployment) -> Answer:
    """The provider's answer.

    Raises:
        GatewayError: it is an error, or no completion; an error inside a 200 is an error too.
    """
    body = _json_object(response)
    if response.status != 200 or (isinstance(body, dict) and body.get("error")):
        raise to_error(response.status, response.headers, body)
    if not isinstance(body, dict) or not _has_choices(body):
        raise UpstreamError("The provider's answer is not a chat completion.")
    return Answer(body, usage_of(body), printable(str(body.get("model") or deployment.model)))


def to_error(status: int, headers: Any, body: Any) -> GatewayError:
    """A provider's error as one of ours.

    Args:
        status: HTTP status; 200 if the error came inside a success.
        headers: the response's, names in lower case.
        body: its JSON, or None if it is not JSON.
    """
    details = _error_details(_dict(body))
    code, param = _name(details.get("code")), _name(details.get("param"))
    message = _words(details.get("message")) or f"The provider answered HTTP {status}."
    if status in (401, 403) or code == "invalid_api_key":
        return CredentialsRefused("The provider refused the gateway's credentials for it.")
    if code in FINDINGS:
        return FINDINGS[code](message, param=param)
    if status in REQUEST_FAULTS:
        return InvalidRequest(message, param=param, code=code)
    told = f"error {code or _name(details.get('type')) or 'without a code'}" if status == 200 else f"HTTP {status}"
    return UpstreamError(f"The provider answered {told}.", retry_after=_seconds(headers.get("retry-after")))


def usage_of(body: dict[str, Any]) -> Usage:
    """The tokens that the answer says it used; what is missing or absurd is None."""
    usage = _dict(body.get("usage"))
    return Usage(
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=_count(_dict(usage.get("prompt_tokens_details")).get("cached_tokens")),
        reasoning_tokens=_count(_dict(usage.get("completion_tokens_details")).get("reasoning_tokens")),
    )


def _json_object(response: HttpResponse) -> Any:
    try:
        return json.loads(response.body, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        if response.status == 200:
            raise UpstreamError("The provider's answer is not JSON, or only a part of it.") from None
        return None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    return value if math.isfinite(value) else _refuse(number)


def _has_choices(body: dict[str, Any]) -> bool:
    choices = body.get("choices")
    return isinstance(choices, list) and bool(choices) and all(_is_message(_dict(c).get("message")) for c in choices)


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


def _fit_for_clients(error: GatewayError, endpoint: Endpoint) -> GatewayError:
    """Providers quote what they were sent: the key must not reach the client, nor a whole prompt."""
    if endpoint.api_key:
        error.message = error.message.replace(endpoint.api_key, "***")
        error.param = error.param and error.param.replace(endpoint.api_key, "***")
        error.code = error.code and error.code.replace(endpoint.api_key, "***")
    error.message = error.message[:MAX_MESSAGE]
    return error


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TOKENS else None


def _name(value: Any) -> str | None:
    """A code or a parameter's path; logged and stored, so of a bearable length."""
    return printable(value) if value and isinstance(value, str) else None


def _words(value: Any) -> str:
    """A message, whatever it was made of: FastAPI's are arrays of objects."""
    return value if isinstance(value, str) else json.dumps(value) if value else ""


def _seconds(value: str | None) -> float | None:
    """Retry-After in seconds; its other form, a date, needs the provider's clock and is left out."""
    return float(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else None
