"""The catalogue's tools on a small shop: what they answer, and that it is what they say they answer."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway import dynamodb
from gateway.errors import GatewayError, IndexUnavailable, InvalidRequest, NotFound, ServiceUnavailable
from gateway.products.parts import PRODUCT
from gateway.products.schemas import Product
from gateway.tools import views
from gateway.tools.catalogue import MOST_CATEGORIES, TOOLS
from tests.integration.catalogue import HEADPHONES, SAMPLE, TABLE, Shop, offer, product
from tests.integration.harness import Fault, Gateway, Json

KETTLE = Product.model_validate(
    {
        "id": "ke-1",
        "title": "Dampfross kettle",
        "description": "Boils. " * 200,
        "brand": "Dampfross",
        "categories": ["Home > Kitchen > Kettles"],
        "gtins": ["4006381333948"],
        "mpn": "K-1",
        "link": "https://dampfross.example/k-1",
        "images": ["https://dampfross.example/1.jpg", "https://dampfross.example/2.jpg"],
        "attributes": {"colour": "red", "litres": 1.7, "cordless": True},
        "rating": {"value": 4.25, "count": 8},
        "released": "2026-03-01",
        "offers": [
            offer("Larkmarket", 3_000, shipping=900, delivery_time={"min_days": 1, "max_days": 3}, id="L 7"),
            offer("Kramladen", 3_500, shipping=0, condition="used"),
            offer("Soldout", 1_000, availability="out_of_stock"),
            offer("Overseas", 2_000, currency="USD"),
        ],
        "price_history": [{"day": f"2026-01-{day:02}", "price": 3_000 + 100 * day} for day in range(1, 16)],
    }
)


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.put([*SAMPLE, KETTLE])
    shop.build()
    return shop


def run(name: str, **catalog: Any) -> Json:
    """What a tool answers, which is what it says that it answers."""
    answer = TOOLS[name].answer({"catalog": catalog})
    Draft202012Validator(TOOLS[name].output_schema).validate(answer)
    assert None not in list(leaves(answer))
    return answer


def leaves(value: Any) -> Iterator[Any]:
    """All that is in objects and lists."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None:
        yield value
        return
    for one in inner:
        yield from leaves(one)


def ids(answer: Json) -> list[str]:
    return [one["id"] for one in answer["products"]]


def caught(name: str, kind: type[GatewayError], **catalog: Any) -> GatewayError:
    with pytest.raises(kind) as raised:
        TOOLS[name].answer({"catalog": catalog})
    return raised.value


# search_catalog


def test_a_search_corrects_typing_errors_and_says_so(stocked: Shop) -> None:
    found = run("search_catalog", query="wireles hedphones")
    assert ids(found)[0] == "hp-1"
    assert found["corrected_query"] == "wireless headphones"
    assert found["pagination"] == {"has_next_page": False, "total_count": 4}


def test_a_search_shows_products_as_the_protocol_has_them(stocked: Shop) -> None:
    (found,) = run("search_catalog", query="kettle")["products"]
    assert found == {
        "id": "ke-1",
        "title": "Dampfross kettle",
        "description": {"plain": "Dampfross kettle"},
        "brand": "Dampfross",
        "url": "https://dampfross.example/k-1",
        "categories": [{"value": "Home > Kitchen > Kettles", "taxonomy": "merchant"}],
        "price_range": {"min": {"amount": 3000, "currency": "EUR"}, "max": {"amount": 3500, "currency": "EUR"}},
        "availability": {"available": True, "status": "in_stock"},
        "rating": {"value": 4.25, "scale_max": 5, "count": 8},
        "media": [{"type": "image", "url": "https://dampfross.example/1.jpg", "alt_text": "Dampfross kettle"}],
        "offer_count": 4,
        "variants": [
            {
                "id": "ke-1",
                "title": "Best offer",
                "description": {"plain": "The cheapest of 4 offers."},
                "price": {"amount": 3000, "currency": "EUR"},
            }
        ],
    }


