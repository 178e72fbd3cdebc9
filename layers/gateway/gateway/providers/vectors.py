"""Vectors of texts without a model: words and their parts, hashed into a few hundred numbers.

Texts that share words, or words that share letters, are near each other. This is the hashing trick of Weinberger et al.,
"Feature Hashing for Large Scale Multitask Learning" (2009), with fastText's n-grams within words.
"""

import hashlib
import re
from collections.abc import Iterator

from gateway.embeddings import Vector, unit

WORD = re.compile(r"\w+")
GRAM = 3
WHOLE_WORD = 2.0
"""How much more a word counts than one of its parts."""


def vector(text: str, dimensions: int) -> Vector:
    """A unit vector for a text; the same for the same text, always.

    Args:
        dimensions: how many numbers.
    """
    numbers = [0.0] * dimensions
    for feature, weight in _features(text):
        digest = int.from_bytes(
            hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
        )
        numbers[(digest >> 1) % dimensions] += weight if digest & 1 else -weight
    if not any(numbers):
        numbers[0] = 1.0
    return unit(numbers)


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in WORD.findall(text.casefold()) or [text]:
        yield word, WHOLE_WORD
        padded = f"<{word}>"
        for start in range(len(padded) - GRAM + 1):
            yield padded[start : start + GRAM], 1.0
