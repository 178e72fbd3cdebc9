"""Whatever a feed has in it, it is read or refused: never a crash, and never a row without its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.feed import Refused
from tests.unit.feeding import rows

HEADS = {
    "f.csv": b"id,title,price,shipping,gtin,product_detail\n",
    "f.jsonl": b'{"id": "a", "title": "b", "price": "1 EUR"}\n',
    "f.xml": b'<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>',
}
PIECES = st.sampled_from(
    [b"a", b"1.299 EUR", b'"', b",", b"\t", b"\n", b"\r\n", b"{", b"}", b"[", b'"id":', b"<", b">", b"</", b"item", b"&amp;", b"&lt;b&gt;",
     b"]]>", b"<![CDATA[", b"<!--", b"\0", b"\xff", b"\xe9", b"\xef\xbb\xbf", b"DE:::1 EUR", b"9" * 30, b"NaN", b"-", b":", b" "]
)  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
@given(st.lists(PIECES, max_size=40), st.booleans())
@settings(max_examples=150)
def test_any_bytes_are_rows_or_refused(name: str, pieces: list[bytes], has_head: bool) -> None:
    data = (HEADS[name] if has_head else b"") + b"".join(pieces)
    try:
        found = rows(data, name)
    except Refused:
        return
    lines = [row.line for row in found]
    assert all(1 <= line <= data.count(b"\n") + 1 for line in lines)
    assert lines == sorted(lines)