def test_the_cheapest_offer_is_not_said_to_be_in_stock_because_a_dearer_one_is(shop: Shop) -> None:
    gone = offer("Soldout", 1_000, availability="out_of_stock")
    later, now = offer("Later", 2_000, availability="backorder"), offer("Now", 3_000)
    for number, offers in enumerate([[gone, now, later], [later], [gone, gone | {"merchant": "Too"}]]):
        shop.put([product(f"p-{number}", "Kettle", offers=offers)])
    shop.build()
    found = {one["id"]: one for one in run("search_catalog", query="kettle")["products"]}
    assert found["p-0"]["availability"]["status"] == "in_stock"
    told = [found[f"p-{number}"]["variants"][0].get("availability", {}).get("status") for number in range(3)]
    assert told == [None, "backorder", "out_of_stock"]


@pytest.mark.parametrize(
    ("catalog", "first"),
    [
        ({"query": "headphones", "sort": "price_asc"}, "hp-3"),
        ({"query": "headphones", "filters": {"price": {"min": 20_000}}}, "hp-2"),
        ({"query": "headphones", "filters": {"brand": ["tonwerk"]}}, "hp-3"),
        ({"query": "headphones", "filters": {"rating": {"min": 4.6}}}, "hp-2"),
        ({"query": "headphones", "filters": {"attributes": {"battery_hours": {"min": 35}}}}, "hp-2"),
        ({"filters": {"attributes": {"litres": 1.7, "cordless": True}}}, "ke-1"),
        ({"filters": {"attributes": {"colour": ["red", "green"]}}, "sort": "price_asc"}, "ke-1"),
        ({"filters": {"categories": ["Laptops", "Kettles"]}, "sort": "price_asc"}, "ke-1"),
        ({"filters": {"availability": ["in_stock"]}, "sort": "price_desc"}, "lt-1"),
    ],
)
def test_filters_and_sorting_do_what_they_say(stocked: Shop, catalog: Json, first: str) -> None:
    assert ids(run("search_catalog", **catalog))[0] == first


def test_pages_together_are_the_whole_answer(stocked: Shop) -> None:
    found, page = list[str](), Json()
    while True:
        answer = run("search_catalog", query="headphones", pagination={"limit": 3} | page)
        found += ids(answer)
        if not answer["pagination"]["has_next_page"]:
            break
        page = {"cursor": answer["pagination"]["cursor"]}
    assert found == ids(run("search_catalog", query="headphones"))
    assert caught("search_catalog", InvalidRequest, query="other", pagination=page).param == "catalog.pagination.cursor"


def test_a_search_that_finds_nothing_or_not_all_words_says_so(stocked: Shop) -> None:
    none = run("search_catalog", query="qqqqqqqqq")
    assert (none["products"], none["matched"], none["messages"][0]["code"]) == ([], "none", "no_results")
    some = run("search_catalog", query="headphones qqqqqqqqq")
    assert (some["matched"], some["messages"][0]["code"]) == ("any", "partial_match")


def test_a_search_in_a_category_that_there_is_not_says_so(stocked: Shop) -> None:
    filters = {"categories": ["audio", "Footwear", "Electronics > Shoes"], "brand": "Nobody"}
    (message,) = run("search_catalog", filters=filters)["messages"]
    assert message["content"].endswith("There is no category 'Footwear' or 'Electronics > Shoes'.")
    (known,) = run("search_catalog", filters={"categories": ["audio"], "brand": "Nobody"})["messages"]
    assert known["content"].endswith("tells what there is.")


def test_a_search_for_attributes_that_there_are_not_says_which_there_are(stocked: Shop) -> None:
    wanted = {"color": "black", "battery_hours": {"min": 90}}
    (message,) = run("search_catalog", query="headphones", filters={"attributes": wanted})["messages"]
    told = "Attributes of products that pass the other filters: colour, battery_hours (30, 40)."
    assert message["content"].endswith(told)
    nothing = run("search_catalog", query="qqqqqqqq", filters={"attributes": wanted})["messages"]
    assert nothing[0]["content"].endswith("tells what there is.")


def test_a_search_that_finds_nothing_at_a_price_says_what_the_price_was(stocked: Shop) -> None:
    messages = run("search_catalog", query="headphones", filters={"price": {"min": 5, "max": 100}})["messages"]
    assert messages[0]["content"].endswith("Prices are in minor units: 5 is 0.05 and 100 is 1.00.")


