"""The catalogue's tools take what their schemas say, and what models are known to send instead; and say what is wrong with the rest."""

import json
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.errors import GatewayError, InvalidRequest
from gateway.providers import vocabulary
from gateway.registry import Deployment, Endpoint, Provider
from gateway.search.query import Filters, Query, Range
from gateway.tools import arguments
from gateway.tools.catalogue import TOOLS
from tests.unit.builders import caught_from, request

Json = dict[str, Any]

NAMES = ["search_catalog", "lookup_catalog", "get_product", "get_product_offers", "list_categories"]
MODELS: dict[str, type[Any]] = {
    "search_catalog": arguments.SearchArguments,
    "lookup_catalog": arguments.LookupArguments,
    "get_product": arguments.ProductArguments,
    "get_product_offers": arguments.OffersArguments,
    "list_categories": arguments.CategoriesArguments,
}
FULL_SEARCH = {
    "query": "headphones",
    "filters": {
        "categories": ["Electronics > Audio", "Audio"],
        "brand": ["Sonvane"],
        "price": {"min": 0, "max": 10**12},
        "currency": "EUR",
        "availability": ["in_stock", "preorder"],
        "rating": {"min": 4.5},
        "attributes": {"colour": "black", "size": ["M", "L"], "wireless": True, "weight": 250, "hours": {"min": 20}},
    },
    "sort": "price_asc",
    "pagination": {"limit": 50},
}
RIGHT: list[tuple[str, Json]] = [
    ("search_catalog", FULL_SEARCH),
    ("search_catalog", {"query": "x"}),
    ("search_catalog", {"filters": {"price": {"max": 5000}}}),
    ("search_catalog", {"query": "x", "filters": {}, "pagination": {}}),
    ("search_catalog", {"query": "x", "filters": {"brand": [], "attributes": {}, "rating": {}, "price": {}}}),
    ("search_catalog", {"query": "x", "context": {"address_country": "DE"}, "signals": {}, "attribution": {}}),
    ("lookup_catalog", {"ids": ["a"]}),
    ("lookup_catalog", {"ids": [f"p-{number}" for number in range(20)]}),
    ("get_product", {"id": "a"}),
    ("get_product", {"id": "a", "selected": [], "preferences": ["Colour"]}),
    ("get_product_offers", {"id": "a", "limit": 1}),
    (
        "get_product_offers",
        {"id": "a", "filters": {"availability": ["in_stock"], "condition": ["new", "used"], "currency": "EUR"}},
    ),
    ("list_categories", {}),
    ("list_categories", {"parent": "Electronics > Audio", "depth": 1}),
]
WRONG: list[tuple[str, Json, str]] = [
    ("search_catalog", {"query": 5}, "query"),
    ("search_catalog", {"query": "x" * 513}, "query"),
    ("search_catalog", {"query": ["x"]}, "query"),
    ("search_catalog", {"query": "x", "filters": "cheap"}, "filters"),
    ("search_catalog", {"query": "x", "filters": {"colour": "black"}}, "filters.colour"),
    ("search_catalog", {"query": "x", "filters": {"price": 100}}, "filters.price"),
    ("search_catalog", {"query": "x", "filters": {"price": {"max": 99.99}}}, "filters.price.max"),
    ("search_catalog", {"query": "x", "filters": {"price": {"max": "cheap"}}}, "filters.price.max"),
    ("search_catalog", {"query": "x", "filters": {"price": {"max": True}}}, "filters.price.max"),
    ("search_catalog", {"query": "x", "filters": {"price": {"min": -1}}}, "filters.price.min"),
    ("search_catalog", {"query": "x", "filters": {"price": {"min": 10**12 + 1}}}, "filters.price.min"),
    ("search_catalog", {"query": "x", "filters": {"price": {"least": 1}}}, "filters.price.least"),
    ("search_catalog", {"query": "x", "filters": {"rating": {"min": 6}}}, "filters.rating.min"),
    ("search_catalog", {"query": "x", "filters": {"availability": ["soon"]}}, "filters.availability[0]"),
    ("search_catalog", {"query": "x", "filters": {"brand": [5]}}, "filters.brand[0]"),
    ("search_catalog", {"query": "x", "filters": {"brand": ["b"] * 21}}, "filters.brand"),
    ("search_catalog", {"query": "x", "filters": {"attributes": ["black"]}}, "filters.attributes"),
    ("search_catalog", {"query": "x", "filters": {"attributes": {"a": []}}}, "filters.attributes.a"),
    ("search_catalog", {"query": "x", "filters": {"attributes": {"a": {"from": 1}}}}, "filters.attributes.a.from"),
    ("search_catalog", {"query": "x", "sort": "cheap"}, "sort"),
    ("search_catalog", {"query": "x", "pagination": {"limit": 0}}, "pagination.limit"),
    ("search_catalog", {"query": "x", "pagination": {"limit": 2.5}}, "pagination.limit"),
    ("search_catalog", {"query": "x", "pagination": {"cursor": 7}}, "pagination.cursor"),
    ("lookup_catalog", {}, "ids"),
    ("lookup_catalog", {"ids": []}, "ids"),
    ("lookup_catalog", {"ids": ["a"] * 21}, "ids"),
    ("lookup_catalog", {"ids": [1]}, "ids[0]"),
    ("get_product", {}, "id"),
    ("get_product", {"id": 5}, "id"),
    ("get_product", {"id": "x" * 513}, "id"),
    ("get_product_offers", {"id": "a", "filters": {"condition": ["mint"]}}, "filters.condition[0]"),
    ("get_product_offers", {"id": "a", "limit": -1}, "limit"),
    ("list_categories", {"parent": 5}, "parent"),
    ("list_categories", {"depth": 0}, "depth"),
]
BEYOND_SCHEMAS: list[tuple[str, Json, str]] = [
    ("search_catalog", {}, "query"),
    ("search_catalog", {"query": "  "}, "query"),
    ("search_catalog", {"query": "x", "filters": {"price": {"min": 2, "max": 1}}}, "filters.price.min"),
    ("search_catalog", {"query": "x", "filters": {"currency": "euro"}}, "filters.currency"),
    ("search_catalog", {"query": "x", "filters": {"categories": ["Audio >"]}}, "filters.categories[0]"),
    ("search_catalog", {"query": "x", "filters": {"attributes": {"a": {}}}}, "filters.attributes.a"),
    ("search_catalog", {"query": "x", "filters": {"attributes": {"a": {"min": 2, "max": 1}}}}, "filters.attributes.a.min"),
    ("search_catalog", {"query": "x", "pagination": {"cursor": "W10"}}, "pagination.cursor"),
    ("search_catalog", {"query": "x", "limit": 5}, "limit"),
    ("lookup_catalog", {"ids": ["a"], "filters": {}}, "filters"),
]  # fmt: skip
"""What a schema cannot say, or had better not: `catalog` is open to what the protocol's clients send besides."""


