"""Who sells an invented product, for how much, how it has cost, and what buyers think of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from catalogue.synthetic_dice import Dice

MOST_OFFERS = 6
MOST_POINTS = 12
MOST_DAYS_AHEAD = 30
"""So long before their release products can be ordered."""
STEADY = 10_000
"""From here on prices are whole euros, below they end in 99 cents."""
AVAILABILITIES = ("in_stock",) * 8 + ("backorder", "out_of_stock")

Json = dict[str, Any]


@dataclass(frozen=True)
class Merchant:
    """A merchant.

    Attributes:
        price: from and to, in per cent of what a product usually costs.
        shipping, free_from: what shipping costs, and the price from which on it costs nothing; in minor units.
        days: until a parcel is there, at least and at most.
        share: of ten products it offers so many.
    """

    name: str
    site: str
    price: tuple[int, int]
    shipping: int
    free_from: int | None
    days: tuple[int, int]
    share: int
    conditions: Sequence[str]

    @classmethod
    def of(cls, given: Json) -> "Merchant":
        """A merchant of synthetic.toml."""
        free_from = given["free_from"] * 100 if "free_from" in given else None
        own = {
            "shipping": round(given["shipping"] * 100),
            "free_from": free_from,
            "conditions": given.get("conditions", ["new"]),
        }
        return cls(**given | own)


def retail_price(amount: int) -> int:
    """An amount as shops would have it; in minor units."""
    return amount // 100 * 100 if amount >= STEADY else amount // 100 * 100 + 99


def offers_of(number: int, usual: int, merchants: Sequence[Merchant], is_ahead: bool, dice: Dice) -> list[Json]:
    """One to six offers.

    Args:
        number: the product's.
        usual: what it usually costs, in minor units.
        is_ahead: whether it is not released yet.
    """
    sellers = [merchant for merchant in dice.shuffled(merchants) if dice.below(10) < merchant.share][:MOST_OFFERS]
    return [_offer(number, usual, seller, is_ahead, dice) for seller in sellers or [dice.one_of(merchants)]]


def history_of(offers: Sequence[Json], released: date, today: date, dice: Dice) -> list[Json]:
    """Up to twelve points, the last of which is the best price of today; none for what is not released yet."""
    price, day, points = best_price(offers), today - timedelta(days=dice.below(10)), list[Json]()
    for _ in range(dice.below(MOST_POINTS + 1)):
        if day < released:
            break
        points.append({"day": day.isoformat(), "price": price})
        price, day = _earlier(points, dice), day - timedelta(days=dice.between(5, 40))
    return points[::-1]


def best_price(offers: Sequence[Json]) -> int:
    """What the cheapest offer costs that can be bought, or of all if none can; in minor units, without shipping."""
    buyable = [offer for offer in offers if offer["availability"] != "out_of_stock"]
    return min(int(offer["price"]) for offer in buyable or offers)


def rating_of(dice: Dice) -> Json | None:
    """Few products have thousands of ratings, many a handful, and one of seven none."""
    if not dice.below(7):
        return None
    scale = 1 << dice.below(12)
    return {"value": (30 + dice.below(11) + dice.below(10)) / 10, "count": scale + dice.below(scale)}


def _offer(number: int, usual: int, seller: Merchant, is_ahead: bool, dice: Dice) -> Json:
    price = retail_price(usual * dice.between(*seller.price) // 100)
    availability = "preorder" if is_ahead else dice.one_of(AVAILABILITIES)
    fastest, slowest = seller.days
    offer_id = str(100_000 + number)
    offer = {
        "merchant": seller.name,
        "id": offer_id,
        "price": price,
        "shipping": 0 if seller.free_from and price >= seller.free_from else seller.shipping,
        "availability": availability,
        "condition": "new" if is_ahead else dice.one_of(seller.conditions),
        "link": f"https://{seller.site}/products/{offer_id}",
    }
    if availability != "in_stock":
        return offer
    return offer | {"delivery_time": {"min_days": fastest, "max_days": slowest + dice.below(2)}}


def _earlier(points: Sequence[Json], dice: Dice) -> int:
    """The price before the last of the points: more often higher than lower, and never the same."""
    price = int(points[-1]["price"])
    earlier = retail_price(price * dice.between(94, 112) // 100)
    return earlier if earlier != price else price + 500
