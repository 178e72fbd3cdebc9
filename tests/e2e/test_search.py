"""Search in the deployed stack: typos, filters, facets, orders and pages, on what scripts/start has loaded."""

import pytest

from gateway.products.schemas import Product
from tests.e2e.conftest import Gateway
from tests.e2e.shop import HEADPHONES, catalogue, cheapest, get, pages, search


def test_a_search_with_typos_finds_headphones_within_the_price_and_tells_what_it_corrected(gateway: Gateway) -> None:
    found = search(gateway, q="wireles noise canceling hedphones", max_price="10000", limit="5")
    assert {"word": "hedphones", "correction": "headphones"} in found["corrections"]
    assert "headphones" in found["corrected_query"]
    assert len(found["data"]) == 5
    assert all(one["categories"][0].startswith(HEADPHONES) and cheapest(one) <= 10_000 for one in found["data"])
    assert all({"Wireless", "Noise", "Cancelling"} <= set(one["title"].split()) for one in found["data"])


@pytest.mark.parametrize(("query", "category"), [("headphones", HEADPHONES), ("laptop", "Electronics > Computers > ")])
def test_what_goes_with_a_thing_does_not_win_over_it(gateway: Gateway, query: str, category: str) -> None:
    best = search(gateway, q=query, limit="5")["data"]
    assert len(best) == 5
    assert all(one["categories"][0].startswith(category) for one in best)
    assert not any("Accessories" in one["categories"][0] for one in best)


def test_the_beginning_of_a_word_is_enough_while_typing(gateway: Gateway) -> None:
    assert search(gateway, q="bluetooth spea", prefix="true")["data"][0]["categories"][0].endswith("Bluetooth speakers")


def test_filters_are_all_kept(gateway: Gateway) -> None:
    asked = {"brand": "sonvane,Auralith", "category": HEADPHONES, "min_price": "3000", "max_price": "20000"}
    found = search(gateway, **asked, availability="in_stock,preorder", attr_wireless="true", limit="100")
    expected = {
        product.id
        for product in map(Product.model_validate, catalogue().values())
        if product.brand in ("Sonvane", "Auralith") and product.categories[0].startswith(HEADPHONES)
        if product.price_range and 3_000 <= product.price_range[0] <= 20_000
        if product.availability in ("in_stock", "preorder") and product.attributes["wireless"]
    }
    assert {one["id"] for one in found["data"]} == expected
    assert len(expected) > 3


def test_a_range_of_an_attribute_and_a_least_rating_are_kept(gateway: Gateway) -> None:
    found = search(gateway, attr_battery_hours="30..45", min_rating="4.2", limit="100")
    expected = {
        product["id"]
        for product in catalogue().values()
        if 30 <= product["attributes"].get("battery_hours", 0) <= 45
        if product.get("rating", {"value": 0})["value"] >= 4.2
    }
    assert {one["id"] for one in found["data"]} == expected != set()


@pytest.mark.parametrize(("sort", "sign"), [("price_asc", 1), ("price_desc", -1)])
def test_products_are_sorted_by_their_lowest_price(gateway: Gateway, sort: str, sign: int) -> None:
    prices = [cheapest(one) * sign for one in search(gateway, q="smartphone", sort=sort, limit="100")["data"]]
    assert len(prices) > 10
    assert prices == sorted(prices)


def test_facets_count_what_there_is(gateway: Gateway) -> None:
    facets = search(gateway, category="Electronics > Phones > Smartphones", facets="brand,price,attributes.network")[
        "facets"
    ]
    phones = [one for one in catalogue().values() if one["categories"][0].endswith("Smartphones")]
    counted = {one["value"]: one["count"] for one in facets["brand"]}
    assert counted == {
        brand: sum(one["brand"] == brand for one in phones) for brand in {one["brand"] for one in phones}
    }
    (price,) = facets["price"]
    assert (price["currency"], price["count"]) == ("EUR", len(phones))
    assert price["min"] < price["max"]


def test_a_search_goes_on_to_its_end_without_a_repeat(gateway: Gateway) -> None:
    found = list(pages(gateway, "/products/search", {"q": "headphones", "limit": "17"}))
    ids = [one["id"] for page in found for one in page["data"]]
    assert len(ids) == len(set(ids)) == found[0]["total"]


def test_the_cursor_of_another_search_is_refused(gateway: Gateway) -> None:
    cursor = search(gateway, q="tent", limit="1")["next_cursor"]
    answer = get(gateway, "/products/search", {"q": "laptop", "limit": "1", "cursor": cursor})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "cursor")


@pytest.mark.parametrize("text", ['"', "*", "NEAR(", "tent AND", "-", "title:tent", "🎧", "'; DROP TABLE products; --"])
def test_a_search_takes_any_text(gateway: Gateway, text: str) -> None:
    assert search(gateway, q=text)["object"] == "list"
