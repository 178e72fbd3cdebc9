"""docs/catalogue.md tells of fields, names and words; each is one that the code knows."""

import json
import re
from pathlib import Path

from catalogue import feeds, names, synthetic
from gateway.products import requests
from gateway.products.schemas import Product
from gateway.search.query import FACETS, SORTS

DOC = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading."""
    return DOC.split(f"\n## {title}\n")[1].split("\n## ")[0]


def cells(title: str, column: int) -> list[str]:
    """What stands in code type in a column of the tables of a section, from 0."""
    rows = [line.strip("|").split("|") for line in section(title).splitlines() if line.startswith("| ")]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row[column])]


def test_the_product_that_is_shown_is_one() -> None:
    (shown,) = re.findall(r"^```json\n(.*?)^```$", section("What it holds"), re.MULTILINE | re.DOTALL)
    product = Product.model_validate(json.loads(shown))
    assert set(json.loads(shown)) == set(Product.model_fields)
    assert product.price_range == (29_900, 29_900)


def test_the_fields_that_are_explained_are_the_products() -> None:
    assert set(cells("What it holds", 0)) <= set(Product.model_fields)


def test_the_feeds_names_and_endings_are_known() -> None:
    found = cells("Import", 0)
    assert len(found) > 20
    for name in found:
        assert names.canonical(name) in names.KNOWN, name
    endings = [word for word in cells("Import", 1) if word.startswith(".")]
    assert {ending.removeprefix(".") for ending in endings} == set(feeds.FORMATS)


def test_the_parameters_of_a_search_are_all_told() -> None:
    told = set(re.findall(r"`([a-z_]+)`", section("Search"))) | set(re.findall(r"`([a-z]+)=", section("Search")))
    assert set(requests.SEARCH) - {"q", "cursor"} <= told
    assert set(FACETS) | set(SORTS) <= told


def test_the_counts_of_the_catalogue_that_comes_with_it_are_right() -> None:
    made = list(synthetic.products(synthetic.DEFAULT_COUNT, synthetic.DEFAULT_SEED))
    told = section("The catalogue that comes with it")
    assert f"loads {len(made)} products" in told
    assert f"{len({one['categories'][0] for one in made})} categories" in told
    assert f"{len({one['brand'] for one in made})} brands" in told