def asked(name: str, given: Json) -> Any:
    """The checked arguments, as the tool looks at them."""
    catalog = arguments.read(given, MODELS[name]).catalog
    return catalog.as_query() if name == "search_catalog" else catalog


def query(**catalog: Any) -> Query:
    found: Query = asked("search_catalog", {"catalog": catalog})
    return found


def refused(name: str, given: Json) -> GatewayError:
    error = caught_from(lambda: asked(name, given), InvalidRequest)
    assert error.message.startswith(f"{error.param}: ")
    return error


def test_these_are_the_tools_in_this_order() -> None:
    assert list(TOOLS) == NAMES
    assert all(name == tool.name for name, tool in TOOLS.items())


@pytest.mark.parametrize(("name", "catalog"), RIGHT)
def test_what_the_schema_takes_is_taken(name: str, catalog: Json) -> None:
    Draft202012Validator(TOOLS[name].input_schema).validate({"catalog": catalog})
    asked(name, {"catalog": catalog})


@pytest.mark.parametrize(("name", "catalog", "field"), WRONG)
def test_what_the_schema_refuses_is_refused_by_its_name(name: str, catalog: Json, field: str) -> None:
    assert not Draft202012Validator(TOOLS[name].input_schema).is_valid({"catalog": catalog})
    assert refused(name, {"catalog": catalog}).param == f"catalog.{field}"


