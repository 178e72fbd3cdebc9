"""scripts/benchmark-search measures what it says."""

import argparse
import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from gateway.search.spelling import distance
from local.console import Failure
from simulate.search import benchmark, judged
from simulate.search.benchmark import Figures
from simulate.search.copies import scaled
from simulate.search.measures import Latency, fold_means, misspelled, ndcg
from tests.unit.shelves import product

ROW: dict[str, Any] = {
    "id": "1", "title": "Sony <b>TV</b> &amp; stand", "name": "KD-55", "supplier": "Sony", "price": 4995,
    "ean": ["4006381333931", "4006381333932"], "short_description": "A\u0007 screen", "img_500x500": "http://i/1.jpg",
    "date_released": "2009-12-10T00:00:00Z", "attr_t_colour": "black", "attr_n_size": 55.0, "attr_b_smart": True, "attr_t__x__y": "z",
}  # fmt: skip


# Measures.


def test_the_best_order_has_an_ndcg_of_one_and_the_worst_of_zero() -> None:
    rated = {"a": 3, "b": 1, "c": 0}
    assert ndcg(["a", "b", "c"], rated) == 1
    assert ndcg(["c", "unrated"], rated) == ndcg([], rated) == 0


def test_ndcg_is_what_the_formula_says() -> None:
    """By hand: gains 7 and 1; discounts 1 and 0.63093."""
    assert ndcg(["b", "a"], {"a": 3, "b": 1}) == pytest.approx((1 + 7 * 0.6309298) / (7 + 0.6309298))


def test_only_the_first_ten_count() -> None:
    rated = {f"p-{n}": 1 for n in range(20)}
    assert ndcg([f"p-{n}" for n in range(10)], rated) == 1
    assert ndcg([*(f"x-{n}" for n in range(10)), "p-1"], rated) == 0


@pytest.mark.parametrize("seed", range(50))
def test_a_misspelled_query_has_at_most_one_error_in_one_word(seed: int) -> None:
    wrong = misspelled("the headphones", random.Random(seed))
    assert wrong == misspelled("the headphones", random.Random(seed))
    assert distance("the headphones", wrong, 3) <= 1
    assert wrong.startswith("the h")


def test_seeds_make_all_kinds_of_errors_and_short_words_none() -> None:
    lengths = {len(misspelled("mouse", random.Random(seed))) for seed in range(40)}
    assert lengths == {4, 5, 6}
    assert misspelled("tv set", random.Random(1)) == "tv set"


def test_folds_deal_out_all_queries_each_time() -> None:
    scores = [float(n) for n in range(10)]
    means = fold_means(scores, times=2)
    assert len(means) == 10
    assert sum(means[:5]) / 5 == sum(means[5:]) / 5 == 4.5


def test_latencies_are_told_by_percentiles() -> None:
    assert Latency.of([n / 1000 for n in range(1, 101)]) == Latency(51, 95)


# Data.


def test_a_row_becomes_a_product_of_ours() -> None:
    found = judged.product(ROW)
    assert (found.id, found.title, found.brand, found.mpn) == ("1", "Sony TV & stand", "Sony", "KD-55")
    assert found.description == "A screen"
    assert found.gtins == ("4006381333931",)
    assert found.price_range == (4995, 4995)
    assert str(found.released) == "2009-12-10"
    assert found.attributes == {"colour": "black", "size": 55, "smart": True, "x__y": "z"}


def test_a_price_of_nothing_is_none() -> None:
    assert judged.product(ROW | {"price": 0}).price_range is None


def test_copies_are_other_products_and_always_the_same() -> None:
    kept = [product("a", "TV KD-55 black", price=1000), product("b", "Bag")]
    found = list(scaled(kept, 5))
    assert [one["id"] for one in found] == ["a", "b", "a~1", "b~1", "a~2"]
    assert found[:2] == kept
    assert found[2]["title"] != kept[0]["title"]
    assert found[2]["title"].endswith("black")
    assert found == list(scaled(kept, 5))
    assert list(scaled(kept, None)) == kept


# The whole.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [ROW | {"id": str(n), "title": f"Sony television {n}"} for n in range(12)]
    rows += [ROW | {"id": "x", "title": "Headphones", "price": 0}]
    with gzip.open(tmp_path / "products.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    lines = ["query,product_id,rating", "television,3,3", "television,x,0", "headphones,x,2", "radio,3,0"]
    (tmp_path / "ratings.csv").write_text("\n".join(lines))
    return tmp_path


def test_everything_is_measured_on_a_folder_of_data(folder: Path) -> None:
    figures = benchmark.measure(folder, None, seeds=2, say=lambda _text: None)
    assert (figures.products, figures.queries) == (13, 2)
    assert figures.clean is not None
    assert 0.5 < figures.clean < 1
    assert len(figures.typos) == 2
    assert figures.index_bytes > 0
    assert figures.parsed_per_second
    assert set(figures.latency) == {
        "as asked",
        "with typing errors",
        "while typing",
        "filtered, with facets",
        "by price",
    }
    assert len(figures.targets()) == 5
    assert any("NDCG@10" in line for line in benchmark.report(figures))


def test_copies_are_not_judged(folder: Path) -> None:
    figures = benchmark.measure(folder, 30, seeds=2, say=lambda _text: None)
    assert (figures.products, figures.clean, figures.typos) == (30, None, [])
    assert not any("NDCG@10" in line for line in benchmark.report(figures))


def figures(**changes: Any) -> Figures:
    took = dict.fromkeys(("as asked", "with typing errors"), Latency(1, 5))
    given: dict[str, Any] = {"clean": 0.8, "typos": [0.7, 0.8], "latency": took, "open_ms": 1.0}
    return Figures(**given | changes)


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, []),
        ({"clean": 0.75}, ["NDCG@10 0.750"]),
        ({"typos": [0.7, 0.72]}, ["NDCG@10 with typing errors 0.710"]),
        (
            {"latency": {"as asked": Latency(3, 5), "with typing errors": Latency(1, 11)}},
            ["as asked", "with typing errors"],
        ),
        ({"open_ms": 101.0}, ["opened in 101.0 ms"]),
    ],
)
def test_a_target_is_missed_by_what_is_too_low_or_too_slow(changes: dict[str, Any], missed: list[str]) -> None:
    found = [text for text, is_met in figures(**changes).targets() if not is_met]
    assert [text.startswith(start) for text, start in zip(found, missed, strict=True)] == [True] * len(missed)


def test_missing_data_and_missed_targets_are_failures(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = argparse.Namespace(data=tmp_path / "none", products=None, seeds=1, json=True)
    with pytest.raises(Failure, match="name the folder"):
        benchmark.run(options)
    monkeypatch.setattr(benchmark, "CLEAN", 2.0)
    options.data = folder
    with pytest.raises(Failure, match="missed"):
        benchmark.run(options)
    told = json.loads(capsys.readouterr().out)
    assert told["products"] == 13
    assert told["targets"][0]["met"] is False