def test_without_an_index_searches_say_when_to_try_again(shop: Shop) -> None:
    assert caught("search_catalog", IndexUnavailable, query="x").retry_after == 60
    assert caught("list_categories", IndexUnavailable).retry_after == 60


# lookup_catalog


def test_products_are_looked_up_in_the_order_that_was_asked_for_each_once(stocked: Shop) -> None:
    found = run("lookup_catalog", ids=["sp-1", "nothing", "hp-1", "sp-1", "../x", "hp-1/nobody"])
    assert ids(found) == ["sp-1", "hp-1"]
    assert found["messages"] == [
        {"type": "info", "code": "not_found", "content": unknown} for unknown in ("nothing", "../x", "hp-1/nobody")
    ]


def test_barcodes_and_variants_are_ids_too_and_each_is_told_with_its_variant(stocked: Shop) -> None:
    given = ["4006381333948", "ke-1", "ke-1/kramladen", "036000291452", "73513537", "00000000"]
    found = run("lookup_catalog", ids=given)
    assert ids(found) == ["ke-1", "sp-1"]
    kettle, speaker = found["products"]
    assert [(one["id"], one["inputs"]) for one in kettle["variants"]] == [
        ("ke-1/kramladen", [{"id": "4006381333948", "match": "featured"}, {"id": "ke-1", "match": "featured"},
                            {"id": "ke-1/kramladen", "match": "exact"}]),
    ]  # fmt: skip
    assert [one["id"] for one in speaker["variants"][0]["inputs"]] == ["036000291452", "73513537"]
    assert ids(run("lookup_catalog", ids=["4 006381 333948", "036000-29145-2", "hp-1"])) == ["ke-1", "sp-1", "hp-1"]
    larkmarket = run("lookup_catalog", ids=["ke-1", "ke-1/larkmarket"])["products"][0]["variants"]
    assert [one["id"] for one in larkmarket] == ["ke-1/kramladen", "ke-1/larkmarket"]


def test_long_descriptions_are_cut_where_there_are_several_products(stocked: Shop) -> None:
    (short,) = run("lookup_catalog", ids=["ke-1"])["products"]
    assert short["description"]["plain"] == KETTLE.description[: views.BRIEF] + "…"
    assert run("get_product", id="ke-1")["product"]["description"]["plain"] == KETTLE.description


# get_product


def test_a_product_is_shown_with_all_that_is_known(stocked: Shop) -> None:
    shown = run("get_product", id="ke-1")["product"]
    assert shown["attributes"] == {"colour": "red", "litres": 1.7, "cordless": True}
    assert (shown["mpn"], shown["released"]) == ("K-1", "2026-03-01")
    assert shown["barcodes"] == [{"type": "GTIN", "value": "4006381333948"}]
    assert [image["url"][-5:] for image in shown["media"]] == ["1.jpg", "2.jpg"]
    assert [one["seller"]["name"] for one in shown["variants"]] == ["Kramladen", "Larkmarket", "Overseas", "Soldout"]
    assert shown["variants"][1] == {
        "id": "ke-1/larkmarket",
        "sku": "L 7",
        "title": "Larkmarket",
        "description": {"plain": "Offered by Larkmarket, new."},
        "price": {"amount": 3000, "currency": "EUR"},
        "shipping": {"amount": 900, "currency": "EUR"},
        "total": {"amount": 3900, "currency": "EUR"},
        "condition": "new",
        "delivery_time": {"min_days": 1, "max_days": 3},
        "availability": {"available": True, "status": "in_stock"},
        "seller": {"name": "Larkmarket"},
        "url": "https://Larkmarket.example/1",
    }
    assert shown["variants"][3]["availability"] == {"available": False, "status": "out_of_stock"}


def test_a_price_history_is_its_last_points_and_its_extremes(stocked: Shop) -> None:
    history = run("get_product", id="ke-1")["product"]["price_history"]
    assert (history["points"], len(history["recent"])) == (15, views.RECENT)
    assert history["lowest"] == {"day": "2026-01-01", "price": {"amount": 3100, "currency": "EUR"}}
    assert history["highest"] == history["recent"][-1]
    assert history["highest"]["day"] == "2026-01-15"


def test_the_variant_that_is_asked_for_comes_first(stocked: Shop) -> None:
    assert run("get_product", id="ke-1/overseas")["product"]["variants"][0]["id"] == "ke-1/overseas"


