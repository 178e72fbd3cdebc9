"""OpenAI's wire format: what a client may send. No I/O.

Types are strict: `"stream": "yes"` and `"max_tokens": "5"` are errors, as they are at OpenAI. Fields that are not listed
are kept as they came; whether a provider gets them is for the provider's adapter to say.
Source: https://platform.openai.com/docs/api-reference/chat/create and the types of the `openai` package.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

TokenCount = Annotated[int, Field(ge=1, le=2**31)]
NonEmpty = Annotated[str, Field(min_length=1)]


class Wire(BaseModel):
    """A part of a request: strict types, unknown fields kept."""

    model_config = ConfigDict(strict=True, extra="allow")


class TextPart(Wire):
    """`{"type": "text"}`"""

    type: Literal["text"]
    text: str


class ImageUrl(Wire):
    """Where an image is: an address or a data URL."""

    url: NonEmpty
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImagePart(Wire):
    """`{"type": "image_url"}`"""

    type: Literal["image_url"]
    image_url: ImageUrl


class OtherPart(Wire):
    """A part that only some providers know: audio, files, video, refusals."""

    type: NonEmpty


def _part_kind(part: Any) -> str:
    kind = part.get("type") if isinstance(part, dict) else getattr(part, "type", None)
    return kind if kind in ("text", "image_url") else "other"


Part = Annotated[
    Annotated[TextPart, Tag("text")] | Annotated[ImagePart, Tag("image_url")] | Annotated[OtherPart, Tag("other")],
    Discriminator(_part_kind),
]


def _content_kind(content: Any) -> str:
    return "parts" if isinstance(content, list) else "text"


Content = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[Part], Field(min_length=1), Tag("parts")], Discriminator(_content_kind)
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


class AssistantMessage(Wire):
    """What the model said before; its content may be null beside calls."""

    role: Literal["assistant"]
    content: Content | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        """Refuse a message without anything in it, as providers do."""
        extra = self.model_extra or {}
        if self.content is None and not (
            self.tool_calls or self.function_call or extra.get("refusal") or extra.get("audio")
        ):
            raise PydanticCustomError("empty", "needed unless there are tool_calls", {"field": "content"})
        return self


class ToolMessage(Wire):
    """A tool's result."""

    role: Literal["tool"]
    content: Content
    tool_call_id: NonEmpty


class FunctionMessage(Wire):
    """A function's result, in the form before tools."""

    role: Literal["function"]
    name: NonEmpty
    content: str | None


Message = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage, Field(discriminator="role")
]


class FunctionDefinition(Wire):
    """A function that the model may call."""

    name: NonEmpty
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Wire):
    """`{"type": "function"}`, or a kind that only some providers know."""

    type: NonEmpty
    function: FunctionDefinition | None = None

    @model_validator(mode="after")
    def defines_its_function(self) -> Self:
        """A function tool without a function is the commonest mistake here."""
        if self.type == "function" and self.function is None:
            raise PydanticCustomError("missing_function", "this field is required", {"field": "function"})
        return self


class NamedFunction(Wire):
    """A function by its name."""

    name: NonEmpty


class NamedTool(Wire):
    """A tool that the model has to call."""

    type: NonEmpty
    function: NamedFunction | None = None


def _choice_kind(choice: Any) -> str:
    return "mode" if isinstance(choice, str) else "named"


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("mode")] | Annotated[NamedTool, Tag("named")],
    Discriminator(_choice_kind),
]


class JsonSchema(Wire):
    """A schema that the answer has to follow."""

    name: NonEmpty
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None


class ResponseFormat(Wire):
    """Text, any JSON object, or JSON by a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def carries_its_schema(self) -> Self:
        """`json_schema` without the schema cannot be followed."""
        if self.type == "json_schema" and self.json_schema is None:
            raise PydanticCustomError("missing_schema", "this field is required", {"field": "json_schema"})
        return self


class StreamOptions(Wire):
    """What a stream carries beside the answer."""

    include_usage: bool | None = None


def _stop_kind(stop: Any) -> str:
    return "many" if isinstance(stop, list) else "one"


Stop = Annotated[Annotated[str, Tag("one")] | Annotated[list[str], Tag("many")], Discriminator(_stop_kind)]


class SamplingRequest(Wire):
    """What chat and legacy completions have in common."""

    model: NonEmpty
    max_tokens: TokenCount | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stop: Stop | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @model_validator(mode="after")
    def stream_options_need_a_stream(self) -> Self:
        """As at OpenAI: the options say nothing without a stream."""
        if self.stream_options is not None and not self.stream:
            raise PydanticCustomError("no_stream", "only allowed when stream is true", {"field": "stream_options"})
        return self


class ChatCompletionRequest(SamplingRequest):
    """The body of POST /chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: TokenCount | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: list[FunctionDefinition] | None = None
    function_call: Literal["none", "auto"] | NamedFunction | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None

    @model_validator(mode="after")
    def one_output_cap(self) -> Self:
        """Two caps could differ, and providers disagree on which one counts."""
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            message = "send either max_tokens or max_completion_tokens, not both"
            raise PydanticCustomError("two_caps", message, {"field": "max_tokens"})
        return self

    @property
    def output_cap(self) -> int | None:
        """The most tokens the answer may have, by whichever name it was sent."""
        return self.max_completion_tokens or self.max_tokens

    def wire(self) -> dict[str, Any]:
        """The body as it was sent: only the fields that were there, unknown ones included."""
        return self.model_dump(exclude_unset=True, by_alias=True)


class LegacyCompletionRequest(SamplingRequest):
    """The body of POST /completions with a `prompt`. Providers no longer serve it: it is asked as one user message."""

    prompt: Stop
    echo: bool | None = None
    suffix: None = None
    best_of: Annotated[int, Field(ge=1, le=1)] | None = None
    logprobs: None = None

    @model_validator(mode="after")
    def one_prompt(self) -> Self:
        """A list of prompts would be several completions with several bills; send them one by one."""
        if isinstance(self.prompt, list) and len(self.prompt) != 1:
            raise PydanticCustomError("prompts", "send one prompt a request, as a string", {"field": "prompt"})
        return self
