"""The local model's JSON follows ordinary schemas, and hostile ones end in a refusal, soon."""

from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.providers.samples import MAX_SIZE, sample
from tests.unit.builders import caught_from, outcome


def obj(required: Any = None, **properties: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return schema if required is None else schema | {"required": required}


TREE = obj(["name", "children"], name={"type": "string"}, children={"type": "array", "items": {"$ref": "#"}})
LINKED_LIST = {
    "$defs": {
        "node": obj(
            ["value", "next"], value={"type": "number"}, next={"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}
        )
    },
    "$ref": "#/$defs/node",
}

INVALID: list[Any] = [
    {"type": []},
    {"type": "alien"},
    {"type": 5},
    {"type": [["string"]]},
    {"type": {"a": 1}},
    {"enum": 5},
    {"enum": {"a": 1}},
    {"anyOf": {"a": 1}},
    {"anyOf": 5},
    {"allOf": 5},
    {"$ref": 5},
    {"properties": 5},
    {"properties": "text"},
    {"required": 5, "type": "object"},
    {"required": [5], "type": "object"},
    {"required": [["a"]], "type": "object"},
    {"type": "array", "minItems": "many"},
    {"type": "array", "minItems": 1.5},
    {"type": "array", "prefixItems": 5},
    {"type": "string", "minLength": "long"},
    {"type": "string", "format": ["date"]},
    {"type": "integer", "minimum": "low"},
    {"type": "integer", "multipleOf": 0},
    {"type": "integer", "minimum": 10**400},
]

ORDINARY: list[Any] = [
    {},
    True,
    {"type": "string"},
    {"type": "string", "minLength": 300},
    {"type": "string", "maxLength": 3},
    {"type": "string", "maxLength": 0},
    {"type": "string", "enum": ["red", "green"]},
    *({"type": "string", "format": name} for name in ("date", "date-time", "time", "email", "uri", "uuid", "hostname")),
    {"type": "integer"},
    {"type": "integer", "minimum": 18, "maximum": 18},
    {"type": "integer", "maximum": -5},
    {"type": "integer", "minimum": 0.5},
    {"type": "integer", "minimum": 3, "multipleOf": 5},
    {"type": "integer", "exclusiveMinimum": 10, "exclusiveMaximum": 12},
    {"type": "integer", "minimum": 0, "maximum": 0},
    {"type": "integer", "multipleOf": 0.5, "minimum": 0.5, "maximum": 1},
    {"type": "number", "minimum": 0.1, "maximum": 0.2},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
    {"type": "number", "exclusiveMaximum": 0},
    {"type": "number", "multipleOf": 0.25, "minimum": 0.3},
    {"type": "boolean"},
    {"type": "null"},
    {"type": ["null", "string"]},
    {"type": ["integer", "null"]},
    {"const": {"a": [1]}},
    {"type": "integer", "default": 7},
    {"type": "array", "items": {"type": "integer"}},
    {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 4},
    {"type": "array", "maxItems": 0},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 3},
    {"items": {"type": "integer"}},
    obj(name={"type": "string"}, age={"type": "integer"}),
    obj(["age"], name={"type": "string"}, age={"type": "integer"}) | {"additionalProperties": False},
    obj(["unlisted"]),
    {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    {"oneOf": [obj(["a"], a={"const": 1}), obj(["b"], b={"const": 2})]},
    {"allOf": [obj(["a"], a={"type": "integer"}), obj(["b"], b={"type": "string"})]},
    {"allOf": [{"$ref": "#/$defs/base"}], "required": ["b"], "$defs": {"base": obj(["a"], a={"type": "integer"})}},
    {"$defs": {"a/b~c": {"type": "integer"}}, "$ref": "#/$defs/a~1b~0c"},
    obj(["deep"], deep=obj(["deep"], deep=obj(["deep"], deep=obj(["deep"], deep=obj(["n"], n={"type": "integer"}))))),
    TREE,
    LINKED_LIST,
]


@pytest.mark.parametrize("schema", ORDINARY, ids=lambda schema: str(schema)[:60])
def test_a_sample_satisfies_the_schema(schema: Any) -> None:
    jsonschema = import_module("jsonschema")  # it has no types of its own
    jsonschema.Draft202012Validator(schema).validate(sample(schema, "What is the weather?", "here"))


def test_a_string_says_what_the_user_said() -> None:
    assert sample(obj(["query"], query={"type": "string"}), "weather", "here") == {"query": "weather"}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "#"}, "its references never end"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "never end"),
        ({"allOf": [{"$ref": "#"}] * 50}, "its references never end"),
        (obj(["self"], self={"$ref": "#"}), "it asks for endless nesting"),
        (obj(["a", "b"], a={"$ref": "#"}, b={"$ref": "#"}), "it asks for endless nesting"),
        ({"type": "array", "items": {"$ref": "#"}, "minItems": 10}, "it asks for"),
        ({"$ref": "#/$defs/missing"}, "there is no '#/$defs/missing' in it"),
        ({"$ref": "https://example.com/schema"}, "there is no 'https://example.com/schema' in it"),
        ({"$ref": "other.json#/$defs/a", "$defs": {"a": {}}}, "there is no 'other.json#/$defs/a' in it"),
        ({"type": "array", "minItems": 10**9}, "it asks for too large a value"),
        ({"type": "array", "minItems": 10**30}, "it asks for too large a value"),
        ({"type": "string", "minLength": 10**9}, "it asks for too large a value"),
        ({"type": "array", "minItems": 1000, "items": {"type": "string", "minLength": 1000}}, "too large a value"),
        ({"type": "array", "minItems": 1000, "items": {"const": "x" * 100_000}}, "too large a value"),
        ({"const": "x" * (MAX_SIZE + 1)}, "too large a value"),
        (obj(["x" * 1000] * 1000), "too large a value"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "no number is within its bounds"),
        ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "no number is within its bounds"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_refuses_a_hostile_schema_and_says_why(schema: Any, reason: str) -> None:
    error = caught_from(lambda: sample(schema, "text", "here"), InvalidRequest)
    assert error.message.startswith("here: ")
    assert reason in error.message
    assert error.param == "here"
    assert len(error.message) < 300