def test_of_many_offers_the_first_are_shown_and_the_rest_is_told(shop: Shop) -> None:
    shop.put([product("p-1", "Popular", offers=[offer(f"Shop{number}", number) for number in range(1, 31)])])
    answer = run("get_product", id="p-1")
    assert (len(answer["product"]["variants"]), answer["product"]["offer_count"]) == (views.MOST_VARIANTS, 30)
    assert answer["messages"][0]["content"] == "Only 20 of 30 offers are here; get_product_offers lists more."


@pytest.mark.parametrize("name", ["get_product", "get_product_offers"])
@pytest.mark.parametrize("unknown", ["nothing", "#CATALOGUE", "a b", "ä", "/", "hp-1\x00"])
def test_an_unknown_product_is_told_where_ids_come_from(stocked: Shop, name: str, unknown: str) -> None:
    error = caught(name, NotFound, id=unknown)
    assert error.param == "catalog.id"
    assert "search_catalog" in error.message


# get_product_offers


def test_offers_are_the_cheapest_first_with_shipping_and_that_one_is_marked(stocked: Shop) -> None:
    answer = run("get_product_offers", id="ke-1")
    assert [(one["merchant"], one["total"]["amount"], one["cheapest"]) for one in answer["offers"]] == [
        ("Kramladen", 3500, True), ("Larkmarket", 3900, False), ("Overseas", 2000, False), ("Soldout", 1000, False),
    ]  # fmt: skip
    assert (answer["total_count"], answer["offer_count"]) == (4, 4)
    assert answer["product"] == {"id": "ke-1", "title": "Dampfross kettle"}


@pytest.mark.parametrize(
    ("filters", "merchants"),
    [
        ({"condition": ["new"]}, ["Larkmarket", "Overseas", "Soldout"]),
        ({"availability": ["in_stock"]}, ["Kramladen", "Larkmarket", "Overseas"]),
        ({"currency": "usd"}, ["Overseas"]),
        ({"currency": "CHF"}, []),
        ({"availability": ["out_of_stock"]}, ["Soldout"]),
    ],
)
def test_offers_are_those_that_are_asked_for(stocked: Shop, filters: Json, merchants: list[str]) -> None:
    answer = run("get_product_offers", id="ke-1/kramladen", filters=filters)
    assert [one["merchant"] for one in answer["offers"]] == merchants
    assert answer["total_count"] == len(merchants)
    assert [one["cheapest"] for one in answer["offers"]] == [
        place == 0 and name != "Soldout" for place, name in enumerate(merchants)
    ]


def test_no_offer_is_the_cheapest_of_several_foreign_currencies(shop: Shop) -> None:
    gone = offer("Soldout", 1_000, availability="out_of_stock")
    abroad = [offer("Overseas", 2_000, currency="USD"), offer("Britain", 9_000, currency="GBP")]
    shop.put([product("p-1", "Kettle", currency="EUR", offers=[gone, *abroad])])
    answer = run("get_product_offers", id="p-1")
    assert [one["cheapest"] for one in answer["offers"]] == [False, False, False]
    (only,) = run("get_product_offers", id="p-1", filters={"currency": "USD"})["offers"]
    assert only["cheapest"]


def test_offers_are_no_more_than_the_limit(stocked: Shop) -> None:
    answer = run("get_product_offers", id="ke-1", limit=1)
    assert (len(answer["offers"]), answer["total_count"]) == (1, 4)


# list_categories


def test_categories_are_told_with_the_number_of_their_products(stocked: Shop) -> None:
    answer = run("list_categories")
    found = {one["path"]: one["products"] for one in answer["categories"]}
    assert (found["Electronics"], found[HEADPHONES], found["Home"]) == (6, 4, 2)
    assert answer["total_count"] == len(found)
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("catalog", "paths"),
    [
        ({"depth": 1}, ["Electronics", "Home"]),
        ({"parent": "electronics>audio"}, ["Electronics > Audio > Accessories", HEADPHONES, "Electronics > Audio > Speakers"]),
        ({"parent": "Kitchen"}, ["Home > Kitchen > Kettles", "Home > Kitchen > Radios"]),
        ({"parent": "Electronics", "depth": 1}, ["Electronics > Audio", "Electronics > Computers"]),
        ({"parent": HEADPHONES}, []),
    ],
)  # fmt: skip
def test_categories_are_those_below_another_down_to_a_depth(stocked: Shop, catalog: Json, paths: list[str]) -> None:
    assert [one["path"] for one in run("list_categories", **catalog)["categories"]] == paths


