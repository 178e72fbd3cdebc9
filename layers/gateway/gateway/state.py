"""The State table, as a fleet's instances share it: read several items at once, change one under a condition.

Nothing here may hold a request up, or fail it: every call is bounded, and a table that does not answer is left alone for a
while.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gateway import dynamodb
from gateway.deadline import TimeIsUp, run_within
from gateway.errors import ServiceUnavailable
from gateway.observability import count, logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CALL_SECONDS = 0.3
PAUSE_SECONDS = 5.0
"""For so long a table that did not answer is not asked again."""
KEPT_SECONDS = 86_400
LONGEST_NAME = 1024

Item = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A change of an item, and the condition under which it is made.

    Attributes:
        expression, condition: DynamoDB's, attributes written as #name and values as :name.
        values: what they may name, beside `now` and `expires_at`, which are there; what they do not is left out.
    """

    expression: str
    condition: str
    values: Mapping[str, Any]


class Blind(Exception):
    """The table did not answer just now, or shortly before: go on with what is known."""


class State:
    """The table.

    Args:
        table: its name.
        client: gives the DynamoDB client.
        within: makes a call that may take so many seconds; TimeIsUp if it takes longer.
    """

    def __init__(
        self,
        table: str,
        client: "Callable[[], DynamoDBClient]" = dynamodb.client,
        within: Callable[[float, Callable[[], Any]], Any] = run_within,
    ) -> None:
        self._table = table
        self._client = client
        self._within = within
        self._paused_until = 0.0

    def read(self, ids: Sequence[str], now: float) -> Mapping[str, Item]:
        """Items by their ids, as they were a moment ago; 100 at most. One that is not there is empty; one is left out of
        which the table did not say.

        Raises:
            Blind: the table does not answer.
        """
        keys = [dynamodb.to_item({"id": found}) for found in ids]
        answer = self._call(lambda: self._client().batch_get_item(RequestItems={self._table: {"Keys": keys}}), now)
        unsaid = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
        found = {item["id"]: item for item in map(dynamodb.from_item, answer["Responses"].get(self._table, []))}
        return {key: found.get(key, {}) for key in ids if dynamodb.to_item({"id": key}) not in unsaid}

    def update(self, key: str, change: Change, now: float) -> tuple[bool, Item]:
        """Change an item if the condition holds.

        Returns:
            Whether it held, and the item: after the change, or as it stands.
        Raises:
            Blind: the table does not answer.
        """
        known = {"now": now, "expires_at": int(now) + KEPT_SECONDS, **change.values}
        values = {name: _number(value) for name, value in known.items()}
        changed: tuple[bool, Item] = self._call(
            lambda: dynamodb.update(
                self._client(), self._table, {"id": key}, change.expression, change.condition, values
            ),
            now,
        )
        return changed

    def _call(self, call: Callable[[], Any], now: float) -> Any:
        if 0 < self._paused_until - now <= PAUSE_SECONDS:
            raise Blind
        try:
            with dynamodb.available("state"):
                return self._within(CALL_SECONDS, call)
        except (ServiceUnavailable, TimeIsUp):
            self._paused_until = now + PAUSE_SECONDS
            count("StateUnavailable")
            raise Blind from None


def key_of(deployment: str) -> str:
    """The key of a deployment's item; DynamoDB's may have 2,048 bytes, and names are longer where somebody means it."""
    encoded = deployment.encode()
    return f"deployment#{deployment if len(encoded) < LONGEST_NAME else hashlib.sha256(encoded).hexdigest()}"


@contextmanager
def harmless(task: str, deployment: str | None = None) -> Iterator[None]:
    """Whatever goes wrong with what is known of deployments, no request fails for it, and no answer that was paid for is lost."""
    try:
        yield
    except Blind:
        logger.warning("state out of reach", task=task, deployment=deployment)
    except Exception as error:  # noqa: BLE001 - a fault of ours, or an item that nobody expects
        logger.error("health failed", task=task, error=type(error).__name__, deployment=deployment)


def _number(value: Any) -> Any:
    """DynamoDB takes no floats; a moment is kept to the microsecond."""
    return Decimal(f"{value:.6f}") if isinstance(value, float) else value
