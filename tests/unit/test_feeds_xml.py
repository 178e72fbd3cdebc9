"""RSS and Atom feeds with Google Merchant's elements; hostile XML is refused before anything is written."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalogue.feed import MAX_ROW, Head, Refused
from gateway.products.schemas import DeliveryTime
from tests.unit.feeding import ids, product, rejections, rows

FEEDS = Path(__file__).parents[1] / "data" / "feeds"
RSS = '<rss xmlns:g="http://base.google.com/ns/1.0"><channel>{}</channel></rss>'
ITEM = "<item><g:id>{}</g:id><g:title>Radio</g:title><g:price>5 EUR</g:price></item>\n"


def test_an_rss_feed_is_read_with_its_merchant_and_its_lines() -> None:
    head = Head()
    first, second = rows((FEEDS / "google.xml").read_bytes(), "google.xml", head, merchant=None)
    found = first.product  # type: ignore[union-attr]
    assert (found.title, found.description) == ("Wireless Headphones X5 & Case", "Quiet, and light.")
    assert found.link == "https://soundhaus.example/1?a=1&b=2"
    assert found.images == ("https://soundhaus.example/1.jpg", "https://soundhaus.example/1b.jpg")
    assert found.categories == ("Audio > Headphones",)
    assert found.attributes == {"battery_life": "30 hours", "color": "Black"}
    (offer,) = found.offers
    assert (offer.merchant, offer.id, offer.price, offer.shipping) == ("Soundhaus", "SH-1", 27900, 495)
    assert offer.delivery_time == DeliveryTime(min_days=1, max_days=3)
    assert (second.line, second.id, second.field) == (42, "SH-2", "price")  # type: ignore[union-attr]
    assert list(head.ignored) == ["custom_label_0"]


def test_an_atom_feed_is_read() -> None:
    found = product((FEEDS / "atom.xml").read_bytes(), "atom.xml", merchant=None)
    assert (found.id, found.title, found.description) == ("7", "Radio", "Small, and loud.")
    assert found.link == "https://tonwerk.example/7"
    assert (found.offers[0].merchant, found.offers[0].price) == ("Tonwerk", 5990)
    assert found.offers[0].availability == "out_of_stock"


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>',
        '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE rss SYSTEM "https://evil.example/feed.dtd">',
        '<!DOCTYPE rss [<!ENTITY % p SYSTEM "https://evil.example/p"> %p;]>',
    ],
)
def test_entities_that_expand_or_point_to_files_refuse_the_feed(doctype: str) -> None:
    text = f'<?xml version="1.0"?>\n{doctype}\n' + RSS.format(ITEM.format("a"))
    with pytest.raises(Refused, match=r"f.xml, line 2: it has a document type"):
        rows(text, "f.xml")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("<rss>\n<channel>", 2, "not XML"),
        ("<rss><channel>\n<item></channel></rss>", 2, "not XML"),
        ("hello", 1, "not XML"),
        ("<html><body/></html>", 1, "must be RSS"),
        (RSS.format("<item><g:id>&nbsp;</g:id></item>"), 1, "not XML"),
        ("<rss><channel><item><g:id>1</g:id></item></channel></rss>", 1, "not XML"),
        ("<rss>\n" + "<a>" * 60, 2, "more than 50 deep"),
        ('<?xml version="1.0" encoding="klingon"?>\n<rss/>', 1, "encoding"),
        ('<?xml version="1.0" encoding="utf-7"?>\n<rss/>', 1, "encoding"),
        ('<rss a="' + "x" * 10_000_000 + '"/>', 1, "a tag has more than"),
    ],
)
def test_what_is_no_feed_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(Refused, match=rf"f.xml, line {line}: .*{reason}"):
        rows(text, "f.xml")


def test_a_feed_that_breaks_after_good_rows_is_refused() -> None:
    with pytest.raises(Refused, match="line 3"):
        rows(RSS.format("\n" + ITEM.format("a") + "<item></nonsense>"), "f.xml")


def test_an_item_of_ten_megabytes_is_rejected_and_the_next_ones_go_on() -> None:
    large = ITEM.format("b").replace("Radio", "x" * 10_000_000)
    text = RSS.format("\n" + ITEM.format("a") + large + ITEM.format("c"))
    assert rejections(text, "f.xml") == [(3, "", f"has more than {MAX_ROW:,} characters")]
    assert ids(text, "f.xml") == ["a", "c"]


def test_the_encoding_is_the_declared_one_or_the_users() -> None:
    latin = RSS.format(ITEM.format("a").replace("Radio", "Café"))
    declared = f'<?xml version="1.0" encoding="windows-1252"?>{latin}'.encode("windows-1252")
    assert product(declared, "f.xml").title == "Café"
    assert product(latin.encode("latin-1"), "f.xml", encoding="latin-1").title == "Café"
    assert product(latin.encode("windows-1252"), "f.xml", encoding="windows-1252").title == "Café"
    assert product(latin.encode("utf-16"), "f.xml").title == "Café"
    with pytest.raises(Refused, match="not in the encoding that it declares"):
        rows(latin.encode("latin-1"), "f.xml")


def test_a_merchant_that_is_named_outdoes_the_feeds_title() -> None:
    text = RSS.format("<title>Feed</title>" + ITEM.format("a"))
    assert product(text, "f.xml", merchant=None).offers[0].merchant == "Feed"
    assert product(text, "f.xml", merchant="Named").offers[0].merchant == "Named"


def test_a_title_that_names_the_merchant_is_text() -> None:
    text = RSS.format(
        "<title>&lt;b&gt;Ton\n  werk&lt;/b&gt;&lt;script&gt;x()&lt;/script&gt;</title>" + ITEM.format("a")
    )
    assert product(text, "f.xml", merchant=None).offers[0].merchant == "Ton werk"


def test_elements_without_text_count_to_the_length_of_their_item() -> None:
    text = RSS.format(f"<item><g:id>a</g:id><g:title>{'<b/>' * (MAX_ROW + 1)}</g:title></item>{ITEM.format('b')}")
    assert rejections(text, "f.xml") == [(1, "", f"has more than {MAX_ROW:,} characters")]
    assert ids(text, "f.xml") == ["b"]


def test_html_that_is_written_as_elements_is_text() -> None:
    text = RSS.format(
        ITEM.format("a").replace("<g:price>", "<description>One <b>two</b><br/>three</description><g:price>")
    )
    assert product(text, "f.xml", now=datetime(2026, 1, 1, tzinfo=UTC)).description == "One two three"
