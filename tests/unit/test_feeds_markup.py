"""Nothing is stored that a browser would take for markup."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue.markup import TooDeep, line, paragraphs


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Head <b>ph</b>ones &amp; more", "Head phones & more"),
        ("A & B < C, 5 < 6", "A & B < C, 5 < 6"),
        ("x<script>alert(1)</script>y", "xy"),
        ("x<SCRIPT src=//evil>alert(1)</SCRIPT >y", "xy"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;z", "z"),
        ("a &amp;lt;b&amp;gt;c", "a c"),
        ("<style>p{}</style>t<!-- c -->", "t"),
        ("<img src=x onerror=alert(1)>w", "w"),
        ("one<br>two<p>three</p>", "one two three"),
        ("caf&eacute;&nbsp;x", "café x"),
        ("soft\u00adhyphen \u200bzero \ufeffmark\xa0nbsp", "softhyphen zero mark nbsp"),
        ("Size <XL and <3", "Size < XL and <3"),
        ("<script>never closed", ""),
        ("a<svg>b<svg>c</svg>d<title>e</title></p>f</svg>g", "a g"),
        ("e\u0301", "é"),
        ("AT&T; R&D", "AT&T; R&D"),
    ],
)
def test_markup_is_taken_out_and_entities_are_decoded(text: str, plain: str) -> None:
    assert line(text) == plain


def test_paragraphs_stay_apart() -> None:
    assert paragraphs("<p>One\r\ntwo</p><ul><li>a</li><li>b</li></ul>\n\n\n\nend") == "One\ntwo\n\na\n\nb\n\nend"


def test_markup_that_was_escaped_too_often_is_refused() -> None:
    text = "<b>x</b>"
    for _ in range(8):
        text = text.replace("&", "&amp;").replace("<", "&lt;")
    with pytest.raises(TooDeep):
        line(text)


def test_elements_within_elements_cost_no_more_than_their_length() -> None:
    assert line("a" + "<svg>" * 90_000 + "</i>" * 90_000) == "a"


@given(st.text(alphabet="<>/!?-&;abscript lgtamp#\"'= \n", max_size=80))
def test_whatever_comes_no_tag_is_left(text: str) -> None:
    try:
        plain = paragraphs(text)
    except TooDeep:
        return
    assert not re.search(r"<[A-Za-z/!?]", plain)
