"""What answers tell of the tools that were run, and the conversation that it stands for when it comes back.

A client sees one message where the model said several: each round of calls, their results, and at last the answer. The message
carries the rounds as `mcp_calls`; sent back, it is taken apart again, so that the model sees everything once, in order.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import InvalidRequest
from gateway.providers.reading import parsed
from gateway.providers.vocabulary import ECHOES
from gateway.schemas import ChatCompletionRequest
from gateway.tools.definitions import SERVER_LABEL

Json = dict[str, Any]

FIELDS = ("mcp_calls", "mcp_approval_requests", "mcp_approval_response")
SPOKEN = {"content", "refusal"} | {path.removeprefix("messages.") for path in ECHOES if path.count(".") == 1}
"""What goes back of a round's message beside its calls. Nothing else does: another provider may have to go on, and would refuse it."""
BESIDE_CALLS = ("extra_content", "provider_specific_fields")
"""What goes back beside a call."""
NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
DENIED = "The user did not approve this call."


@dataclass(frozen=True)
class Called:
    """A call that the model made.

    Attributes:
        arguments: as the model wrote them.
        round: in which of its answers, from 1; 0 if the user has approved it since.
        place: among the calls of that answer.
        besides: what its provider wants back beside it.
    """

    id: str
    name: str
    arguments: str
    round: int = 0
    place: int = 0
    besides: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, call: Json, number: int, place: int) -> "Called":
        """A call out of an answer's message."""
        function = call["function"]
        return cls(call["id"], function["name"], function["arguments"], number, place, _besides(call))

    def item(self, output: str | None, error: str | None, message: Json | None) -> Json:
        """As the answer tells it; without an `index`, by which clients of streams would join calls of several rounds.

        Args:
            message: what the model said beside the calls of the round, if this is its first one and ends nothing.
        """
        told = {
            "id": self.id,
            "round": self.round,
            "place": self.place,
            "server_label": SERVER_LABEL,
            "name": self.name,
        }
        besides = {"message": message, "call": dict(self.besides) or None}
        return (
            {"type": "mcp_call"}
            | told
            | {"arguments": self.arguments, "output": output, "error": error}
            | {name: value for name, value in besides.items() if value is not None}
        )

    def fed_back(self) -> Json:
        """As the model is shown it again: providers refuse names and arguments that nobody could have called anything by."""
        name = NOT_IN_NAMES.sub("_", self.name)[:64]
        text = self.arguments if arguments_of(self.arguments) is not None else "{}"
        return {**self.besides, "id": self.id, "type": "function", "function": {"name": name, "arguments": text}}

    def result(self, text: str) -> Json:
        """The message that tells the model what came of it."""
        return {"role": "tool", "tool_call_id": self.id, "content": text}


@dataclass(frozen=True)
class Approved:
    """A call that the user has approved.

    Attributes:
        place: of the approval among the client's messages; at: of the call's result among those for the model.
    """

    call: Called
    place: int
    at: int


