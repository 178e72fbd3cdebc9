"""Texts as search terms: what is written differently and means the same is the same term."""

import pytest

from gateway.search import words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Headphones", "headphone"),
        ("batteries", "BATTERY"),
        ("boxes", "box"),
        ("switches", "switch"),
        ("Café", "cafe"),
        ("Smørebrød", "smorebrod"),
        ("Straße", "strasse"),
        ('15.6"', "15.6 inches"),
        ("15,6-inch", "15.6inch"),
        ("1000 GB", "1TB"),
        ("3-ft.", "3 feet"),
        ("2 metres", "2m"),
        ("Core™ i7", "core i7"),
        ("R&amp;D <br/> kit", "r d kit"),
    ],
)
def test_what_means_the_same_is_the_same_term(one: str, other: str) -> None:
    assert words.terms(one) == words.terms(other)


@pytest.mark.parametrize("word", ["glass", "bus", "chassis", "ps", "a4s7", "is"])
def test_what_only_looks_like_a_plural_stays_as_it_is(word: str) -> None:
    assert words.stem(word) == word


def test_a_part_number_is_found_with_and_without_what_divides_it() -> None:
    assert words.terms("WH-1000XM5") == ["wh", "1000xm5"]
    assert words.extra_terms("Sony WH-1000XM5") == ["wh1000xm5"]
    assert words.extra_terms("well-known") == []


def test_a_measure_is_found_by_its_parts_and_by_its_whole_number() -> None:
    assert words.terms('39.6 cm (15.6")') == ["39.6cm", "15.6inch"]
    assert {"15", "inch", "15inch"} <= set(words.extra_terms('15.6" display'))


def test_letters_and_digits_can_be_told_apart() -> None:
    assert words.parts("1000xm5") == ["1000", "xm", "5"]


def test_long_words_and_texts_are_cut() -> None:
    assert words.words("x" * 100) == ["x" * words.MAX_WORD]
    assert len(words.words("ab " * 100_000)) < words.MAX_TEXT


def test_nothing_but_signs_has_no_words() -> None:
    assert words.words("!? \0 --- *** \"'") == []
