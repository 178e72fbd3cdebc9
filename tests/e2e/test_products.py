"""The catalogue of the deployed stack: what scripts/start has loaded is listed and shown, and an import adds to it."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from gateway import key_store
from local import envs
from tests.e2e.conftest import Gateway
from tests.e2e.shop import HEADPHONES, Json, catalogue, get, pages, search

PATIENCE_SECONDS = 90
"""An instance looks for a new index every half minute."""
HOSE = {
    "id": "hose-1",
    "title": "Gartenfee Spiral Garden Hose 15 m",
    "brand": "Gartenfee",
    "categories": ["Garden > Watering > Hoses"],
    "offers": [{"merchant": "Testshop", "price": 2499, "currency": "EUR"}],
}


def test_the_list_has_every_product_once(gateway: Gateway) -> None:
    listed = [one["id"] for page in pages(gateway, "/products", {"limit": "100"}) for one in page["data"]]
    assert len(listed) == len(set(listed))
    assert set(catalogue()) <= set(listed)


def test_the_list_is_filtered_by_category_brand_and_barcode(gateway: Gateway) -> None:
    tents = {one["id"] for one in catalogue().values() if one["categories"][0].endswith("> Tents")}
    for category in ("Sports and outdoors > Camping", "sports and outdoors>camping>tents"):
        found = pages(gateway, "/products", {"category": category, "limit": "3"})
        assert {one["id"] for page in found for one in page["data"]} == tents
    one = catalogue()["syn-000007"]
    (found_one,) = get(gateway, "/products", {"gtin": one["gtins"][0]}).json()["data"]
    assert found_one["id"] == "syn-000007"
    brand = get(gateway, "/products", {"brand": one["brand"], "limit": "100"}).json()["data"]
    assert {product["brand"] for product in brand} == {one["brand"]}


def test_a_product_is_shown_with_all_that_was_imported(gateway: Gateway) -> None:
    whole = max(catalogue().values(), key=lambda product: len(product["price_history"]))
    shown = get(gateway, f"/products/{whole['id']}").json()
    for name in (
        "id",
        "title",
        "description",
        "brand",
        "categories",
        "gtins",
        "mpn",
        "link",
        "attributes",
        "rating",
        "released",
    ):
        assert shown[name] == whole[name]
    assert [(point["day"], point["price"]) for point in shown["price_history"]][: len(whole["price_history"])] == [
        (point["day"], {"amount": point["price"], "currency": "EUR"}) for point in whole["price_history"]
    ]


def test_offers_come_by_their_total_and_those_that_are_sold_out_last(gateway: Gateway) -> None:
    many = next(
        product
        for product in catalogue().values()
        if len(product["offers"]) == 6 and "out_of_stock" in {offer["availability"] for offer in product["offers"]}
    )
    offers = get(gateway, f"/products/{many['id']}/offers").json()["data"]
    assert {offer["merchant"] for offer in offers} == {offer["merchant"] for offer in many["offers"]}
    ranks = [(offer["availability"] == "out_of_stock", offer["total"]["amount"]) for offer in offers]
    assert ranks == sorted(ranks)
    assert all(one["total"]["amount"] == one["price"]["amount"] + one["shipping"]["amount"] for one in offers)


def test_categories_tell_their_parents_and_how_many_products_they_have(gateway: Gateway) -> None:
    found = {one["path"]: one for one in get(gateway, "/categories").json()["data"]}
    assert all(one["parent"] is None or one["parent"] in found for one in found.values())
    expected = sum(product["categories"][0].startswith(HEADPHONES) for product in catalogue().values())
    assert (found[HEADPHONES]["name"], found[HEADPHONES]["products"]) == ("Headphones", expected)
    assert found[HEADPHONES]["parent"] == "Electronics > Audio"


@pytest.mark.parametrize(
    "path", ["/products?limit=2", "/products/search?q=tent", "/products/syn-000001", "/categories"]
)
def test_what_a_client_has_already_is_not_sent_again(gateway: Gateway, path: str) -> None:
    first = get(gateway, path)
    assert first.headers["cache-control"] == "private, max-age=60"
    again = get(gateway, path, if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert get(gateway, path, if_none_match='"other"').status_code == 200


PATHS = ["/products", "/products/search?q=tent", "/products/syn-000001", "/products/syn-000001/offers", "/categories"]


@pytest.mark.parametrize("path", PATHS)
def test_a_key_without_the_scope_gets_a_403(gateway: Gateway, admin_only_key: str, path: str) -> None:
    answer = get(gateway, path, key=admin_only_key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("path", ["/products/nope", "/products/nope/offers", "/products/%23CATALOGUE"])
def test_an_unknown_product_gets_a_404(gateway: Gateway, path: str) -> None:
    answer = get(gateway, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


BAD: dict[str, tuple[str, Json, str]] = {
    "a page of none": ("/products", {"limit": "0"}, "limit"),
    "a page of 10⁹": ("/products/search", {"q": "tent", "limit": "1000000000"}, "limit"),
    "prices upside down": ("/products/search", {"q": "tent", "min_price": "2", "max_price": "1"}, "min_price"),
    "a negative price": ("/products", {"max_price": "-1"}, "max_price"),
    "a currency of four letters": ("/products", {"currency": "EURO"}, "currency"),
    "six stars": ("/products", {"min_rating": "6"}, "min_rating"),
    "an unknown availability": ("/products", {"availability": "soon"}, "availability"),
    "a barcode of letters": ("/products", {"gtin": "abc"}, "gtin"),
    "an unknown order": ("/products/search", {"q": "tent", "sort": "best"}, "sort"),
    "an unknown facet": ("/products/search", {"q": "tent", "facets": "mood"}, "facets"),
    "a cursor of somebody's": ("/products", {"cursor": "AAAA"}, "cursor"),
    "a search for nothing": ("/products/search", {}, "q"),
    "a query of 10,000 characters": ("/products/search", {"q": "x" * 10_000}, "q"),
    "an unknown parameter": ("/products", {"colour": "red"}, "colour"),
    "a parameter of a route that has none": ("/categories", {"limit": "1"}, "limit"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_parameter_gets_a_400_that_names_it(gateway: Gateway, kind: str) -> None:
    path, query, param = BAD[kind]
    answer = get(gateway, path, query)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"].startswith(f"{param}: ")


def test_each_call_leaves_one_row_that_the_list_of_requests_tells(gateway: Gateway) -> None:
    before = len(gateway.rows())
    answer = get(gateway, "/products/search", {"q": "tent"})
    get(gateway, "/products", {"limit": "0"})
    assert len(gateway.rows()) == before + 1
    request_id = answer.headers["x-request-id"]
    told = get(gateway, f"/requests/{request_id}").json()
    assert (told["id"], told["endpoint"], told["status"]) == (request_id, "/api/v1/products/search", 200)
    assert (told["model"], told["cost_usd"]) == (None, "0")


def test_a_limit_of_requests_is_one_of_searches_too(gateway: Gateway) -> None:
    db, table = gateway.platform.client("dynamodb"), gateway.stack.outputs()["KeysTable"]
    key = key_store.create_key(db, table, name="slow", scopes=["products"], now=time.time(), rpm_limit=1)
    answers = [get(gateway, "/categories", key=key) for _ in range(3)]  # a minute may begin between two of them
    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 200
    assert answers[0].headers["x-ratelimit-limit-requests"] == "1"
    assert refused
    assert refused[0].json()["error"]["code"] == "rate_limit_exceeded"
    assert int(refused[0].headers["retry-after"]) <= 60


def script(gateway: Gateway, *words: str) -> str:
    """What a script prints, on the tests' own gateway."""
    command = [str(envs.ROOT / "scripts" / words[0]), *words[1:], "--home", str(gateway.platform.home)]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_imported_product_is_shown_at_once_and_found_soon_and_a_second_import_writes_nothing(
    gateway: Gateway, tmp_path: Path
) -> None:
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps(HOSE) + "\n", encoding="utf-8")
    script(gateway, "import-products", str(feed))
    assert get(gateway, "/products/hose-1").json()["title"] == HOSE["title"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not found(gateway, "gartenfe hoses", "hose-1") and time.monotonic() < deadline:
        time.sleep(1)
    assert found(gateway, "gartenfe hoses", "hose-1")
    before = items(gateway)
    script(gateway, "import-products", str(feed))
    assert items(gateway) == before


def found(gateway: Gateway, text: str, product_id: str) -> bool:
    """Whether a search has the product first."""
    return [one["id"] for one in search(gateway, q=text, limit="1")["data"]] == [product_id]


def items(gateway: Gateway) -> list[Json]:
    """The product's items, and the catalogue's own, which counts what was written."""
    db, table = gateway.platform.client("dynamodb"), gateway.stack.outputs()["ProductsTable"]
    return [
        item
        for key in ("hose-1", "#CATALOGUE")
        for item in db.query(
            TableName=table,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": key}},
        )["Items"]
    ]
