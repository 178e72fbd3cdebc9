"""What a request for products is taken for, and what it leaves on its key and in the log, whatever becomes of it."""

from decimal import Decimal

import pytest

from gateway.products import views
from tests.integration.catalogue import SAMPLE, Shop, product
from tests.integration.harness import Gateway


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.put(SAMPLE)
    shop.build()
    return shop


def test_a_brand_may_have_a_comma(shop: Shop) -> None:
    shop.put(
        [
            product("a", "Lamp", brand="Smith, Jones & Co", attributes={"socket": "E14, E27"}),
            product("b", "Lamp", brand="Smith"),
        ]
    )
    shop.build()
    for route in ("list_products", "search_products"):
        assert sorted(shop.ids(route, brand="smith, Jones  & Co")) == ["a", "b"]
        assert shop.ids(route, brand="Smith") == ["b"]
    assert shop.ids("search_products", attr__socket="E14, E27") == ["a"]


def test_a_request_whose_handler_breaks_leaves_its_row_and_holds_nothing(
    stocked: Shop, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.change_key(max_parallel=1)
    monkeypatch.setattr(views, "product", lambda item, prices: item["nothing"])
    assert stocked.get("get_product", "hp-1").status == 500
    assert (gateway.row()["status"], gateway.row()["error_code"]) == (500, "internal_error")
    monkeypatch.undo()
    assert stocked.get("list_offers", "hp-1").status == 200


def test_a_key_that_has_spent_its_budget_may_still_ask_for_what_is_free(stocked: Shop, gateway: Gateway) -> None:
    gateway.change_key(total_budget=Decimal(1), total_left=Decimal(0))
    assert stocked.get("get_product", "hp-1").status == 200


def test_a_wrong_cursor_is_refused_before_the_request_counts(stocked: Shop) -> None:
    assert stocked.get("search_products", q="headphones", cursor="x").error["param"] == "cursor"
    assert stocked.gateway.rows() == []
