"""Running the calls that a model makes, within one request's bounds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.deadline import Deadline
from gateway.errors import GatewayError, UpstreamTimeout
from gateway.http import to_json
from gateway.tools.definitions import Tool
from gateway.tools.transcript import Called, arguments_of

Json = dict[str, Any]

MAX_OUTPUT = 64_000
"""Characters of one tool's answer that the model gets."""
MAX_OUTPUTS = 640_000
"""Of all together: the client gets them, too, and an answer has its limits."""
MAX_ERROR = 2000


@dataclass
class Runner:
    """What was run for a request, and what may still be.

    Args:
        tools: by name: those that the request allows. Nothing that a model or a product says adds to them.
        most: how many calls are run.
        deadline: of the whole request.
    Attributes:
        told: all calls that were not the client's, as the answer tells them.
    """

    tools: Mapping[str, Tool]
    most: int
    deadline: Deadline
    told: list[Json] = field(default_factory=list)
    _ran: int = 0
    _characters: int = MAX_OUTPUTS

    @property
    def is_spent(self) -> bool:
        """Whether nothing more is run."""
        return self._ran >= self.most

    def answer(self, call: Called, message: Json | None = None, *, unless: str | None = None) -> Json:
        """Run a call, or say why not, and tell of it.

        Args:
            message: what the model said beside the calls of the round, if this is the first one.
            unless: why it is not run in any case.
        Returns:
            The message that tells the model what came of it.
        Raises:
            UpstreamTimeout: there is no time left.
        """
        output, error = (None, unless) if unless else self._run(call)
        self.told.append(call.item(output, error, message))
        return call.result(output if output is not None else error or "")

    def _run(self, call: Called) -> tuple[str | None, str | None]:
        """What the tool answers, or the words of the error."""
        tool, arguments = self.tools.get(call.name), arguments_of(call.arguments)
        if tool is None:
            there_are = f"there are {', '.join(self.tools)}" if self.tools else "there are none"
            return None, f"There is no tool '{call.name[:100]}' that may be called; {there_are}."
        if self.is_spent:
            return None, f"Not run: at most {self.most} calls are run in a request. Answer by what you know."
        if arguments is None:
            return None, f"Not run: the arguments are not a JSON object, but: {call.arguments[:200]}"
        if self.deadline.at <= self.deadline.now():
            raise UpstreamTimeout("The request's deadline passed before all tools had been run.")
        self._ran += 1
        try:
            return self._bounded(to_json(tool.run(arguments))), None
        except GatewayError as error:
            return None, error.message[:MAX_ERROR]

    def _bounded(self, text: str) -> str:
        most = min(MAX_OUTPUT, self._characters)
        if len(text) <= most:
            self._characters -= len(text)
            return text
        note = (
            f"\n[Cut off here: the tool's answer has {len(text):,} characters, and {{left:,}} were left out."
            " Ask for less: with a smaller limit, more filters, or one product at a time.]"
        )
        kept = max(0, most - len(note) - 20)
        self._characters -= kept
        return text[:kept] + note.format(left=len(text) - kept)
