"""What pydantic finds wrong with a product, as the user of a feed can understand it."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from catalogue.feed import WrongRow

ATTRIBUTE = "must be true or false, a number, or a text of 1 to 1,000 characters"
DATE = "must be a date such as 2026-01-31"
SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of the catalogue",
    "string_type": "must be a text",
    "string_unicode": "has half a character (a lone surrogate)",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length:,} characters",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "finite_number": "must be a number",
    "decimal_max_digits": "must have at most {max_digits} digits",
    "decimal_max_places": "must have at most {decimal_places} decimals",
    "greater_than_equal": "must be at least {ge:,}",
    "less_than_equal": "must be at most {le:,}",
    "literal_error": "must be {expected}",
    "tuple_type": "must be an array",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "too_long": "must have at most {max_length} of them",
    "value_error": "{error}",
    "date_type": DATE,
    "date_parsing": DATE,
    "date_from_datetime_parsing": DATE,
    "date_from_datetime_inexact": DATE,
}
PATTERNS = {
    "id": "must be 1 to 128 letters, digits or any of . _ : ~ - and start with a letter or digit",
    "gtins": "must be a GTIN of 8, 12, 13 or 14 digits",
    "currency": "must be a currency's three letters",
    "attributes": "must have names of a to z, 0 to 9 and _",
}
"""What a text has to look like, by the field that it is in."""


def complaint(error: ValidationError, names: Mapping[str, str] | None = None) -> WrongRow:
    """The first thing that is wrong.

    Args:
        names: what the feed calls a product's fields, and an offer's; None if as the catalogue does.
    """
    problem: Any = error.errors(include_url=False, include_input=False)[0]
    where = problem["loc"]
    path = [*where[:1], *(part for part in where[1:] if not _is_branch(part))]
    return WrongRow(_place(path, names), _sentence(problem, path))


def _is_branch(part: Any) -> bool:
    """Of a union, such as attributes' values; no field's name looks so."""
    return part in ("bool", "int", "decimal", "[key]") or "[" in str(part) or "-" in str(part)


def _place(path: list[Any], names: Mapping[str, str] | None) -> str:
    if names is None:
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")[:200]
    known = [
        names.get(str(part), str(part))
        for part in path
        if not isinstance(part, int) and part not in ("offers", "attributes")
    ]
    return (known or [""])[-1]


def _sentence(problem: Any, path: list[Any]) -> str:
    if (
        path[:1] == ["attributes"]
        and len(path) > 1
        and problem["type"] not in ("string_pattern_mismatch", "value_error")
    ):
        return ATTRIBUTE
    if problem["type"] == "string_pattern_mismatch":
        named = [str(part) for part in path if not isinstance(part, int)]
        return next((PATTERNS[name] for name in reversed(named) if name in PATTERNS), "is not written as it must be")
    context = problem.get("ctx", {})
    return SENTENCES[problem["type"]].format(**context) if problem["type"] in SENTENCES else str(problem["msg"]).lower()
