"""The Requests table: one row for every admitted request, the truth of what happened to it."""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from ulid import ULID

from gateway import dynamodb
from gateway.deadline import TimeIsUp, run_within
from gateway.errors import ServiceUnavailable
from gateway.observability import count, logger
from gateway.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY_SECONDS = 86_400
WRITE_SECONDS = 1.5
"""Bounds the write whatever its retries do: after the deadline Lambda leaves time for this, and for the log line."""
ROW_LOST = "request row lost"
"""The log line that carries a row which the table did not take; alarms look for it."""
ABANDONED = "abandoned"
"""The error code of a request whose process was killed."""


@dataclass(frozen=True)
class RequestRow:
    """One request.

    Attributes:
        owner: the API key's id.
        request_id: `req_<key id>_<ULID>`; sorts by time within an owner.
        created_at: when it came, in milliseconds since the epoch.
        endpoint: the route, such as "/chat/completions".
        model: the name that the client asked for; empty if the route asks no model.
        status, error_code: as the client was told.
        provider, provider_model: who answered, and as which model by its own word.
        input_tokens, cache_read_tokens, cache_write_tokens, output_tokens: what was paid for, each token once;
            of them cache_write_1h_tokens and reasoning_tokens.
        cost_usd: what the providers charge, in US dollars; None, and stored as null, if that is not known.
        stream: whether a stream was asked for.
        latency_ms: from the request's start to the row, in milliseconds; provider_ms: of it, waiting for providers.
        strategy: by which it was routed, if a model was asked.
        attempts: each call made: deployment, outcome, milliseconds, and why it failed, how long it was waited for before,
            whether it was a probe.
        client_request_id: the client's x-client-request-id.
        team: the key's.
        cost_estimated: whether the cost is the most that it can be, since a provider did not say what it charges and the key has
            a budget; None if it is exact.
        tools: each tool of the catalogue that was run: its name, the outcome ("ok" or the error's code), milliseconds; None if
            none was.
    """

    owner: str
    request_id: str
    created_at: int
    endpoint: str
    model: str
    status: int
    stream: bool
    latency_ms: int
    provider_ms: int
    attempts: list[dict[str, Any]]
    strategy: str | None = None
    error_code: str | None = None
    provider: str | None = None
    provider_model: str | None = None
    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: Decimal | None = None
    client_request_id: str | None = None
    team: str | None = None
    cost_estimated: bool | None = None
    tools: list[dict[str, Any]] | None = None

    def values(self) -> dict[str, Any]:
        """As the table has it: without what is not known, but for the cost, which is null then."""
        return {name: value for name, value in asdict(self).items() if value is not None or name == "cost_usd"}


class Rows:
    """The table.

    Args:
        table: its name.
        retention_days: how long a row is kept.
        client: gives the DynamoDB client.
        within: makes a call that may take so many seconds; TimeIsUp if it takes longer.
    """

    def __init__(
        self,
        table: str,
        retention_days: int,
        client: "Callable[[], DynamoDBClient]" = dynamodb.client,
        within: Callable[[float, Callable[[], Any]], Any] = run_within,
    ) -> None:
        self._table = table
        self._retention_days = retention_days
        self._client = client
        self._within = within

    def put(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Write a row, once; a repeat changes nothing.

        A row that the table does not take is logged whole, at a level that raises an alarm, so that it can be put in later:
        the client is not made to pay twice for our table's fault.

        Returns:
            The row that was there before, if one was: our own, or that of a request which was given up.
        """
        whole = self._with_its_end(row)
        try:
            there: dict[str, Any] | None = self._within(WRITE_SECONDS, lambda: self._put(whole))
        except (ServiceUnavailable, TimeIsUp):
            self.lost(row)
            return None
        return there

    def lost(self, row: Mapping[str, Any]) -> None:
        """Log a row whole that is not in the table."""
        logger.critical(ROW_LOST, row=self._with_its_end(row))
        count("RowLost")

    def abandon(self, owner: str, request_id: str, team: str | None) -> dict[str, Any]:
        """The row of a request that was killed: the one that it wrote before, or one that says so.

        Raises:
            ServiceUnavailable: the table does not answer.
        """
        row: dict[str, Any] = {
            "owner": owner,
            "request_id": request_id,
            "created_at": round(ULID.from_str(request_id.rpartition("_")[2]).timestamp * 1000),
            "model": "",
            "status": 502,
            "error_code": ABANDONED,
            "stream": False,
            "attempts": [],
            "cost_usd": None,
            **({"team": team} if team else {}),
        }
        return self._put(self._with_its_end(row)) or row

    def is_abandoned(self, owner: str, request_id: str) -> bool:
        """Whether a request's row says that it was given up.

        Raises:
            ServiceUnavailable: the table does not answer.
        """
        key = {"owner": owner, "request_id": request_id}
        row = dynamodb.get(self._table, key, self._client(), consistent=True)
        return bool(row and row.get("error_code") == ABANDONED)

    def restore(self, row: Mapping[str, Any]) -> bool:
        """Put a row in that was lost, unless it is there; also in the place of one that says the request was given up.

        Returns:
            Whether it was put in.
        Raises:
            ServiceUnavailable: the table does not answer.
        """
        try:
            with dynamodb.available("requests"):
                self._client().put_item(
                    TableName=self._table,
                    Item=dynamodb.to_item(dict(row)),
                    ConditionExpression="attribute_not_exists(request_id) OR error_code = :abandoned",
                    ExpressionAttributeValues={":abandoned": {"S": ABANDONED}},
                )
        except ClientError:
            return False
        return True

    def _with_its_end(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {**row, "expires_at": int(row["created_at"]) // 1000 + self._retention_days * DAY_SECONDS}

    def _put(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            with dynamodb.available("requests"):
                self._client().put_item(
                    TableName=self._table,
                    Item=dynamodb.to_item(dict(row)),
                    ConditionExpression="attribute_not_exists(request_id)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ClientError as refused:
            there: Any = refused.response.get("Item", {})
            return dynamodb.from_item(there)
        return None


@functools.cache
def rows() -> Rows:
    """The instance's access to the Requests table."""
    return Rows(settings().requests_table, settings().request_retention_days)


def milliseconds(seconds: float | None = None) -> int:
    """A time in milliseconds since the epoch; now, if none is given."""
    return round((time.time() if seconds is None else seconds) * 1000)
