"""Chance that comes out the same everywhere: whole numbers made of random bits, which no version of Python has changed."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
BITS = 32


class Dice:
    """Draws from a seed.

    Args:
        seed: 0 or more; a negative one would be taken for its opposite.
    """

    def __init__(self, seed: int) -> None:
        self._bits = random.Random(seed).getrandbits  # noqa: S311 - nothing secret is made of it

    def below(self, end: int) -> int:
        """A whole number from 0 to `end` - 1; not perfectly even, but nearly so for small ones."""
        return self._bits(BITS) * end >> BITS

    def between(self, low: int, high: int, step: int = 1) -> int:
        """One of low, low + step, … up to high."""
        return low + step * self.below((high - low) // step + 1)

    def one_of(self, options: Sequence[T]) -> T:
        """One of some."""
        return options[self.below(len(options))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All of some in another order (Fisher and Yates)."""
        order = list(options)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order
