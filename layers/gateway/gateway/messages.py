"""OpenAI's wire format: the messages of a chat. No I/O.

Source: https://platform.openai.com/docs/api-reference/chat/create and the types of the `openai` package.
"""

import binascii
import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    Tag,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

NonEmpty = Annotated[str, Field(min_length=1)]
MOST_PLACES = 10_000
"""More calls than any answer has."""


class Wire(BaseModel):
    """A part of a request. Types are strict, and unknown fields are kept.

    The branches of its unions have tags such as `<text>`, which no field is called, so that errors can tell the two apart.
    """

    model_config = ConfigDict(strict=True, extra="allow")


class Body(Wire):
    """A whole request, which goes on as it came."""

    _sent: dict[str, Any] = PrivateAttr()

    @model_validator(mode="wrap")
    @classmethod
    def keep_what_was_sent(cls, body: dict[str, Any], handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Writing the body anew from its fields would turn 0 into 0.0, which some providers refuse in `logit_bias`."""
        request = handler(body)
        request._sent = body
        return request

    def wire(self) -> dict[str, Any]:
        """The body as it was sent, unknown fields included. To change a request, validate a changed body."""
        return dict(self._sent)


class TextPart(Wire):
    """`{"type": "text"}`"""

    type: Literal["text"]
    text: str


DATA_URL = re.compile(r"data:image/[a-zA-Z0-9.+-]+;base64,", re.IGNORECASE)


class ImageUrl(Wire):
    """Where an image is: an address on the web, or a data URL."""

    url: NonEmpty
    detail: Literal["auto", "low", "high", "original"] | None = None

    @field_validator("url")
    @classmethod
    def is_of_a_kind_that_providers_take(cls, url: str) -> str:
        """Files and other schemes would be read with somebody else's rights."""
        scheme = url.partition(":")[0].lower()
        if scheme == "data":
            _check_data_url(url)
        elif scheme not in ("https", "http"):
            raise PydanticCustomError("url_scheme", "must be an http or https address, or a data URL of an image")
        return url


def _check_data_url(url: str) -> None:
    head = DATA_URL.match(url)
    try:
        data = binascii.a2b_base64(url[head.end() :], strict_mode=True) if head else b""
    except ValueError:
        data = b""
    if not data:
        raise PydanticCustomError("data_url", "must be an image in Base64, such as data:image/png;base64,…")


class ImagePart(Wire):
    """`{"type": "image_url"}`"""

    type: Literal["image_url"]
    image_url: ImageUrl


class OtherPart(Wire):
    """A part that only some providers know: audio, files, video, refusals."""

    type: NonEmpty


def _text_of_field(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return found if isinstance(found, str) else ""


def _part_kind(part: Any) -> str:
    return {"text": "<text>", "image_url": "<image>"}.get(_text_of_field(part, "type"), "<other>")


Part = Annotated[
    Annotated[TextPart, Tag("<text>")] | Annotated[ImagePart, Tag("<image>")] | Annotated[OtherPart, Tag("<other>")],
    Discriminator(_part_kind),
]


def json_kind(value: Any) -> str | None:
    """The tag of a union's branch, by the JSON type of the value; None if no union here has that type."""
    if isinstance(value, str):
        return "<string>"
    if isinstance(value, list):
        return "<array>"
    return "<object>" if isinstance(value, dict | BaseModel) else None


Content = Annotated[
    Annotated[str, Tag("<string>")] | Annotated[list[Part], Field(min_length=1), Tag("<array>")],
    Discriminator(
        json_kind, custom_error_type="content", custom_error_message="must be a string or an array of content parts"
    ),
]


class SystemMessage(Wire):
    """Instructions."""

    role: Literal["system", "developer"]
    content: Content


class UserMessage(Wire):
    """What the user says."""

    role: Literal["user"]
    content: Content


class FunctionCall(Wire):
    """A function's name and its arguments, which are JSON in a string."""

    name: NonEmpty
    arguments: str


class ToolCall(Wire):
    """A call that the model asked for."""

    id: NonEmpty
    type: NonEmpty = "function"
    function: FunctionCall | None = None


class McpMessage(Wire):
    """What the model said beside the calls of a round, in its provider's own fields."""

    content: Content | None = None
    refusal: str | None = None


class McpCall(Wire):
    """A call of a tool that the gateway ran, as an answer told of it.

    Attributes:
        round: in which answer of the model it was, from 1; 0 is for calls of an earlier request that were approved.
        place: among the calls of its answer.
        output, error: what the model was told, and which of both it was.
        message: at the first call of a round, what the model said beside the calls; missing, if that is the message that the
            call is told of in.
        call: what its provider wants back beside the call.
    """

    type: Literal["mcp_call"]
    id: NonEmpty
    round: Annotated[int, Field(ge=0)]
    place: Annotated[int, Field(ge=0, le=MOST_PLACES)]
    server_label: NonEmpty
    name: NonEmpty
    arguments: str
    output: str | None = None
    error: str | None = None
    message: McpMessage | None = None
    call: dict[str, Any] | None = None

    @model_validator(mode="after")
    def has_a_result(self) -> Self:
        """The model is told either what came of a call, or why nothing did."""
        if (self.output is None) == (self.error is None):
            raise PydanticCustomError("no_result", "needed, or else an error", {"field": "output"})
        return self


class McpApprovalRequest(Wire):
    """A call of a tool that the gateway runs if the user approves it."""

    type: Literal["mcp_approval_request"]
    id: NonEmpty
    server_label: NonEmpty
    name: NonEmpty
    arguments: str


class McpApprovalResponse(Wire):
    """What the user says to such a call."""

    approve: bool
    reason: str | None = None


class AssistantMessage(Wire):
    """What the model said before; its content may be null beside calls."""

    role: Literal["assistant"]
    content: Content | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None
    refusal: str | None = None
    mcp_calls: list[McpCall] | None = None
    mcp_approval_requests: list[McpApprovalRequest] | None = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        """Refuse a message without anything in it, as providers do."""
        extra = self.model_extra or {}
        elsewhere = (self.tool_calls, self.function_call, self.refusal, self.mcp_calls, extra.get("audio"))
        if self.content is None and not any(elsewhere):
            raise PydanticCustomError("empty", "needed unless there are tool_calls", {"field": "content"})
        return self


class ToolMessage(Wire):
    """A tool's result."""

    role: Literal["tool"]
    content: Content
    tool_call_id: NonEmpty
    mcp_approval_response: McpApprovalResponse | None = None


class FunctionMessage(Wire):
    """A function's result, in the form before tools."""

    role: Literal["function"]
    name: NonEmpty
    content: str | None


def _message_kind(message: Any) -> str | None:
    if json_kind(message) != "<object>":
        return "<user>"
    role = _text_of_field(message, "role")
    return "<system>" if role == "developer" else f"<{role}>"


Message = Annotated[
    Annotated[SystemMessage, Tag("<system>")]
    | Annotated[UserMessage, Tag("<user>")]
    | Annotated[AssistantMessage, Tag("<assistant>")]
    | Annotated[ToolMessage, Tag("<tool>")]
    | Annotated[FunctionMessage, Tag("<function>")],
    Discriminator(
        _message_kind,
        custom_error_type="role",
        custom_error_message="must be 'system', 'developer', 'user', 'assistant', 'tool' or 'function'",
        custom_error_context={"field": "role"},
    ),
]
