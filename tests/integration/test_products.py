"""Products and their offers, from the table to the client, by keys and indexes alone."""

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from gateway import cursors
from gateway.products import store
from tests.integration.catalogue import HEADPHONES, SAMPLE, Shop, offer, product
from tests.integration.harness import Fault, Gateway, Json


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.put(SAMPLE)
    return shop


# Lists.


def test_all_products_are_listed_each_once(stocked: Shop) -> None:
    assert sorted(stocked.ids()) == sorted(one.id for one in SAMPLE)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"category": HEADPHONES}, {"hp-1", "hp-2", "hp-3", "st-1"}),
        ({"category": "electronics>AUDIO"}, {"hp-1", "hp-2", "hp-3", "st-1", "sp-1"}),
        ({"category": "Home > Kitchen"}, {"sp-1"}),
        ({"category": "Electronics > Aud"}, set()),
        ({"brand": "sonnbach"}, {"hp-1", "hp-2"}),
        ({"brand": "Sonnbach,Rechenau"}, {"hp-1", "hp-2", "lt-1"}),
        ({"brand": "Tonwerk", "category": HEADPHONES}, {"hp-3"}),
        ({"gtin": "4006381333931"}, {"hp-1"}),
        ({"gtin": "04006381333931"}, {"hp-1"}),
        ({"gtin": "73513537"}, {"sp-1"}),
        ({"gtin": "00000073513537"}, {"sp-1"}),
        ({"gtin": "036000291452", "brand": "Sonnbach"}, set()),
        ({"min_price": 5_900, "max_price": 8_999}, {"hp-1", "sp-1"}),
        ({"max_price": 1_999}, {"hp-3"}),
        ({"min_price": 24_901}, {"lt-1"}),
        ({"min_price": 10**12}, set()),
        ({"currency": "usd"}, set()),
        ({"currency": "EUR", "brand": "Holzmann"}, set()),
        ({"availability": "in_stock", "category": HEADPHONES}, {"hp-1", "hp-2", "hp-3"}),
        ({"availability": "backorder,preorder"}, set()),
        ({"min_rating": "4.5"}, {"hp-1", "hp-2"}),
        ({"min_rating": "0"}, {"hp-1", "hp-2", "hp-3"}),
    ],
)
def test_a_list_has_the_products_that_pass_its_filters(stocked: Shop, query: dict[str, Any], found: set[str]) -> None:
    ids = stocked.ids(**query)
    assert sorted(ids) == sorted(found)


def test_a_list_tells_of_each_product_what_a_buyer_looks_at_first(stocked: Shop) -> None:
    (found,) = stocked.get("list_products", gtin="4006381333931").json["data"]
    assert found == {
        "object": "product",
        "id": "hp-1",
        "title": "Sonnbach Wave 7 wireless headphones",
        "brand": "Sonnbach",
        "categories": [HEADPHONES],
        "price_range": {"min": {"amount": 8_999, "currency": "EUR"}, "max": {"amount": 8_999, "currency": "EUR"}},
        "availability": "in_stock",
        "rating": {"value": 4.5, "count": 210},
        "image": None,
        "link": None,
        "released": "2026-01-10",
        "offer_count": 1,
    }


@pytest.mark.parametrize("query", [{}, {"category": "Electronics"}, {"brand": "Tonwerk,Sonnbach,Holzmann"}])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_together_are_the_whole_list(stocked: Shop, query: dict[str, Any], limit: int) -> None:
    pages = list(stocked.pages(limit=limit, **query))
    assert all(len(page) <= limit for page in pages)
    assert [one for page in pages for one in page] == stocked.ids(limit=100, **query)
    assert len(set().union(*pages)) == sum(map(len, pages))


def test_a_page_whose_products_are_all_filtered_out_ends_and_says_that_there_are_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_EXAMINED", 30)
    shop.put(product(f"p-{number:03}", "A thing", price=number, brand="Tonwerk") for number in range(100))
    pages = list(shop.pages(brand="Tonwerk", min_price=70))
    assert [len(page) for page in pages] == [0, 0, 20, 10]
    assert [one for page in pages for one in page] == [f"p-{number:03}" for number in range(70, 100)]


