"""A value that a JSON Schema allows: what the local model answers when it has to follow one.

Covers what tool definitions and structured outputs use, but for `pattern`, `not` and conditions; see
https://json-schema.org/draft/2020-12.
"""

import json
from typing import Any

from gateway.errors import InvalidRequest

FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "user@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
MAX_SIZE = 100_000
"""Of a sample, roughly in characters: a few lines of schema can ask for gigabytes."""
MAX_DEPTH = 60
SHALLOW = 4
"""From this depth on, whatever may be left out is: that ends the samples of recursive schemas, such as trees."""
MAX_TEXT = 200

Schema = dict[str, Any]


def sample(schema: Any, text: str, param: str) -> Any:
    """A deterministic value for a schema.

    Args:
        schema: the whole schema; references into itself are followed.
        text: goes wherever any string will do, so that a search tool is asked what the user asked.
        param: where the request has it, such as "response_format.json_schema.schema".
    Raises:
        InvalidRequest: it is no schema, or one that no value of bearable size satisfies.
    """
    try:
        return _Sampler(schema, text[:MAX_TEXT]).value(schema, 0)
    except _Unfollowable as error:
        raise InvalidRequest(f"{param}: the schema cannot be followed: {error}.", param=param) from None
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError):
        raise InvalidRequest(f"{param}: this is not a valid JSON schema.", param=param) from None


class _Unfollowable(Exception):
    """A schema that no value of bearable size satisfies."""


class _Sampler:
    """Walks a schema, and stops when the sample gets too large."""

    def __init__(self, root: Any, text: str) -> None:
        self._root = root
        self._text = text
        self._left = MAX_SIZE

    def value(self, schema: Any, depth: int) -> Any:
        """A value that the schema allows."""
        self._spend(1)
        if depth > MAX_DEPTH:
            raise _Unfollowable("it asks for endless nesting")
        if not isinstance(schema, dict):
            return None
        schema = self._flat(schema, depth)
        for fixed in ("const", "default"):
            if fixed in schema:
                return self._fixed(schema[fixed])
        return self._fixed(schema["enum"][0]) if schema.get("enum") else self._of_type(schema, depth)

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _Unfollowable("it asks for too large a value")

    def _fixed(self, value: Any) -> Any:
        self._spend(len(json.dumps(value)))
        return value

    def _flat(self, schema: Schema, depth: int) -> Schema:
        """The schema with its reference, all of its `allOf` and one branch of each union merged into it."""
        for _ in range(MAX_DEPTH):
            self._spend(len(schema))
            branches: list[Any] = []
            rest = dict(schema)
            if "$ref" in rest:
                branches.append(self._resolve(rest.pop("$ref")))
            branches += rest.pop("allOf", None) or []
            for union in ("anyOf", "oneOf"):
                if choices := rest.pop(union, None):
                    self._spend(len(choices))
                    branches.append(choices[0] if depth < SHALLOW else min(choices, key=_nesting))
            if not branches:
                return rest
            schema = _merged([rest, *branches])
            self._spend(len(branches) + len(schema.get("properties") or ()) + len(schema.get("required") or ()))
        raise _Unfollowable("its references never end")

    def _resolve(self, reference: str) -> Any:
        self._spend(len(reference))
        found = self._root
        start, *names = reference.split("/")
        for name in names:
            found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if start != "#" or not isinstance(found, dict):
            raise _Unfollowable(f"there is no '{reference[:100]}' in it")
        return found

    def _of_type(self, schema: Schema, depth: int) -> Any:
        kind = schema["type"] if "type" in schema else _implied_type(schema)
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind in ("integer", "number"):
            return _number(schema, whole=kind == "integer")
        return {"boolean": True, "null": None}[kind] if kind != "string" else self._string(schema)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        names = schema.get("required", list(properties) if depth < SHALLOW else [])
        self._spend(sum(map(len, names)))
        return {name: self.value(properties.get(name, {}), depth + 1) for name in names}

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        first = schema.get("prefixItems") or []
        usual = len(first) or int(depth < SHALLOW)
        count = max(schema.get("minItems", 0), min(usual, schema.get("maxItems", usual)))
        self._spend(count)
        kinds = [*first[:count], *[schema.get("items", {})] * (count - len(first))]
        return [self.value(kind, depth + 1) for kind in kinds]

    def _string(self, schema: Schema) -> str:
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength", MAX_TEXT)
        self._spend(max(shortest, len(self._text)))
        return self._text[: max(0, longest)].ljust(shortest, "-")


def _implied_type(schema: Schema) -> str:
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _nesting(schema: Any) -> int:
    """How much further down a branch leads: 0 for plain values, 1 for containers, 2 for what is only referred to."""
    if not isinstance(schema, dict):
        return 0
    return 2 if "$ref" in schema else int(schema.get("type", "object") in ("object", "array"))


def _number(schema: Schema, *, whole: bool) -> float:
    """One step, or the first number around the bounds that is within them."""
    step = schema.get("multipleOf", 1 if whole else 0.5)
    names = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
    bounds = [schema[name] for name in names if name in schema]
    anchors = [*bounds, sum(bounds) / len(bounds)] if bounds else []
    near = [step, *(anchor + away for anchor in anchors for away in (0, step, -step))]
    if whole or "multipleOf" in schema:
        near = [round(number / step) * step for number in near]
    for number in near:
        if _within(schema, number) and (not whole or number == int(number)):
            return int(number) if whole else number
    raise _Unfollowable("no number is within its bounds")


def _within(schema: Schema, number: float) -> bool:
    over = schema.get("minimum", number) <= number and schema.get("exclusiveMinimum", number - 1) < number
    under = schema.get("maximum", number) >= number and schema.get("exclusiveMaximum", number + 1) > number
    return bool(over and under)


def _merged(schemas: list[Any]) -> Schema:
    """What all of them say: their properties and required names together, of all else the last word."""
    merged: Schema = {}
    for schema in schemas:
        if isinstance(schema, dict):
            properties = {**(merged.get("properties") or {}), **(schema.get("properties") or {})}
            required = [*(merged.get("required") or []), *(schema.get("required") or [])]
            merged |= schema
            merged |= {"properties": properties} if properties else {}
            merged |= {"required": required} if required else {}
    return merged
