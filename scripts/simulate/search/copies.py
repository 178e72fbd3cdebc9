"""More products than there are: each again and again, with other model numbers and prices, always the same ones."""

import itertools
import random
import re
from collections.abc import Iterable, Iterator
from typing import Any

Item = dict[str, Any]

_DIGITS = re.compile(r"\d{2,}")


def scaled(items: Iterable[Item], products: int | None) -> Iterator[Item]:
    """The products, and then copies of them.

    Args:
        products: how many; None for those that there are.
    """
    kept = list(items)
    if products is None:
        return iter(kept)
    return itertools.islice(
        (item if not number else _copy(item, number) for number in itertools.count() for item in kept), products
    )


def _copy(item: Item, number: int) -> Item:
    chance = random.Random(f"{item['id']} {number}")  # noqa: S311 - not for secrets
    shift = chance.randrange(1, 90)
    copy = item | {"id": f"{item['id']}~{number}", "gtins": []}
    for field in ("title", "mpn", "description"):
        if field in item:
            copy[field] = _DIGITS.sub(lambda digits: _shifted(digits[0], shift), item[field])
    if "price_low" in item:
        change = chance.uniform(0.7, 1.4)
        copy |= {name: round(float(item[name]) * change) for name in ("price_low", "price_high")}
    return copy


def _shifted(digits: str, shift: int) -> str:
    """Another number with as many digits."""
    return str(int(digits) + shift).zfill(len(digits))[-len(digits) :]