def test_a_list_reads_no_more_than_its_page(shop: Shop, gateway: Gateway) -> None:
    shop.put(product(f"p-{number:03}", "A thing", brand="Tonwerk") for number in range(60))
    queries, scans = gateway.count("Query"), gateway.count("Scan")
    assert len(shop.ids(brand="Tonwerk", limit=20)) == 20
    assert (queries(), scans()) == (1, 0)


def test_a_cursor_goes_on_where_a_product_has_gone_since(stocked: Shop, gateway: Gateway) -> None:
    first, cursor = (
        (page := stocked.get("list_products", category=HEADPHONES, limit=2).json)["data"],
        page["next_cursor"],
    )
    gateway.db.delete_item(TableName="products", Key={"id": {"S": first[1]["id"]}, "part": {"S": "PRODUCT"}})
    assert stocked.ids(category=HEADPHONES, limit=2, cursor=cursor) == ["hp-3", "st-1"]


def test_a_cursor_of_another_list_is_refused(stocked: Shop) -> None:
    cursor = stocked.get("list_products", brand="Tonwerk", limit=1).json["next_cursor"]
    for query in ({}, {"brand": "Sonnbach"}, {"brand": "Tonwerk", "max_price": 5}, {"category": HEADPHONES}):
        answer = stocked.get("list_products", cursor=cursor, **query)
        assert (answer.status, answer.error["param"]) == (400, "cursor")


def test_a_cursor_that_was_changed_is_refused(stocked: Shop) -> None:
    cursor = stocked.get("list_products", limit=1).json["next_cursor"]
    changed = {cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(0, len(cursor), 7)}
    for text in (*changed, cursor[:-1], cursor + "A", "x" * 3000, "é", "bnVsbA", "W10"):
        answer = stocked.get("list_products", cursor=text)
        assert (answer.status, answer.error["param"]) == (400, "cursor"), text


def test_a_cursor_made_by_hand_never_makes_the_database_complain(stocked: Shop) -> None:
    right = cursors.decode(stocked.get("list_products", brand="Tonwerk", limit=1).json["next_cursor"], "cursor")
    item = right["item"]
    changes: tuple[Json, ...] = (
        {"key": 1}, {"key": -1}, {"key": True}, {"key": None}, {"item": None}, {"item": {}}, {"item": item | {"more": "x"}},
        {"item": item | {"brand_key": "sonnbach"}}, {"item": item | {"brand_key": "tonwerk2"}}, {"item": item | {"id": ""}},
        {"item": item | {"part": 5}}, {"list": None},
    )  # fmt: skip
    for change in changes:
        answer = stocked.get("list_products", brand="Tonwerk", cursor=cursors.encode(right | change))
        assert (answer.status, answer.error["param"]) == (400, "cursor"), change


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 10**9}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"min_price": 2, "max_price": 1}, "min_price"),
        ({"min_price": -1}, "min_price"),
        ({"max_price": "9.99"}, "max_price"),
        ({"min_rating": 6}, "min_rating"),
        ({"min_rating": "NaN"}, "min_rating"),
        ({"currency": "EURO"}, "currency"),
        ({"availability": "in stock"}, "availability"),
        ({"category": ">"}, "category"),
        ({"category": " "}, "category"),
        ({"brand": ","}, "brand"),
        ({"brand": ",".join(map(str, range(21)))}, "brand"),
        ({"gtin": "12345"}, "gtin"),
        ({"gtin": "١٢٣٤٥٦٧٨"}, "gtin"),
        ({"q": "headphones"}, "q"),
        ({"brand": "x" * 10_000}, "brand"),
    ],
)
def test_a_wrong_parameter_is_named(shop: Shop, query: dict[str, Any], param: str) -> None:
    answer = shop.get("list_products", **query)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert answer.error["message"].startswith(param)


# One product, and its offers.


