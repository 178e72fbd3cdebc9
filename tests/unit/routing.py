"""What tests of the router are made of: deployments of two adapters that do as a script says."""

from collections.abc import Callable
from typing import Any

from gateway import pricing, router
from gateway.deadline import Deadline
from gateway.errors import GatewayError, Inexpressible
from gateway.providers.base import Answer
from gateway.questions import Chat
from gateway.registry import Deployment, Endpoint, Provider
from gateway.router import Route
from gateway.schemas import ChatCompletionRequest
from gateway.usage import Usage
from tests.unit.builders import request

OPEN = Provider("open", "passing", "https://open.example", "OPEN_KEY")
CLOSED = Provider("closed", "strict", keyless=True)
SECRETS = {"OPEN_KEY": "k"}
DEADLINE = Deadline(200.0, clock=lambda: 100.0)
USAGE = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
PRICE = pricing.parse("price", {"input": "1", "output": "2.5"})


class Script:
    """Two adapters that answer, or fail, by the name of the deployment's model, and remember what they were asked."""

    def __init__(self) -> None:
        self.outcomes: dict[str, BaseException] = {}
        self.asked: list[tuple[str, ChatCompletionRequest, Endpoint]] = []
        self.deadlines: list[float] = []
        self.loaded: list[str] = []

    def adapter(self, name: str) -> Any:
        script = self
        script.loaded.append(name)

        class Adapter:
            VOCABULARY = None if name == "passing" else {"messages": None, "messages.*": None, "seed": None}

            def complete(self, asked: ChatCompletionRequest, to: Deployment, at: Endpoint, by: Deadline) -> Answer:
                script.asked.append((to.model, asked, at))
                script.deadlines.append(by.at)
                if error := script.outcomes.get(to.model):
                    if isinstance(error, GatewayError) and not isinstance(error, Inexpressible):
                        error.from_provider = True
                    raise error
                return Answer({"choices": []}, USAGE, to.model)

        return Adapter()


def deployments(*names: str, provider: Provider = OPEN, **fields: Any) -> list[Deployment]:
    return [Deployment(provider, name, **fields) for name in names]


def ticking() -> Callable[[], float]:
    """A clock that goes on by a quarter of a second whenever it is looked at."""
    times = iter(range(1000))
    return lambda: next(times) / 4


def go(
    candidates: list[Deployment],
    taken: Route | None = None,
    secrets: dict[str, str] = SECRETS,
    deadline: Deadline = DEADLINE,
    **fields: Any,
) -> Answer:
    asked = Chat(request(model="m", **fields))
    return router.route(asked, candidates, secrets, deadline, taken or Route(), ticking())


def outcomes(taken: Route) -> list[tuple[str, str]]:
    return [(attempt.deployment.model, attempt.outcome) for attempt in taken.attempts]
