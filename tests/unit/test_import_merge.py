"""What a product becomes by what feeds say of it, and what has to be written for that."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from catalogue.entries import OWN, Entry, entry
from catalogue.merge import MAX_ITEM_BYTES, Change, change, size
from gateway.dynamodb import from_item, to_item
from gateway.products.items import product_of
from gateway.products.parts import PRODUCT, Item, name_key
from gateway.products.schemas import Product

TODAY, TOMORROW, LATER = date(2026, 11, 15), date(2026, 11, 16), date(2026, 11, 17)
GTINS = ("4006381333931", "9783161484100")


def said(merchant: str, price: int, line: int = 2, **fields: Any) -> Entry:
    """A row of a merchant's feed."""
    currency = fields.pop("currency", "EUR")
    offer = {"merchant": merchant, "price": price, "currency": currency}
    product = {"id": "p", "title": f"{merchant}'s", "currency": currency, "offers": [offer]} | fields
    return entry(line, name_key(merchant), Product.model_validate(product))


def own(line: int = 2, prices: dict[str, int] | None = None, **fields: Any) -> Entry:
    """A line of the catalogue's own format."""
    offers = [{"merchant": name, "price": price, "currency": "EUR"} for name, price in (prices or {}).items()]
    return entry(line, OWN, Product.model_validate({"id": "p", "title": "Own", "offers": offers} | fields))


def written(items: Sequence[Item], change: Change) -> list[Item]:
    """The table's items after a change, as DynamoDB gives them back."""
    there = {item["part"]: item for item in items}
    there |= {
        item["part"]: from_item(to_item(item)) for item in [*change.parts, *([change.whole] if change.whole else [])]
    }
    return [item for part, item in sorted(there.items()) if part not in change.stale]


def after(*entries: Entry, items: Sequence[Item] = (), today: date = TODAY) -> list[Item]:
    """The table's items after one import after the other."""
    found = list(items)
    for one in entries:
        found = written(found, change(found, [one], today))
    return found


def prices(items: Sequence[Item]) -> dict[str, int]:
    return {offer.merchant: offer.price for offer in product_of(list(items)).offers}


def history(items: Sequence[Item]) -> dict[date, int]:
    return {point.day: point.price for point in product_of(list(items)).price_history}


def test_a_new_product_is_written_whole_with_its_price_of_today() -> None:
    found = change([], [said("A", 100, gtins=GTINS, categories=["x > y", "z"])], TODAY)
    assert found.is_new
    assert {item["part"] for item in found.parts} == {
        "OFFER#a",
        "PRICE#2026-11-15",
        "CATEGORY#z",
        "GTIN#09783161484100",
    }
    assert found.whole
    assert found.whole["part"] == PRODUCT
    assert (found.whole["price_low"], found.whole["described_by"], list(found.whole["sources"])) == (100, "a", ["a"])


def test_another_merchant_adds_an_offer_and_does_not_describe() -> None:
    items = after(said("A", 100), said("B", 90, description="B's words"))
    found = product_of(items)
    assert (found.title, found.description) == ("A's", "")
    assert prices(items) == {"A": 100, "B": 90}


def test_the_merchant_who_described_a_product_changes_its_description() -> None:
    items = after(said("A", 100, brand="Sony"), said("B", 90), said("A", 100, title="New", line=7))
    found = product_of(items)
    assert (found.title, found.brand) == ("New", None)
    assert prices(items) == {"A": 100, "B": 90}


def test_a_merchant_is_the_same_however_it_is_written() -> None:
    items = after(said("Sound  Haus", 100), said("SOUND HAUS", 90))
    assert prices(items) == {"SOUND HAUS": 90}


def test_rows_of_one_feed_are_taken_in_its_order() -> None:
    found = change([], [said("B", 90, line=2), said("A", 100, line=3)], TODAY)
    assert found.whole
    assert (found.whole["title"], found.whole["offer_count"], found.whole["price_low"]) == ("B's", 2, 90)


def test_only_what_differs_is_written() -> None:
    items = after(said("A", 100, gtins=GTINS[:1]), said("B", 110))
    found = change(items, [said("B", 120)], TODAY)
    assert [item["part"] for item in found.parts] == ["OFFER#b"]
    assert found.stale == []


def test_what_a_product_no_longer_has_is_deleted() -> None:
    items = after(own(prices={"A": 1, "B": 2}, gtins=GTINS, categories=["x", "y"]))
    found = change(items, [own(prices={"A": 1})], TODAY)
    assert set(found.stale) == {"OFFER#b", "GTIN#09783161484100", "CATEGORY#y"}


def test_the_catalogues_own_line_has_the_last_word_but_on_merchants_own_feeds() -> None:
    items = after(own(prices={"A": 100, "B": 90}), said("C", 80), said("A", 70))
    assert prices(items) == {"A": 70, "B": 90, "C": 80}
    assert product_of(items).title == "Own"
    items = after(own(prices={"D": 95}, title="Own again"), items=items)
    assert prices(items) == {"A": 70, "C": 80, "D": 95}
    assert product_of(items).title == "Own again"