def test_a_product_is_shown_with_all_that_is_known_of_it(shop: Shop) -> None:
    history = [{"day": "2026-10-01", "price": 9_900}, {"day": "2026-11-01", "price": 8_900}]
    shop.put(
        [
            product(
                "x", "Ünïcode 🎧 headphones", price=8_900, description="Says “hello”.", mpn="X-1", gtins=["4006381333931"],
                images=["https://shop.example/1.jpg", "https://shop.example/2.jpg"], link="https://shop.example/x",
                attributes={"colour": "black", "wireless": True, "battery_hours": 30, "weight_kg": "0.250"}, price_history=history,
            )
        ]
    )  # fmt: skip
    found = shop.get("get_product", "x").json
    assert found["description"] == "Says “hello”."
    assert (found["title"], found["mpn"], found["gtins"]) == ("Ünïcode 🎧 headphones", "X-1", ["4006381333931"])
    assert (found["image"], len(found["images"])) == ("https://shop.example/1.jpg", 2)
    assert found["attributes"] == {"colour": "black", "wireless": True, "battery_hours": 30, "weight_kg": "0.250"}
    assert found["price_history"] == [
        {"day": "2026-10-01", "price": {"amount": 9_900, "currency": "EUR"}},
        {"day": "2026-11-01", "price": {"amount": 8_900, "currency": "EUR"}},
    ]


def test_a_product_of_which_little_is_known_is_shown_with_nulls(stocked: Shop) -> None:
    found = stocked.get("get_product", "un-1").json
    assert (found["price_range"], found["brand"], found["rating"], found["availability"]) == (None,) * 4
    assert (found["images"], found["gtins"], found["attributes"], found["price_history"]) == ([], [], {}, [])


def test_offers_come_cheapest_first_with_shipping_and_what_cannot_be_bought_comes_last(shop: Shop) -> None:
    offers = [
        offer("gone", 100, availability="out_of_stock"),
        offer("cheap", 1_000, shipping=500),
        offer("dear", 1_400, shipping=0, condition="used", delivery_time={"min_days": 1, "max_days": 3}),
        offer("abroad", 1, currency="JPY"),
        offer("unknown shipping", 1_450, id="A 7"),
    ]
    for one in offers:
        one["link"] = "https://shop.example/1"
    shop.put([product("x", "A thing", currency="EUR", offers=offers)])
    listed = shop.get("list_offers", "x").json
    assert [one["merchant"] for one in listed["data"]] == ["dear", "unknown shipping", "cheap", "abroad", "gone"]
    dear, unknown, *_ = listed["data"]
    assert dear == {
        "object": "offer",
        "merchant": "dear",
        "id": None,
        "price": {"amount": 1_400, "currency": "EUR"},
        "shipping": {"amount": 0, "currency": "EUR"},
        "total": {"amount": 1_400, "currency": "EUR"},
        "availability": "in_stock",
        "condition": "used",
        "delivery_time": {"min_days": 1, "max_days": 3},
        "link": "https://shop.example/1",
    }
    assert (unknown["id"], unknown["shipping"], unknown["total"]["amount"]) == ("A 7", None, 1_450)
    assert (listed["object"], listed["has_more"], listed["next_cursor"]) == ("list", False, None)


def test_a_products_price_range_is_of_the_offers_that_can_be_bought_in_its_currency(shop: Shop) -> None:
    offers = [
        offer("gone", 1, availability="out_of_stock"),
        offer("a", 200),
        offer("b", 300),
        offer("c", 5, currency="USD"),
    ]
    for one in offers:
        one["link"] = None
    shop.put([product("x", "A thing", currency="EUR", offers=offers)])
    found = shop.get("get_product", "x").json
    assert [found["price_range"][end]["amount"] for end in ("min", "max")] == [200, 300]
    assert (found["availability"], found["offer_count"]) == ("in_stock", 4)


@pytest.mark.parametrize("route", ["get_product", "list_offers"])
@pytest.mark.parametrize("product_id", ["nobody", "#CATALOGUE", "hp-1\n", "🎧", "x" * 400, "a b", "' OR 1=1 --"])
def test_a_product_that_is_not_there_is_not_found(stocked: Shop, route: str, product_id: str) -> None:
    answer = stocked.get(route, product_id)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (404, "not_found", "id")


