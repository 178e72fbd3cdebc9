"""Plausible values of the types of the `openai` package: every branch of a union, every literal, every key."""

from collections.abc import Iterable, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict

SCALARS: dict[Any, Any] = {str: "text", int: 1, float: 0.5, bool: True, object: {"any": ["thing", 1]}, NoneType: None}

ADDRESSES = ["https://example.com/cat.png", "data:image/png;base64,AAAA"]


def examples(kind: Any) -> list[Any]:
    """At least one value of every form that a type allows."""
    if kind in SCALARS:
        return [SCALARS[kind]]
    if is_typeddict(kind):
        return _objects(
            {name: ADDRESSES if name == "url" else examples(hint) for name, hint in get_type_hints(kind).items()}
        )
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return list(parts)
    if origin in (Union, UnionType):
        return [value for part in parts for value in examples(part)]
    if origin is dict:
        return [{"1": value} for value in examples(parts[1])]
    if origin in (list, Iterable, Sequence):
        return [[value] for value in examples(parts[0])]
    raise AssertionError(f"no example of {kind}")


def _objects(fields: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """One object with the first value of every field, and one for each further value of each."""
    first = {name: values[0] for name, values in fields.items()}
    return [first, *(first | {name: value} for name, values in fields.items() for value in values[1:])]
