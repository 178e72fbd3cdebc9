"""Google Merchant's names and words, in a flat row."""

from pathlib import Path

import pytest

from catalogue import google
from catalogue.feed import WrongRow
from gateway.products.schemas import Product
from tests.unit.feeding import NOW, products

FEEDS = Path(__file__).parents[1] / "data" / "feeds"


def row(**fields: str) -> Product:
    whole = {"id": "a", "title": "Radio", "price": "100 EUR"} | fields
    return google.product({name: [value] for name, value in whole.items() if value}, "Shop", NOW)


def refusal(**fields: str) -> tuple[str, str]:
    with pytest.raises(WrongRow) as wrong:
        row(**fields)
    return wrong.value.field, wrong.value.reason


def test_googles_own_tsv_is_read() -> None:
    first, second = products((FEEDS / "google.tsv").read_bytes(), "google.tsv")
    assert first.categories == (
        "Electronics > Audio > Audio Components > Headphones & Headsets > Headphones",
        "Audio > Headphones",
    )
    assert len(first.images) == 3
    assert first.attributes == {"color": "black", "item_group_id": "X", "size": "one size"}
    assert (first.offers[0].price, first.offers[0].shipping) == (28900, 0)
    assert second.title == 'Radio "mini"'
    assert second.description == "Small, and\nloud."
    offer = second.offers[0]
    assert (offer.price, offer.shipping, offer.availability, offer.condition) == (119900, 495, "preorder", "used")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("in stock", "in_stock"),
        ("In_Stock", "in_stock"),
        ("out of stock", "out_of_stock"),
        ("pre-order", "preorder"),
        ("backorder", "backorder"),
        ("", "in_stock"),
    ],
)
def test_availability_is_understood_as_google_writes_it(written: str, meant: str) -> None:
    assert row(availability=written).offers[0].availability == meant


def test_a_sale_price_counts_if_it_is_lower() -> None:
    assert row(sale_price="80 EUR").offers[0].price == 8000
    assert row(sale_price="120 EUR").offers[0].price == 10000


@pytest.mark.parametrize(
    ("interval", "price"),
    [
        ("2026-11-01T00:00+0100/2026-11-30T23:59+0100", 8000),
        ("2026-11-01/2026-11-30", 8000),
        ("2026-11-15T14:00+0100/2026-11-30T23:59+0100", 10000),
        ("2026-11-01T00:00Z/2026-11-15T11:59Z", 10000),
    ],
)
def test_a_sale_price_counts_within_its_dates(interval: str, price: int) -> None:
    assert row(sale_price="80 EUR", sale_price_effective_date=interval).offers[0].price == price


def test_a_price_may_have_its_currency_in_a_column() -> None:
    assert row(price="99,90", currency="EUR").offers[0].price == 9990


def test_numbers_of_a_barcode_may_be_set_apart() -> None:
    assert row(gtin="978-3-16-148410-0").gtins == ("9783161484100",)


@pytest.mark.parametrize(
    ("written", "shipping"),
    [
        ("DE::Standard:4.95 EUR", 495),
        ("DE:::4,95 EUR,AT:::1 EUR", 495),
        ("DE::Express:9.95 EUR,DE::Standard:4.95 EUR", 495),
        ("US:CA:UPS 2DA:16.00 USD,DE::Standard:4.95 EUR", 495),
        ("4.95 EUR", 495),
        ("CH::Standard:7 CHF", None),
    ],
)
def test_the_cheapest_shipping_to_the_first_country_counts(written: str, shipping: int | None) -> None:
    assert row(shipping=written).offers[0].shipping == shipping


def test_days_of_handling_and_transit_make_the_delivery_time() -> None:
    found = row(shipping="DE::Standard:4.95 EUR:0:1:1:2").offers[0].delivery_time
    assert found
    assert (found.min_days, found.max_days) == (1, 3)


def test_product_details_become_attributes_by_their_names() -> None:
    found = row(product_detail="General:Länge (max.):3,5 m,General:Akku:30 h: lang", material="wood", is_bundle="yes")
    assert found.attributes == {"akku": "30 h: lang", "is_bundle": True, "lange_max": "3,5 m", "material": "wood"}


def test_the_catalogues_own_columns_may_have_lists() -> None:
    found = row(
        product_type="Audio > Radios|Home",
        image_link="https://a.example/1|https://a.example/2",
        rating="4.5",
        rating_count="7",
        released="2026-01-31",
    )
    assert found.categories == ("Audio > Radios", "Home")
    assert len(found.images) == 2
    assert found.rating
    assert found.rating.count == 7


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"id": ""}, "id", "is missing"),
        ({"title": ""}, "title", "is missing"),
        ({"title": "<i></i>"}, "title", "is missing"),
        ({"price": ""}, "price", "is missing"),
        ({"id": "a b"}, "id", "must be 1 to 128 letters"),
        ({"price": "-1 EUR"}, "price", "must not be negative"),
        ({"price": "1.299 EUR"}, "price", "is ambiguous"),
        ({"price": "5 XYZ"}, "price", "XYZ is not a currency"),
        ({"price": "5", "currency": "XYZ"}, "price", "XYZ is not a currency"),
        ({"price": "99999999999999 EUR"}, "price", "must be at most"),
        ({"sale_price": "1 USD"}, "sale_price", "must be in the price's currency, EUR"),
        ({"sale_price": "1 EUR", "sale_price_effective_date": "soon"}, "sale_price_effective_date", "two times"),
        ({"availability": "maybe"}, "availability", "must be one of in_stock, preorder"),
        ({"condition": "broken"}, "condition", "must be one of new, refurbished, used"),
        ({"gtin": "4.00638E+12"}, "gtin", "must be a GTIN of 8, 12, 13 or 14 digits"),
        ({"gtin": "4006381333932"}, "gtin", "whose check digit is right"),
        ({"link": "javascript:alert(1)"}, "link", "must be an http(s) address"),
        ({"image_link": "ftp://a.example/1"}, "image_link", "must be an http(s) address"),
        ({"shipping": "DE::Standard:soon"}, "shipping", "DE::Standard:4.95 EUR"),
        ({"shipping": "DE:::1 EUR:5:1:0:0"}, "shipping", "min_days must not be more"),
        ({"product_type": "a >  > b"}, "product_type", "separated by >"),
        ({"product_detail": "no colons"}, "product_detail", "must be section:name:value"),
        ({"product_detail": "a:---:b"}, "product_detail", "a name of letters or digits"),
        ({"rating": "6"}, "rating", "must be at most 5"),
        ({"rating": "4", "rating_count": "many"}, "rating_count", "must be a whole number"),
        ({"color": "x" * 1001}, "color", "must be true or false, a number, or a text"),
        ({"title": "x\x07"}, "title", "must have no invisible characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_as_the_feed_names_it(fields: dict[str, str], field: str, reason: str) -> None:
    named, why = refusal(**fields)
    assert named == field
    assert reason in why
