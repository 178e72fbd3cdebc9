"""What lists are made of: cursors, CSV, parameters and exact sums."""

import csv
import functools
import io
from decimal import Decimal, Inexact
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import csv_text, cursors
from gateway.errors import InvalidRequest
from gateway.query import Parameters
from gateway.sums import COUNTS, Sums, sort_of
from tests.unit.builders import caught_from

POSITIONS = st.dictionaries(st.text(max_size=10), st.text(max_size=10) | st.integers() | st.none(), max_size=3)
ROW = dict.fromkeys(("model", "provider", "team"), "x") | {"status": 200, "cost_usd": Decimal("0.1")}


# Cursors.


@given(POSITIONS)
def test_a_cursor_is_read_back(position: dict[str, Any]) -> None:
    text = cursors.encode(position)
    assert text.isascii()
    assert not set(text) & set("+/= ")
    if len(text) <= cursors.MAX_LENGTH:
        assert cursors.decode(text, "cursor") == position


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{1,80}"))
def test_any_other_text_is_refused_by_name(text: str) -> None:
    error = caught_from(lambda: cursors.decode(text, "cursor"), InvalidRequest)
    assert error.param == "cursor"


def test_a_cursor_with_another_way_to_write_it_is_refused() -> None:
    text = cursors.encode({"before": "x"})
    for other in (text + "=", text + "\n", text[:-1], text.swapcase(), text + "A" * 600):
        assert caught_from(functools.partial(cursors.decode, other, "after"), InvalidRequest).param == "after"


# CSV.


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
def test_a_text_survives_csv_and_begins_no_formula(texts: list[str]) -> None:
    written = csv_text.table(["a", "b"], [{"a": text, "b": 1} for text in texts])
    header, *lines = csv.reader(io.StringIO(written, newline=""))
    assert header == ["a", "b"]
    assert [line[0] for line in lines] == [f"'{text}" if text[:1] in csv_text.FORMULA else text for text in texts]
    assert written.count("\r\n") >= len(texts) + 1


def test_our_own_numbers_stay_numbers() -> None:
    row = {"a": -5, "b": Decimal("-0.10"), "c": True, "d": None, "e": [{"ms": 1}], "f": Decimal("1E-12")}
    assert csv_text.table([*row, "g"], [row]).splitlines()[1] == '-5,-0.1,true,,"[{""ms"":1}]",0.000000000001,'


# Parameters.


def test_an_unknown_parameter_is_named_with_those_that_there_are() -> None:
    error = caught_from(lambda: Parameters({"a": "1", "c": "2"}, ("a", "b")), InvalidRequest)
    assert (error.param, error.message) == ("c", "c: is not a parameter of this route; it takes a, b.")
    assert caught_from(lambda: Parameters({"c": "2"}, ()), InvalidRequest).message.endswith("it takes none.")


def test_no_parameters_are_none() -> None:
    given_ = Parameters(None, ("a",))
    assert (given_.text("a"), given_.whole("a", 1, 2), given_.whole("a", 1, 2, 2)) == (None, None, 2)
    assert (given_.choice("a", ("x", "y")), given_.choices("a", ("x", "y"))) == ("x", ())


def test_words_are_taken_each_once_in_their_own_order() -> None:
    assert Parameters({"a": "y, x,y"}, ("a",)).choices("a", ("x", "y", "z")) == ("x", "y")


# Sums.


def test_costs_add_up_to_the_last_digit() -> None:
    sums = Sums()
    for _ in range(10):
        sums.add_row(ROW)
    sums.add_row(ROW | {"cost_usd": Decimal("0.000000000001")})
    sums.add_row(ROW | {"cost_usd": Decimal(10**15)})
    assert sums.cost == Decimal("1000000000000001.000000000001")
    again = Sums()
    again.add_item(sums.values())
    assert again == sums
    assert again.told()["cost_usd"] == "1000000000000001.000000000001"


def test_a_sum_that_would_lose_a_digit_is_an_error() -> None:
    sums = Sums(cost=Decimal(10**30))
    with pytest.raises(Inexact):
        sums.add_row(ROW | {"cost_usd": Decimal("0.000000000001")})


def test_a_row_without_tokens_counts_as_a_request() -> None:
    sums = Sums()
    sums.add_row({"status": 502, "cost_usd": None, "model": ""})
    counted = {name: count for name, count in sums.counts.items() if count}
    assert counted == dict.fromkeys(COUNTS[:3], 1)
    assert sums.told()["cost_usd"] == "0"


def test_a_rows_key_is_its_owner_and_what_is_not_known_is_empty() -> None:
    assert sort_of({"owner": "k", "model": "m"}, ("key", "team", "model")) == ("k", "", "m")
    assert sort_of({"owner": "*", "key": "k", "model": "m"}, ("key",)) == ("k",)
