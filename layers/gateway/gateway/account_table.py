"""The Keys table as the ledger writes it: one account's item at a time, on a condition that holds only once."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway import dynamodb
from gateway.accounts import Item
from gateway.errors import ServiceUnavailable
from gateway.ledger_writes import Write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_TRIES = 3
"""Of a write whose answer is lost."""


class AccountTable:
    """The table.

    Args:
        table: its name.
        client: gives the DynamoDB client.
    """

    def __init__(self, table: str, client: "Callable[[], DynamoDBClient]") -> None:
        self._table = table
        self._client = client

    def item(self, account_id: str) -> Item | None:
        """An account's item as it is now, or None.

        Raises:
            ServiceUnavailable: the table does not answer.
        """
        return dynamodb.get(self._table, {"id": account_id}, self._client(), consistent=True)

    def update(self, account_id: str, write: Write) -> tuple[bool, Item]:
        """Make a write, again if its answer is lost: its condition holds only once.

        Returns:
            Whether the condition held, and the item: after the write, or as it stands; empty if there is none.
        Raises:
            ServiceUnavailable: the table does not answer.
        """
        for number in range(MOST_TRIES):
            try:
                return self._try(account_id, write)
            except ServiceUnavailable:
                if number == MOST_TRIES - 1:
                    raise
        raise AssertionError("there is at least one try")

    def _try(self, account_id: str, write: Write) -> tuple[bool, Item]:
        with dynamodb.available("keys"):
            return dynamodb.update(
                self._client(), self._table, {"id": account_id}, write.changes, write.condition, dict(write.values),
                hold=write.hold,
            )  # fmt: skip
