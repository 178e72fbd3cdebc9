"""What the headers tell a client of its limits: of all its accounts, the nearest."""

from decimal import Decimal

from gateway.limit_headers import limit_headers
from tests.unit.ledgers import NOW, account_item

BUDGET = "x-gateway-budget-remaining-usd"


def test_without_limits_nothing_is_told() -> None:
    assert limit_headers([account_item()], NOW) == {}
    assert limit_headers([], NOW) == {}


def test_requests_and_tokens_are_told_as_openai_tells_them() -> None:
    item = account_item(rpm_limit=10, tpm_limit=1000) | {"requests_left": 3, "tokens_left": 250}
    assert limit_headers([item], NOW + 12.5) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "3",
        "x-ratelimit-reset-requests": "47.5s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "250",
        "x-ratelimit-reset-tokens": "47.5s",
    }


def test_the_account_that_has_less_left_is_told() -> None:
    key, team = account_item(rpm_limit=10) | {"requests_left": 3}, account_item(rpm_limit=100) | {"requests_left": 2}
    headers = limit_headers([key, team], NOW)
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("100", "2")


def test_more_used_than_there_was_is_none_left() -> None:
    item = account_item(tpm_limit=10, total_budget=Decimal(1)) | {"tokens_left": -5, "total_left": Decimal("-0.5")}
    headers = limit_headers([item], NOW)
    assert (headers["x-ratelimit-remaining-tokens"], headers[BUDGET]) == ("0", "0")


def test_in_a_new_minute_all_is_left_though_nobody_has_opened_it_yet() -> None:
    item = account_item(rpm_limit=10) | {"requests_left": 0}
    assert limit_headers([item], NOW + 60)["x-ratelimit-remaining-requests"] == "10"


def test_the_nearest_budget_is_told() -> None:
    item = account_item(day_budget=Decimal(1), total_budget=Decimal(5)) | {"total_left": Decimal("0.25")}
    assert limit_headers([item], NOW)[BUDGET] == "0.25"


def test_in_a_new_day_its_budget_is_whole_though_nobody_has_opened_it_yet() -> None:
    item = account_item(day_budget=Decimal(1)) | {"day_left": Decimal(0)}
    assert limit_headers([item], NOW + 60)[BUDGET] == "1"
