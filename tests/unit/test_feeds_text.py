"""What bytes a feed may have, compressed and encoded; nothing is guessed."""

import gzip
import io
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from catalogue import feeds, sources
from catalogue.feed import Head, Refused
from catalogue.sources import Source
from tests.unit.feeding import SHOP, product, rejections, rows

CSV = "id,title,price\na,Café,5 EUR\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_utf_8_and_whatever_has_a_byte_order_mark_needs_no_option(encoding: str) -> None:
    assert product(CSV.encode(encoding), "f.csv").title == "Café"


@pytest.mark.parametrize("encoding", ["latin-1", "windows-1252", "iso-8859-15", "utf-16-le", "utf-16-be"])
def test_other_encodings_are_read_when_they_are_named(encoding: str) -> None:
    assert product(CSV.encode(encoding), "f.csv", encoding=encoding).title == "Café"


def test_a_file_that_is_not_utf_8_is_refused_with_its_line() -> None:
    text = "id,title,price\n" + "\n" * 300_000 + "b,Café,5 EUR\n"
    with pytest.raises(Refused, match=r"f.csv, line 300002: it is not in UTF-8; if it is Latin-1 .*--encoding latin-1"):
        rows(text.encode("latin-1"), "f.csv")


def test_the_line_of_a_wrong_byte_counts_all_ends_of_lines() -> None:
    text = "id,title,price\ra,Radio,5 EUR\r\nb,TV,6 EUR\rc,Café,5 EUR\r"
    with pytest.raises(Refused, match="line 4: it is not in UTF-8"):
        rows(text.encode("latin-1"), "f.csv")


def test_a_file_that_ends_within_a_character_is_refused() -> None:
    with pytest.raises(Refused, match="line 2: it is not in UTF-8"):
        rows(b"id,title,price\na,Caf" + b"\xc3", "f.csv")


def test_utf_16_without_its_mark_is_refused_with_what_to_say() -> None:
    with pytest.raises(Refused, match="--encoding utf-16-le or utf-16-be"):
        rows(CSV.encode("utf-16-le"), "f.csv")


def test_windows_1252_that_is_said_to_be_latin_1_is_not_stored_as_mojibake() -> None:
    wrong = "id,title,price\na,“Radio”,5 EUR\n".encode("windows-1252")
    assert rejections(wrong, "f.csv", encoding="latin-1") == [(2, "title", "must have no invisible characters")]


def test_gzip_is_seen_by_its_bytes() -> None:
    assert product(gzip.compress(CSV.encode()), "f.csv.gz").title == "Café"
    assert product(gzip.compress(CSV.encode()), "f.csv").title == "Café"


def test_a_name_that_promises_gzip_is_held_to_it() -> None:
    with pytest.raises(Refused, match="it is not gzip, as its name says"):
        rows(CSV, "f.csv.gz")


def test_gzip_that_is_cut_off_or_damaged_refuses_the_file() -> None:
    packed = gzip.compress(CSV.encode() * 1000)
    with pytest.raises(Refused, match="it is cut off"):
        rows(packed[:-20], "f.csv.gz")
    with pytest.raises(Refused, match="its compressed data is damaged"):
        rows(packed[:20] + b"\xff\xff\xff\xff" + packed[24:], "f.csv.gz")


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl", "f.xml", "f.csv.gz"])
def test_an_empty_file_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="it is empty"):
        rows(b"", name)


def test_a_name_that_tells_no_format_is_refused() -> None:
    with pytest.raises(Refused, match="--format jsonl, csv, tsv or xml"):
        rows(CSV, "feed.data")
    assert product(CSV, "feed.data", format="csv").id == "a"


def test_a_folder_or_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="it is a folder"), sources.opened(str(tmp_path), None):
        pass
    with pytest.raises(Refused, match="No such file"), sources.opened(str(tmp_path / "f.csv"), None):
        pass


class Bucket:
    """An S3 client with one object, or an error."""

    def __init__(self, body: Any = None, error: str = "") -> None:
        self.body = body
        self.error = error

    def get_object(self, **asked: str) -> dict[str, Any]:
        if self.error:
            raise ClientError({"Error": {"Code": self.error}}, "GetObject")
        return {"Body": self.body, "ContentLength": 100}


@pytest.mark.parametrize(
    ("code", "reason"),
    [("NoSuchKey", "no such key"), ("NoSuchBucket", "no such bucket"), ("AccessDenied", "S3 refuses it: AccessDenied")],
)
def test_what_s3_does_not_give_is_refused(code: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason), sources.opened("s3://b/k.csv", lambda: Bucket(error=code)):
        pass


@pytest.mark.parametrize("name", ["s3://", "s3://bucket", "s3://bucket/"])
def test_an_address_in_s3_needs_a_bucket_and_a_key(name: str) -> None:
    with pytest.raises(Refused, match="must be s3://BUCKET/KEY"), sources.opened(name, lambda: Bucket()):
        pass


def test_a_bucket_that_cannot_be_is_told() -> None:
    s3 = boto3.client("s3", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    with (
        pytest.raises(Refused, match="S3 has no buckets of such a name"),
        sources.opened("s3://B ad/k.csv", lambda: s3),
    ):
        pass


class Broken(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if not (data := super().read(size)):
            raise ReadTimeoutError(endpoint_url="s3", error="slow")
        return data


def test_a_connection_to_s3_that_breaks_refuses_the_file() -> None:
    with sources.opened("s3://b/k.csv", lambda: Bucket(Broken(CSV.encode()))) as source:
        found = feeds.read(source, SHOP, Head())
        with pytest.raises(Refused, match="S3 did not send it to its end"):
            list(found)


def test_what_was_read_is_counted_as_it_is_stored() -> None:
    packed = gzip.compress(CSV.encode() * 100)
    source = Source("f.csv.gz", io.BytesIO(packed), len(packed))
    assert len(b"".join(source.chunks())) == len(CSV.encode()) * 100
    assert source.done == source.size
