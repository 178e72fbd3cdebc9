"""Holds as text on an item, their names, and when they are dead."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import holds
from gateway.holds import Hold
from gateway.windows import minute_of

KEY, TEAM, ULID = "KeyAAAAAAAA1", "team_AAAAAAAAAAAA", "01KAR0000000000000000000AB"
REQUEST = f"req_{KEY}_{ULID}"
DEADLINE = 1_798_761_600

AMOUNTS = st.decimals(0, 10**6, places=12)


@given(st.integers(0, 10**11), st.integers(0, 10**15), AMOUNTS, st.integers(-1440, 1440))
def test_a_hold_is_read_as_it_was_written(deadline: int, tokens: int, cost: Decimal, delta: int) -> None:
    hold = Hold(deadline, tokens, cost, minute_of(deadline) + delta)
    assert Hold.read(hold.text()) == hold
    assert holds.of({"holds": {ULID: hold.text()}}) == {ULID: hold}


def test_a_hold_is_short() -> None:
    hold = Hold(DEADLINE, 1234, Decimal("0.012345000000"), minute_of(DEADLINE) - 1)
    assert hold.text() == "1798761600|1234|0.012345|-1"


@pytest.mark.parametrize("text", ["", "1798761600|1|0.1", "x|1|0.1|0", "1798761600|1|0.1|0|0", "1798761600|1|NaN|0"])
def test_what_is_no_hold_is_left_out(text: str) -> None:
    assert holds.of({"holds": {ULID: text}}) == {}


@pytest.mark.parametrize(("seconds", "dead"), [(-1, False), (0, False), (60, False), (60.5, True)])
def test_a_hold_is_dead_a_minute_after_its_deadline(seconds: float, dead: bool) -> None:
    assert Hold(DEADLINE, 0, Decimal(0), 0).is_dead(DEADLINE + seconds) is dead


@pytest.mark.parametrize(("account", "name"), [(KEY, ULID), (TEAM, f"{KEY}_{ULID}")])
def test_a_hold_s_name_leads_back_to_its_request(account: str, name: str) -> None:
    assert holds.name_of(account, REQUEST) == name
    assert holds.request_of(account, name) == (KEY, REQUEST)