def arguments_of(text: str) -> Json | None:
    """A call's arguments; None if they are no JSON object."""
    try:
        found = parsed(text or "{}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def spoken(message: Json) -> Json:
    """What the model said beside its calls, without nulls, which many providers refuse."""
    said = {name: value for name, value in message.items() if name in SPOKEN and value not in (None, [], {})}
    return {"content": message.get("content")} | said


def tells_of_tools(request: ChatCompletionRequest) -> bool:
    """Whether anything in the messages is of the gateway's own making."""
    return any(name in message for message in request.wire()["messages"] for name in FIELDS)


def expanded(messages: Sequence[Json]) -> tuple[list[Json], list[int], list[Approved]]:
    """The conversation as the model had it, the place of each of its messages among the client's, and the calls that the user has
    approved and that are still to be run.

    Raises:
        InvalidRequest: what the messages tell of calls cannot have been; `param` names the field.
    """
    found, places, asked, waiting = list[Json](), list[int](), dict[str, Json](), dict[str, Approved]()
    for place, message in enumerate(messages):
        plain = {name: value for name, value in message.items() if name not in FIELDS}
        response = message.get("mcp_approval_response")
        if message["role"] == "assistant":
            _fill_in(found, waiting, message.get("mcp_calls") or (), f"messages[{place}].mcp_calls")
            found += _rounds(plain, message.get("mcp_calls") or (), f"messages[{place}].mcp_calls")
            asked |= {one["id"]: one for one in message.get("mcp_approval_requests") or ()}
        elif message["role"] == "tool" and response:
            request = asked.pop(message["tool_call_id"], None)
            if request is None:
                told = "answers no mcp_approval_request of an earlier message, or one that was answered before"
                raise refusal(f"messages[{place}].mcp_approval_response", told)
            call = Called(request["id"], request["name"], request["arguments"])
            found.append(plain | {"content": _denial(response)})
            if response["approve"]:
                waiting[call.id] = Approved(call, place, len(found) - 1)
        else:
            found.append(plain)
        places += [place] * (len(found) - len(places))
    return found, places, list(waiting.values())


def _denial(response: Json) -> str:
    return f"{DENIED} {response['reason']}" if response.get("reason") else DENIED


def _fill_in(found: list[Json], waiting: dict[str, Approved], calls: Sequence[Json], place: str) -> None:
    """The results of calls that were approved are told by the answer to the approval."""
    for index, item in enumerate(calls):
        if item["server_label"] != SERVER_LABEL:
            raise refusal(f"{place}[{index}].server_label", f"must be '{SERVER_LABEL}'")
        if item["round"] == 0:
            approved = waiting.pop(item["id"], None)
            if approved is None:
                raise refusal(f"{place}[{index}].id", "is of no call that was approved before")
            found[approved.at] |= {"content": _text(item)}


def _rounds(message: Json, calls: Sequence[Json], place: str) -> Iterator[Json]:
    """The messages that one message of an answer stands for."""
    numbers = [item["round"] for item in calls]
    if numbers != sorted(numbers):
        raise refusal(place, "must be in the order of their rounds")
    rounds = [
        list(group) for number, group in itertools.groupby(enumerate(calls), lambda one: one[1]["round"]) if number
    ]
    for group in rounds:
        items = [item for _, item in group]
        said = items[0].get("message")
        if said is None and group is not rounds[-1]:
            raise refusal(f"{place}[{group[0][0]}].message", "this field is required")
        made = [_called(item) for item in items]
        if said is None:
            yield message | {"tool_calls": _together(message.get("tool_calls") or [], made)}
        else:
            yield {"role": "assistant"} | spoken(said) | {"tool_calls": [call.fed_back() for call in made]}
        yield from (call.result(_text(item)) for call, item in zip(made, items, strict=True))
    if not rounds or rounds[-1][0][1].get("message") is not None:
        yield message if not calls or message.get("content") is not None else {"content": ""} | _said(message)


def _said(message: Json) -> Json:
    return {name: value for name, value in message.items() if value is not None}


def _called(item: Json) -> Called:
    besides = _besides(item.get("call") or {})
    return Called(item["id"], item["name"], item["arguments"], item["round"], item["place"], besides)


def _besides(call: Json) -> Json:
    return {name: value for name, value in call.items() if name in BESIDE_CALLS}


def _together(theirs: Sequence[Json], ours: Sequence[Called]) -> list[Json]:
    """All calls of a round, each at its place."""
    calls = list(theirs)
    for call in sorted(ours, key=lambda one: one.place):
        calls.insert(call.place, call.fed_back())
    return calls


def _text(item: Json) -> str:
    text: str = item["output"] if item.get("output") is not None else item["error"]
    return text


def refusal(param: str, reason: str) -> InvalidRequest:
    """What is wrong with a field."""
    return InvalidRequest(f"{param}: {reason}.", param=param)