def test_the_depth_counts_from_each_category_of_the_name(shop: Shop) -> None:
    paths = ["Home > Cases > Red", "Home > Cases > Red > Dark", "Electronics > Audio > Cases > Blue"]
    shop.put([product(f"p-{number}", "Thing", categories=[path]) for number, path in enumerate(paths)])
    shop.build()
    found = run("list_categories", parent="Cases", depth=1)["categories"]
    assert [one["path"] for one in found] == ["Electronics > Audio > Cases > Blue", "Home > Cases > Red"]


def test_a_category_without_others_below_it_is_told_to_be_one(stocked: Shop) -> None:
    (message,) = run("list_categories", parent=HEADPHONES)["messages"]
    assert "search_catalog" in message["content"]


def test_an_unknown_category_is_told(stocked: Shop) -> None:
    assert caught("list_categories", NotFound, parent="Elec").param == "catalog.parent"


def test_of_many_categories_the_uppermost_and_largest_are_told(shop: Shop) -> None:
    paths = [f"Top > Group {number // 10} > Kind {number:03}" for number in range(300)]
    shop.put([product(f"p-{number}", "Thing", categories=[path]) for number, path in enumerate(paths)])
    shop.put([product("more", "Thing", categories=[paths[-1]])])
    shop.build()
    answer = run("list_categories")
    assert (len(answer["categories"]), answer["total_count"]) == (MOST_CATEGORIES, 331)
    assert answer["messages"][0]["code"] == "truncated"
    told = [one["path"] for one in answer["categories"]]
    assert {"Top", "Top > Group 29", paths[-1]} <= set(told)
    assert len(run("list_categories", parent="Group 29")["categories"]) == 10


# Whatever there is, or is not.


def test_a_row_with_nothing_but_its_title_is_shown_by_all_tools(shop: Shop, gateway: Gateway) -> None:
    for bare in ({"id": "bare-1"}, {"id": "bare-2", "rating": {"value": 4}}):
        gateway.db.put_item(
            TableName=TABLE, Item=dynamodb.to_item(bare | {"part": PRODUCT, "title": "Bare", "shard": "0"})
        )
    shop.put([product("un-1", "Unnamed headphones")])
    shop.build()
    assert run("search_catalog", query="headphones")["products"][0]["variants"] == []
    assert run("search_catalog", filters={"rating": {"min": 4}})["products"][0]["id"] == "bare-2"
    assert ids(run("lookup_catalog", ids=["bare-1", "un-1"])) == ["bare-1", "un-1"]
    assert run("get_product", id="bare-1")["product"] == {
        "id": "bare-1", "title": "Bare", "description": {"plain": "Bare"}, "categories": [], "media": [],
        "offer_count": 0, "variants": [],
    }  # fmt: skip
    assert run("get_product_offers", id="bare-1")["offers"] == []
    assert run("list_categories")["categories"] == []


def test_the_whole_sample_is_shown_by_all_tools(stocked: Shop) -> None:
    every = run("search_catalog", filters={"currency": "EUR"}, pagination={"limit": 50})
    assert len(every["products"]) == len(SAMPLE)
    for one in (*SAMPLE, KETTLE):
        run("get_product", id=one.id)
        run("get_product_offers", id=one.id)
    assert len(run("lookup_catalog", ids=[one.id for one in SAMPLE])["products"]) == len(SAMPLE)


@pytest.mark.parametrize(
    ("name", "catalog"),
    [("lookup_catalog", {"ids": ["hp-1"]}), ("get_product", {"id": "hp-1"}), ("get_product_offers", {"id": "hp-1"})],
)
def test_a_table_that_does_not_answer_is_told(stocked: Shop, gateway: Gateway, name: str, catalog: Json) -> None:
    fault = Fault("InternalServerError", 500)
    gateway.fail("Query", fault)
    try:
        caught(name, ServiceUnavailable, **catalog)
    finally:
        gateway.recover("Query", fault)
