"""A catalogue of invented products, to play with and to load-test: the same seed makes the same bytes, on any Python, on any day.

Its words are in synthetic.toml. Nothing in it exists: each product says so by its attribute `synthetic`, its addresses are in the domain
.example, and its barcodes are in the range that GS1 keeps for numbers that mean something only within a company.
"""

import json
import tomllib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from catalogue.synthetic_dice import Dice
from catalogue.synthetic_offers import MOST_DAYS_AHEAD, Merchant, history_of, offers_of, rating_of, retail_price

TODAY = date(2026, 11, 1)
"""The day of the catalogue, if none is given: the clock would make each day's another one."""
DEFAULT_COUNT, DEFAULT_SEED = 600, 1
"""Those of the catalogue that scripts/start loads."""
CURRENCY = "EUR"
WORDS = Path(__file__).with_suffix(".toml")
AGE_DAYS = 1500
GTIN_PREFIX = "200"
"""GS1 General Specifications, prefixes 20 to 29: restricted circulation."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What products of one category have in common.

    Attributes:
        price: from and to, in minor units.
        traits: by name, the options to draw one from, each as often as its share says.
    """

    category: str
    code: str
    share: int
    price: tuple[int, int]
    title: str
    text: str
    attributes: Json
    traits: Mapping[str, Sequence[Json]]
    brands: Sequence[str]
    lines: Sequence[str]
    colours: Sequence[str]


@dataclass(frozen=True)
class Stock:
    """All that products are made of: their kinds, each as often as its share says, and who sells them."""

    round: Sequence[Kind]
    merchants: Sequence[Merchant]


def lines(count: int, seed: int, today: date = TODAY) -> Iterator[bytes]:
    """The catalogue as JSON Lines, a product each.

    Args:
        count: how many; a longer catalogue begins like a shorter one.
        seed: 0 or more.
        today: the last day of price histories.
    """
    for product in products(count, seed, today):
        yield json.dumps(product, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def products(count: int, seed: int, today: date = TODAY) -> Iterator[Json]:
    """The same as objects, one by one."""
    stock, dice, made = _stock(), Dice(seed), dict[str, int]()
    for number in range(1, count + 1):
        place = (number - 1) % len(stock.round)
        if place == 0:
            order = dice.shuffled(stock.round)
        kind = order[place]
        made[kind.code] = made.get(kind.code, 0) + 1
        yield _product(number, _model(kind.code, made[kind.code]), kind, stock.merchants, dice, today)


def gtin_13(number: int) -> str:
    """A product's barcode, its last digit being GS1's check digit."""
    digits = f"{GTIN_PREFIX}{number:09d}"
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"


def _model(code: str, count: int) -> str:
    """The n-th model of a kind: its number has three digits while they last, comes once, and does not follow the one before."""
    digits = max(3, len(str(count)))
    return f"{code}-{(count * 7919 + zlib.crc32(code.encode())) % 10**digits:0{digits}d}"


def _product(number: int, model: str, kind: Kind, merchants: Sequence[Merchant], dice: Dice, today: date) -> Json:
    chosen = {name: dice.one_of(options) for name, options in kind.traits.items()}
    attributes = _attributes(kind, chosen, dice)
    names = {"brand": dice.one_of(kind.brands), "line": dice.one_of(kind.lines), "model": model}
    released = today + timedelta(days=MOST_DAYS_AHEAD - dice.below(AGE_DAYS))
    offers = offers_of(number, _usual_price(kind, chosen, dice), merchants, released > today, dice)
    whole = {
        "id": f"syn-{number:06d}",
        "title": _title(kind, chosen, attributes | names),
        "description": _description(kind, chosen, attributes | names),
        "brand": names["brand"],
        "categories": [kind.category],
        "gtins": [gtin_13(number)],
        "mpn": model,
        "link": f"https://catalogue.example/products/syn-{number:06d}",
        "images": [f"https://images.example/syn-{number:06d}.jpg"],
        "attributes": attributes | {"synthetic": True},
        "rating": rating_of(dice),
        "released": released.isoformat(),
        "currency": CURRENCY,
        "offers": [offer | {"currency": CURRENCY} for offer in offers],
        "price_history": history_of(offers, released, today, dice),
    }
    return {name: value for name, value in whole.items() if value is not None}


def _attributes(kind: Kind, chosen: Mapping[str, Json], dice: Dice) -> Json:
    found = {"colour": dice.one_of(kind.colours).lower()} if kind.colours else {}
    for values in (kind.attributes, *(option["attributes"] for option in chosen.values())):
        found |= {name: _drawn(value, dice) for name, value in values.items()}
    return found


def _drawn(value: Any, dice: Dice) -> Any:
    if isinstance(value, list):
        return dice.one_of(value)
    return dice.between(value["from"], value["to"], value["step"]) if isinstance(value, dict) else value


def _usual_price(kind: Kind, chosen: Mapping[str, Json], dice: Dice) -> int:
    """Cheap products are more frequent than dear ones: the lower of two numbers is taken."""
    low, high = kind.price
    price = low + min(dice.below(high - low + 1), dice.below(high - low + 1))
    for option in chosen.values():
        price = price * option["price"] // 100
    return retail_price(price)


def _title(kind: Kind, chosen: Mapping[str, Json], known: Json) -> str:
    words = {name: option["title"].format_map(known) for name, option in chosen.items()}
    colour = {"colour": known["colour"].title()} if "colour" in known else {}
    return " ".join(kind.title.format_map(known | colour | words).replace(" ,", ",").split())


def _description(kind: Kind, chosen: Mapping[str, Json], known: Json) -> str:
    words = {name: option["title"] for name, option in chosen.items()}
    sentences = (kind.text, *(option["text"] for option in chosen.values() if option["text"]))
    return " ".join(sentence.format_map(words | known) for sentence in sentences)


@cache
def _stock() -> Stock:
    words = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    kinds = [_kind(one, words) for one in words["kinds"]]
    merchants = [Merchant.of(one) for one in words["merchants"]]
    return Stock([kind for kind in kinds for _ in range(kind.share)], merchants)


def _kind(given: Json, words: Json) -> Kind:
    low, high = given["price"]
    shared = {name: given.get(name, words[name]) for name in ("lines", "colours")}
    traits = {
        name: [_option(one) for one in options for _ in range(one.get("share", 1))]
        for name, options in given["traits"].items()
    }
    own = {"price": (low * 100, high * 100), "brands": words["brands"][given["brands"]], "traits": traits}
    return Kind(**given | shared | own)


def _option(given: Json) -> Json:
    attributes = {name: value for name, value in given.items() if name not in ("title", "text", "price", "share")}
    return {
        "title": given.get("title", ""),
        "text": given.get("text", ""),
        "price": given.get("price", 100),
        "attributes": attributes,
    }
