"""OpenAI's wire format: what a client may send. No I/O.

Types are strict: `"stream": "yes"` and `"max_tokens": "5"` are errors, as they are at OpenAI. Fields that are not listed
are kept as they came; whether a provider gets them is for the provider's adapter to say.
Source: https://platform.openai.com/docs/api-reference/chat/create and the types of the `openai` package.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from gateway.messages import AssistantMessage, Body, Message, NonEmpty, ToolMessage, Wire, json_kind

TokenCount = Annotated[int, Field(ge=1, le=2**31)]
ToolName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_-]+$")]
MAX_TOOLS = 128
"""OpenAI's own limit."""


class FunctionDefinition(Wire):
    """A function that the model may call."""

    name: ToolName
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


class ToolFilter(Wire):
    """Some of a server's tools: those of these names, and those that only read."""

    tool_names: list[NonEmpty] | None = None
    read_only: bool | None = None


class ApprovalFilter(Wire):
    """Which tools are run without asking the user; all others are not."""

    always: ToolFilter | None = None
    never: ToolFilter | None = None


class McpTool(Tool):
    """The tools of an MCP server that the gateway is to run; there is no other than its own.

    Source: https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools
    """

    type: Literal["mcp"]
    server_label: NonEmpty
    server_description: str | None = None
    server_url: None = None
    connector_id: None = None
    authorization: None = None
    headers: None = None
    allowed_tools: (
        Annotated[
            Annotated[list[NonEmpty], Tag("<array>")] | Annotated[ToolFilter, Tag("<object>")],
            Discriminator(
                json_kind,
                custom_error_type="allowed_tools",
                custom_error_message="must be an array of names or an object with tool_names",
            ),
        ]
        | None
    ) = None
    require_approval: (
        Annotated[
            Annotated[Literal["always", "never"], Tag("<string>")] | Annotated[ApprovalFilter, Tag("<object>")],
            Discriminator(
                json_kind,
                custom_error_type="require_approval",
                custom_error_message="must be 'always', 'never' or an object that names tools under these",
            ),
        ]
        | None
    ) = None


class NamedFunction(Wire):
    """A function by its name."""

    name: NonEmpty


def _tool_kind(tool: Any) -> str:
    kind = tool.get("type") if isinstance(tool, dict) else getattr(tool, "type", None)
    return "<mcp>" if kind == "mcp" else "<tool>"


AnyTool = Annotated[
    Annotated[Tool, Tag("<tool>")] | Annotated[McpTool, Tag("<mcp>")],
    Discriminator(_tool_kind),
]


class NamedTool(Wire):
    """A tool that the model has to call."""

    type: NonEmpty
    function: NamedFunction | None = None


ToolChoice = Annotated[
    Annotated[NonEmpty, Tag("<string>")] | Annotated[NamedTool, Tag("<object>")],
    Discriminator(
        json_kind,
        custom_error_type="tool_choice",
        custom_error_message="must be 'none', 'auto', 'required' or an object that names a tool",
    ),
]

FunctionChoice = Annotated[
    Annotated[Literal["none", "auto"], Tag("<string>")] | Annotated[NamedFunction, Tag("<object>")],
    Discriminator(
        json_kind,
        custom_error_type="function_call",
        custom_error_message="must be 'none', 'auto' or an object that names a function",
    ),
]


class JsonSchema(Wire):
    """A schema that the answer has to follow."""

    name: NonEmpty
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None


class ResponseFormat(Wire):
    """Text, any JSON object, or JSON by a schema."""

    type: NonEmpty
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


Texts = Annotated[
    Annotated[str, Tag("<string>")] | Annotated[list[str], Tag("<array>")],
    Discriminator(json_kind, custom_error_type="texts", custom_error_message="must be a string or an array of strings"),
]


class SamplingRequest(Wire):
    """What chat and legacy completions have in common."""

    model: NonEmpty
    max_tokens: TokenCount | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stop: Texts | None = None
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


class ChatCompletionRequest(SamplingRequest, Body):
    """The body of POST /chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: TokenCount | None = None
    tools: Annotated[list[AnyTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: list[FunctionDefinition] | None = None
    function_call: FunctionChoice | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    reasoning_effort: NonEmpty | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None

    @model_validator(mode="after")
    def one_output_cap(self) -> Self:
        """Two caps could differ, and providers disagree on which one counts."""
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            message = "send either max_tokens or max_completion_tokens, not both"
            raise PydanticCustomError("two_caps", message, {"field": "max_tokens"})
        return self

    @model_validator(mode="after")
    def chosen_tool_is_there(self) -> Self:
        """A function that has to be called has to be among the tools, as at OpenAI."""
        chosen = self.tool_choice.function if isinstance(self.tool_choice, NamedTool) else None
        if any(isinstance(tool, McpTool) for tool in self.tools or ()):
            return self  # it may be one of the server's
        if chosen and self.tools and chosen.name not in [tool.function.name for tool in self.tools if tool.function]:
            raise PydanticCustomError(
                "no_tool", "there is no function of that name among the tools", {"field": "tool_choice"}
            )
        return self

    @model_validator(mode="after")
    def results_answer_calls(self) -> Self:
        """A tool's result has to answer a call that came before it, as at every provider that checks."""
        called: set[str] = set()
        for index, message in enumerate(self.messages):
            if isinstance(message, AssistantMessage):
                called.update(call.id for call in message.tool_calls or ())
            elif isinstance(message, ToolMessage) and message.tool_call_id not in called:
                field = f"messages[{index}].tool_call_id"
                raise PydanticCustomError("no_call", "answers no call of an earlier message", {"field": field})
        return self

    @property
    def output_cap(self) -> int | None:
        """The most tokens the answer may have, by whichever name it was sent."""
        return self.max_completion_tokens or self.max_tokens


class LegacyCompletionRequest(SamplingRequest):
    """The body of POST /completions with a `prompt`. Providers no longer serve it: it is asked as one user message."""

    prompt: Texts
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