@pytest.mark.parametrize(("name", "catalog", "field"), BEYOND_SCHEMAS)
def test_what_no_schema_says_is_refused_by_its_name_too(name: str, catalog: Json, field: str) -> None:
    assert refused(name, {"catalog": catalog}).param == f"catalog.{field}"


@pytest.mark.parametrize(
    "given", [{"catalog": None}, {"catalog": []}, {"catalog": "x"}, {"catalog": {"query": "x"}, "limit": 1}]
)
def test_arguments_that_have_no_catalog_are_refused(given: Json) -> None:
    assert refused("search_catalog", given).param in ("catalog", "limit")


def test_an_amount_of_units_is_told_what_minor_units_are() -> None:
    error = refused("search_catalog", {"catalog": {"query": "x", "filters": {"price": {"max": 99.99}}}})
    assert error.message == "catalog.filters.price.max: must be a whole number, in minor units: 9999 is 99.99."


def test_half_a_character_is_refused_in_plain_words() -> None:
    error = refused("search_catalog", {"catalog": {"query": "\ud800"}})
    assert error.message == "catalog.query: must be a string of whole characters, without half of a surrogate pair."


def test_an_unknown_field_is_told_those_that_there_are() -> None:
    error = refused("search_catalog", {"catalog": {"querry": "x"}})
    assert error.message.endswith("there are: query, filters, sort, pagination.")


# What models send instead.


def test_the_content_of_catalog_alone_is_taken() -> None:
    assert asked("search_catalog", {"query": "x", "meta": {"ucp-agent": {}}}) == query(query="x")
    assert asked("get_product", {"id": "a"}).id == "a"
    assert asked("list_categories", {}) == asked("list_categories", {"catalog": {}})
    assert asked("list_categories", {"catalog": None}) == asked("list_categories", {})


@pytest.mark.parametrize("limit", [10, 10.0, "10", " 10 "])
def test_a_whole_number_may_be_written_in_any_way(limit: Any) -> None:
    assert query(query="x", pagination={"limit": limit}).limit == 10
    assert query(query="x", filters={"price": {"max": limit}}).filters.price_max == 10


def test_more_than_a_page_is_a_page() -> None:
    assert query(query="x", pagination={"limit": 1000}).limit == 50
    assert query(query="x").limit == 10


def test_null_and_an_empty_text_say_nothing() -> None:
    empty: Json = {"categories": None, "brand": [], "price": {"min": None, "max": ""}, "currency": "", "rating": None}
    assert query(query="x", filters=empty, sort=None, pagination={"cursor": "", "limit": None}) == query(query="x")


def test_one_text_is_a_list_of_it_and_brands_are_brand() -> None:
    found = query(filters={"brands": "Sonvane", "categories": "electronics>Audio", "availability": "In stock"}).filters
    assert (found.brands, found.categories, found.availability) == (
        ("Sonvane",),
        ("electronics > Audio",),
        ("in_stock",),
    )


def test_objects_and_lists_may_come_as_json_in_a_text() -> None:
    meant = query(query="[x", filters={"price": {"max": 5}, "brand": ["A", "B"], "attributes": {"colour": "red"}})
    texts = {"price": '{"max": 5}', "brand": '["A", "B"]', "attributes": '{"colour": "red"}'}
    assert query(query="[x", filters=texts) == query(query="[x", filters=json.dumps(texts)) == meant
    assert asked("search_catalog", {"catalog": json.dumps({"query": "x"})}) == query(query="x")
    assert refused("search_catalog", {"catalog": '{"query": '}).param == "catalog"


def test_one_id_is_a_list_of_it() -> None:
    assert asked("lookup_catalog", {"ids": " hp-1 "}).ids == ["hp-1"]


def test_attributes_of_which_nothing_is_known_say_nothing() -> None:
    assert query(query="x", filters={"attributes": {"colour": None, "size": ""}}) == query(query="x")


def test_what_is_no_object_is_told_what_it_may_have() -> None:
    error = refused("search_catalog", {"query": "x", "filters": {"price": 100}})
    assert error.message == "catalog.filters.price: must be an object, which may have: min, max."


