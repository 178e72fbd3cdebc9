"""scripts/import-products, as a user runs it."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from gateway.products.parts import PRODUCT
from operate import import_products, target
from tests.integration.harness import Gateway
from tests.integration.imports import FEED, FEEDS, HEADER, Catalogue, Deployed


@pytest.fixture
def catalogue(gateway: Gateway, tmp_path: Path) -> Catalogue:
    return Catalogue(gateway, tmp_path)


@pytest.fixture
def shell(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """The script, as a user runs it without a terminal: its exit code, and what it prints to its two outputs."""
    monkeypatch.setattr(target, "find", lambda arguments: catalogue.target)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["import-products", *words])
        status: Any = 0
        try:
            import_products.main()
        except SystemExit as ended:
            status = ended.code or 0
        told = capsys.readouterr()
        return int(status), told.out, told.err

    return run


def test_rejected_rows_are_told_with_their_lines_and_the_others_imported(
    catalogue: Catalogue, shell: Callable[..., tuple[int, str, str]]
) -> None:
    rows = [
        "a,Radio,5 EUR,Shop,",
        "a,Again,5 EUR,SHOP,",
        "b,TV,-5 EUR,Shop,",
        "c d,Disc,5 EUR,Shop,",
        "e,Tape,5 XYZ,Shop,123",
        "f,Box,6 EUR,Shop,",
    ]
    rejects = catalogue.folder / "rejects.csv"
    status, out, err = shell(catalogue.file(HEADER + "\n".join(rows)), "--rejects", str(rejects))
    assert status == 3
    assert err.splitlines() == [
        "line 3, a: id: is that of line 2 again of the same merchant",
        "line 4, b: price: must not be negative",
        "line 5, c d: id: must be 1 to 128 letters, digits or any of . _ : ~ - and start with a letter or digit",
        "line 6, e: price: XYZ is not a currency of ISO 4217",
    ]
    assert "Rows: 6 read with 2 offers, 4 rejected.\nProducts: 2 new, 0 changed, 0 unchanged.\n" in out
    assert {product for product, _ in catalogue.items()} == {"a", "f"}
    assert rejects.read_text().splitlines()[1] == "3,a,id,is that of line 2 again of the same merchant"


def test_the_feed_is_not_written_over_by_what_is_wrong_with_it(
    catalogue: Catalogue, shell: Callable[..., tuple[int, str, str]]
) -> None:
    feed = catalogue.file(FEED)
    link = catalogue.folder / "link.csv"
    link.symlink_to(feed)
    for rejects in (feed, str(link)):
        assert shell(feed, "--rejects", rejects) == (1, "", f"--rejects: {rejects} is the feed itself.\n")
    assert Path(feed).read_text() == FEED


def test_an_index_that_another_has_built_meanwhile_is_told(
    catalogue: Catalogue, shell: Callable[..., tuple[int, str, str]]
) -> None:
    catalogue.functions.answer = {"Payload": io.BytesIO(b'{"outcome": "superseded", "revision": 4, "products": 7}')}
    status, out, _ = shell(catalogue.file(FEED))
    assert (status, out.splitlines()[-1]) == (0, "Index: built by another at the same time.")


def test_the_search_index_is_built_and_what_it_says_is_told(
    catalogue: Catalogue, shell: Callable[..., tuple[int, str, str]]
) -> None:
    status, out, _ = shell(catalogue.file(FEED))
    assert status == 0
    assert out.endswith("Index: 7 products, 0.1 MB, built in 1.2 s.\n")
    assert catalogue.functions.calls == [{"FunctionName": "build", "Payload": b"{}"}]
    assert shell(catalogue.file(FEED), "--no-index")[0] == 0
    assert shell(catalogue.file(FEED), "--dry-run")[1].endswith("A dry run: nothing was written.\n")
    assert len(catalogue.functions.calls) == 1


def test_an_index_that_cannot_be_built_is_told_and_the_import_stays(
    catalogue: Catalogue, shell: Callable[..., tuple[int, str, str]]
) -> None:
    payload = io.BytesIO(b'{"errorMessage": "no FTS5 here", "errorType": "RuntimeError"}')
    catalogue.functions.answer = {"FunctionError": "Unhandled", "Payload": payload}
    status, out, err = shell(catalogue.file(FEED))
    assert (status, err) == (1, "The search index was not built: no FTS5 here\n")
    assert "7 new" in out
    assert len([part for _, part in catalogue.items() if part == PRODUCT]) == 7


def test_a_feed_may_be_in_s3(catalogue: Catalogue, shell: Callable[..., tuple[int, str, str]]) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="feeds")
    s3.put_object(Bucket="feeds", Key="shop/google.tsv", Body=(FEEDS / "google.tsv").read_bytes())
    Deployed.clients["s3"] = s3
    status, out, err = shell("s3://feeds/shop/google.tsv", "--merchant", "Tonwerk", "--no-index")
    assert (status, err) == (0, "")
    assert "2 new" in out
    assert shell("s3://feeds/other.tsv", "--merchant", "Tonwerk") == (
        1,
        "",
        "s3://feeds/other.tsv: there is no such key.\n",
    )
    assert shell("s3://no-such-bucket/k.tsv") == (1, "", "s3://no-such-bucket/k.tsv: there is no such bucket.\n")
    s3.delete_object(Bucket="feeds", Key="shop/google.tsv")
    s3.delete_bucket(Bucket="feeds")