def test_a_point_is_made_only_when_the_price_is_another() -> None:
    items = after(said("A", 100))
    items = after(said("A", 100, title="New"), items=items, today=TOMORROW)
    items = after(said("A", 95), items=items, today=LATER)
    assert history(items) == {TODAY: 100, LATER: 95}


def test_two_prices_of_one_day_leave_the_last_one() -> None:
    assert history(after(said("A", 100), said("A", 95))) == {TODAY: 95}


def test_the_price_of_several_new_offers_is_that_of_the_best() -> None:
    items = after(said("B", 90))
    found = written(items, change(items, [said("A", 80), said("B", 100)], TOMORROW))
    assert history(found) == {TODAY: 90, TOMORROW: 80}
    same = written(items, change(items, [said("A", 90), said("B", 100)], TOMORROW))
    assert history(same) == {TODAY: 90}


def test_a_history_that_is_known_is_kept_and_added_to() -> None:
    points = [{"day": "2026-10-01", "price": 130}, {"day": "2026-11-01", "price": 100}]
    items = after(own(prices={"A": 100}, price_history=points))
    assert history(items) == {date(2026, 10, 1): 130, date(2026, 11, 1): 100}
    items = after(own(prices={"A": 90}, price_history=points[:1]), items=items)
    assert history(items) == {date(2026, 10, 1): 130, date(2026, 11, 1): 100, TODAY: 90}


def test_prices_in_another_currency_are_no_history() -> None:
    items = after(said("A", 100), items=after(said("A", 100), today=date(2026, 1, 1)), today=TODAY)
    assert history(after(said("A", 120, currency="USD"), items=items)) == {TODAY: 120}


def test_a_history_has_the_latest_thousand_points() -> None:
    points = [{"day": date.fromordinal(738_000 + day).isoformat(), "price": day} for day in range(1000)]
    items = after(own(prices={"A": 5000}, price_history=points))
    assert len(history(items)) == 1000
    assert history(items)[TODAY] == 5000
    assert date.fromordinal(738_000) not in history(items)


def test_what_an_interrupted_import_left_of_a_new_product_goes() -> None:
    whole = change([], [own(prices={"A": 1, "B": 2}, gtins=GTINS)], TODAY)
    left = [from_item(to_item(item)) for item in whole.parts]
    found = change(left, [own(prices={"A": 1})], TODAY)
    assert found.is_new
    assert found.parts == []
    assert set(found.stale) == {"OFFER#b", "GTIN#09783161484100"}


def test_a_change_of_which_only_a_part_was_written_is_completed() -> None:
    items = after(own())
    wanted = written(items, whole := change(items, [own(prices={"Shop": 500})], TODAY))
    for part in whole.parts:
        left = [*items, from_item(to_item(part))]
        assert written(left, change(left, [own(prices={"Shop": 500})], TODAY)) == wanted


def test_an_offer_of_another_product_with_the_same_id_is_rejected() -> None:
    items = after(said("A", 100, gtins=GTINS[:1]))
    found = change(items, [said("B", 5, line=9, gtins=GTINS[1:])], TODAY)
    ((rejected),) = found.rejected
    assert (rejected.line, rejected.field) == (9, "gtin")
    assert "--id-prefix" in rejected.reason
    assert found.whole is None
    assert prices(after(said("B", 5, gtins=["04006381333931"]), items=items)) == {"A": 100, "B": 5}


def test_an_offer_too_many_is_rejected_and_the_others_stay() -> None:
    items = after(own(prices={f"M{number}": number for number in range(200)}))
    found = change(items, [said("New", 1, line=4), said("M7", 3, line=5)], TODAY)
    assert [(one.line, one.field) for one in found.rejected] == [(4, "offers")]
    assert prices(written(items, found))["M7"] == 3


def test_a_product_that_is_too_large_for_an_item_is_rejected_and_not_written() -> None:
    texts = {f"a{number}": "x" * 1000 for number in range(450)}
    found = change([], [own(attributes=texts)], TODAY)
    ((rejected),) = found.rejected
    assert "DynamoDB takes 409,600" in rejected.reason
    assert found.whole is None
    assert found.parts == []


@pytest.mark.parametrize("value", ["é" * 10, 12345, -0.5, True, None, ["a", 1], {"a": {"b": "c"}}])
def test_a_size_counts_names_and_values(value: Any) -> None:
    assert size({"name": value}) >= 3 + 4 + len(str(value).encode() if isinstance(value, str) else b"")
    assert size({"name": "x" * MAX_ITEM_BYTES}) > MAX_ITEM_BYTES


def test_an_entry_is_packed_without_loss() -> None:
    attributes = {"a": "30.50", "b": True, "c": 7, "d": "x"}
    packed = own(attributes=attributes | {"e": 1.25}, released="2026-01-31", rating={"value": "4.5"})
    assert replace(packed).product == packed.product
    assert {name: type(value).__name__ for name, value in packed.product.attributes.items()} == {
        "a": "str", "b": "bool", "c": "int", "d": "str", "e": "Decimal",
    }  # fmt: skip


def test_a_digest_tells_texts_and_numbers_apart() -> None:
    number, text = (own(attributes={"a": value}) for value in (7, "7"))
    assert number.digest != text.digest
    assert number.digest == own(line=99, attributes={"a": 7}).digest
