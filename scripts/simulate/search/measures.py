"""Measures of a search: how good an order is, how much it varies from query to query, how long answers take."""

import math
import random
import statistics
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CUT = 10
FOLDS = 5
MIN_LETTERS = 4


def ndcg(ids: Sequence[str], rated: Mapping[str, int]) -> float:
    """The normalised discounted cumulative gain of the first ten: 1.0 for the best order there is.

    Gains are 2^rating - 1 (Burges et al., Learning to Rank using Gradient Descent, 2005); what nobody rated counts as 0.

    Args:
        ids: the products found, best first.
        rated: the query's ratings, of which one at least is not 0.
    """
    return _gain([rated.get(product, 0) for product in ids]) / _gain(sorted(rated.values(), reverse=True))


def _gain(ratings: Sequence[int]) -> float:
    return math.fsum((2**rating - 1) / math.log2(place + 1) for place, rating in enumerate(ratings[:CUT], 1))


def misspelled(query: str, chance: random.Random) -> str:
    """The query with one error in one word of four letters or more: a letter left out, swapped with the next, replaced or added.

    The first letter stays in its place, as it mostly does. A query of short words stays as it is.
    """
    words = query.split(" ")
    long = [index for index, word in enumerate(words) if len(word) >= MIN_LETTERS]
    if not long:
        return query
    index = chance.choice(long)
    word = words[index]
    at, letter = chance.randrange(1, len(word) - 1), chance.choice(string.ascii_lowercase)
    kind = chance.choice(("left out", "swapped", "replaced", "added"))
    words[index] = {
        "left out": word[:at] + word[at + 1 :],
        "swapped": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        "replaced": word[:at] + letter + word[at + 1 :],
        "added": word[:at] + letter + word[at:],
    }[kind]
    return " ".join(words)


def fold_means(scores: Sequence[float], times: int = FOLDS) -> list[float]:
    """The means of fifths of the queries, dealt out at random several times: how much chance there is in the choice of queries."""
    found = []
    for seed in range(times):
        shuffled = random.Random(seed).sample(scores, len(scores))  # noqa: S311 - not for secrets
        found += [statistics.fmean(shuffled[fold::FOLDS]) for fold in range(min(FOLDS, len(scores)))]
    return found


@dataclass(frozen=True)
class Latency:
    """How long answers took, in milliseconds."""

    p50: float
    p95: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Latency":
        """Of some answers."""
        ordered = sorted(seconds)
        return cls(1000 * ordered[len(ordered) // 2], 1000 * ordered[math.ceil(len(ordered) * 0.95) - 1])
