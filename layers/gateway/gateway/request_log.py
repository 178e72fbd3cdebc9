"""The Requests table: one row for every admitted request, the truth of what happened to it."""

import time
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gateway import dynamodb
from gateway.deadline import TimeIsUp, run_within
from gateway.errors import ServiceUnavailable
from gateway.observability import logger
from gateway.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY_SECONDS = 86_400
WRITE_SECONDS = 1.5
"""Bounds the write whatever its retries do: after the deadline Lambda leaves time for this, and for the log line."""
ROW_LOST = "request row lost"
"""The log line that carries a row which the table did not take; alarms look for it."""


@dataclass(frozen=True)
class RequestRow:
    """One request.

    Attributes:
        owner: the API key's id.
        request_id: `req_<key id>_<ULID>`; sorts by time within an owner.
        created_at: when it came, in milliseconds since the epoch.
        endpoint: the route, such as "/chat/completions".
        model: the name that the client asked for.
        status, error_code: as the client was told.
        provider, provider_model: who answered, and as which model by its own word.
        input_tokens, cache_read_tokens, cache_write_tokens, output_tokens: what was paid for, each token once;
            of them cache_write_1h_tokens and reasoning_tokens.
        cost_usd: what the providers charge, in US dollars; None, and stored as null, if that is not known.
        stream: whether a stream was asked for.
        latency_ms: from the request's start to the row, in milliseconds; provider_ms: of it, waiting for providers.
        strategy: by which it was routed.
        attempts: each call made: deployment, outcome, milliseconds, and why it failed, how long it was waited for before,
            whether it was a probe.
        client_request_id: the client's x-client-request-id.
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
    strategy: str
    attempts: list[dict[str, Any]]
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


def write(row: RequestRow, db: "DynamoDBClient | None" = None) -> None:
    """Write a row, once; a repeat changes nothing.

    A row that the table does not take is logged whole, at a level that raises an alarm, so that it can be put in later:
    the client is not made to pay twice for our table's fault.
    """
    values = {name: value for name, value in asdict(row).items() if value is not None or name == "cost_usd"}
    values["expires_at"] = row.created_at // 1000 + settings().request_retention_days * DAY_SECONDS

    def put() -> None:
        with dynamodb.available("requests"):
            (db or dynamodb.client()).put_item(
                TableName=settings().requests_table,
                Item=dynamodb.to_item(values),
                ConditionExpression="attribute_not_exists(request_id)",
            )

    try:
        run_within(WRITE_SECONDS, put)
    except ClientError:
        logger.debug("the row is there already: our own write, repeated after a lost answer")
    except (ServiceUnavailable, TimeIsUp):
        logger.critical(ROW_LOST, row=values)


def milliseconds(seconds: float | None = None) -> int:
    """A time in milliseconds since the epoch; now, if none is given."""
    return round((time.time() if seconds is None else seconds) * 1000)
