"""A value that a JSON Schema allows: what the local model answers when it has to follow one.

Covers what tool definitions and structured outputs use; see https://json-schema.org/draft/2020-12.
"""

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
MAX_VALUES = 1000
MAX_LENGTH = 1000


def sample(schema: Any, text: str) -> Any:
    """A deterministic value for a schema.

    Args:
        schema: the whole schema; references into its own `$defs` are followed.
        text: goes wherever any string will do, so that a search tool is asked what the user asked.
    Raises:
        InvalidRequest: it is no schema.
    """
    try:
        return _Sampler(schema, text).value(schema)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError, OverflowError) as error:
        raise InvalidRequest(f"The JSON schema cannot be followed: {error}.") from None


class _Sampler:
    """Walks a schema. Beyond MAX_VALUES everything is null: a few recursive lines can describe a value without end."""

    def __init__(self, root: Any, text: str) -> None:
        self._root = root
        self._text = text
        self._left = MAX_VALUES

    def value(self, schema: Any) -> Any:
        """A value that the schema allows."""
        self._left -= 1
        if not isinstance(schema, dict) or self._left < 0:
            return None
        if "$ref" in schema:
            return self.value(self._resolve(schema["$ref"]))
        for fixed in ("const", "default"):
            if fixed in schema:
                return schema[fixed]
        if schema.get("enum"):
            return schema["enum"][0]
        for union in ("anyOf", "oneOf", "allOf"):
            if schema.get(union):
                return self.value(_merged(schema, schema[union] if union == "allOf" else schema[union][:1], union))
        return self._of_type(schema)

    def _of_type(self, schema: dict[str, Any]) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            properties = schema.get("properties") or {}
            return {name: self.value(properties.get(name, {})) for name in schema.get("required", list(properties))}
        if kind == "array":
            wanted = min(MAX_LENGTH, max(1, schema.get("minItems", 1)))
            return [self.value(schema.get("items", {})) for _ in range(wanted)]
        if kind in ("integer", "number"):
            return _number(schema, whole=kind == "integer")
        return {"boolean": True, "null": None}.get(kind, self._string(schema))

    def _string(self, schema: dict[str, Any]) -> str:
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        shortest, longest = min(MAX_LENGTH, schema.get("minLength", 0)), schema.get("maxLength", 200)
        return self._text[:longest].ljust(shortest, "-")

    def _resolve(self, reference: str) -> Any:
        found = self._root
        for name in reference.removeprefix("#").strip("/").split("/"):
            found = found.get(name) if isinstance(found, dict) and name else found
        return found


def _number(schema: dict[str, Any], *, whole: bool) -> float:
    step: float = schema.get("multipleOf", 1 if whole else 0.5)
    lowest: float | None = schema.get(
        "minimum", schema.get("exclusiveMinimum", 0) + step if "exclusiveMinimum" in schema else None
    )
    highest: float = schema.get("maximum", schema.get("exclusiveMaximum", step + step) - step)
    return min(step, highest) if lowest is None else lowest


def _merged(schema: dict[str, Any], branches: list[Any], union: str) -> dict[str, Any]:
    merged = {name: value for name, value in schema.items() if name != union}
    for branch in branches:
        merged |= branch if isinstance(branch, dict) else {}
    return merged
