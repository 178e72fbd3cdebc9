"""All rows of a product come together, in the feed's order, and each merchant's once."""

import pytest

from catalogue.entries import OWN, Entry
from catalogue.feed import Rejection
from catalogue.stage import staged
from gateway.products.parts import name_key
from local.console import Failure


def row(line: int, product: str, source: str, body: str = "{}") -> Entry:
    return Entry(line, product, source, 1, body)


def test_rows_of_a_product_come_together_in_the_feeds_order() -> None:
    with staged() as stage:
        for line, product in enumerate("bacbab", start=2):
            assert stage.add(row(line, product, f"shop {9 - line}")) is None
        assert stage.count() == 3
        batches = [[[one.line for one in entries] for entries in batch] for batch in stage.batches(2)]
    assert batches == [[[3, 6], [2, 5, 7]], [[4]]]


def test_a_row_that_comes_again_is_rejected_and_the_first_one_stays() -> None:
    with staged() as stage:
        assert stage.add(row(2, "a", "shop", "first")) is None
        assert stage.add(row(3, "a", "other")) is None
        assert stage.add(row(4, "a", OWN)) is None
        assert stage.add(row(7, "a", "shop", "again")) == Rejection(
            7, "a", "id", "is that of line 2 again of the same merchant"
        )
        assert stage.add(row(8, "a", OWN)) == Rejection(8, "a", "id", "is that of line 4 again")
        ((entries,),) = stage.batches(10)
        assert [entry.body for entry in entries] == ["first", "{}", "{}"]


def test_a_feeds_digest_is_of_what_it_says() -> None:
    digests = set()
    for body in ("x", "x", "y"):
        with staged() as stage:
            stage.add(row(2, "a", "shop", body))
            digests.add(stage.digest)
    assert len(digests) == 2


def test_no_merchant_is_taken_for_the_catalogues_own_format() -> None:
    assert name_key(OWN) != OWN


def fill_a_small_disk() -> None:
    with staged() as stage:
        stage._db.execute("PRAGMA max_page_count = 20")
        for number in range(1000):
            stage.add(row(number, f"p-{number}", "shop", "x" * 1000))


def test_a_disk_that_is_full_is_told() -> None:
    with pytest.raises(Failure, match=r"cannot be kept .* disk is full.* TMPDIR"):
        fill_a_small_disk()
