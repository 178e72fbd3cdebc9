"""Request bodies: JSON, checked by a pydantic model, with errors that name the field."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError, from_json

from gateway.errors import InvalidRequest
from gateway.http import Event, body_bytes

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]

MAX_PARAM = 256
"""A path may hold a key of the client's own (metadata), and that as long as the whole body."""

SENTENCES = {
    "missing": "this field is required",
    "string_type": "must be a string",
    "string_unicode": "must be a string of whole characters, without half of a surrogate pair",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "list_type": "must be an array",
    "too_short": "must not be empty",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "none_required": "is not supported here; leave it out",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "may have only letters, digits, _ and -",
    "too_long": "must have at most {max_length} items",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge:.20g}",
    "less_than_equal": "must be at most {le:.20g}",
    "less_than": "must be less than {lt:.20g}",
}
"""pydantic's findings in words for people who have never heard of it; where none are here, its own."""


class Strict(BaseModel):
    """A body of which every field is known, and nothing is taken for something else: "5" is no number."""

    model_config = ConfigDict(strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def names_what_it_does_not_know(cls, body: Any) -> Any:
        """All unknown fields in one sentence: who mistypes one field may have mistyped another."""
        unknown = [name for name in body if name not in cls.model_fields] if isinstance(body, dict) else []
        if unknown:
            context = {"field": unknown[0], "others": _and(unknown[1:]), "known": ", ".join(cls.model_fields)}
            raise PydanticCustomError("unknown_field", "there is no such field{others}; there are: {known}", context)
        return body


def _and(names: Sequence[str]) -> str:
    told = ", ".join(name[:50] for name in names[:20])
    return f", nor {told}" if told else ""


def json_body(event: Event) -> dict[str, Any]:
    """The request's body as a JSON object.

    Raises:
        InvalidRequest: it is not a JSON object.
    """
    value = json_value(event)
    if not isinstance(value, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    return value


def json_value(event: Event) -> Any:
    """The request's body as JSON of any kind.

    pydantic's parser refuses what Python's lets through: NaN, nesting without end, halves of surrogate pairs. Numbers
    beyond a float's range, such as 1e999, become infinite in both, and no provider could be sent that.

    Raises:
        InvalidRequest: it is not JSON.
    """
    try:
        value = from_json(body_bytes(event), allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}.") from None
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise InvalidRequest("The request body has a number that is too large.") from None
    return value


def parse_body(event: Event, model: type[Model]) -> Model:
    """The request's body as `model`.

    Raises:
        InvalidRequest: it is not JSON, or a field is wrong; `param` names the field.
    """
    return validate(json_body(event), model)


def validate(body: dict[str, Any], model: type[Model]) -> Model:
    """Check a body against a model.

    Raises:
        InvalidRequest: a field is wrong; `param` names it.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise field_error(error) from None


def field_error(error: ValidationError) -> InvalidRequest:
    """The error that lies deepest in the body: of a union's branches, the one that came furthest."""
    problems = [(_path(problem), problem) for problem in error.errors(include_url=False)]
    path, problem = max(problems, key=lambda found: len(found[0]))
    param = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")[:MAX_PARAM]
    return InvalidRequest(f"{param}: {_sentence(problem)}.", param=param)


def _path(problem: Any) -> Location:
    """Where the problem is: pydantic's location, without unions' tags (`<text>`), its word for keys, and with a validator's own field."""
    path = tuple(part for part in problem["loc"] if not str(part).startswith("<") and part != "[key]")
    field = problem.get("ctx", {}).get("field")
    return (*path, field) if field else path


def _sentence(problem: Any) -> str:
    context = problem.get("ctx", {})
    return SENTENCES[problem["type"]].format(**context) if problem["type"] in SENTENCES else str(problem["msg"])
