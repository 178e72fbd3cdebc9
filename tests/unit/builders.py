"""What unit tests are made of: events, chats, and the errors that they end in."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway import legacy
from gateway.body import json_body, parse_body
from gateway.errors import GatewayError, InvalidRequest
from gateway.schemas import ChatCompletionRequest

HELLO = [{"role": "user", "content": "Hello"}]


def event(body: Any) -> dict[str, Any]:
    """An event with this JSON body, as far as parsing looks at it."""
    return {"body": json.dumps(body), "isBase64Encoded": False}


def chat(**fields: Any) -> dict[str, Any]:
    """The body of a small chat request, with these fields besides or instead."""
    return {"model": "local/chat", "messages": HELLO} | fields


def with_message(**fields: Any) -> dict[str, Any]:
    """A chat of one message of these fields."""
    return chat(messages=[fields])


def with_part(part: Any) -> dict[str, Any]:
    """A chat of one user message of one content part."""
    return with_message(role="user", content=[part])


def request(**fields: Any) -> ChatCompletionRequest:
    """A chat request that was parsed from a body."""
    return parse_body(event(chat(**fields)), ChatCompletionRequest)


def refusal(body: Any) -> InvalidRequest:
    """The error that a chat body ends in."""
    return refusal_of_event(event(body))


def refusal_of_event(sent: dict[str, Any]) -> InvalidRequest:
    """The error that an event ends in."""
    with pytest.raises(InvalidRequest) as caught:
        parse_body(sent, ChatCompletionRequest)
    return well_formed(caught.value)


def legacy_refusal(body: Any) -> InvalidRequest:
    """The error that a body of POST /completions ends in."""
    with pytest.raises(InvalidRequest) as caught:
        legacy.parse(json_body(event(body)))
    return well_formed(caught.value)


def well_formed(error: InvalidRequest) -> InvalidRequest:
    """Every refusal is a 4xx of one type, starts with the field's name and is a sentence without a library's words."""
    assert 400 <= error.status < 500
    assert error.type == "invalid_request_error"
    assert error.param is None or error.message.startswith(f"{error.param}: ")
    assert error.message.endswith(".")
    for jargon in ("Input should", "pydantic", "validation error", "tag", "instance of", "discriminator", "codec"):
        assert jargon not in error.message
    return error


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the refusal that it ends in."""
    try:
        return call()
    except InvalidRequest as error:
        return error


def caught_from(call: Callable[[], object], kind: type[GatewayError]) -> GatewayError:
    """The error of this class, exactly, that a call raises."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return caught.value
