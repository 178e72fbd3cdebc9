"""DynamoDB as the gateway uses it: one client, plain Python values in and out, faults as our errors."""

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway.errors import ServiceUnavailable
from gateway.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

NAME, VALUE = re.compile(r"#(\w+)"), re.compile(r":(\w+)")

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


@functools.cache
def client() -> "DynamoDBClient":
    """The instance's client. DynamoDB answers in milliseconds: who waits longer is better off trying again."""
    config = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 2, "mode": "standard"})
    return boto3.client("dynamodb", config=config)


def to_item(values: Item) -> dict[str, Any]:
    """Plain values as DynamoDB's typed ones. Amounts are written without exponents, which not everyone can read."""
    return {
        name: {"N": f"{value:f}"} if isinstance(value, Decimal) else _serialize(value) for name, value in values.items()
    }


def from_item(item: Any) -> Item:
    """DynamoDB's typed values as plain ones; numbers become Decimal."""
    return {name: _deserialize(value) for name, value in item.items()}


def to_json_value(value: Any) -> Any:
    """A plain value as JSON has it: whole numbers as such, others as floats."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: to_json_value(one) for name, one in value.items()}
    return [to_json_value(one) for one in value] if isinstance(value, list) else value


@contextmanager
def available(table: str) -> Iterator[None]:
    """Turn DynamoDB's faults into our 503.

    A failed condition is an answer, not a fault, and passes through.

    Raises:
        ServiceUnavailable: DynamoDB refused, or did not answer.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        if code == "ConditionalCheckFailedException":
            raise
        logger.error("table unavailable", table=table, error=code)
        raise ServiceUnavailable("The gateway's database does not answer; try again.", retry_after=1) from None


def get(table: str, key: Item, db: "DynamoDBClient | None" = None, *, consistent: bool = False) -> Item | None:
    """One item by its key, or None.

    Args:
        consistent: whether all writes before have to be in it.
    Raises:
        ServiceUnavailable: the table does not answer.
    """
    with available(table):
        found = (db or client()).get_item(TableName=table, Key=to_item(key), ConsistentRead=consistent).get("Item")
    return from_item(found) if found else None


def update(
    db: "DynamoDBClient", table: str, key: Item, changes: str, condition: str, values: Item, **named: str
) -> tuple[bool, Item]:
    """Change an item if a condition holds.

    Args:
        changes, condition: DynamoDB's expressions, attributes written as #name and values as :name.
        values: what they may name; what they do not is left out.
        named: attributes that are called otherwise in the expressions.
    Returns:
        Whether it held, and the item: after the change, or as it stands; empty if there is none.
    Raises:
        BotoCoreError, ClientError: DynamoDB refused, or did not answer.
    """
    text = f"{changes} {condition}"
    names = {f"#{name}": named.get(name, name) for name in NAME.findall(text)}
    typed = to_item({f":{name}": values[name] for name in VALUE.findall(text)})
    given: Any = {"ExpressionAttributeValues": typed} if typed else {}  # DynamoDB refuses an empty one
    try:
        answer = db.update_item(
            TableName=table,
            Key=to_item(key),
            UpdateExpression=changes,
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            **given,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as refused:
        if refused.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        old: Any = refused.response.get("Item", {})
        return False, from_item(old)
    return True, from_item(answer["Attributes"])
