"""What kind of thing a product is, by its categories: "laptop" of "Gaming laptops", "bag" of "Laptop bags".

In compounds the last noun says what a thing is, and those before it only which one, or what for. Titles end in anything: what is read
from them was wrong too often.
"""

import re
from collections.abc import Iterable

from gateway.products.parts import SEPARATOR
from gateway.search.words import terms

_PARTS = re.compile(r",|&|/|\s(?:and|or)\s", re.IGNORECASE)


def kinds(categories: Iterable[str]) -> list[str]:
    """The terms that say what a product is.

    Those are the last words of the lowest categories' names, and of the categories above where they are the end of these: a smartphone
    is a phone if it is among the phones.
    """
    found = list[str]()
    for path in categories:
        *above, leaf = path.split(SEPARATOR)
        lowest = [kind for part in _PARTS.split(leaf) for kind in _last(part)]
        found += lowest
        found += [kind for step in above for kind in _last(step) if any(one.endswith(kind) for one in lowest)]
    return list(dict.fromkeys(found))


def _last(text: str) -> list[str]:
    """The last word that is one: no number, no code, no measure."""
    return [term for term in terms(text) if term.isalpha()][-1:]
