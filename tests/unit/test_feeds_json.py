"""JSON Lines: the catalogue's own format, and Google's names."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalogue.feed import MAX_ROW, Refused
from gateway.products.schemas import DeliveryTime, Rating
from tests.unit.feeding import ids, product, rejections, rows

FEEDS = Path(__file__).parents[1] / "data" / "feeds"
OWN: dict[str, Any] = {
    "id": "p-1",
    "title": "Radio",
    "offers": [{"merchant": "Shop", "price": 1999, "currency": "EUR"}],
}


def line(**fields: Any) -> str:
    return json.dumps({**OWN, **fields}) + "\n"


def test_a_line_of_the_catalogues_own_format_is_kept_exactly() -> None:
    (entry,) = rows((FEEDS / "own.jsonl").read_bytes(), "own.jsonl")
    found = entry.product  # type: ignore[union-attr]
    assert found.attributes == {"colour": "black", "wireless": True, "battery_hours": 30, "weight_kg": Decimal("0.25")}
    assert type(found.attributes["wireless"]) is bool
    assert type(found.attributes["weight_kg"]) is Decimal
    assert (found.rating, found.released) == (Rating(value=Decimal("4.5"), count=120), date(2026, 1, 31))
    (offer,) = found.offers
    assert (offer.price, offer.shipping) == (29900, 495)
    assert offer.delivery_time == DeliveryTime(min_days=1, max_days=3)
    assert [(point.day, point.price) for point in found.price_history] == [(date(2026, 10, 1), 31900)]


def test_a_line_with_a_price_and_no_offers_has_googles_names() -> None:
    found = product(
        '{"id": "a", "title": "Radio", "price": "5 EUR", "image_link": ["https://a.example/1"], "adult": false}\n',
        "f.jsonl",
    )
    assert (found.offers[0].price, found.offers[0].merchant) == (500, "Shop")
    assert found.images == ("https://a.example/1",)
    assert found.attributes == {"adult": False}


def test_a_price_of_google_must_be_a_text_since_a_number_may_be_cents() -> None:
    assert rejections('{"id": "a", "title": "Radio", "price": 1999, "currency": "EUR"}\n', "f.jsonl") == [
        (1, "price", 'must be a text such as "12.99 EUR"')
    ]


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ('{"id": "a", ', "", "is not JSON"),
        ("[]", "", "must be a JSON object"),
        ("7", "", "must be a JSON object"),
        ('{"id": "a", "title": "b", "rating": {"value": NaN}}', "", "NaN is not a number"),
        ('{"id": "a", "title": "b", "rating": {"value": 4e9999999999999999999}}', "", "more than 100 digits"),
        ('{"id": "a", "title": "b", "rating": {"value": 4, "count": 1e99999}}', "", "more than 100 digits"),
        ('{"id": "a", "title": "b", "rating": {"value": 1e50}}', "rating.value", "must have at most 3 digits"),
        ('{"id": "a", "title": "b", "attributes": {"x": ' + "9" * 5000 + "}}", "", "a number has more than 100 characters"),
        ('{"id": "a", "title": ' + "[" * 100_000 + "]" * 100_000 + "}", "", "is nested too deeply"),
        ('{"id": "a", "title": "\\ud800"}', "title", "must have no invisible characters"),
        ('{"id": "a", "title": "a\\u0000b"}', "title", "must have no invisible characters"),
        ('{"id": "a", "title": "b", "description": "a\\u0007b"}', "description", "must have no invisible characters"),
        (line(id="a b"), "id", "must be 1 to 128 letters"),
        (line(id=7), "id", "must be a text"),
        (line(title=""), "title", "must not be empty"),
        (line(title=["x"]), "title", "must be a text"),
        (line(title="x" * 501), "title", "must have at most 500 characters"),
        (line(colour="red"), "colour", "is not a field of the catalogue"),
        (line(offers=[{"merchant": "Shop", "price": -1, "currency": "EUR"}]), "offers[0].price", "must be at least 0"),
        (line(offers=[{"merchant": "Shop", "price": 1.5, "currency": "EUR"}]), "offers[0].price", "must be a whole number"),
        (line(offers=[{"merchant": "Shop", "price": 299.0, "currency": "EUR"}]), "offers[0].price", "must be a whole number of minor units"),
        (line(offers=[{"merchant": "Shop", "price": "x", "currency": "EUR"}]), "offers[0].price", "must be a whole number"),
        (line(offers=[{"merchant": "Shop", "price": True, "currency": "EUR"}]), "offers[0].price", "must not be true or false"),
        (line(offers=[{"merchant": "Shop", "price": 1, "currency": "XYZ"}]), "offers[0].currency", "XYZ is not a currency"),
        (line(offers=[{"merchant": "Shop", "currency": "EUR"}]), "offers[0].price", "is missing"),
        (line(offers=OWN["offers"] * 2), "", "offers must be of different merchants"),
        (line(offers="none"), "offers", "must be an array"),
        (line(currency="eur"), "currency", "must be a currency's three letters"),
        (line(gtins=["4006381333932"]), "gtins[0]", "must be a GTIN whose check digit is right"),
        (line(categories=["ΐ" * 150]), "categories[0]", "must have at most 300 bytes"),
        (line(gtins=["12"]), "gtins[0]", "must be a GTIN of 8, 12, 13 or 14 digits"),
        (line(link="javascript:alert(1)"), "link", "must be an http(s) address"),
        (line(released="soon"), "released", "must be a date such as 2026-01-31"),
        (line(attributes={"x": [1]}), "attributes.x", "must be true or false, a number, or a text"),
        (line(attributes={"Not A Name": 1}), "attributes.Not A Name", "must have names of a to z, 0 to 9 and _"),
    ],
)  # fmt: skip
def test_a_line_that_is_wrong_is_rejected_naming_the_field(text: str, field: str, reason: str) -> None:
    good = line(id="good")
    ((number, at, why),) = rejections(f"{good}\n{text.strip()}\n{line(id='last')}", "f.jsonl")
    assert (number, at) == (3, field)
    assert reason in why
    assert ids(f"{good}\n{text.strip()}\n{line(id='last')}", "f.jsonl") == ["good", "last"]


def test_no_depth_of_nesting_breaks_the_reading() -> None:
    for depth in range(900, 1010):
        (found,) = rejections(f'{{"id": "a", "title": "b", "x": {"[" * depth}{"]" * depth}}}', "f.jsonl")
        assert found in [(1, "x", "is not a field of the catalogue"), (1, "", "is nested too deeply")]


def test_texts_have_no_markup() -> None:
    text = line(
        offers=[OWN["offers"][0] | {"id": "<i>7</i>"}],
        title="<b>Radio</b>",
        description="<p>a</p><script>x</script>",
        attributes={"material": "wood &amp; <i>steel</i>"},
    )
    found = product(text, "f.jsonl")
    assert (found.title, found.description, found.attributes) == ("Radio", "a", {"material": "wood & steel"})
    assert found.offers[0].id == "7"


def test_a_line_of_ten_megabytes_is_rejected_and_the_next_ones_go_on() -> None:
    text = line(id="a") + line(id="b", description="x" * 10_000_000) + line(id="c")
    assert rejections(text, "f.jsonl") == [(2, "", f"has more than {MAX_ROW:,} characters")]
    assert ids(text, "f.jsonl") == ["a", "c"]


@pytest.mark.parametrize("text", ["[" + line().strip() + "]\n", "id,title\n", "<rss/>", "null\n"])
def test_a_file_that_is_not_json_lines_at_all_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="must have a JSON object on each line; it starts with"):
        rows(text, "f.jsonl")


def test_a_prefix_keeps_ids_apart() -> None:
    assert ids(line(id="7"), "f.jsonl", prefix="shop-") == ["shop-7"]
