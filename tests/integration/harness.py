"""The gateway as API Gateway sees it: handlers from functions/, driven by events, on moto's tables and secret.

Every call checks what holds for every answer, whatever a test is about: the envelope, the id, CORS, one log line, and
no secret in the log.
"""

import importlib.util
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse

from gateway import dynamodb, keys
from gateway.http import Handler
from gateway.observability import logger
from tests.conftest import ENVIRONMENT, LambdaContext, load_event

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

Json = dict[str, Any]

FUNCTIONS = Path(__file__).parents[2] / "functions"
KEY = "sk-gw-EventsSample-NotARealSecretNotARealSecret0000-2CWyv7"
"""The key in events/."""
SDK_WORDS = ("pydantic", "Input should", "validation error", "Traceback", "errors.pydantic.dev")
"""That only the MCP SDK's own texts have."""
PROVIDER_KEY = "sk-canary-provider-key-8c1f"


@dataclass(frozen=True)
class Answer:
    """A function's response, read as a client reads it; header names in lower case."""

    status: int
    headers: dict[str, str]
    text: str
    logs: list[Json]

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> Json:
        error: Json = self.json["error"]
        return error

    @property
    def request_log(self) -> Json:
        """The one line that tells of the request."""
        (line,) = [line for line in self.logs if line["message"] == "request"]
        return line

    def line(self, level: str) -> Json:
        """The one line of that level."""
        (line,) = [line for line in self.logs if line["level"] == level]
        return line

    @property
    def events(self) -> list[Json]:
        """The answer's server-sent events, without the closing [DONE]."""
        *data, done = [event.removeprefix("data: ") for event in self.text.removesuffix("\n\n").split("\n\n")]
        assert done == "[DONE]"
        return [json.loads(event) for event in data]


@dataclass
class Gateway:
    """One deployment, and one instance of each of its functions."""

    secretsmanager: "SecretsManagerClient"
    log: io.StringIO
    _handlers: dict[str, Handler] = field(default_factory=dict)

    @cached_property
    def db(self) -> "DynamoDBClient":
        """The client that the gateway's own code uses in this test."""
        return dynamodb.client()

    @property
    def events(self) -> Any:
        """boto3's hooks around the calls that the gateway makes to DynamoDB."""
        return self.db.meta.events

    def recover(self, operation: str, fault: "Fault") -> None:
        """DynamoDB answers again."""
        self.events.unregister(f"before-send.dynamodb.{operation}", fault)

    def handler(self, route: str) -> Handler:
        """The handler of functions/<route>/app.py, imported once a test, so that it sees the test's environment."""
        if route not in self._handlers:
            spec = importlib.util.spec_from_file_location(f"functions_{route}_app", FUNCTIONS / route / "app.py")
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            self._handlers[route] = module.lambda_handler
        return self._handlers[route]

    def send(self, route: str, event: Json | str | None = None, context: LambdaContext | None = None) -> Answer:
        """One request: an event, or an event's name, or the event named like the route."""
        event = event if isinstance(event, dict) else load_event(event or route)
        start = self.log.tell()
        response = self.handler(route)(event, context or LambdaContext())
        lines = self.log.getvalue()[start:].removesuffix("\n").split("\n")
        answer = _as_answer(response, [json.loads(line) for line in lines])
        _check(answer, event, "\n".join(lines))
        return answer

    def chat(self, context: LambdaContext | None = None, **body: Any) -> Answer:
        """One chat completion of this body; the model and the messages are there unless given."""
        usual: Json = {"model": "local/chat", "messages": [{"role": "user", "content": "Say hello."}]}
        return self.send("chat_completions", event_with("chat_completions", usual | body), context)

    def rows(self) -> list[Json]:
        """The Requests table."""
        items = self.db.scan(TableName=ENVIRONMENT["REQUESTS_TABLE"])["Items"]
        return sorted(map(dynamodb.from_item, items), key=lambda row: str(row["request_id"]))

    def row(self) -> Json:
        """The one row that there is."""
        (row,) = self.rows()
        return row

    def set_secret(self, **entries: str) -> None:
        """Write the providers' keys."""
        self.secretsmanager.put_secret_value(SecretId=ENVIRONMENT["PROVIDERS_SECRET"], SecretString=json.dumps(entries))

    def change_key(self, **changes: Any) -> None:
        """Change the item of the events' key, as an operator would."""
        item = self.db.get_item(TableName=ENVIRONMENT["KEYS_TABLE"], Key=dynamodb.to_item({"id": KEY_ID}))["Item"]
        self.db.put_item(TableName=ENVIRONMENT["KEYS_TABLE"], Item=dynamodb.to_item(dynamodb.from_item(item) | changes))

    def count(self, operation: str) -> Callable[[], int]:
        """How often the gateway asks DynamoDB for an operation from now on."""
        calls: list[str] = []
        self.events.register(f"before-call.dynamodb.{operation}", lambda **_: calls.append(operation))
        return lambda: len(calls)

    def fail(self, operation: str, fault: "Fault") -> None:
        """Let every one of DynamoDB's answers to an operation be a fault from now on."""
        self.events.register_first(f"before-send.dynamodb.{operation}", fault)


