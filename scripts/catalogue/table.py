"""The Products table as an import uses it: many products at a time, each write safe to repeat."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, wait
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from catalogue.merge import Change, Known, known
from gateway.dynamodb import from_item, to_item
from gateway.products.parts import PRODUCT, STATE_KEY, Item
from local.console import Failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEYS_AT_ONCE = 100
WRITES_AT_ONCE = 25
MAX_TRIES = 12
FIRST_WAIT_SECONDS = 0.05
MAX_WAIT_SECONDS = 5.0
TURN_SECONDS = 300
"""How long after its last sign an import that has not ended is taken for one that is under way."""
THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded")

Request = dict[str, Any]


class Table:
    """The table.

    Args:
        pool: for calls at once.
        sleep, chance: for the time between tries.
        clock: tells the time, in seconds since the epoch.
    Attributes:
        written: how many items were put or deleted.
    """

    def __init__(
        self,
        db: "DynamoDBClient",
        name: str,
        pool: Executor,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.written = 0
        self._db = db
        self._name = name
        self._pool = pool
        self._sleep = sleep
        self._chance = chance
        self._clock = clock

    def known(self, ids: Sequence[str]) -> dict[str, Known]:
        """What the products that there are were made from."""
        parts = _parts(ids, KEYS_AT_ONCE)
        return {item["id"]: known(item) for found in self._pool.map(self._known, parts) for item in found}

    def items(self, ids: Sequence[str]) -> list[list[Item]]:
        """All items of each of some products."""
        return list(self._pool.map(self._items, ids))

    def write(self, changes: Sequence[Change]) -> None:
        """Make changes. Products' own items are written once all others are: what is cut off is found to be undone."""
        parts = [_put(item) for change in changes for item in change.parts]
        stale = [_delete(change.id, part) for change in changes for part in change.stale]
        wholes = [_put(change.whole) for change in changes if change.whole]
        self._write_all([*parts, *stale])
        self._write_all(wholes)

    def unfinished(self) -> set[str]:
        """The feeds whose imports broke off, or are under way."""
        found = self._db.get_item(TableName=self._name, Key=to_item(STATE_KEY), ConsistentRead=True).get("Item")
        return set(from_item(found or {}).get("unfinished", ()))

    def begin(self, feed: str) -> set[str]:
        """Tell that the catalogue is about to change, once more, and that it is this feed's turn until its end.

        Returns:
            The feeds that were unfinished before.
        Raises:
            Failure: it is another's turn.
        """
        return self._tell("ADD revision :one, unfinished :feeds SET changed_at = :now, importing = :feed", feed)

    def end(self, feed: str) -> None:
        """Tell that all changes were made.

        Raises:
            Failure: it is another's turn.
        """
        self._tell("ADD revision :one DELETE unfinished :feeds SET changed_at = :now REMOVE importing", feed)

    def break_off(self, feed: str) -> None:
        """Tell that some changes were made; the feed stays unfinished.

        Raises:
            Failure: it is another's turn, who will tell it.
        """
        self._tell("ADD revision :one, unfinished :feeds SET changed_at = :now REMOVE importing", feed)

    def _tell(self, expression: str, feed: str) -> set[str]:
        now = round(self._clock())
        values = to_item({":one": 1, ":now": now, ":feed": feed, ":feeds": {feed}, ":gone": now - TURN_SECONDS})
        try:
            before = self._db.update_item(
                TableName=self._name,
                Key=to_item(STATE_KEY),
                UpdateExpression=expression,
                ConditionExpression="attribute_not_exists(importing) OR importing = :feed OR changed_at < :gone",
                ExpressionAttributeValues=values,
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise _taken(error) from None
            raise
        return set(from_item(before.get("Attributes", {})).get("unfinished", ()))

    def _known(self, ids: Sequence[str]) -> list[Item]:
        found: list[Item] = []
        wanted: Any = {
            "Keys": [to_item({"id": one, "part": PRODUCT}) for one in ids],
            "ProjectionExpression": "id, sources, described_by",
            "ConsistentRead": True,
        }

        def read(left: Any) -> Any:
            answer = self._db.batch_get_item(RequestItems={self._name: left})
            found.extend(map(from_item, answer["Responses"].get(self._name, [])))
            return answer.get("UnprocessedKeys", {}).get(self._name)

        self._until_done(read, wanted)
        return found

    def _items(self, product: str) -> list[Item]:
        pages = self._db.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues=to_item({":id": product}),
            ConsistentRead=True,
        )
        return [from_item(item) for page in pages for item in page["Items"]]

    def _write_all(self, requests: Sequence[Request]) -> None:
        """Nothing of it is still under way afterwards, however this ends."""
        calls = [self._pool.submit(self._write, part) for part in _parts(requests, WRITES_AT_ONCE)]
        try:
            for call in calls:
                self.written += call.result()
        finally:
            for call in calls:
                call.cancel()
            wait(calls)

    def _write(self, requests: Sequence[Request]) -> int:
        def write(left: Any) -> Any:
            answer = self._db.batch_write_item(RequestItems={self._name: left})
            return answer.get("UnprocessedItems", {}).get(self._name)

        self._until_done(write, requests)
        return len(requests)

    def _until_done(self, call: Callable[[Any], Any], left: Any) -> None:
        """Call with what the last call has left undone, until that is nothing; wait longer each time.

        Source: exponential backoff with full jitter, as the AWS Architecture Blog has it.
        """
        for attempt in range(MAX_TRIES):
            try:
                left = call(left)
            except ClientError as error:
                if error.response["Error"]["Code"] not in THROTTLED:
                    raise
            if not left:
                return
            self._sleep(self._chance() * min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**attempt))
        raise Failure("The table takes no more for now. Run the import again: it goes on where it stopped.")


def _parts(whole: Sequence[Any], most: int) -> Iterable[Sequence[Any]]:
    return (whole[start : start + most] for start in range(0, len(whole), most))


def _taken(error: ClientError) -> Failure:
    holder = from_item(error.response.get("Item", {})).get("importing", "").rpartition(" ")[0]
    return Failure(
        f"Another import is under way, of {holder}, or broke off within the last {TURN_SECONDS // 60} minutes."
        " Run that one again, or wait; then run this one again."
    )


def _put(item: Item) -> Request:
    return {"PutRequest": {"Item": to_item(item)}}


def _delete(product: str, part: str) -> Request:
    return {"DeleteRequest": {"Key": to_item({"id": product, "part": part})}}
