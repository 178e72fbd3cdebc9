"""Texts as words: how products are indexed and queries are read, so that both mean the same.

Accents and case go, plurals become singulars, and a number with its unit is one word: `15.6"`, "15.6 inch" and "15.6-inch" alike.
"""

import functools
import re
import unicodedata

MAX_TEXT = 20_000
MAX_WORD = 40
STOP_WORDS = frozenset(["a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"])
"""Words that a product need not have."""

_WORD = re.compile(r"\d+\.\d+[a-z]*|[^\W_]+")
_CODE = re.compile(r"[^\W_]+(?:[-/.][^\W_]+)+")
_INCHES = re.compile(r"(?<=\d)(?:''|[\"”″])")
_MARKUP = re.compile(r"<[^<>]{0,500}>|&(?:#?\w{1,10});")
_UNITS = {
    "inch": "inch", "inches": "inch", "ft": "ft", "feet": "ft", "foot": "ft", "m": "m", "metre": "m", "metres": "m", "meter": "m",
    "meters": "m", "cm": "cm", "mm": "mm", "kg": "kg", "gb": "gb", "tb": "tb", "mb": "mb", "mah": "mah", "w": "w", "watt": "w",
    "watts": "w", "ghz": "ghz", "mhz": "mhz", "hz": "hz", "mp": "mp", "megapixel": "mp", "megapixels": "mp", "l": "l",
    "litre": "l", "litres": "l", "liter": "l", "liters": "l",
}  # fmt: skip
_MEASURE = re.compile(
    rf"(?<![^\W_])(\d+(?:[.,]\d+)?)[\s-]?({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?![^\W_])"
)
_PARTS = re.compile(r"[^\W\d_]+|\d+")
_UNFOLDED = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "™": None, "®": None, "©": None, "\0": " "}
)


@functools.lru_cache(maxsize=32)
def plain(text: str) -> str:
    """A text without case, accents, trade marks, markup and inch signs."""
    text = _MARKUP.sub(" ", text[:MAX_TEXT]).casefold().translate(_UNFOLDED)
    if not text.isascii():
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return _INCHES.sub(" inch ", text)


def words(text: str) -> list[str]:
    """The words of a text, as they are written, measures as one word each."""
    return [word[:MAX_WORD] for word in _WORD.findall(_MEASURE.sub(_measure, plain(text)))]


def terms(text: str) -> list[str]:
    """The words of a text, as they are searched."""
    return [stem(word) for word in words(text)]


def extra_terms(text: str) -> list[str]:
    """What a text can be found by besides: the parts of measures, and part numbers without what divides them."""
    text = plain(text)
    found = []
    for number, unit in _MEASURE.findall(text):
        whole = number.replace(",", ".").split(".")[0]
        found += [whole, _UNITS[unit]] if whole == number else [whole, _UNITS[unit], whole + _UNITS[unit]]
    codes = [re.sub(r"[-/.]", "", code) for code in _CODE.findall(text)]
    return found + [code for code in codes if len(code) <= MAX_WORD and not code.isalpha() and not code.isdigit()]


def parts(word: str) -> list[str]:
    """The letters and the digits of a word apart: "1000xm5" is "1000", "xm", "5"."""
    return _PARTS.findall(word)


@functools.lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A plural's singular, as the S stemmer makes it (D. Harman, How effective is suffixing?, 1991), with "-es" after sibilants."""
    if len(word) < 4 or not word.isalpha() or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word if word.endswith(("ss", "us", "is")) else word[:-1]


def _measure(match: re.Match[str]) -> str:
    number, unit = match[1].replace(",", "."), _UNITS[match[2]]
    if unit == "gb" and number.endswith("000"):
        number, unit = number[:-3], "tb"
    return f" {number}{unit} "
