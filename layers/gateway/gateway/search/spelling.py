"""Words that no product has, and what was probably meant."""

import math
from collections.abc import Callable

from gateway.search.format import deletions
from gateway.search.vocabulary import Spelling, Vocabulary
from gateway.search.words import STOP_WORDS, stem

MIN_LENGTH, LONG = 3, 6
"""Letters of a word that can be corrected; of one that may be wrong in two places."""
MAX_LENGTH = 30
OTHER_FIRST_LETTER, SECOND_ERROR = 2.0, 4.0
SWAPPED, ADDED, REPLACED = 1.0, 2.0, 2.2
"""What makes a correction less likely, as powers of e of how many times more frequent it has to be. Of all errors 34 % leave out a
letter, 27 % add one, 19 % replace one and 12 % swap two (Pollock and Zamora, 1984); and where one is added or replaced, it is this
one among some five that are near on the keyboard.
"""
MORE_FREQUENT = 5
TRIED = 8
"""Candidates of which it is asked whether they go with the other words."""

_SWAPPED_STOP_WORDS = {
    word[:at] + word[at + 1] + word[at] + word[at + 2 :]: word
    for word in sorted(STOP_WORDS)
    if len(word) >= MIN_LENGTH
    for at in range(len(word) - 1)
}
"""With two neighbours swapped: the other ways to misspell so short words are words themselves, or may well be names."""

Goes = Callable[[str], int]
"""In how many products a word occurs together with the rest of the query, counted up to some bound."""


def correction(word: str, vocabulary: Vocabulary, goes: Goes) -> str | None:
    """What was probably meant by a word; None if that cannot be told. Several words, if a space was missing.

    A plural may be that of a word which products only have as a singular.

    Args:
        word: one that the index does not know.
        goes: how well a word goes with the others.
    """
    if not (MIN_LENGTH <= len(word) <= MAX_LENGTH and word.isalpha()):
        return None
    if word in _SWAPPED_STOP_WORDS:
        return _SWAPPED_STOP_WORDS[word]
    forms = dict.fromkeys((stem(word), word))
    found = {other: likelihood for form in forms for other, likelihood in _likely(form, vocabulary)}
    if not found and (split := _split(word, vocabulary)):
        return split
    if not found and len(word) >= LONG:
        found = {one[0]: _likelihood(word, *one) for one in _far(word, vocabulary)}
    scored = sorted(((likelihood, other) for other, likelihood in found.items()), reverse=True)[:TRIED]
    best = max(((goes(other), score, other) for score, other in scored), key=_together, default=None)
    return best[2] if best else None


def _together(candidate: tuple[int, float, str]) -> tuple[bool, float, str]:
    """What goes with the other words at all is better than what does not."""
    count, score, word = candidate
    return count > 0, score + math.log1p(count), word


def other_word(word: str, vocabulary: Vocabulary, goes: Goes) -> str | None:
    """What was probably meant by a word that there is, in a query that no product has all words of: a similar word that is many
    times more frequent and goes with the others. None if there is none.
    """
    if not (len(word) > MIN_LENGTH and word.isalpha()):
        return None
    least = MORE_FREQUENT * max(1, vocabulary.count(stem(word)))
    found = [(_likelihood(word, *one), one[0]) for one in _near(word, vocabulary) if one[1] >= least]
    best = max(((score + math.log(count), other) for score, other in found if (count := goes(other))), default=None)
    return best[1] if best else None


def distance(one: str, other: str, most: int) -> int:
    """How many letters are wrong, missing, too many or swapped with their neighbour; more than `most` is `most + 1`.

    The optimal string alignment distance (Damerau 1964, Levenshtein 1966), row by row.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before, last = list[int](), list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            cost = min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return min(last[-1], most + 1)


def _likely(form: str, vocabulary: Vocabulary) -> list[tuple[str, float]]:
    """The words near a form of the word, and how likely each of them was meant by it."""
    return [(one[0], _likelihood(form, *one)) for one in _near(form, vocabulary)]


def _near(word: str, vocabulary: Vocabulary) -> list[Spelling]:
    """Words with one error; of long ones some with two, which are found the same way."""
    shorter = deletions(word)
    found = {*vocabulary.misspelled({word, *shorter}), *vocabulary.spelled(shorter)}
    return [one for one in found if distance(word, one[0], 1) == 1 and one[0] not in STOP_WORDS]


def _far(word: str, vocabulary: Vocabulary) -> list[Spelling]:
    letters = set(word)
    alike = [one for one in vocabulary.alike(word, 2) if len(letters ^ set(one[0])) <= 4]
    return [one for one in alike if distance(word, one[0], 2) == 2]


def _likelihood(word: str, other: str, weight: float) -> float:
    errors = distance(word, other, 2)
    return (
        math.log(weight) - SECOND_ERROR * (errors - 1) - OTHER_FIRST_LETTER * (word[0] != other[0]) - _kind(word, other)
    )


def _kind(word: str, other: str) -> float:
    if len(word) < len(other):
        return 0.0
    if len(word) > len(other):
        return ADDED
    return SWAPPED if sorted(word) == sorted(other) else REPLACED


def _split(word: str, vocabulary: Vocabulary) -> str | None:
    """Two words of products' names."""
    pairs = [(word[:at], word[at:]) for at in range(MIN_LENGTH, len(word) - MIN_LENGTH + 1)]
    weights = dict(vocabulary.spelled({half for pair in pairs for half in pair}))
    weight, pair = max(((min(weights.get(half, 0.0) for half in pair), pair) for pair in pairs), default=(0.0, ()))
    return " ".join(pair) if weight >= 1 else None
