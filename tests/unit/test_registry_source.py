"""An operator's models are laid over those that ship, entry by entry; an override that is wrong says where."""

import contextlib
import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fields import WrongData
from gateway.registry import Registry
from gateway.registry_source import MODELS_FILE, build, merged, parse, shipped
from tests.unit.registries import DATA, model


def refusal(text: str) -> str:
    """What is wrong with an override."""
    with pytest.raises(WrongData) as caught:
        build(text)
    return str(caught.value)


def over(**parts: Any) -> Registry:
    """The tests' data with an override."""
    return Registry(merged(DATA, parts))


# Laying one over the other.


def test_an_entry_takes_the_place_of_the_shipped_one_as_a_whole() -> None:
    registry = over(models={"a": model("new")})
    assert [d.name for d in registry.model("a").deployments] == ["one/new"]
    assert registry.model("a").strategy == "priority"
    assert list(registry.models) == ["a", "b"]


def test_new_entries_come_after_the_shipped_ones() -> None:
    registry = over(
        providers={"own": {"adapter": "local", "keyless": True}},
        models={"z": {"deployments": [{"provider": "own", "model": "m"}]}},
    )
    assert list(registry.models) == ["a", "b", "z"]
    assert registry.model("z").deployments[0].name == "own/m"


def test_null_takes_an_entry_away() -> None:
    assert list(over(models={"a": None}).models) == ["b"]
    assert list(over(models={"a": None}, providers={"two": None}).providers) == ["one", "aws"]


def test_null_for_what_does_not_ship_any_more_is_no_error() -> None:
    assert list(over(models={"old": None}, providers={"old": None}).models) == ["a", "b"]


@pytest.mark.parametrize("override", [{}, {"models": {}}, {"providers": None, "models": None}])
def test_an_empty_override_changes_nothing(override: dict[str, Any]) -> None:
    assert merged(DATA, override) == DATA


def test_neither_is_changed_by_laying_one_over_the_other() -> None:
    before, override = copy.deepcopy(DATA), {"models": {"a": None, "z": model("m")}}
    merged(DATA, override)
    assert before == DATA
    assert override == {"models": {"a": None, "z": model("m")}}


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ([], "the override: must be an object"),
        (None, "the override: must be an object"),
        ("models", "the override: must be an object"),
        ({"model": {}}, "model: there is no such field; there are providers, models, updated"),
        ({"updated": 5}, "updated: must be 1 to 2048 visible characters, not 5"),
        ({"models": []}, "models: must be an object"),
        ({"providers": "x"}, "providers: must be an object"),
    ],
)
def test_an_override_that_is_none_is_refused(override: Any, told: str) -> None:
    with pytest.raises(WrongData, match=f"^{told}$"):
        merged(DATA, override)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"providers": {"two": None}}, r"models.a.deployments\[0\].provider: there is no provider 'two'; there are one, aws"),
        ({"models": {"b": None}}, "models.a.fallbacks: there is no model 'b'"),
        ({"models": {"b": model("x", fallbacks=("a",))}}, "models.[ab].fallbacks: go in a circle: (a → b → a|b → a → b)"),
    ],
)  # fmt: skip
def test_what_others_still_use_cannot_be_taken_away(parts: dict[str, Any], told: str) -> None:
    with pytest.raises(WrongData, match=f"^{told}$"):
        over(**parts)


# The text.


@pytest.mark.parametrize("text", ["", "  \n", "{}", " {} ", '{"models": {}}'])
def test_an_empty_text_is_the_registry_that_ships(text: str) -> None:
    assert build(text).models == build().models


def test_an_unchanged_text_is_not_built_again() -> None:
    text = json.dumps({"models": {"mine": {"deployments": [{"provider": "local", "model": "chat"}]}}})
    assert build(text) is build(text[:5] + text[5:])
    assert list(build(text).models) == [*shipped()["models"], "mine"]


def test_numbers_keep_their_digits() -> None:
    assert parse('{"x": 0.10000000000000000001}') == {"x": Decimal("0.10000000000000000001")}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "the override: is not JSON: Expecting property name"),
        ("models", "the override: is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"models": {}}}', "the override: is not JSON: Extra data"),
        ("{'models': {}}", "the override: is not JSON: "),
        ("[" * 100_000, "the override: is nested too deeply"),
        ('{"models":' * 100_000, "the override: is nested too deeply"),
        ("9" * 5000, "the override: is not JSON: "),
        ("\ufeff{}", "the override: is not JSON: "),
        ("null", "the override: must be an object"),
        ("NaN", "the override: NaN is not a number that can be meant"),
        ('{"models": {"a": -Infinity}}', "the override: -Infinity is not a number that can be meant"),
        (
            '{"models": 1e99999999999999999999}',
            "the override: 1e99999999999999999999 is not a number that can be meant",
        ),
        ('{"models": {"a": 1, "a": 2}}', "the override: 'a' is there twice in one object"),
        ('{"models": {"a": []}}', "models.a: must be an object"),
        ('{"providers": {"openai": null}}', "models."),
    ],
    ids=lambda text: text[:20],
)
def test_a_wrong_text_is_refused_naming_the_place(text: str, told: str) -> None:
    assert refusal(text).startswith(told)


@given(st.text() | st.from_regex(r'\A\{"(models|providers)": ?[\[\]{}0-9a-z":,.eE+-]{0,20}\}?\Z'))
def test_any_text_makes_a_registry_or_is_refused(text: str) -> None:
    with contextlib.suppress(WrongData):
        assert build(text).models


def test_a_copy_of_the_list_that_ships_is_a_right_override() -> None:
    text = MODELS_FILE.read_text(encoding="utf-8").replace('"2026-', '"2025-', 1)
    changed = build(text)
    assert changed.updated.year == 2025
    assert changed.models == build().models
