"""Request bodies: JSON, checked by a pydantic model, with errors that name the field."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from gateway.errors import InvalidRequest
from gateway.http import Event, body_bytes

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]


def json_body(event: Event) -> dict[str, Any]:
    """The request's body as a JSON object.

    pydantic's parser refuses what Python's lets through: NaN, nesting without end, halves of surrogate pairs.

    Raises:
        InvalidRequest: it is not a JSON object.
    """
    try:
        value = from_json(body_bytes(event), allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidRequest("The request body must be a JSON object.")
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
        raise _field_error(body, error) from None


def _field_error(body: dict[str, Any], error: ValidationError) -> InvalidRequest:
    """The error that lies deepest in the body: of a union's branches, the one that came furthest."""
    problems = [(_path(body, problem), problem) for problem in error.errors(include_url=False)]
    path, problem = max(problems, key=lambda found: len(found[0]))
    param = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".") or None
    return InvalidRequest(f"{param or 'The body'}: {_sentence(problem)}", param=param)


def _path(body: Any, problem: Any) -> Location:
    """Where the problem is: pydantic's location without the names of union branches that it puts among the keys."""
    path: list[int | str] = []
    for part in problem["loc"]:
        missing = problem["type"] == "missing" and part == problem["loc"][-1]
        if isinstance(part, int) and isinstance(body, list):
            body = body[part]
        elif isinstance(part, str) and isinstance(body, dict) and (part in body or missing):
            body = body.get(part)
        else:
            continue
        path.append(part)
    return (*path, *_field_inside(problem))


def _field_inside(problem: Any) -> Location:
    """The field of an object that is reported as a whole: what tells a union's branches apart, or a validator's own."""
    context = problem.get("ctx", {})
    if problem["type"].startswith("union_tag"):
        return (context["discriminator"].strip("'"),)
    return (context["field"],) if "field" in context else ()


def _sentence(problem: Any) -> str:
    text = str(problem["msg"]).replace("Field required", "this field is required")
    return text[0].lower() + text[1:] + ("" if text.endswith(".") else ".")
