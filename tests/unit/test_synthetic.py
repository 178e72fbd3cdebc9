"""scripts/generate-catalogue: what it invents is a catalogue that can be imported and searched, and the same everywhere."""

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest

from catalogue import synthetic
from catalogue.synthetic_dice import Dice
from gateway.products.items import items_of
from gateway.products.schemas import Product
from operate import generate_catalogue

Json = dict[str, Any]

DIGEST = "ee344cee3205d5e8bf51bb1fb14d75852c560da22c1f770dc03cad5a89a461ec"
"""Of the first 200 lines of seed 1. A change of the words changes it: then write down the new one."""


def first(count: int, seed: int = 1, today: date = synthetic.TODAY) -> list[bytes]:
    return list(synthetic.lines(count, seed, today))


@pytest.fixture(scope="module")
def catalogue() -> Sequence[Json]:
    """The one that scripts/start loads."""
    return [json.loads(line) for line in first(synthetic.DEFAULT_COUNT)]


def of_category(catalogue: Sequence[Json], name: str) -> Iterator[Json]:
    return (product for product in catalogue if name in product["categories"][0])


def test_a_seed_makes_the_same_bytes_on_every_python() -> None:
    assert hashlib.sha256(b"".join(first(200))).hexdigest() == DIGEST
    assert first(200, seed=2) != first(200)


def test_a_longer_catalogue_begins_like_a_shorter_one() -> None:
    assert list(islice(synthetic.lines(10**9, 1), 300)) == first(300)


def test_another_day_moves_releases_and_histories_and_nothing_else(catalogue: Sequence[Json]) -> None:
    moved = [json.loads(line) for line in first(50, today=date(2027, 11, 1))]
    assert [one["title"] for one in moved] == [one["title"] for one in catalogue[:50]]
    assert [one["offers"] for one in moved] == [one["offers"] for one in catalogue[:50]]
    for later, now in zip(moved, catalogue, strict=False):
        assert date.fromisoformat(later["released"]) - date.fromisoformat(now["released"]) == date.resolution * 365


def test_every_product_is_one_that_the_catalogue_takes() -> None:
    for line in first(synthetic.DEFAULT_COUNT):
        product = Product.model_validate_json(line)
        assert product.price_range
        assert len(list(items_of(product, {}))) == 1 + len(product.offers) + len(product.price_history)


def test_every_product_says_that_it_is_invented(catalogue: Sequence[Json]) -> None:
    for product in catalogue:
        assert product["attributes"]["synthetic"] is True
        assert product["id"].startswith("syn-")
        assert product["gtins"][0].startswith(synthetic.GTIN_PREFIX)
        links = [product["link"], *product["images"], *(offer["link"] for offer in product["offers"])]
        assert all(link.split("/")[2].endswith(".example") for link in links)


def test_there_is_enough_to_play_with(catalogue: Sequence[Json]) -> None:
    assert len({product["categories"][0] for product in catalogue}) == 40
    assert len({product["brand"] for product in catalogue}) >= 50
    offers = [offer for product in catalogue for offer in product["offers"]]
    assert len({offer["merchant"] for offer in offers}) == 8
    assert {len(product["offers"]) for product in catalogue} == {1, 2, 3, 4, 5, 6}
    assert {len(product["price_history"]) for product in catalogue} == set(range(13))
    assert {offer["availability"] for offer in offers} == {"in_stock", "backorder", "out_of_stock", "preorder"}
    assert {offer["condition"] for offer in offers} == {"new", "refurbished", "used"}
    assert max(product["rating"]["count"] for product in catalogue if "rating" in product) > 3000
    assert sum("rating" not in product for product in catalogue) > 30


def test_ids_barcodes_and_models_come_once() -> None:
    made = list(synthetic.products(5000, 3))
    for name in ("id", "mpn", "gtins"):
        assert len({str(product[name]) for product in made}) == 5000


def test_a_check_digit_is_that_of_gs1() -> None:
    assert synthetic.gtin_13(1) == "2000000000015"
    assert synthetic.gtin_13(123_456_789) == "2001234567893"


def test_a_history_ends_with_the_best_price_and_has_a_point_only_for_a_change(catalogue: Sequence[Json]) -> None:
    for product in catalogue:
        points = product["price_history"]
        days = [point["day"] for point in points]
        assert days == sorted(set(days))
        assert all(product["released"] <= day <= "2026-11-01" for day in days)
        assert all(one["price"] != next_one["price"] for one, next_one in pairwise(points))
        low, _ = Product.model_validate(product).price_range or (0, 0)
        assert [point["price"] for point in points[-1:]] in ([], [low])


def test_what_is_not_released_can_only_be_ordered_ahead(catalogue: Sequence[Json]) -> None:
    ahead = [product for product in catalogue if product["released"] > "2026-11-01"]
    assert ahead
    assert {offer["availability"] for product in ahead for offer in product["offers"]} == {"preorder"}
    assert not any(product["price_history"] for product in ahead)


def test_wireless_noise_cancelling_headphones_under_100_euros_are_found_and_what_goes_with_them_is_told_apart(
    catalogue: Sequence[Json],
) -> None:
    fitting = [
        product
        for product in of_category(catalogue, "> Headphones >")
        if product["attributes"]["wireless"] and product["attributes"].get("noise_cancelling")
        if min(offer["price"] for offer in product["offers"]) < 10_000
    ]
    assert len(fitting) >= 5
    assert all("Wireless" in one["title"] and "Noise Cancelling" in one["title"] for one in fitting)
    accessories = list(of_category(catalogue, "> Accessories >"))
    assert any("Headphone Stand" in one["title"] for one in accessories)
    assert any("Noise Cancelling Headphones" in one["title"] for one in accessories)
    assert any("Laptop Bag" in one["title"] for one in accessories)


def test_no_title_or_text_has_a_gap_where_a_word_is_missing() -> None:
    for product in synthetic.products(3000, 4):
        for text in (product["title"], product["description"]):
            assert text == " ".join(text.split())
            assert not any(sign in text for sign in (" ,", ",,", "{", "}", " ."))


def test_dice_draw_all_of_a_range_and_nothing_beyond() -> None:
    dice = Dice(1)
    assert {dice.between(5, 11, 2) for _ in range(200)} == {5, 7, 9, 11}
    assert sorted(dice.shuffled(range(9))) == list(range(9))


def arguments(output: Path | None, count: int = 3) -> argparse.Namespace:
    return argparse.Namespace(products=count, seed=1, today=synthetic.TODAY, output=output)


def test_the_script_writes_a_file_or_to_its_output(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    generate_catalogue.run(arguments(tmp_path / "catalogue.jsonl"))
    assert (tmp_path / "catalogue.jsonl").read_bytes() == b"".join(first(3))
    generate_catalogue.run(arguments(None))
    assert capfdbinary.readouterr().out == b"".join(first(3))


@pytest.mark.parametrize(
    ("argument", "said"),
    [("--products=-1", "from 0 to 999999999"), ("--seed=1.5", "a whole number"), ("--today=tomorrow", "2026-11-01")],
)
def test_the_script_says_what_an_argument_should_be(
    argument: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["generate-catalogue", argument])
    with pytest.raises(SystemExit):
        generate_catalogue.main()
    assert said in capsys.readouterr().err
