"""What a tool is, and how one is run, whoever asks for it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.context import current
from gateway.errors import GatewayError, InternalError
from gateway.http import unexpected

Json = dict[str, Any]

FAILED = "The tool failed. The gateway's log names the cause under this request's id."
SERVER_LABEL = "catalogue"
"""By which completions name these tools, as they name MCP servers."""
READ_ONLY = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}
"""What a tool that only looks things up here tells of itself, in MCP's words."""


@dataclass(frozen=True)
class Tool:
    """A tool.

    Attributes:
        name: by which it is called.
        title: for people.
        description: for models: when to use it, and how.
        input_schema, output_schema: JSON Schemas (2020-12) of an object, without references.
        answer: takes the arguments and gives the structured content; raises a GatewayError whose message a model can act on.
    """

    name: str
    title: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    answer: Callable[[Json], Json]

    def definition(self) -> Json:
        """The tool as MCP's `tools/list` tells it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.input_schema,
            "outputSchema": self.output_schema,
            "annotations": {"title": self.title, **READ_ONLY},
        }

    def run(self, arguments: Json, clock: Callable[[], float] = time.monotonic) -> Json:
        """Run it, and put it on the request's record, whatever comes of it.

        Args:
            arguments: as the caller gave them; they are checked here.
            clock: measures, in seconds.
        Returns:
            The structured content.
        Raises:
            GatewayError: it failed; anything that was not foreseen is an InternalError, and its place is in the log.
        """
        started, outcome = clock(), InternalError.code
        try:
            content = self.answer(arguments)
            outcome = "ok"
            return content
        except GatewayError as error:
            outcome = error.outcome
            raise
        except Exception as error:  # noqa: BLE001 - a tool's fault must not end a request that is partly paid for
            raise unexpected(error, FAILED, "tool failed", tool=self.name) from None
        finally:
            told = {"tool": self.name, "outcome": outcome, "ms": round((clock() - started) * 1000)}
            current().tools.append(told)
