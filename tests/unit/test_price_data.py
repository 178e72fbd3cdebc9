"""What an operator writes for a price is one, or is refused by its place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fields import WrongData
from gateway.pricing import parse


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, r"p: must be an object"),
        ("abc", r"p: must be an object"),
        (1, r"p: must be an object"),
        (True, r"p: must be an object"),
        ([], r"p: needs at least one"),
        ({}, r"p: names no price"),
        ([{"input": "1"}, 5], r"p\[1\]: must be an object"),
        ([{"input": "1"}, {}], r"p\[1\]: names no price"),
        ({"inptu": "1"}, r"p\.inptu: there is no"),
        ({"input": None}, r"p: names no price"),
        ({"input": "abc"}, r"p\.input: must be US dollars"),
        ({"input": ""}, r"p\.input: must be US dollars"),
        ({"input": -1}, r"p\.input: must be US dollars"),
        ({"input": "-0.1"}, r"p\.input: must be US dollars"),
        ({"input": float("nan")}, r"p\.input: must be US dollars"),
        ({"input": "NaN"}, r"p\.input: must be US dollars"),
        ({"input": "Infinity"}, r"p\.input: must be US dollars"),
        ({"input": 1e9}, r"p\.input: must be US dollars"),
        ({"input": True}, r"p\.input: must be US dollars"),
        ({"input": "1000000"}, r"p\.input: must be US dollars"),
        ({"input": "1E-13"}, r"p\.input: must be US dollars"),
        ({"input": "1E-9999999999999999999"}, r"p\.input: must be US dollars"),
        ({"input": "1_000"}, r"p\.input: must be US dollars"),
        ({"input": " 1"}, r"p\.input: must be US dollars"),
        ({"input": "\uff11"}, r"p\.input: must be US dollars"),
        ({"input": "-0"}, r"p\.input: must be US dollars"),
        ({"input": []}, r"p\.input: must be US dollars"),
        ({"input": {"usd": 1}}, r"p\.input: must be US dollars"),
        ({"input": "1", "output": "$5"}, r"p\.output: must be US dollars"),
        ({"input": "1", "cache_read": "1.01"}, r"p\.cache_read: is dearer"),
        ({"input": "1", "above": []}, r"p\.above: must be an object"),
        ({"input": "1", "above": {"many": {"input": "1"}}}, r"p\.above: steps are input tokens"),
        ({"input": "1", "above": {"-1": {"input": "1"}}}, r"p\.above: steps are input tokens"),
        ({"input": "1", "above": {"9" * 5000: {"input": "1"}}}, r"p\.above: steps are input tokens"),
        ({"input": "1", "above": {"5": {}}}, r"p\.above\.5: names no price"),
        ({"input": "1", "above": {"5": {"inptu": "1"}}}, r"p\.above\.5\.inptu: there is no"),
        ({"input": "1", "above": {"5": {"input": "1", "cache_read": "2"}}}, r"p\.above\.5\.cache_read: is dearer"),
        ({"input": "1", "since": "soon"}, r"p\.since: must be a day"),
        ({"input": "1", "since": 20261201}, r"p\.since: must be a day"),
        ({"input": "1", "daily": "01:00-04:00"}, r"p\.daily: must be two times"),
        ({"input": "1", "daily": ["01:00"]}, r"p\.daily: must be two times"),
        ({"input": "1", "daily": ["01:00", "02:00", "03:00"]}, r"p\.daily: must be two times"),
        ({"input": "1", "daily": ["01:00", "01:60"]}, r"p\.daily: must be two times"),
        ({"input": "1", "daily": ["01:00", "01:00"]}, r"p\.daily: must be two times"),
        ({"input": "1", "daily": ["01:00", "25:00"]}, r"p\.daily: must be two times"),
        ({"input": "1", "daily": ["01:00", "04:00+02:00"]}, r"p\.daily: must be two times"),
        ({"input": "1", "weekdays": "yes"}, r"p\.weekdays: must be true or false"),
    ],
)
def test_what_is_no_price_is_refused_naming_the_place(data: Any, message: str) -> None:
    with pytest.raises(WrongData, match=f"^{message}"):
        parse("p", data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_nothing_but_wrong_data_comes_of_what_is_no_price(data: Any) -> None:
    with pytest.raises(WrongData, match=r"^p"):
        parse("p", data)