@dataclass(frozen=True)
class Fault:
    """What goes wrong where a request would leave boto3: an error that AWS answers with, or no answer at all."""

    error: str | Exception
    status: int = 400

    def __call__(self, request: Any, **_: Any) -> AWSResponse:
        if isinstance(self.error, Exception):
            raise self.error
        body = json.dumps({"__type": self.error, "message": "as told by the test"}).encode()
        headers: Any = {"x-amzn-errortype": self.error}
        return AWSResponse(request.url, self.status, headers, _Raw(body))

    def __str__(self) -> str:
        return self.error if isinstance(self.error, str) else type(self.error).__name__


class _Raw(io.BytesIO):
    """A body as urllib3 gives it to botocore."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass
class Clock:
    """Time that moves only where somebody waits.

    Attributes:
        time: in seconds since the epoch; chance: what the router draws for its backoff.
        waits: how long it slept, each time; during: what happens meanwhile.
    """

    time: float
    chance: float = 0.5
    waits: list[float] = field(default_factory=list)
    during: Callable[[], Any] = field(default=lambda: None)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds
        self.during()


KEY_ID, KEY_SECRET = keys.parse(KEY)


def event_with(name: str, body: Any = None, **changes: Any) -> Json:
    """An event of events/ with another body (bytes and strings go as they are), or other fields."""
    event = load_event(name)
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    return event | changes


def with_header(event: Json, name: str, value: str) -> Json:
    """The event with a header set, both ways that API Gateway gives it."""
    single = event["headers"] | {name: value}
    return event | {"headers": single, "multiValueHeaders": event["multiValueHeaders"] | {name: [value]}}


def with_key(event: Json, key: str) -> Json:
    """The event with another API key."""
    return with_header(event, "Authorization", f"Bearer {key}")


def attempts_of(answer: Answer) -> list[tuple[str, str]]:
    """Each call that the answer's header tells of: the deployment, and what came of it."""
    told = answer.headers["x-gateway-attempts"]
    if told == "none":
        return []
    found = [re.fullmatch(r"([^,;\s]+);outcome=(\w+);ms=\d+", attempt) for attempt in told.split(", ")]
    assert all(found), told
    return [(attempt[1], attempt[2]) for attempt in found if attempt]


def _as_answer(response: Json, logs: list[Json]) -> Answer:
    """Only what API Gateway's proxy integration takes; it answers 502 to anything else."""
    response = json.loads(json.dumps(response))
    assert set(response) == {"statusCode", "headers", "body"}
    assert isinstance(response["statusCode"], int)
    assert isinstance(response["body"], str)
    for name, value in response["headers"].items():
        assert isinstance(value, str), name
        assert value.isprintable(), name
        assert value.isascii(), name
    headers = {name.lower(): value for name, value in response["headers"].items()}
    assert len(headers) == len(response["headers"])
    return Answer(response["statusCode"], headers, response["body"], logs)


def _check(answer: Answer, event: Json, log: str) -> None:
    line = answer.request_log
    assert answer.headers["x-request-id"].startswith("req_")
    assert {entry["request_id"] for entry in answer.logs} == {answer.headers["x-request-id"]}
    assert (line["status"], line["method"], line["path"]) == (answer.status, event["httpMethod"], event["path"])
    assert line["duration_ms"] >= 0
    assert "access-control-allow-origin" in answer.headers
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    if answer.status >= 400 and "error" in answer.text:
        _check_error(answer)
    assert KEY_SECRET not in log + answer.text
    assert PROVIDER_KEY not in log + answer.text


def _check_error(answer: Answer) -> None:
    assert answer.headers["content-type"] == "application/json"
    if "jsonrpc" in answer.json:
        _check_protocol_error(answer)
        return
    assert list(answer.json) == ["error"]
    assert list(answer.error) == ["message", "type", "param", "code"]
    assert answer.error["message"]
    assert answer.error["type"] in {
        "invalid_request_error", "api_error", "timeout_error", "rate_limit_error", "insufficient_quota",
    }  # fmt: skip
    assert all(value is None or isinstance(value, str) for value in answer.error.values())


def _check_protocol_error(answer: Answer) -> None:
    assert list(answer.json) == ["jsonrpc", "id", "error"]
    assert list(answer.error) == ["code", "message", "data"]
    assert answer.error["message"]
    assert {"type", "code"} <= answer.error["data"].keys()
    assert not any(word in answer.text for word in SDK_WORDS)


def capture_logs() -> io.StringIO:
    """What the gateway logs from now on."""
    stream = io.StringIO()
    logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    return stream
