"""Text without the HTML that feeds have in it: what is stored is never markup."""

import re
import unicodedata
from html.parser import HTMLParser

JOINERS = "\u200c\u200d"
MAX_ROUNDS = 5
"""How often text may have been escaped: in XML twice is usual."""
DROPPED = frozenset(
    {
        "script",
        "style",
        "template",
        "noscript",
        "iframe",
        "object",
        "svg",
        "math",
        "title",
        "head",
        "textarea",
        "select",
    }
)
"""Elements whose text is not for readers."""
BLOCKS = frozenset(
    {"p", "br", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article"}
)

_MARKUP = re.compile(r"<[A-Za-z/!?]|&(#\d+|#[xX][0-9A-Fa-f]+|[A-Za-z][A-Za-z0-9]*);")
_TAG_START = re.compile(r"<(?=[A-Za-z/!?])")
_LINE_END = re.compile(r"\r\n?|[\u0085\u2028\u2029\v\f]")


class TooDeep(ValueError):
    """Markup within markup within markup: nobody's description."""


def line(text: str) -> str:
    """A text of one line: no tags, entities as what they stand for, no invisible characters, single blanks.

    Raises:
        TooDeep: its markup was escaped too often.
    """
    return " ".join(_visible(_stripped(text)).split())


def paragraphs(text: str) -> str:
    """The same of a text that may have several lines.

    Raises:
        TooDeep: its markup was escaped too often.
    """
    lines = [" ".join(one.split()) for one in _visible(_LINE_END.sub("\n", _stripped(text))).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _visible(text: str) -> str:
    """In composed form (NFC), without what has no look of its own; but joiners, which emoji and several scripts need, stay."""
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFC", text)
    return "".join(char for char in composed if char in JOINERS or unicodedata.category(char) != "Cf")


def _stripped(text: str) -> str:
    for _ in range(MAX_ROUNDS):
        if not _MARKUP.search(text):
            return text
        plain = _Reader.read(text)
        if plain == text:
            return _TAG_START.sub("< ", text)
        text = plain
    raise TooDeep("has markup within markup")


class _Reader(HTMLParser):
    """Gathers the text between tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._texts: list[str] = []
        self._dropped = ""
        self._depth = 0

    @classmethod
    def read(cls, text: str) -> str:
        reader = cls()
        end = text.rfind(">") + 1
        reader.feed(text[:end] + text[end:].replace("<", "&lt;"))  # a tag without an end is none
        reader.close()
        return "".join(reader._texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's
        if tag in DROPPED and tag == (self._dropped or tag):
            self._dropped = tag
            self._depth += 1
        self._part(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._dropped:
            self._depth -= 1
            self._dropped = tag if self._depth else ""
        self._part(tag)

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            self._texts.append(data)

    def _part(self, tag: str) -> None:
        """Words on both sides of a tag are not one word, unless it only sets letters: <b>o</b>ne."""
        if tag in BLOCKS:
            self._texts.append("\n")
        elif tag in {"td", "th", "img", "option"}:
            self._texts.append(" ")
