"""A completion that runs tools: the model is asked, its calls are run, it is told what came of them, and so on until it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.body import validate
from gateway.providers.base import Answer
from gateway.schemas import ChatCompletionRequest
from gateway.tools.definitions import SERVER_LABEL
from gateway.tools.requested import Asked, Offer
from gateway.tools.running import Runner
from gateway.tools.transcript import Called, spoken
from gateway.usage import Usage

Json = dict[str, Any]
Ask = Callable[[ChatCompletionRequest, bool], Answer]
"""Asks the model; the flag says that it is for the last time, so that it has to answer."""

NO_ROUNDS = "Not run: the model may not be asked again in this request."
WITHHELD = "Not run: the provider withheld the answer, or the rest of it."


@dataclass(frozen=True)
class _Said:
    """One answer of the model.

    Attributes:
        ours: calls that are not the client's: of the gateway's tools, or of none that there is.
        theirs: calls that go to the client: its own, and those that the user has to approve.
        pending: of these, those that the user has to approve.
    """

    message: Json
    finish: str
    ours: list[Called]
    theirs: list[Json]
    pending: list[Json]


@dataclass
class Loop:
    """One request's rounds.

    Args:
        rounds: how often the model is asked at most.
        ask: asks it.
    """

    asked: Asked
    offer: Offer
    runner: Runner
    rounds: int
    ask: Ask
    _usages: list[Usage] = field(default_factory=list)

    def run(self) -> Answer:
        """The model's last answer, with all calls that were run for it, and the usage of all rounds.

        Raises:
            GatewayError: as asking does; or UpstreamTimeout: there is no time left for a tool.
        """
        messages, number = self._begin(), 0
        while True:
            number += 1
            is_last = number >= self.rounds or (self.runner.is_spent and not self.offer.own)
            answer = self.ask(self._request(messages, number), is_last)
            self._usages.append(answer.usage)
            said = self._said(answer, number, messages)
            why_not = WITHHELD if said.finish == "content_filter" else NO_ROUNDS if is_last else None
            if said.theirs or why_not or not said.ours:
                for call in said.ours:
                    self.runner.answer(call, unless=why_not)
                return self._final(answer, said)
            beside = spoken(said.message)
            results = [self.runner.answer(call, None if place else beside) for place, call in enumerate(said.ours)]
            calls = [call.fed_back() for call in said.ours]
            messages += [{"role": "assistant"} | beside | {"tool_calls": calls}, *results]

    def _begin(self) -> list[Json]:
        """The conversation, once the calls have been run that the user has approved."""
        messages: list[Json] = list(self.asked.request.wire()["messages"])
        for approved in self.asked.approved:
            messages[approved.at] = self.runner.answer(approved.call)
        return messages

    def _request(self, messages: Sequence[Json], number: int) -> ChatCompletionRequest:
        """The question of a round. A call that was forced has been made in the first one."""
        wire = self.asked.request.wire() | {"messages": list(messages)}
        if number > 1 and (choice := _unforced(wire.pop("tool_choice", None))):
            wire["tool_choice"] = choice
        return validate(wire, ChatCompletionRequest)

    def _said(self, answer: Answer, number: int, messages: Sequence[Json]) -> _Said:
        choice = answer.body["choices"][0]
        message = choice["message"]
        said = _Said(message, choice["finish_reason"], [], [], [])
        for place, call in enumerate(_told_apart(message.get("tool_calls") or (), messages)):
            name = (call.get("function") or {}).get("name")
            if name is None or name in self.offer.own:
                said.theirs.append(call)
            elif name in self.offer.tools and name not in self.offer.free:
                said.theirs.append(call)
                said.pending.append(call)
            else:
                said.ours.append(Called.of(call, number, place))
        return said

    def _final(self, answer: Answer, said: _Said) -> Answer:
        """The answer as the client gets it: no call of the gateway's tools looks like one of the client's functions."""
        message = {name: value for name, value in said.message.items() if name != "tool_calls"}
        finish = said.finish
        if said.theirs:
            message["tool_calls"] = said.theirs
            finish = finish if finish in ("length", "content_filter") else "tool_calls"
        elif said.ours:
            message["content"] = message.get("content") or ("" if not message.get("refusal") else None)
            finish = finish if finish == "content_filter" else "length"
        if self.runner.told:
            message["mcp_calls"] = self.runner.told
        if said.pending:
            message["mcp_approval_requests"] = [_approval_request(call) for call in said.pending]
        choice = answer.body["choices"][0] | {"message": message, "finish_reason": finish}
        usage = answer.body.get("usage") if len(self._usages) == 1 else _together(self._usages)
        return replace(answer, body=answer.body | {"choices": [choice], "usage": usage})


def _unforced(choice: Any) -> Any:
    """The choice for the rounds after the first one, if any is left: what the model may choose from stays the same."""
    if not isinstance(choice, dict):
        return None if choice == "required" else choice
    allowed = choice.get("allowed_tools")
    return choice | {"allowed_tools": allowed | {"mode": "auto"}} if isinstance(allowed, dict) else None


def _told_apart(calls: Sequence[Json], messages: Sequence[Json]) -> list[Json]:
    """The calls, with ids that no other call of the conversation has: there are providers that count anew in each answer.

    They stay short, however long the conversation: OpenAI takes up to 40 characters.
    """
    seen = {call["id"] for message in messages for call in message.get("tool_calls") or ()}
    found = list[Json]()
    for call in calls:
        identity, count = call["id"], len(seen)
        while identity in seen:
            identity, count = f"{call['id'][:30]}_{count}", count + 1
        seen.add(identity)
        found.append(call | {"id": identity})
    return found


def _approval_request(call: Json) -> Json:
    told = {name: call["function"][name] for name in ("name", "arguments")}
    return {"type": "mcp_approval_request", "id": call["id"], "server_label": SERVER_LABEL} | told


def _together(usages: Sequence[Usage]) -> Json | None:
    """The usage of all rounds; None if one's is not known."""
    if any(usage.to_openai() is None for usage in usages):
        return None
    return sum(usages[1:], usages[0]).to_openai()
