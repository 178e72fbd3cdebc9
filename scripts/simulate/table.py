"""DynamoDB tables in memory, for simulations and tests: the calls and expressions that the gateway makes of them.

Conditions are checked and changes made in one step, on the item as it was, as DynamoDB does. What is not known is an error,
never ignored. Tests compare it with an emulator, expression by expression.
"""

import threading
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from simulate import expressions
from simulate.expressions import Item, error

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class Table:
    """One table, and the calls of a boto3 client that are made of it, whatever TableName says.

    Args:
        keys: its key's attributes.
    Attributes:
        items: by their key: a string, or a tuple of them.
        reads, writes: calls that were made; read_items: items that were asked for; refused: writes whose condition failed.
    """

    exceptions = SimpleNamespace(ConditionalCheckFailedException=ClientError)

    def __init__(self, *keys: str) -> None:
        self.items: dict[Any, Item] = {}
        self.reads = self.read_items = self.writes = self.refused = 0
        self._keys = keys or ("id",)
        self._lock = threading.Lock()

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """As boto3's."""
        ((table, asked),) = RequestItems.items()
        with self._lock:
            self.reads += 1
            self.read_items += len(asked["Keys"])
            keys = map(self._key, asked["Keys"])
            found = [_typed(self.items[key]) for key in keys if key in self.items]
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    def get_item(
        self,
        *,
        TableName: str,  # noqa: N803, ARG002 - boto3's names
        Key: Item,  # noqa: N803
        ConsistentRead: bool = False,  # noqa: N803, ARG002 - it always is
    ) -> dict[str, Any]:
        """As boto3's."""
        with self._lock:
            self.reads += 1
            self.read_items += 1
            found = self.items.get(self._key(Key))
        return {"Item": _typed(found)} if found else {}

    def put_item(
        self,
        *,
        TableName: str,  # noqa: N803, ARG002 - boto3's names
        Item: Item,  # noqa: N803
        ConditionExpression: str = "",  # noqa: N803
        ExpressionAttributeValues: Item | None = None,  # noqa: N803
        ReturnValues: str = "NONE",  # noqa: N803
        ReturnValuesOnConditionCheckFailure: str = "NONE",  # noqa: N803
    ) -> dict[str, Any]:
        """As boto3's, with names as they are."""
        _refuse_other(ReturnValues, "NONE", "ALL_OLD")
        values = _plain(ExpressionAttributeValues)
        expressions.refuse_unused(ConditionExpression, [*values])
        condition = expressions.condition(ConditionExpression, ())
        with self._lock:
            old = self._old(Item, lambda item: condition(item, values), ReturnValuesOnConditionCheckFailure)
            self.items[self._key(Item)] = _plain(Item)
        return {"Attributes": _typed(old)} if old and ReturnValues == "ALL_OLD" else {}

    def update_item(
        self,
        *,
        TableName: str,  # noqa: N803, ARG002 - boto3's names
        Key: Item,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ConditionExpression: str,  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str],  # noqa: N803
        ReturnValues: str,  # noqa: N803
        ReturnValuesOnConditionCheckFailure: str = "NONE",  # noqa: N803
        ExpressionAttributeValues: Item | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """As boto3's, with ALL_NEW."""
        _refuse_other(ReturnValues, "ALL_NEW")
        if ExpressionAttributeValues == {}:
            raise error("ValidationException", message="ExpressionAttributeValues must not be empty")
        names, values = tuple(sorted(ExpressionAttributeNames.items())), _plain(ExpressionAttributeValues)
        expressions.refuse_unused(f"{UpdateExpression} {ConditionExpression}", [*ExpressionAttributeNames, *values])
        condition = expressions.condition(ConditionExpression, names)
        changes = expressions.changes(UpdateExpression, names)
        with self._lock:
            old = self._old(Key, lambda item: condition(item, values), ReturnValuesOnConditionCheckFailure)
            new = old | _plain(Key)
            for change in changes:
                change(old, new, values)
            self.items[self._key(Key)] = new
            return {"Attributes": _typed(new)}

    def _key(self, item: Item) -> Any:
        key = tuple(item[name]["S"] for name in self._keys)
        return key[0] if len(key) == 1 else key

    def _old(self, key: Item, condition: Any, returned: str) -> Item:
        """The item before a write; an error if the condition does not hold."""
        _refuse_other(returned, "NONE", "ALL_OLD")
        self.writes += 1
        old = self.items.get(self._key(key), {})
        if not condition(old):
            self.refused += 1
            told = {"Item": _typed(old)} if old and returned == "ALL_OLD" else {}
            raise error("ConditionalCheckFailedException", told)
        return old


class Tables:
    """Several tables, by their names, with the calls of one client.

    Args:
        keys: of each table.
    """

    exceptions = Table.exceptions

    def __init__(self, **keys: tuple[str, ...]) -> None:
        self.tables = {name: Table(*key) for name, key in keys.items()}

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        """As boto3's."""
        return self.tables[arguments["TableName"]].get_item(**arguments)

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        """As boto3's."""
        return self.tables[arguments["TableName"]].put_item(**arguments)

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        """As boto3's."""
        return self.tables[arguments["TableName"]].update_item(**arguments)


def _typed(item: Item) -> Item:
    return {name: _serialize(value) for name, value in item.items()}


def _plain(item: Item | None) -> Item:
    return {name: _deserialize(value) for name, value in (item or {}).items()}


def _refuse_other(asked: str, *known: str) -> None:
    if asked not in known:
        raise NotImplementedError(f"only {' and '.join(known)}")
