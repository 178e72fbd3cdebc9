"""docs/tools.md tells of tools, arguments and answers; each is one that there is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.search.query import SORTS
from gateway.tools import views
from gateway.tools.arguments import DEFAULT_LIMIT, DEFAULT_OFFERS, MAX_IDS
from gateway.tools.catalogue import MOST_CATEGORIES, TOOLS
from gateway.tools.values import MAX_LIMIT

DOC = (Path(__file__).parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading."""
    return DOC.split(f"\n## {title}\n")[1].split("\n## ")[0]


def shown(tool: str) -> list[Any]:
    """The question and the answer that are shown of a tool."""
    return [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", section(tool), re.MULTILINE | re.DOTALL)]


def names(value: Any) -> set[str]:
    """All names of fields, but those of attributes and of what is left out."""
    if isinstance(value, list):
        return set().union(*map(names, value))
    if not isinstance(value, dict):
        return set()
    inner = [names(one) for name, one in value.items() if name != "attributes"]
    return (set(value) - {"…"}).union(*inner)


def told(schema: Any) -> set[str]:
    """All names of fields that a schema has."""
    if isinstance(schema, list):
        return set().union(*map(told, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})).union(*map(told, schema.values()))


def test_all_tools_are_told() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", DOC.split("\n## ")[0], re.MULTILINE)
    assert rows == list(TOOLS)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_questions_and_answers_that_are_shown_are_right(tool: str) -> None:
    question, answer = shown(tool)
    Draft202012Validator(TOOLS[tool].input_schema).validate(question)
    assert names(answer) <= told(TOOLS[tool].output_schema)


def test_all_arguments_of_the_search_are_told() -> None:
    catalog = TOOLS["search_catalog"].input_schema["properties"]["catalog"]["properties"]
    rows = re.findall(r"^\| `([\w.]+)` \|", section("search_catalog"), re.MULTILINE)
    filters = [f"filters.{name}" for name in catalog["filters"]["properties"]]
    assert rows == ["query", *filters, "sort", "pagination"]
    assert ", ".join(f"`{sort}`" for sort in SORTS) in section("search_catalog")


def test_the_limits_are_told() -> None:
    assert f"{DEFAULT_LIMIT} unless told, {MAX_LIMIT} at most" in section("search_catalog")
    assert f"{DEFAULT_OFFERS} unless told, {MAX_LIMIT} at most" in section("get_product_offers")
    assert f"up to {MAX_IDS} products" in DOC
    assert f"cut at {views.BRIEF} characters" in section("lookup_catalog")
    assert f"first {views.MOST_VARIANTS} offers" in section("get_product")
    assert f"{views.RECENT} most `recent`" in section("get_product")
    assert f"{MOST_CATEGORIES} at most" in section("list_categories")
