"""A model "m" with several deployments, each behind a provider of its own that can be scripted apart from the others."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from gateway import dynamodb
from tests.conftest import ENVIRONMENT, LambdaContext
from tests.integration.harness import PROVIDER_KEY, Answer, Gateway, Json, attempts_of
from tests.upstream import Reply, Upstream
from tests.upstream.openai_api.chat import completion

NAMES = ("first", "second", "third")
PRICE = {"input": "1", "output": "1"}
SAID = "Whole, and said once."
SOUND = {"attempt failed", "cost unknown", "circuit opened", "circuit closed", "circuit stays open", "request"}
"""What the log may tell of while all tables answer."""


def deployment(provider: str, **fields: Any) -> Json:
    """One that can chat, and is called like its provider."""
    return {"provider": provider, "model": "x", "price": PRICE, "capabilities": ["chat"]} | fields


def says(content: str) -> Reply:
    """An answer of these words."""
    return Reply.json(completion({"model": "x", "messages": [{"role": "user", "content": "Hi"}]}, content=content))


def said_by(answer: Answer) -> str:
    """The words that a client reads out of an answer, stream or not: one choice, and one end of it."""
    if answer.headers["content-type"] == "application/json":
        (choice,) = answer.json["choices"]
        return str(choice["message"]["content"])
    choices = [choice for event in answer.events for choice in event["choices"]]
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def attempts(answer: Answer, row: Json) -> list[tuple[str, str]]:
    """The calls that were made for an answer, as its header and its row agree: which provider, and what came of it."""
    told = attempts_of(answer)
    assert [(attempt["deployment"], attempt["outcome"]) for attempt in row["attempts"]] == told
    assert all(name.endswith("/x") for name, _ in told)
    return [(name.removesuffix("/x"), outcome) for name, outcome in told]


@dataclass
class Fleet:
    """The providers "first", "second" and "third", all of them configured and healthy unless a test says otherwise.

    Attributes:
        servers: by provider.
        put: writes the operator's own models.
    """

    gateway: Gateway
    servers: dict[str, Upstream]
    put: Callable[[Any], None]
    addresses: dict[str, str] = field(default_factory=dict)
    _opened: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Fleet":
        for name, server in self.servers.items():
            server.clear()
            server.default = says(SAID)
            self.addresses[name] = server.url
        self._configure()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()
        for server in self.servers.values():
            server.clear()

    def serve(
        self, *deployments: Json, models: Json | None = None, providers: Json | None = None, **fields: Any
    ) -> None:
        """Let "m" have these deployments; and let there be other models, and providers."""
        usual = {
            name: {
                "adapter": "openai_compatible",
                "api_key": f"{name.upper()}_KEY",
                "base_url_override": f"{name.upper()}_URL",
            }
            for name in NAMES
        }
        served = {"m": {"deployments": list(deployments), **fields}}
        self.put({"providers": usual | (providers or {}), "models": served | (models or {})})

    def serve_two(self) -> tuple[Upstream, Upstream]:
        """Let "m" have "first", and "second" after it; their servers."""
        self.serve(deployment("first"), deployment("second", priority=1))
        return self.servers["first"], self.servers["second"]

    def lose(self, name: str) -> None:
        """Take a provider's credentials away."""
        del self.addresses[name]
        self._configure()

    def stop(self, name: str) -> Upstream:
        """Let nobody listen where a provider was, until the server that is returned is started."""
        server = self._opened.enter_context(Upstream(PROVIDER_KEY))
        server.stop()
        server.default = says(SAID)
        self.servers = self.servers | {name: server}
        self.addresses[name] = server.url
        self._configure()
        return server

    def ask(self, context: LambdaContext | None = None, **body: Any) -> Answer:
        """A chat, of which nothing but the deployments' faults may be told in the log."""
        answer = self.gateway.chat(context, **{"model": "m"} | body)
        assert {line["message"] for line in answer.logs} <= SOUND
        return answer

    def attempts(self, answer: Answer) -> list[tuple[str, str]]:
        """The calls that were made for an answer: which provider, and what came of it."""
        (row,) = [row for row in self.gateway.rows() if row["request_id"] == answer.headers["x-request-id"]]
        return attempts(answer, row)

    def asked(self) -> dict[str, int]:
        """How often each provider really was asked."""
        return {name: len(server.requests) for name, server in self.servers.items() if server.requests}

    def know(self, name: str, **values: Any) -> None:
        """Write what the fleet knows of a deployment, as its instances do."""
        item = {"id": f"deployment#{name}/x"} | {key: _exact(value) for key, value in values.items()}
        self.gateway.db.put_item(TableName=ENVIRONMENT["STATE_TABLE"], Item=dynamodb.to_item(item))

    def known(self, name: str) -> Json:
        """What the fleet knows of a deployment."""
        return dynamodb.get(ENVIRONMENT["STATE_TABLE"], {"id": f"deployment#{name}/x"}) or {}

    def _configure(self) -> None:
        secret = {f"{name.upper()}_URL": f"{url}/v1" for name, url in self.addresses.items()}
        self.gateway.set_secret(**secret, **{f"{name.upper()}_KEY": PROVIDER_KEY for name in self.addresses})


def _exact(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value
