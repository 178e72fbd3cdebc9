"""Why there is not enough left, and until when: what is spent is told before what is only in use."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.errors import BudgetHeld, GatewayError, InsufficientQuota, RateLimitExceeded
from gateway.holds import Hold
from gateway.refusals import refusal
from gateway.windows import minute_of
from tests.unit.ledgers import NOW, Item, account_item

MINUTE = minute_of(NOW)


def wanted(cost: str = "0.5", tokens: int = 10, minute: int = MINUTE) -> Hold:
    return Hold(int(NOW) + 30, tokens, Decimal(cost), minute)


def item_with(**values: Any) -> Item:
    lefts = {name: values.pop(name) for name in list(values) if name.endswith("_left")}
    return account_item(**values) | lefts


def held(cost: str, minute: int = MINUTE) -> dict[str, str]:
    return {"01KAR0000000000000000000AB": wanted(cost, minute=minute).text()}


def test_a_spent_total_is_spent_for_ever() -> None:
    error = refusal(item_with(total_budget=Decimal(2), total_left=Decimal("0.1")), wanted(), NOW)
    assert isinstance(error, InsufficientQuota)
    assert error.message == (
        "This API key has a budget of $2 in total: this request may cost up to $0.5, and $0.1 is left."
        " Ask for less with max_tokens."
    )


def test_a_spent_day_says_when_the_next_one_begins() -> None:
    error = refusal(item_with(day_budget=Decimal(2), day_left=Decimal(0)), wanted(), NOW)
    assert isinstance(error, InsufficientQuota)
    assert error.message.endswith("and $0 is left. A new day begins at 2027-01-01T00:00:00Z.")


def test_of_two_that_are_spent_the_longer_one_is_told() -> None:
    item = item_with(day_budget=Decimal(2), day_left=Decimal(0), month_budget=Decimal(9), month_left=Decimal(0))
    assert "a month" in refusal(item, wanted(), NOW).message


def test_what_others_hold_may_be_given_back_soon() -> None:
    item = item_with(total_budget=Decimal(2), total_left=Decimal("0.1")) | {"holds": held("0.4")}
    error = refusal(item, wanted(), NOW)
    assert (type(error), error.retry_after) == (BudgetHeld, 1)
    assert "$0.4 is set aside" in error.message


def test_what_was_held_in_an_earlier_day_does_not_come_back_to_this_one() -> None:
    item = item_with(day_budget=Decimal(2), day_left=Decimal("0.1")) | {"holds": held("0.4", MINUTE - 1440)}
    assert isinstance(refusal(item, wanted(), NOW), InsufficientQuota)


def test_a_request_dearer_than_a_new_day_s_budget_is_never_admitted() -> None:
    item = item_with(day_budget=Decimal("0.3"), day_left=Decimal("0.3"))
    error = refusal(item, wanted(minute=MINUTE + 1), NOW + 60)
    assert isinstance(error, InsufficientQuota)
    assert "$0.3 is left" in error.message


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"rpm_limit": 5, "requests_left": 0}, "may make 5 requests a minute."),
        (
            {"tpm_limit": 1000, "tokens_left": -7},
            "may use 1,000 tokens a minute; this request needs about 10, and 0 are left.",
        ),
    ],
)
def test_rates_are_whole_again_in_the_next_minute(limits: dict[str, Any], told: str) -> None:
    error = refusal(item_with(**limits), wanted(), NOW + 18)
    assert (type(error), error.retry_after) == (RateLimitExceeded, 42)
    assert error.message == f"This API key {told}"


def test_a_budget_that_is_spent_is_told_before_a_rate() -> None:
    item = item_with(rpm_limit=5, requests_left=0, total_budget=Decimal(2), total_left=Decimal(0))
    assert isinstance(refusal(item, wanted(), NOW), InsufficientQuota)


def test_a_rate_is_told_before_a_budget_that_is_only_held() -> None:
    item = item_with(rpm_limit=5, requests_left=0, total_budget=Decimal(2), total_left=Decimal(0)) | {
        "holds": held("2")
    }
    assert "requests a minute" in refusal(item, wanted(), NOW).message


def test_when_all_is_left_there_are_too_many_at_once() -> None:
    error: GatewayError = refusal(item_with(max_parallel=1) | {"holds": held("0")}, wanted(), NOW)
    assert (type(error), error.retry_after) == (RateLimitExceeded, 1)
    assert error.message == "This API key may have 1 requests under way at once."


def test_a_team_s_refusal_says_so() -> None:
    team = account_item("team_AAAAAAAAAAAA", rpm_limit=1) | {"requests_left": 0}
    assert refusal(team, wanted(), NOW).message.startswith("This API key's team may make")
