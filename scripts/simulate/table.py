"""A DynamoDB table in memory, for simulations and tests: the calls and expressions that the gateway's State table sees.

Conditions are checked and changes made in one step, on the item as it was, as DynamoDB does. Only top-level attributes. What is
not known is an error, never ignored. Tests compare it with an emulator, expression by expression.
"""

import functools
import operator
import re
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

Item = dict[str, Any]
Values = Mapping[str, Any]
Operand = Callable[[Item, Values], Any]
Condition = Callable[[Item, Values], bool]
Change = Callable[[Item, Item, Values], None]

TOKEN = re.compile(r"\s*(<=|>=|<>|[=<>+\-(),]|[#:]?\w+)")
COMPARISONS = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class Table:
    """A table with the partition key `id`, and the calls of a boto3 client that State makes.

    Attributes:
        reads, writes: calls that were made; read_items: items that were asked for; refused: writes whose condition failed.
    """

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.reads = self.read_items = self.writes = self.refused = 0
        self._lock = threading.Lock()

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """As boto3's."""
        ((table, asked),) = RequestItems.items()
        with self._lock:
            self.reads += 1
            self.read_items += len(asked["Keys"])
            ids = [key["id"]["S"] for key in asked["Keys"]]
            found = [_typed(self.items[key]) for key in ids if key in self.items]
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    def update_item(
        self,
        *,
        TableName: str,  # noqa: N803, ARG002 - boto3's names
        Key: Item,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ConditionExpression: str,  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str],  # noqa: N803
        ReturnValues: str,  # noqa: N803
        ReturnValuesOnConditionCheckFailure: str,  # noqa: N803
        ExpressionAttributeValues: Item | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """As boto3's, with ALL_NEW and ALL_OLD."""
        if (ReturnValues, ReturnValuesOnConditionCheckFailure) != ("ALL_NEW", "ALL_OLD"):
            raise NotImplementedError("only ALL_NEW and ALL_OLD")
        if ExpressionAttributeValues == {}:
            raise _error("ValidationException", message="ExpressionAttributeValues must not be empty")
        given = ExpressionAttributeValues or {}
        names = tuple(sorted(ExpressionAttributeNames.items()))
        _refuse_unused(f"{UpdateExpression} {ConditionExpression}", [*ExpressionAttributeNames, *given])
        condition, changes = _condition(ConditionExpression, names), _changes(UpdateExpression, names)
        values = {name: _deserialize(value) for name, value in given.items()}
        key = Key["id"]["S"]
        with self._lock:
            self.writes += 1
            old = self.items.get(key, {})
            if not condition(old, values):
                self.refused += 1
                raise _error("ConditionalCheckFailedException", {"Item": _typed(old)} if old else {})
            new = old | {"id": key}
            for change in changes:
                change(old, new, values)
            self.items[key] = new
            return {"Attributes": _typed(new)}


def _typed(item: Item) -> Item:
    return {name: _serialize(value) for name, value in item.items()}


def _error(code: str, more: Mapping[str, Any] | None = None, message: str = "") -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, **(more or {})}
    return ClientError(response, "UpdateItem")


def _refuse_unused(text: str, names: list[str]) -> None:
    used = set(re.findall(r"[#:]\w+", text))
    if used != set(names):
        raise _error("ValidationException", message=f"unused or missing: {sorted(used ^ set(names))}")


class _Reader:
    """The tokens of an expression, one after the other."""

    def __init__(self, text: str, names: tuple[tuple[str, str], ...]) -> None:
        self._tokens = TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s", "", text):
            raise _error("ValidationException", message=f"cannot be read: {text}")
        self._names = dict(names)
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def next(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def take(self, *expected: str) -> bool:
        if self.peek() in expected:
            self._at += 1
            return True
        return False

    def need(self, expected: str) -> None:
        if not self.take(expected):
            raise _error("ValidationException", message=f"{expected} expected, not {self.peek()!r}")

    def name(self) -> str:
        token = self.next()
        if token not in self._names:
            raise _error("ValidationException", message=f"{token!r} is no name")
        return self._names[token]

    def operand(self) -> Operand:
        if self.take("if_not_exists"):
            self.need("(")
            name = self.name()
            self.need(",")
            other = self.operand()
            self.need(")")
            return lambda item, values: item[name] if name in item else other(item, values)
        if self.peek().startswith(":"):
            value = self.next()
            return lambda _, values: values[value]
        name = self.name()
        return lambda item, _: item.get(name)


@functools.cache
def _condition(text: str, names: tuple[tuple[str, str], ...]) -> Condition:
    reader = _Reader(text, names)
    found = _either(reader)
    if reader.peek():
        raise _error("ValidationException", message=f"{reader.peek()!r} is too much")
    return found


def _either(reader: _Reader) -> Condition:
    parts = [_both(reader)]
    while reader.take("OR"):
        parts.append(_both(reader))
    return lambda item, values: any(part(item, values) for part in parts)


def _both(reader: _Reader) -> Condition:
    parts = [_single(reader)]
    while reader.take("AND"):
        parts.append(_single(reader))
    return lambda item, values: all(part(item, values) for part in parts)


def _single(reader: _Reader) -> Condition:
    if reader.take("("):
        inner = _either(reader)
        reader.need(")")
        return inner
    if reader.peek() in ("attribute_exists", "attribute_not_exists"):
        wanted = reader.next() == "attribute_exists"
        reader.need("(")
        name = reader.name()
        reader.need(")")
        return lambda item, _: (name in item) == wanted
    left = reader.operand()
    compare = COMPARISONS[reader.next()]
    right = reader.operand()
    return lambda item, values: _holds(compare, left(item, values), right(item, values))


def _holds(compare: Callable[[Any, Any], Any], left: Any, right: Any) -> bool:
    """A comparison with what is not there, or is of another type, does not hold."""
    if left is None or right is None or type(left) is not type(right):
        return compare is operator.ne
    return bool(compare(left, right))


@functools.cache
def _changes(text: str, names: tuple[tuple[str, str], ...]) -> list[Change]:
    reader, found, touched = _Reader(text, names), list[Change](), list[str]()
    clauses = {"SET": _set, "ADD": _add, "REMOVE": _remove}
    while clause := reader.next():
        while True:
            touched.append(name := reader.name())
            found.append(clauses[clause](reader, name))
            if not reader.take(","):
                break
    if len(set(touched)) < len(touched):
        raise _error("ValidationException", message=f"two changes of one path: {text}")
    return found


def _set(reader: _Reader, name: str) -> Change:
    reader.need("=")
    left = reader.operand()
    sign = reader.next() if reader.peek() in ("+", "-") else None
    right = reader.operand() if sign else None

    def change(old: Item, new: Item, values: Values) -> None:
        value = left(old, values)
        if right is not None:
            other = right(old, values)
            if not (isinstance(value, Decimal) and isinstance(other, Decimal)):
                raise _error("ValidationException", message=f"no numbers to calculate with in {name}")
            value = value + other if sign == "+" else value - other
        if value is None:
            raise _error("ValidationException", message=f"nothing to set {name} to")
        new[name] = value

    return change


def _add(reader: _Reader, name: str) -> Change:
    operand = reader.operand()

    def change(old: Item, new: Item, values: Values) -> None:
        new[name] = old.get(name, Decimal(0)) + operand(old, values)

    return change


def _remove(_: _Reader, name: str) -> Change:
    def change(_old: Item, new: Item, _values: Values) -> None:
        new.pop(name, None)

    return change
