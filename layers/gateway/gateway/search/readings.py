"""What a text may mean: its words, or what they are when written together or apart, as FTS5's expressions."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.search.vocabulary import Vocabulary
from gateway.search.words import STOP_WORDS, parts, stem

MAX_WORDS = 16
MAX_READINGS = 6
MAX_JOINED = 3
"""Words that may be one, such as "wh 1000 xm5"."""
MAX_PARTS = 5
MIN_PREFIX = 2
"""Letters; most products have a word that begins with any one."""
MOST_OF_FILL = 2_000
"""Products that have any of the words, at most, unless the rarest word alone has more: the others would add nothing that matters."""

Phrase = tuple[str, ...]
"""Terms next to each other."""


@dataclass(frozen=True)
class Reading:
    """One meaning of a text.

    Attributes:
        phrases: what a product has to have, each of it.
        is_prefix: whether the last of them is only the beginning of a term.
    """

    phrases: tuple[Phrase, ...]
    is_prefix: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """All terms, in their order."""
        return tuple(term for phrase in self.phrases for term in phrase)


def plain(words: list[str], vocabulary: Vocabulary, *, prefix: bool) -> Reading:
    """The words as they stand.

    Args:
        prefix: whether the last word may be the beginning of one.
    """
    meant = [word for word in words if word not in STOP_WORDS] or words
    last = meant[-1]
    is_prefix = prefix and last == words[-1] and len(last) >= MIN_PREFIX and vocabulary.completes(last)
    return Reading(tuple((term,) for term in [*map(stem, meant[:-1]), last if is_prefix else stem(last)]), is_prefix)


def all_of(reading: Reading, vocabulary: Vocabulary) -> list[Reading]:
    """The reading itself, and those others that the index has the words for."""
    others = itertools.chain(_together(reading, vocabulary), _apart(reading, vocabulary))
    return [reading, *itertools.islice(others, MAX_READINGS - 1)]


def _together(reading: Reading, vocabulary: Vocabulary) -> Iterator[Reading]:
    phrases = reading.phrases
    for length in range(min(MAX_JOINED, len(phrases)), 1, -1):
        for start in range(len(phrases) - length + 1):
            joined = stem("".join(reading.terms[start : start + length]))
            if vocabulary.count(joined):
                yield Reading((*phrases[:start], (joined,), *phrases[start + length :]))


def _apart(reading: Reading, vocabulary: Vocabulary) -> Iterator[Reading]:
    for index, (term, *_) in enumerate(reading.phrases):
        pieces = parts(term)
        if not 1 < len(pieces) <= MAX_PARTS:
            continue
        for phrase in _groupings(pieces):
            if all(map(vocabulary.count, phrase)):
                yield Reading((*reading.phrases[:index], phrase, *reading.phrases[index + 1 :]))


def _groupings(pieces: list[str]) -> Iterator[Phrase]:
    """The ways to put neighbours together, but for putting all together: "1000", "xm", "5"; "1000", "xm5"; "1000xm", "5"."""
    for joins in itertools.product((False, True), repeat=len(pieces) - 1):
        if all(joins):
            continue
        grouped = [pieces[0]]
        for piece, joined in zip(pieces[1:], joins, strict=True):
            grouped[-1:] = [grouped[-1] + piece] if joined else [grouped[-1], piece]
        yield tuple(grouped)


def every_word(readings: list[Reading]) -> str:
    """The products that have all words of any of the readings."""
    return " OR ".join(f"({' AND '.join(_phrases(reading))})" for reading in readings)


def any_word(readings: list[Reading], vocabulary: Vocabulary) -> str:
    """The products that have any of the words; of several words, the rarest ones."""
    phrases = {
        text: phrase for reading in readings for text, phrase in zip(_phrases(reading), reading.phrases, strict=True)
    }
    counted = sorted((min(map(vocabulary.count, phrase)), text) for text, phrase in phrases.items())
    chosen, total = list[str](), 0
    for count, text in counted:
        total += count
        if chosen and total > MOST_OF_FILL:
            break
        chosen.append(text)
    return " OR ".join(chosen)


def _phrases(reading: Reading) -> list[str]:
    """Quoted, so that nothing in them is an operator; terms are letters, digits and dots anyway."""
    quoted = ['"' + " ".join(phrase) + '"' for phrase in reading.phrases]
    return [*quoted[:-1], quoted[-1] + " *"] if reading.is_prefix else quoted
