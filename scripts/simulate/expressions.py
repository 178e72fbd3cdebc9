"""DynamoDB's condition and update expressions, as far as the gateway writes them, on plain Python values.

What is not known is an error, never ignored. Tests compare it with an emulator, expression by expression.
"""

import functools
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, Any]
Values = Mapping[str, Any]
Path = tuple[str, ...]
Operand = Callable[[Item, Values], Any]
Condition = Callable[[Item, Values], bool]
Change = Callable[[Item, Item, Values], None]
Names = tuple[tuple[str, str], ...]

TOKEN = re.compile(r"\s*(<=|>=|<>|[=<>+\-(),.]|[#:]?\w+)")
COMPARISONS = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

_NUMBERS = Context(prec=38)


def error(code: str, more: Mapping[str, Any] | None = None, message: str = "") -> ClientError:
    """As boto3 raises it."""
    response: Any = {"Error": {"Code": code, "Message": message}, **(more or {})}
    return ClientError(response, "UpdateItem")


def refuse_unused(text: str, names: list[str]) -> None:
    """DynamoDB wants every name and value that is given to be used, and no other."""
    used = set(re.findall(r"[#:]\w+", text))
    if used != set(names):
        raise error("ValidationException", message=f"unused or missing: {sorted(used ^ set(names))}")


class _Reader:
    """The tokens of an expression, one after the other."""

    def __init__(self, text: str, names: Names) -> None:
        self._tokens = TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s", "", text):
            raise error("ValidationException", message=f"cannot be read: {text}")
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
            raise error("ValidationException", message=f"{expected} expected, not {self.peek()!r}")

    def path(self) -> Path:
        found = [self._name()]
        while self.take("."):
            found.append(self._name())
        return tuple(found)

    def _name(self) -> str:
        token = self.next()
        if re.fullmatch(r"[A-Za-z]\w*", token):
            return token
        if token not in self._names:
            raise error("ValidationException", message=f"{token!r} is no name")
        return self._names[token]

    def in_brackets(self) -> Path:
        self.need("(")
        path = self.path()
        self.need(")")
        return path

    def operand(self) -> Operand:
        if self.take("if_not_exists"):
            self.need("(")
            path = self.path()
            self.need(",")
            other = self.operand()
            self.need(")")
            return lambda item, values: other(item, values) if (old := find(item, path)) is None else old
        if self.take("size"):
            path = self.in_brackets()
            return lambda item, _: _size(find(item, path))
        if self.peek().startswith(":"):
            value = self.next()
            return lambda _, values: values[value]
        path = self.path()
        return lambda item, _: find(item, path)


def find(item: Any, path: Path) -> Any:
    """What is there, or None."""
    for name in path:
        item = item.get(name) if isinstance(item, dict) else None
    return item


def _size(value: Any) -> Decimal | None:
    return Decimal(len(value)) if isinstance(value, dict | list | str) else None


@functools.cache
def condition(text: str, names: Names) -> Condition:
    """A condition expression; true if there is none."""
    if not text:
        return lambda _item, _values: True
    reader = _Reader(text, names)
    found = _either(reader)
    if reader.peek():
        raise error("ValidationException", message=f"{reader.peek()!r} is too much")
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
        path = reader.in_brackets()
        return lambda item, _: (find(item, path) is not None) == wanted
    left = reader.operand()
    if reader.take("BETWEEN"):
        return _between(reader, left)
    compare = COMPARISONS[reader.next()]
    right = reader.operand()
    return lambda item, values: _holds(compare, left(item, values), right(item, values))


def _between(reader: _Reader, found: Operand) -> Condition:
    low = reader.operand()
    reader.need("AND")
    high = reader.operand()

    def holds(item: Item, values: Values) -> bool:
        value = found(item, values)
        return _holds(operator.ge, value, low(item, values)) and _holds(operator.le, value, high(item, values))

    return holds


def _holds(compare: Callable[[Any, Any], Any], left: Any, right: Any) -> bool:
    """A comparison with what is not there, or is of another type, does not hold."""
    if left is None or right is None or type(left) is not type(right):
        return compare is operator.ne
    return bool(compare(left, right))


@functools.cache
def changes(text: str, names: Names) -> list[Change]:
    """An update expression: what it does, each to (the item as it was, the new one, the values)."""
    reader, found, touched = _Reader(text, names), list[Change](), list[Path]()
    clauses = {"SET": _set, "ADD": _add, "REMOVE": _remove}
    while clause := reader.next():
        while True:
            touched.append(path := reader.path())
            found.append(clauses[clause](reader, path))
            if not reader.take(","):
                break
    if any(one == other[: len(one)] for at, one in enumerate(touched) for other in touched[:at] + touched[at + 1 :]):
        raise error("ValidationException", message=f"two changes of one path: {text}")
    return found


def _put(item: Item, path: Path, value: Any) -> None:
    """Set what a path leads to, or take it away if there is no value; maps on the way are replaced, never changed."""
    for name in path[:-1]:
        if not isinstance(item.get(name), dict):
            raise error("ValidationException", message=f"no map at {name} of {'.'.join(path)}")
        item[name] = dict(item[name])
        item = item[name]
    if value is None:
        item.pop(path[-1], None)
    else:
        item[path[-1]] = value


def _set(reader: _Reader, path: Path) -> Change:
    reader.need("=")
    left = reader.operand()
    sign = reader.next() if reader.peek() in ("+", "-") else None
    right = reader.operand() if sign else None

    def change(old: Item, new: Item, values: Values) -> None:
        value = left(old, values)
        if right is not None:
            other = right(old, values)
            if not (isinstance(value, Decimal) and isinstance(other, Decimal)):
                raise error("ValidationException", message=f"no numbers to calculate with in {path}")
            value = _NUMBERS.add(value, other) if sign == "+" else _NUMBERS.subtract(value, other)
        if value is None:
            raise error("ValidationException", message=f"nothing to set {path} to")
        _put(new, path, value)

    return change


def _add(reader: _Reader, path: Path) -> Change:
    operand = reader.operand()

    def change(old: Item, new: Item, values: Values) -> None:
        before = find(old, path)
        _put(new, path, _NUMBERS.add(Decimal(0) if before is None else before, operand(old, values)))

    return change


def _remove(_: _Reader, path: Path) -> Change:
    def change(_old: Item, new: Item, _values: Values) -> None:
        _put(new, path, None)

    return change
