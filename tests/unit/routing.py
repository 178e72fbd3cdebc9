"""What tests of the router are made of: deployments of two adapters that do as a script says, on a clock of their own."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from gateway import pricing
from gateway.attempts import Route
from gateway.candidates import Planner
from gateway.deadline import Deadline
from gateway.errors import GatewayError, Inexpressible
from gateway.health import Health
from gateway.keys import ApiKey
from gateway.providers.base import Answer
from gateway.questions import Chat
from gateway.registry import Deployment, Endpoint, Model, Provider, Registry
from gateway.router import Router
from gateway.schemas import ChatCompletionRequest
from gateway.state import State
from gateway.strategies import Turns
from gateway.usage import Usage
from simulate.table import Table
from tests.unit.builders import request

OPEN = Provider("open", "passing", "https://open.example", "OPEN_KEY")
CLOSED = Provider("closed", "strict", keyless=True)
SECRETS = {"OPEN_KEY": "k"}
NOW = 1_790_000_000.0
USAGE = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
PRICE = pricing.parse("price", {"input": "1", "output": "2.5"})


class Clock:
    """A clock that goes on when somebody waits or works."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Script:
    """Two adapters that answer, or fail, by the name of the deployment's model, and remember what they were asked.

    Attributes:
        outcomes: what calls of a model end in: an error for all of them, or one a call (None: an answer).
        takes: seconds that every call takes; of a model alone in `slow`.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.table = Table()
        self.health = Health(State("state", lambda: cast(Any, self.table)))
        self.outcomes: dict[str, Any] = {}
        self.takes = 0.25
        self.slow: dict[str, float] = {}
        self.asked: list[tuple[str, ChatCompletionRequest, Endpoint]] = []
        self.deadlines: list[float] = []
        self.loaded: list[str] = []

    @property
    def called(self) -> list[str]:
        """Whom, in order."""
        return [model for model, _, _ in self.asked]

    def adapter(self, name: str) -> Any:
        script = self
        script.loaded.append(name)

        class Adapter:
            VOCABULARY = None if name == "passing" else {"messages": None, "messages.*": None, "seed": None}

            def complete(self, asked: ChatCompletionRequest, to: Deployment, at: Endpoint, by: Deadline) -> Answer:
                script.asked.append((to.model, asked, at))
                script.deadlines.append(by.at - script.clock.now)
                script.clock.now += script.slow.get(to.model, script.takes)
                outcome = script.outcomes.get(to.model)
                error = outcome.pop(0) if isinstance(outcome, list) and outcome else outcome
                if isinstance(error, BaseException):
                    if isinstance(error, GatewayError) and not isinstance(error, Inexpressible):
                        error.from_provider = True
                    raise error
                return Answer({"choices": []}, USAGE, to.model)

        return Adapter()

    def go(
        self,
        deployments: Sequence[Deployment],
        taken: Route | None = None,
        secrets: dict[str, str] = SECRETS,
        seconds: float = 100.0,
        chance: Callable[[], float] = lambda: 0.5,
        models: dict[str, Model] | None = None,
        strategy: str = "priority",
        key: ApiKey = ApiKey("k", frozenset()),  # noqa: B008 - frozen
        **fields: Any,
    ) -> Answer:
        """Route a chat to the model `m` of these deployments."""
        asked = Chat(request(**{"model": "m"} | fields))
        known = registry(Model(asked.model, tuple(deployments), strategy), models)
        planner = Planner(known, asked, key, None, secrets, self.health, Turns(chance), self.clock.now)
        deadline = Deadline(self.clock.now + seconds, self.clock)
        names = [deployment.name for deployment in deployments]
        self.health.refresh(names, self.clock.now)
        router = Router(
            asked, self.health, deadline, planner.plans, taken or Route(), self.clock, self.clock.sleep, chance
        )
        return router.route(asked.model)


def registry(model: Model, models: dict[str, Model] | None = None) -> Registry:
    """A registry of this model, and others."""
    found = Registry({"updated": "2026-01-01", "providers": {}, "models": {}})
    found.models |= {model.id: model, **(models or {})}
    return found


def deployments(*names: str, provider: Provider = OPEN, **fields: Any) -> list[Deployment]:
    return [Deployment(provider, name, **fields) for name in names]


def outcomes(taken: Route) -> list[tuple[str, str]]:
    return [(attempt.deployment.model, attempt.outcome) for attempt in taken.attempts]