@pytest.mark.parametrize("route", ["get_product", "list_offers", "list_categories"])
def test_a_route_without_parameters_takes_none(stocked: Shop, route: str) -> None:
    answer = stocked.get(route, "hp-1", limit=1)
    assert (answer.status, answer.error["param"]) == (400, "limit")


# What all of them have in common; of those that search see test_search_routes.py.

ROUTES = [("list_products", None), ("get_product", "hp-1"), ("list_offers", "hp-1")]


@pytest.mark.parametrize(("route", "product_id"), ROUTES)
def test_what_the_client_has_already_is_not_sent_again(stocked: Shop, route: str, product_id: str | None) -> None:
    first = stocked.get(route, product_id)
    assert first.headers["cache-control"] == "private, max-age=60"
    assert "etag" in first.headers["access-control-expose-headers"]
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = stocked.get(route, product_id, etag=known)
        assert (again.status, again.text, again.headers["etag"]) == (304, "", first.headers["etag"])
    assert stocked.get(route, product_id, etag='"other"').status == 200


def test_a_changed_product_is_sent_again(stocked: Shop) -> None:
    etag = stocked.get("get_product", "hp-1").headers["etag"]
    stocked.put([product("hp-1", "Another title")])
    assert stocked.get("get_product", "hp-1", etag=etag).json["title"] == "Another title"


@pytest.mark.parametrize(("route", "product_id"), ROUTES)
def test_a_key_without_the_scope_is_refused(
    stocked: Shop, gateway: Gateway, route: str, product_id: str | None
) -> None:
    gateway.change_key(scopes=["inference", "admin"])
    answer = stocked.get(route, product_id)
    assert (answer.status, answer.error["code"]) == (403, "insufficient_scope")
    assert gateway.rows() == []


@pytest.mark.parametrize(("route", "product_id"), ROUTES)
def test_an_answered_request_leaves_one_row_that_costs_nothing(
    stocked: Shop, gateway: Gateway, route: str, product_id: str | None
) -> None:
    answer = stocked.get(route, product_id)
    row = gateway.row()
    assert (row["request_id"], row["status"], row["cost_usd"]) == (answer.headers["x-request-id"], 200, 0)
    assert row["endpoint"] == answer_resource(route)
    assert (row["model"], row["attempts"], row["stream"]) == ("", [], False)


def answer_resource(route: str) -> str:
    return {"list_products": "/api/v1/products", "get_product": "/api/v1/products/{id}"}.get(
        route, "/api/v1/products/{id}/offers"
    )


def test_a_request_for_nothing_leaves_its_row_too(stocked: Shop, gateway: Gateway) -> None:
    assert stocked.get("get_product", "nobody").status == 404
    assert (gateway.row()["status"], gateway.row()["error_code"]) == (404, "not_found")


def test_a_request_that_is_wrong_was_not_accepted_and_leaves_none(stocked: Shop, gateway: Gateway) -> None:
    assert stocked.get("list_products", limit=0).status == 400
    assert gateway.rows() == []


def test_the_keys_limits_count_requests_for_products(stocked: Shop, gateway: Gateway) -> None:
    gateway.change_key(rpm_limit=2, requests_left=2, tpm_limit=100, tokens_left=100)
    answers = [stocked.get("get_product", "hp-1") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers[:2]] == ["1", "0"]
    assert answers[1].headers["x-ratelimit-remaining-tokens"] == "100"
    assert answers[2].error["code"] == "rate_limit_exceeded"
    assert len(gateway.rows()) == 2


@pytest.mark.parametrize(("route", "product_id"), ROUTES)
def test_a_table_that_does_not_answer_is_a_503_and_a_row(
    stocked: Shop, gateway: Gateway, route: str, product_id: str | None
) -> None:
    gateway.fail("Query", Fault(ReadTimeoutError(endpoint_url="x")))
    answer = stocked.get(route, product_id)
    assert (answer.status, answer.error["code"]) == (503, "service_unavailable")
    assert gateway.row()["status"] == 503
