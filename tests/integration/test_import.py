"""The import on moto's table: what is written, that a second run writes nothing, and that a killed one is mended."""

from pathlib import Path
from typing import Any

import pytest

from catalogue import importing, table
from catalogue.feed import Refused
from gateway.products.parts import PRODUCT
from local.console import Failure
from tests.integration.harness import Gateway
from tests.integration.imports import FEED, FEEDS, HEADER, PRODUCTS, Catalogue, Killed


@pytest.fixture
def catalogue(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    monkeypatch.setattr(importing, "BATCH", 3)
    monkeypatch.setattr(table, "WRITES_AT_ONCE", 4)
    return Catalogue(gateway, tmp_path)


def test_a_feed_is_in_the_table_and_a_second_run_writes_nothing(catalogue: Catalogue) -> None:
    first = catalogue.load(FEED)
    assert (first.rows, first.offers, first.new, first.rejected) == (21, 21, 7, 0)
    state = catalogue.state()
    assert (state["revision"], state.get("unfinished")) == (4, None)  # one for each batch, and one for the end
    product = catalogue.product("p-3")
    assert [(offer.merchant, offer.price) for offer in product.offers] == [
        ("Shop 0", 800),
        ("Shop 1", 810),
        ("Shop 2", 820),
    ]
    before, catalogue.db.writes = catalogue.items(), 0
    second = catalogue.load(FEED)
    assert (second.new, second.changed, second.unchanged, second.items) == (0, 0, 7, 0)
    assert catalogue.db.writes == 0
    assert catalogue.items() == before


def test_a_changed_row_changes_its_product_only(catalogue: Catalogue) -> None:
    catalogue.load(FEED)
    report = catalogue.load(FEED.replace("p-3,Radio 3,8.10 EUR", "p-3,Radio 3,7.10 EUR"))
    assert (report.changed, report.unchanged) == (1, 6)
    assert report.items == 3  # the offer, the point of its price, and the product
    assert catalogue.product("p-3").price_range == (710, 820)
    assert catalogue.state()["revision"] == 6


def test_products_and_offers_of_several_formats_meet(catalogue: Catalogue) -> None:
    catalogue.load((FEEDS / "own.jsonl").read_bytes(), "own.jsonl")
    catalogue.load(HEADER + "p-1,Other words,250.00 EUR,Tonwerk,4006381333931\n")
    product = catalogue.product("p-1")
    assert product.title == "Wireless Headphones X5"
    assert {offer.merchant: offer.price for offer in product.offers} == {"Soundhaus": 29900, "Tonwerk": 25000}
    assert [(point.day.isoformat(), point.price) for point in product.price_history] == [
        ("2026-10-01", 31900),
        ("2026-11-15", 25000),
    ]


def writes_of(catalogue: Catalogue, *feeds: str) -> int:
    for feed in feeds:
        catalogue.db.writes = 0
        catalogue.load(feed)
    return catalogue.db.writes


CHANGED = FEED.replace("Radio 3", "Tuner 3").replace("6.10 EUR", "4.10 EUR") + "p-9,Tape,5.00 EUR,Shop 1,\n"


@pytest.mark.parametrize("feeds", [(FEED,), (FEED, CHANGED)], ids=["new", "changed"])
def test_an_import_that_is_killed_at_any_write_is_mended_by_the_next_run(
    catalogue: Catalogue, feeds: tuple[str, ...]
) -> None:
    count = writes_of(catalogue, *feeds)
    whole = catalogue.items()
    assert count >= 7
    for kill_at in range(1, count + 1):
        for item in catalogue.db.scan(TableName=PRODUCTS)["Items"]:
            catalogue.db.delete_item(TableName=PRODUCTS, Key={name: item[name] for name in ("id", "part")})
        for feed in feeds[:-1]:
            catalogue.load(feed)
        catalogue.db.writes, catalogue.db.kill_at = 0, kill_at
        with pytest.raises(Killed):
            catalogue.load(feeds[-1])
        killed = catalogue.state().get("revision", 0)
        catalogue.db.kill_at = None
        catalogue.load(feeds[-1])
        assert catalogue.items() == whole
        assert catalogue.state()["revision"] > killed
        assert "unfinished" not in catalogue.state()
        catalogue.db.writes = 0
        catalogue.load(feeds[-1])
        assert catalogue.db.writes == 0


def test_an_import_that_fails_tells_that_the_table_has_changed(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(table.Table, "write", stopped)
        with pytest.raises(KeyboardInterrupt):
            catalogue.load(FEED)
    (feed,) = catalogue.state()["unfinished"]
    assert feed.startswith("feed.csv ")
    assert catalogue.state()["revision"] == 2


def test_what_a_feed_left_that_is_never_run_again_goes_with_the_next_import_of_the_product(
    catalogue: Catalogue,
) -> None:
    catalogue.db.kill_at = 2
    with pytest.raises(Killed):
        catalogue.load(FEED)
    assert ("p-0", "OFFER#shop 0") in catalogue.items()
    catalogue.db.kill_at = None
    catalogue.age(table.TURN_SECONDS + 10)
    for today in ("p-5,Radio,5 EUR,Shop 9,\n", "p-0,Radio,5 EUR,Shop 9,\n"):
        catalogue.load(HEADER + today)
    assert [part for product, part in catalogue.items() if product == "p-0"] == [
        "OFFER#shop 9",
        "PRICE#2026-11-15",
        PRODUCT,
    ]
    (left,) = catalogue.state()["unfinished"]
    catalogue.load(FEED)
    assert left not in catalogue.state().get("unfinished", ())


OTHER = "id,title,price,merchant,gtin\n" + "".join(f"p-{n},Other words,1.00 EUR,Rival,\n" for n in range(7))


def test_two_imports_at_the_same_time_do_not_lose_each_others_offers(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, refusals = table.Table.write, []

    def with_another(self: table.Table, changes: Any) -> None:
        monkeypatch.setattr(table.Table, "write", write)
        with pytest.raises(Failure, match=r"Another import is under way, of feed\.csv") as refused:
            catalogue.load(OTHER, "other.csv")
        refusals.append(refused)
        write(self, changes)

    monkeypatch.setattr(table.Table, "write", with_another)
    catalogue.load(FEED)
    assert len(refusals) == 1
    assert "unfinished" not in catalogue.state()
    catalogue.load(OTHER, "other.csv")
    assert {item["offer_count"] for (_, part), item in catalogue.items().items() if part == PRODUCT} == {4}


def test_what_was_read_before_an_imports_turn_is_read_again(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = table.Table.begin

    def after_another(self: table.Table, feed: str) -> set[str]:
        monkeypatch.setattr(table.Table, "begin", begin)
        catalogue.load(OTHER, "other.csv")
        return begin(self, feed)

    monkeypatch.setattr(table.Table, "begin", after_another)
    report = catalogue.load(FEED)
    assert (report.new, report.changed, report.rejected) == (0, 7, 0)
    assert {item["offer_count"] for (_, part), item in catalogue.items().items() if part == PRODUCT} == {4}


def test_an_import_that_was_killed_keeps_others_waiting_for_a_while_but_not_itself(catalogue: Catalogue) -> None:
    catalogue.db.kill_at = 3
    with pytest.raises(Killed):
        catalogue.load(FEED)
    catalogue.db.kill_at = None
    with pytest.raises(Failure, match="within the last 5 minutes"):
        catalogue.load(OTHER, "other.csv")
    catalogue.age(table.TURN_SECONDS + 10)
    assert catalogue.load(OTHER, "other.csv").new > 0
    assert catalogue.load(FEED).rejected == 0
    assert catalogue.load(OTHER, "other.csv").items == 0


def test_a_file_may_have_a_name_that_is_no_text(catalogue: Catalogue) -> None:
    assert catalogue.load(FEED, "caf\udce9.csv").new == 7


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (FEED + "p-8,Caf\xe9,5 EUR,Shop,\n", "feed.csv"),
        (FEED.replace(",", "|"), "feed.csv"),
        (HEADER, "feed.csv"),
        ("[" + "{}" + "]", "feed.jsonl"),
        ("<rss><channel><item></item></nonsense>", "feed.xml"),
    ],
)
def test_a_file_that_is_refused_writes_nothing(catalogue: Catalogue, content: str, name: str) -> None:
    with pytest.raises(Refused):
        catalogue.load(content.encode("latin-1"), name)
    assert catalogue.db.writes == 0
    assert catalogue.items() == {}


def test_a_dry_run_tells_and_writes_nothing(catalogue: Catalogue) -> None:
    catalogue.load(FEED)
    catalogue.db.writes = 0
    report = catalogue.load(CHANGED, dry_run=True)
    assert (report.new, report.changed, report.unchanged, report.items) == (1, 2, 5, 0)
    assert catalogue.db.writes == 0
    assert catalogue.load(CHANGED).changed == 2