def test_filters_become_those_of_the_search() -> None:
    catalog = {**FULL_SEARCH, "filters": {**FULL_SEARCH["filters"], "currency": "eur"}}  # type: ignore[dict-item]
    found = query(**catalog)
    assert found == Query(
        "headphones",
        Filters(
            categories=("Electronics > Audio", "Audio"),
            brands=("Sonvane",),
            price_min=0,
            price_max=10**12,
            currency="EUR",
            availability=("in_stock", "preorder"),
            rating_min=Decimal("4.5"),
            attributes={
                "colour": ("black",),
                "size": ("M", "L"),
                "wireless": ("true",),
                "weight": ("250",),
                "hours": Range(Decimal(20), None),
            },
        ),
        "price_asc",
        50,
    )


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (30.0, ("30",)),
        (0.5, ("0.5",)),
        (False, ("false",)),
        (["a", 1, True], ("a", "1", "true")),
        ({"min": "20", "max": 40.5}, Range(Decimal(20), Decimal("40.5"))),
    ],
)
def test_attributes_are_compared_as_they_are_indexed(value: Any, meant: Any) -> None:
    assert query(filters={"attributes": {"Battery hours": value}}).filters.attributes == {"battery_hours": meant}


# Schemas that every provider takes.


def nodes(schema: Any) -> Iterator[Json]:
    """All schemas in a schema."""
    if isinstance(schema, dict):
        yield schema
        for name, value in schema.items():
            yield from (
                (found for one in value.values() for found in nodes(one)) if name == "properties" else nodes(value)
            )
    elif isinstance(schema, list):
        for one in schema:
            yield from nodes(one)


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_plain_and_each_field_is_told(name: str) -> None:
    tool = TOOLS[name]
    for schema in (tool.input_schema, tool.output_schema):
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
    every = list(nodes(tool.input_schema))
    refused = {"$ref", "$defs", "title", "default", "examples", "pattern", "format", "const", "oneOf", "allOf", "not"}
    assert not [node for node in every if refused & set(node)]
    assert sum("anyOf" in node for node in every) == (1 if name == "search_catalog" else 0)
    for node in every:
        for field in node.get("properties", {}).values():
            told = field.get("description", "")
            assert 0 < len(told) <= 250 or field == {"type": "number"}, (name, field)


@pytest.mark.parametrize("name", NAMES)
def test_the_definition_is_short_and_says_when_to_use_it(name: str) -> None:
    definition = TOOLS[name].definition()
    assert 100 < len(definition["description"]) < 450
    assert len(json.dumps(definition["inputSchema"])) < 3_500
    assert json.loads(json.dumps(definition)) == definition


PLACES = {
    "openai_compatible": lambda sent: [one["function"]["parameters"] for one in sent["tools"]],
    "anthropic": lambda sent: [one["input_schema"] for one in sent["tools"]],
    "gemini": lambda sent: [one["parametersJsonSchema"] for one in sent["tools"][0]["functionDeclarations"]],
    "bedrock": lambda sent: [one["toolSpec"]["inputSchema"]["json"] for one in sent["toolConfig"]["tools"]],
}


@pytest.mark.parametrize("adapter", PLACES)
def test_every_adapter_sends_the_schemas_as_they_are(adapter: str) -> None:
    tools = [
        {"name": tool.name, "description": tool.description, "parameters": tool.input_schema} for tool in TOOLS.values()
    ]
    speaker: Any = import_module(f"gateway.providers.{adapter}")
    deployment = Deployment(Provider("p", adapter, keyless=True), "m", max_output_tokens=64_000)
    offered = request(tools=[{"type": "function", "function": function} for function in tools])
    fitted, dropped = vocabulary.fitted(offered, speaker.VOCABULARY, deployment)
    sent = speaker.to_request(fitted, deployment, Endpoint("https://provider.example", "key", "us-east-1"))
    body = sent if adapter == "bedrock" else sent.body
    assert PLACES[adapter](body) == [tool["parameters"] for tool in tools]
    assert not dropped