@pytest.mark.parametrize("schema", INVALID, ids=str)
def test_refuses_what_is_no_schema(schema: Any) -> None:
    error = caught_from(lambda: sample(schema, "text", "here"), InvalidRequest)
    assert (error.param, error.message) == ("here", "here: this is not a valid JSON schema.")


LONG = "k" * 200_000


@pytest.mark.parametrize(
    "items",
    [
        {"anyOf": [{}] * 1000},
        {"type": "string"} | {f"x{i}": i for i in range(1000)},
        {"allOf": [obj(["x0"], **{f"x{i}": {} for i in range(1000)})]},
        {"$ref": f"#/$defs/{LONG}"},
    ],
    ids=["a wide union", "many names", "many properties", "a long reference"],
)
def test_a_schema_of_much_work_for_little_is_soon_given_up(items: Any) -> None:
    schema = {"type": "array", "minItems": 1000, "items": items}
    error = caught_from(lambda: sample({"$defs": {LONG: {}}} | schema, "text", "here"), InvalidRequest)
    assert "too large a value" in error.message


NAMES = st.sampled_from(
    [
        "type",
        "properties",
        "required",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "enum",
        "const",
        "default",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "$defs",
        "minimum",
        "exclusiveMinimum",
        "maximum",
        "multipleOf",
        "format",
        "a",
    ]
)
WORDS = st.sampled_from(["string", "object", "array", "integer", "number", "null", "#", "#/$defs/a", "#/items", "date"])
SCALARS = st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
SCHEMAS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)


@given(SCHEMAS)
def test_any_json_is_followed_or_refused(schema: Any) -> None:
    found = outcome(lambda: sample(schema, "text", "here"))
    assert not isinstance(found, InvalidRequest) or found.message.startswith("here: ")
