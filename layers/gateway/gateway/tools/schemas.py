"""JSON Schemas out of pydantic's models, in the few words that every provider's models understand."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Json = dict[str, Any]

LEFT_OUT = ("title", "default", "discriminator")
"""Titles repeat names; defaults are told in descriptions, and some providers refuse the word."""


def input_schema(model: type[BaseModel]) -> Json:
    """A model's schema without references, nulls and defaults.

    What may be left out is not in `required`; that null says the same needs no mention.
    """
    whole = model.model_json_schema()
    schema: Json = _simple(whole, whole.get("$defs", {}))
    return {name: schema[name] for name in ("type", "properties", "required") if name in schema}


def _simple(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_simple(one, definitions) for one in node]
    if not isinstance(node, dict):
        return node
    whole = _resolved(node, definitions)
    kept = {name: value for name, value in whole.items() if name not in LEFT_OUT}
    simple = {name: _simple(value, definitions) for name, value in kept.items() if name != "properties"}
    if "properties" in kept:
        named = {name: _simple(value, definitions) for name, value in kept["properties"].items()}
        simple["properties"] = named
    return simple


def _resolved(node: Json, definitions: Mapping[str, Any]) -> Json:
    """A reference's target, and a value that may be null as what it is else; what is said here goes before what is said there."""
    rest = dict(node)
    if "$ref" in rest:
        target = definitions[rest.pop("$ref").rpartition("/")[2]]
        return _resolved({**target, **rest}, definitions)
    branches = [one for one in rest.get("anyOf", ()) if one != {"type": "null"}]
    if len(branches) == 1:
        del rest["anyOf"]
        return _resolved({**branches[0], **rest}, definitions)
    return rest
