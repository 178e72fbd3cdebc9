"""What admins may say of keys and teams: exact where money is meant, and each mistake is told with its field."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import keys
from gateway.accounts import BUDGETS, LIMITS, UNLIMITED
from gateway.body import Model, parse_body
from gateway.errors import GatewayError, InvalidRequest
from gateway.policies import KeyChange, NewKey, NewTeam, Rotation, TeamChange
from tests.unit.builders import caught_from, outcome

NOW = 1_800_000_000.0
COUNTS = ("rpm_limit", "tpm_limit", "max_parallel")


def parsed(body: Any, model: type[Model]) -> Model:
    return parse_body({"body": body if isinstance(body, str) else json.dumps(body)}, model)


def fields(body: Any) -> dict[str, Any]:
    return parsed(body, KeyChange).fields(NOW)


def refused(body: Any, model: Any = KeyChange) -> GatewayError:
    return caught_from(lambda: parsed(body, model).fields(NOW), InvalidRequest)


# Counts.


@pytest.mark.parametrize("limit", COUNTS)
@pytest.mark.parametrize(
    "value", [0, -1, 1.5, 1.0, "5", True, False, [5], {}, 10**13, 10**400], ids=lambda v: str(v)[:20]
)
def test_a_count_is_a_whole_number_within_its_bounds(limit: str, value: Any) -> None:
    error = refused({limit: value})
    if value == 10**400:  # no number of JSON's for the parser
        assert error.message
        return
    assert error.param == limit
    assert error.message.startswith(f"{limit}: must be ")


@pytest.mark.parametrize(("limit", "most"), [("rpm_limit", 10**9), ("tpm_limit", 10**12), ("max_parallel", 1000)])
def test_a_count_has_a_most(limit: str, most: int) -> None:
    assert fields({limit: most}) == {limit: most}
    assert refused({limit: most + 1}).message == f"{limit}: must be at most {most}."


# Budgets.


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ('"25.00"', "25"),
        ('"0.000000000001"', "0.000000000001"),
        ('"1000000000"', "1000000000"),
        ('"007"', "7"),
        ('"123456789.123456789012"', "123456789.123456789012"),
        ("25", "25"),
        ("25.5", "25.5"),
        ("0.1", "0.1"),
        ("0.00001", "0.00001"),
    ],
)
def test_a_budget_is_exactly_what_was_written(budget: str, written: str, amount: str) -> None:
    found = fields(f'{{"{budget}": {written}}}')
    assert found == {budget: Decimal(amount)}
    assert isinstance(found[budget], Decimal)


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize(
    "written",
    [
        "0", '"0"', '"0.00"', "-1", '"-1"', '"+1"', '"1e3"', '"1E3"', '"NaN"', '"Infinity"', '""', '" 1"', '"1 "', '"1."', '".5"',
        '"1,5"', '"1_000"', '"0x10"', '"٢٥"', '"25 USD"', '"0.0000000000001"', "1e-13", "1e300", "1000000000.01", '"1000000001"',
        '"9999999999999999999999"', "true", "false", "[]", "{}", "123456789.123456789012", '"1\\n"',
    ],
)  # fmt: skip
def test_what_is_no_amount_is_no_budget(budget: str, written: str) -> None:
    error = refused(f'{{"{budget}": {written}}}')
    assert error.param == budget
    assert error.message.startswith(f"{budget}: must be ")


@given(st.decimals(Decimal("0.000000000001"), 10**9, places=12, allow_nan=False))
def test_every_amount_survives_as_a_text(amount: Decimal) -> None:
    assert fields({"month_budget": f"{amount:f}"}) == {"month_budget": amount}


@given(st.one_of(st.text(), st.floats(), st.integers(), st.lists(st.integers(), max_size=2)))
def test_any_value_is_a_budget_or_refused_by_name(value: Any) -> None:
    try:
        body = json.dumps({"day_budget": value}, allow_nan=False)
    except ValueError:
        return
    found = outcome(lambda: fields(body)["day_budget"])
    if isinstance(found, InvalidRequest):
        assert found.param in ("day_budget", None)
    else:
        assert 0 < found <= 10**9


# When, who, what.


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (1_800_000_001, 1_800_000_001),
        ("2030-01-31T12:00:00Z", 1_896_091_200),
        ("2030-01-31T12:00:00+02:00", 1_896_084_000),
        ("2030-01-31 12:00:00.9-00:30", 1_896_093_000),
    ],
)
def test_a_key_expires_at_a_moment(written: Any, moment: int) -> None:
    assert fields({"expires_at": written}) == {"expires_at": moment}


@pytest.mark.parametrize(
    "written",
    [
        0, -1, 1_800_000_000, 1.9e9, 1_900_000_000.5, True, 10**15, "1900000000", "", "tomorrow", "2030-01-31", "2030-01-31T12:00:00",
        "2020-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00x", [], {},
    ],
)  # fmt: skip
def test_what_is_no_moment_or_past_is_refused(written: Any) -> None:
    error = refused({"expires_at": written})
    assert error.param == "expires_at"
    assert error.message.startswith("expires_at: must be ")


@pytest.mark.parametrize("name", ["a", "My app", "Grüße 世界", "x" * 100])
def test_a_name_is_what_people_can_read(name: str) -> None:
    assert fields({"name": name}) == {"name": name}


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb", "a\x00", "\u200b", "\u202ename", None, 5, ["a"]])
def test_a_name_that_nobody_can_read_is_refused(name: Any) -> None:
    assert refused({"name": name}).param == "name"


@pytest.mark.parametrize("scopes", [[], None, "inference", ["root"], ["admin", 5], {}, ["admin"] * 11])
def test_scopes_are_some_of_those_that_there_are(scopes: Any) -> None:
    error = refused({"scopes": scopes})
    assert error.param is not None
    assert error.param.startswith("scopes")


def test_the_scopes_are_those_that_keys_know() -> None:
    assert fields({"scopes": list(keys.SCOPES)}) == {"scopes": list(keys.SCOPES)}
    assert fields({"scopes": ["admin", "admin"]}) == {"scopes": ["admin"]}


@pytest.mark.parametrize(
    ("models", "param"),
    [
        ([], "models"),
        ("gpt-4o", "models"),
        ({}, "models"),
        ([5], "models[0]"),
        (["a", ""], "models[1]"),
        (["a" * 257], "models[0]"),
        ([str(i) for i in range(201)], "models"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_models_are_a_list_of_ids(models: Any, param: str) -> None:
    assert refused({"models": models}).param == param


def test_models_may_be_ones_that_are_not_there_yet_and_are_kept_once() -> None:
    assert fields({"models": ["b", "a", "b"]}) == {"models": ["b", "a"]}


@pytest.mark.parametrize("value", ["yes", 1, 0, "true", []])
def test_whether_unpriced_models_may_be_used_is_true_or_false(value: Any) -> None:
    assert refused({"allow_unpriced_models": value}).param == "allow_unpriced_models"


@pytest.mark.parametrize("status", ["deleted", "revoked", "", None, True])
def test_a_status_is_active_or_disabled(status: Any) -> None:
    assert refused({"status": status}).param == "status"
    assert fields({"status": "disabled"}) == {"key_status": "disabled"}


# Whole bodies.


def test_null_is_unlimited_or_none_and_what_is_left_out_stays() -> None:
    nullable = [*LIMITS, "models", "team", "expires_at", "allow_unpriced_models"]
    found = fields(dict.fromkeys(nullable))
    assert {name: found[name] for name in LIMITS} == dict.fromkeys(LIMITS, UNLIMITED)
    assert {name: found[name] for name in nullable if name not in LIMITS} == dict.fromkeys(nullable[len(LIMITS) :])
    assert set(found) == set(nullable)


@pytest.mark.parametrize("model", [KeyChange, TeamChange])
def test_a_change_of_nothing_is_refused(model: Any) -> None:
    error = refused({}, model)
    assert (error.param, error.message) == (None, "The request changes nothing: send at least one field.")


def test_unknown_fields_are_named_all_together() -> None:
    error = refused({"name": "n", "monthly_budget": "5", "Scopes": []}, NewKey)
    assert error.param == "monthly_budget"
    assert error.message.startswith("monthly_budget: there is no such field, nor Scopes; there are: name, models, ")


@pytest.mark.parametrize(
    "field", ["status", "id", "secret_hash", "holds", "policy_no", "kind", "key_status", "left", "{x}"]
)
def test_a_new_key_takes_nothing_else(field: str) -> None:
    assert refused({"name": "n", field: 1}, NewKey).param == field


@pytest.mark.parametrize("field", ["scopes", "team", "expires_at"])
@pytest.mark.parametrize("model", [NewTeam, TeamChange])
def test_a_team_has_no_scopes_no_team_and_no_end(field: str, model: Any) -> None:
    assert refused({"name": "n", field: None}, model).param == field


def test_an_endless_field_is_not_repeated() -> None:
    error = refused({"x" * 100_000: 1, "y" * 100_000: 1} | {f"z{i}": 1 for i in range(1000)})
    assert len(error.message) < 1500


@pytest.mark.parametrize("model", [NewKey, NewTeam])
def test_a_name_is_required(model: Any) -> None:
    assert refused({"rpm_limit": 5}, model).message == "name: this field is required."


def test_a_new_key_is_for_inference_unless_said_otherwise() -> None:
    assert parsed({"name": "n"}, NewKey).fields(NOW) == {"name": "n", "scopes": ["inference"]}
    assert parsed({"name": "n", "scopes": ["admin"]}, NewKey).fields(NOW) == {"name": "n", "scopes": ["admin"]}


@pytest.mark.parametrize("grace", [-1, 604_801, 1.5, "60", True, None])
def test_the_grace_of_a_rotation_is_at_most_a_week(grace: Any) -> None:
    assert refused_rotation({"grace_seconds": grace}).param == "grace_seconds"


def test_the_grace_of_a_rotation_is_a_day_unless_said_otherwise() -> None:
    assert parsed({}, Rotation).grace_seconds == 86_400
    assert [parsed({"grace_seconds": s}, Rotation).grace_seconds for s in (0, 604_800)] == [0, 604_800]
    assert refused_rotation({"grace": 5}).param == "grace"


def refused_rotation(body: Any) -> GatewayError:
    return caught_from(lambda: parsed(body, Rotation), InvalidRequest)
