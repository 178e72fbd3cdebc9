"""What a completion asks of the catalogue's tools, checked, and the request as models are asked it: with plain functions."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from gateway import keys
from gateway.body import validate
from gateway.context import current
from gateway.errors import GatewayError, InsufficientScope, InvalidRequest
from gateway.keys import ApiKey
from gateway.products.parts import SCOPE
from gateway.schemas import ChatCompletionRequest, McpTool, NamedTool, ToolFilter
from gateway.tools.definitions import READ_ONLY, SERVER_LABEL, Tool
from gateway.tools.transcript import Approved, expanded, refusal, tells_of_tools

Json = dict[str, Any]

FORCED = {"type": "function"}
MESSAGE = re.compile(r"messages\[(\d{1,6})\]")


@dataclass(frozen=True)
class Offer:
    """The tools that the gateway runs for a request.

    Attributes:
        tools: by name, in the order in which the model is told them.
        free: names of those that are run without asking the user.
        own: names of the client's functions, which the client runs.
    """

    tools: Mapping[str, Tool]
    free: Set[str]
    own: Set[str]


@dataclass(frozen=True)
class Asked:
    """A request as models are asked it.

    Attributes:
        offer: the tools that the gateway runs for it; None if it asks for none.
        approved: calls of an earlier answer that the user has approved, and that are still to be run.
        places: of the messages, among those that the client sent, if it sent others.
    """

    request: ChatCompletionRequest
    offer: Offer | None = None
    approved: Sequence[Approved] = ()
    places: Sequence[int] = ()

    def as_sent(self, error: GatewayError) -> GatewayError:
        """The error, which names the messages that the client sent instead of those that the model was."""
        if self.places:
            error.message = MESSAGE.sub(self._as_sent, error.message)
            error.param = error.param and MESSAGE.sub(self._as_sent, error.param)
        return error

    def _as_sent(self, found: re.Match[str]) -> str:
        index = int(found[1])
        return f"messages[{self.places[index]}]" if index < len(self.places) else "messages"


def asked(request: ChatCompletionRequest, key: ApiKey) -> Asked:
    """Read what a request asks of tools; most ask nothing, and stay as they are.

    Raises:
        InvalidRequest: it cannot be asked so; `param` names the field.
        InsufficientScope: the key may not see products.
    """
    entries = [(index, tool) for index, tool in enumerate(request.tools or ()) if isinstance(tool, McpTool)]
    choice = request.tool_choice if isinstance(request.tool_choice, NamedTool) else None
    has_choice = choice is not None and choice.type == "mcp"
    if not (entries or has_choice or tells_of_tools(request)):
        return Asked(request)
    messages, places, approved = expanded(request.wire()["messages"])
    changed = request.wire() | {"messages": messages}
    offer = _offer(request, entries, key) if entries else None
    if offer:
        changed["tools"] = _functions(changed["tools"], offer) or None
        if not changed["tools"] and changed.get("tool_choice") in ("auto", "none"):
            del changed["tool_choice"]  # which providers refuse where there is nothing to choose from
    elif approved:
        param = f"messages[{approved[0].place}].mcp_approval_response"
        raise InvalidRequest(f"{param}: there is no tool of type 'mcp' that could be run.", param=param)
    if has_choice:
        changed["tool_choice"] = _choice(changed["tool_choice"], offer)
    return Asked(validate(changed, ChatCompletionRequest), offer, approved, places)


def _offer(request: ChatCompletionRequest, entries: Sequence[tuple[int, McpTool]], key: ApiKey) -> Offer:
    (index, entry), *more = entries
    _check(entry, f"tools[{index}]")
    for other, _ in more:
        raise refusal(f"tools[{other}].server_label", f"'{SERVER_LABEL}' is there already, in tools[{index}]")
    if (request.n or 1) > 1:
        raise refusal("n", "must be 1 beside tools that the gateway runs")
    if request.functions:
        raise refusal("functions", "must be tools of type 'function' beside tools that the gateway runs")
    _demand_scope(key, f"tools[{index}]")
    from gateway.tools.catalogue import TOOLS  # here, since requests without tools need neither it nor the index

    allowed = _selected(entry.allowed_tools, TOOLS, f"tools[{index}].allowed_tools", if_unsaid=set(TOOLS))
    tools = {name: tool for name, tool in TOOLS.items() if name in allowed}
    return Offer(tools, _free(entry, TOOLS, f"tools[{index}].require_approval"), _own(request, tools))


def _check(entry: McpTool, place: str) -> None:
    if entry.server_label != SERVER_LABEL:
        raise refusal(f"{place}.server_label", f"must be '{SERVER_LABEL}'; the gateway runs only its own tools")
    for name, value in (entry.model_extra or {}).items():
        if value is not None:
            raise refusal(f"{place}.{name[:100]}", "the gateway knows no such field of its tools")


def _demand_scope(key: ApiKey, place: str) -> None:
    if SCOPE in key.scopes:
        return
    try:
        keys.again(key, SCOPE, current().deadline.now())  # what is known of it may be old
    except InsufficientScope as error:
        raise InsufficientScope(f"{place}: {error.message}", param=place) from None


def _selected(
    wanted: list[str] | ToolFilter | None, tools: Mapping[str, Tool], place: str, *, if_unsaid: set[str]
) -> set[str]:
    """Names of the tools that fit a list or a filter."""
    names = wanted.tool_names if isinstance(wanted, ToolFilter) else wanted
    where = f"{place}.tool_names" if isinstance(wanted, ToolFilter) else place
    reads = wanted.read_only if isinstance(wanted, ToolFilter) else None
    if names is None and reads is None:
        return if_unsaid
    for name in names or ():
        if name not in tools:
            raise refusal(where, f"there is no tool '{name[:100]}'; there are {', '.join(tools)}")
    return {name for name in tools if (names is None or name in names) and reads in (None, READ_ONLY["readOnlyHint"])}


def _free(entry: McpTool, tools: Mapping[str, Tool], place: str) -> set[str]:
    """Names of the tools that are run without asking the user: none, as at OpenAI, unless the request says so."""
    wanted = entry.require_approval
    if wanted is None or isinstance(wanted, str):
        return set(tools) if wanted == "never" else set()
    never = _selected(wanted.never, tools, f"{place}.never", if_unsaid=set())
    return never - _selected(wanted.always, tools, f"{place}.always", if_unsaid=set())


def _own(request: ChatCompletionRequest, tools: Mapping[str, Tool]) -> set[str]:
    """Names of the client's functions, which nothing else may be called."""
    named = [
        (f"tools[{i}].function.name", tool.function.name) for i, tool in enumerate(request.tools or ()) if tool.function
    ]
    for place, name in named:
        if name in tools:
            raise refusal(
                place,
                f"'{name}' is also a tool of '{SERVER_LABEL}'; call it something else, or leave that out of allowed_tools",
            )
    return {name for _, name in named}


def _functions(sent: Sequence[Json], offer: Offer) -> list[Json]:
    """The request's tools, with functions in the place of the entry that stands for them."""
    functions = [
        {"name": tool.name, "description": tool.description, "parameters": dict(tool.input_schema)}
        for tool in offer.tools.values()
    ]
    written = [{"type": "function", "function": function} for function in functions]
    return [one for tool in sent for one in (written if tool["type"] == "mcp" else [tool])]


def _choice(choice: Json, offer: Offer | None) -> Any:
    """`{"type": "mcp", "server_label", "name"}` in words that all models know."""
    name = choice.get("name")
    if not offer or choice.get("server_label") != SERVER_LABEL:
        raise refusal("tool_choice.server_label", "must name the server of a tool of type 'mcp'")
    if name is None:
        return "required"
    if not isinstance(name, str) or name not in offer.tools:
        raise refusal("tool_choice.name", f"must be one of {', '.join(offer.tools)}")
    return FORCED | {"function": {"name": name}}
