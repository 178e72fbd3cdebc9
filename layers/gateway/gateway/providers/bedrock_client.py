"""Calls to Amazon Bedrock: boto3 checks, writes and signs a request and reads its answer; the HTTP between is ours.

So a call to Bedrock ends at the deadline, shares the pool of connections, follows no redirect and reads no endless answer,
as calls to all other providers do.
"""

import functools
import io
import re
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from boto3.session import Session
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    CredentialRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from gateway.deadline import Deadline
from gateway.errors import CredentialsRefused, GatewayError, Inexpressible, InvalidRequest, UpstreamError
from gateway.providers.base import HttpRequest, HttpResponse, send
from gateway.providers.bedrock_errors import to_error
from gateway.providers.reading import as_dict, as_text, fit_for_clients, json_of, words
from gateway.registry import Endpoint
from gateway.usage import Usage

if TYPE_CHECKING:
    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient

NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    NoAuthTokenError,
    TokenRetrievalError,
)
GONE = ("content-length", "content-encoding", "transfer-encoding")
"""Headers that are no longer true of a body that has been read and unpacked."""


@dataclass
class _Call:
    """What the handler of a call has to know: one client serves many calls at once.

    Attributes:
        api_key: None if the request is signed with the function's own credentials.
        answered: whether there was an answer; what goes wrong afterwards is the answer's fault.
    """

    deadline: Deadline
    api_key: str | None = field(repr=False)
    answered: bool = False


_current: ContextVar[_Call] = ContextVar("bedrock_call")


def call(operation: str, parameters: dict[str, Any], endpoint: Endpoint, deadline: Deadline) -> dict[str, Any]:
    """Call an operation of Bedrock, once.

    Args:
        operation: as the client's method is called, such as "converse".
    Returns:
        The answer as boto3 reads it, with its `ResponseMetadata`.
    Raises:
        InvalidRequest: the request is at fault, by Bedrock's word.
        Inexpressible: boto3 does not know what is asked: it comes with the runtime, and may be older than a parameter.
        UpstreamError: Bedrock failed, refused the credentials, or answered garbage, or the deadline passed.
    """
    client = _client(endpoint)
    this = _Call(deadline, endpoint.api_key)
    token = _current.set(this)
    try:
        answer: dict[str, Any] = getattr(client, operation)(**parameters)
    except GatewayError as error:
        raise fit_for_clients(error, endpoint) from None
    except (
        BotoCoreError,
        ResponseParserError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        RecursionError,
    ) as error:
        raise _fault(error, this.answered) from None
    finally:
        _current.reset(token)
    return answer


def _client(endpoint: Endpoint) -> "BedrockRuntimeClient":
    try:
        return client(endpoint.region, endpoint.base_url, bool(endpoint.api_key))
    except (BotoCoreError, ValueError):
        message = "Bedrock's region or address, as the gateway's secret has them, are none."
        raise UpstreamError(message, retryable=False) from None


@functools.cache
def client(region: str | None, base_url: str, has_key: bool) -> "BedrockRuntimeClient":
    """The instance's client for a region or an address of one's own.

    A session of its own: the default one must not be used by several threads at once. It makes one attempt, since whether
    to try again is decided elsewhere. Whoever has a key of Bedrock's means AWS's own, wherever the environment points all
    of AWS to, such as at an emulator.
    """
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        signature_version=UNSIGNED if has_key else "v4",
        ignore_configured_endpoint_urls=has_key,  # type: ignore[call-arg]  # boto3's types do not know it
    )
    made = Session(region_name=region).client("bedrock-runtime", endpoint_url=base_url or None, config=config)
    handler: Any = _send  # boto3's types do not tell that what it returns counts
    made.meta.events.register("before-send.bedrock-runtime", handler)
    return made


def _send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    """Send in boto3's stead. Errors go straight to the caller: boto3 passes on whatever is raised here."""
    this = _current.get()
    headers = {name: _text(value) for name, value in request.headers.items()}
    if this.api_key:
        headers["Authorization"] = f"Bearer {this.api_key}"
    body = bytes(request.body) if isinstance(request.body, bytes | bytearray) else b""
    response = send(HttpRequest(request.url, headers, body), this.deadline)
    if response.status != 200:
        raise error_of(response)
    if not isinstance(json_of(response), dict):
        raise UpstreamError("Bedrock's answer is not a JSON object.", billed=Usage())
    this.answered = True
    kept: Any = {name: value for name, value in response.headers.items() if name not in GONE}
    return AWSResponse(request.url, response.status, kept, _Raw(response.body))


def error_of(response: HttpResponse) -> GatewayError:
    """The error that a response tells of: its name is in a header, or in the body."""
    body = as_dict(json_of(response))
    code = response.headers.get("x-amzn-errortype") or as_text(body.get("__type")) or as_text(body.get("code"))
    message = words(body.get("message") or body.get("Message"))
    return to_error(code.partition(":")[0].rpartition("#")[2], response.status, message, response.headers)


class _Raw(io.BytesIO):
    """A body as boto3 reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """All of it at once."""
        yield self.read()


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _fault(error: Exception, answered: bool) -> GatewayError:
    """What boto3 found fault with: the request before there was an answer, else the answer."""
    if answered:
        return UpstreamError("Bedrock's answer is not of the form that it should have.", billed=Usage())
    if isinstance(error, NO_CREDENTIALS):
        return CredentialsRefused("The gateway has no AWS credentials to call Bedrock with.")
    if isinstance(error, ParamValidationError):
        return Inexpressible(f"Bedrock cannot be asked this by boto3 {boto3.__version__}: {_finding(error)}.")
    if isinstance(error, RecursionError):
        return InvalidRequest("The request is nested too deeply.")
    return UpstreamError(f"Bedrock could not be called ({type(error).__name__}).", retryable=False)


def _finding(error: ParamValidationError) -> str:
    """The first of boto3's findings, without the value at fault, which may be the customer's words, and without advice."""
    report = str(error.kwargs.get("report", ""))
    return re.split(r", value:|, must be one of:", report.partition("\n")[0])[0]
