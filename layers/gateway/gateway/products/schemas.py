"""What the catalogue holds: products, merchants' offers of them, and what they cost day by day.

Names and values are those of Google Merchant's product data and of the commerce protocols, where they have one. Amounts are in
minor units (cents) with their currency.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gateway.products.parts import ATTRIBUTE_NAME, AVAILABILITIES, ID, MAX_AMOUNT, SEPARATOR, category_steps

MAX_OFFERS = 200
MAX_CATEGORY_BYTES = 300
"""With a product's id behind it, it is a sort key, which may have 1,024."""
Availability = Literal["in_stock", "preorder", "backorder", "out_of_stock"]
Condition = Literal["new", "refurbished", "used"]

# Controls but tab and newline, what turns the direction of writing, halves of surrogate pairs, and the byte-order mark. Joiners
# stay: emoji and several scripts need them.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_URL = re.compile(r"https?://[^\s<>\"\\^`{|}]+", re.IGNORECASE)


def _printable(text: str) -> str:
    if _INVISIBLE.search(text):
        raise ValueError("must have no invisible characters")
    return text


def _id(text: str) -> str:
    if text == "search":
        raise ValueError("must not be search: that is a route")
    return text


def _category(path: str) -> str:
    steps = category_steps(path)
    if not all(steps) or len(steps) > 10:
        raise ValueError("must be 1 to 10 names, separated by >")
    whole = SEPARATOR.join(steps)
    if max(len(whole.encode()), len(whole.casefold().encode())) > MAX_CATEGORY_BYTES:
        raise ValueError(f"must have at most {MAX_CATEGORY_BYTES} bytes")
    return whole


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        raise ValueError("must be an http(s) address")
    return text


def _gtin(text: str) -> str:
    """GS1's check digit: from the right, digits weigh 1 and 3 in turn, and sum up to a multiple of 10."""
    digits = [int(char) for char in reversed(text)]
    if (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10:
        raise ValueError("must be a GTIN whose check digit is right")
    return text


def _text(most: int) -> StringConstraints:
    return StringConstraints(min_length=1, max_length=most, strip_whitespace=True)


Id = Annotated[str, StringConstraints(pattern=f"^{ID}$"), AfterValidator(_id)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
Name = Annotated[str, _text(150), AfterValidator(_printable)]
Url = Annotated[str, _text(2000), AfterValidator(_url)]
Gtin = Annotated[str, StringConstraints(pattern=r"^(\d{8}|\d{12,14})$"), AfterValidator(_gtin)]
Category = Annotated[str, _text(750), AfterValidator(_printable), AfterValidator(_category)]
AttributeName = Annotated[str, StringConstraints(pattern=f"^{ATTRIBUTE_NAME}$")]
AttributeValue = (
    bool
    | Annotated[int, Field(ge=-(10**15), le=10**15)]
    | Annotated[Decimal, Field(max_digits=20, decimal_places=10)]
    | Annotated[str, _text(1000), AfterValidator(_printable)]
)


class Part(BaseModel):
    """What all parts of the catalogue have in common: fields of the right type, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Money(Part):
    """An amount in minor units, such as cents."""

    amount: Amount
    currency: Currency


class Rating(Part):
    """What buyers think of a product: of 0 to 5 stars, by so many."""

    value: Annotated[Decimal, Field(ge=0, le=5, max_digits=3, decimal_places=2)]
    count: Annotated[int, Field(ge=0, le=10**9)] = 0


class DeliveryTime(Part):
    """Days until it is there."""

    min_days: Annotated[int, Field(ge=0, le=365)]
    max_days: Annotated[int, Field(ge=0, le=365)]

    @model_validator(mode="after")
    def _is_upright(self) -> "DeliveryTime":
        if self.min_days > self.max_days:
            raise ValueError("min_days must not be more than max_days")
        return self


class Offer(Part):
    """A merchant's offer of a product; a merchant has one at most.

    Attributes:
        id: the merchant's own number of it.
        price, shipping: in `currency`'s minor units; shipping None if it is not known.
    """

    merchant: Name
    id: Annotated[str, _text(128), AfterValidator(_printable)] | None = None
    price: Amount
    shipping: Amount | None = None
    currency: Currency
    availability: Availability = "in_stock"
    condition: Condition = "new"
    delivery_time: DeliveryTime | None = None
    link: Url | None = None

    @property
    def total(self) -> int:
        """What the buyer pays, as far as it is known."""
        return self.price + (self.shipping or 0)


class PricePoint(Part):
    """What a product's best offer cost, without shipping, from this day on until the next point; in the product's currency."""

    day: date
    price: Amount


class Product(Part):
    """A product, with all offers of it.

    Attributes:
        id: the catalogue's number of it.
        categories: paths such as "Electronics > Audio > Headphones", the most important one first.
        gtins: barcodes: GTIN-8, -12 (UPC), -13 (EAN) or -14.
        mpn: its maker's number of it.
        attributes: anything else that is known, by names such as "colour" or "battery_hours".
        released: when it came to the market.
        currency: of its price range; offers in others do not count for that.
        price_history: points that are already known, by day; later ones are made by imports.
    """

    id: Id
    title: Annotated[str, _text(500), AfterValidator(_printable)]
    description: Annotated[
        str, StringConstraints(max_length=10_000, strip_whitespace=True), AfterValidator(_printable)
    ] = ""
    brand: Name | None = None
    categories: Annotated[tuple[Category, ...], Field(max_length=10)] = ()
    gtins: Annotated[tuple[Gtin, ...], Field(max_length=20)] = ()
    mpn: Annotated[str, _text(100), AfterValidator(_printable)] | None = None
    link: Url | None = None
    images: Annotated[tuple[Url, ...], Field(max_length=20)] = ()
    attributes: Annotated[dict[AttributeName, AttributeValue], Field(max_length=500)] = Field(default_factory=dict)
    rating: Rating | None = None
    released: date | None = None
    currency: Currency | None = None
    offers: Annotated[tuple[Offer, ...], Field(max_length=MAX_OFFERS)] = ()
    price_history: Annotated[tuple[PricePoint, ...], Field(max_length=1000)] = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> "Product":
        merchants = [offer.merchant.casefold() for offer in self.offers]
        if len(set(merchants)) < len(merchants):
            raise ValueError("offers must be of different merchants")
        if self.price_history and not self.main_currency:
            raise ValueError("price_history needs a currency, or an offer that has one")
        return self

    @property
    def main_currency(self) -> str | None:
        """Its own, or that of its first offer."""
        return self.currency or (self.offers[0].currency if self.offers else None)

    @property
    def priced_offers(self) -> list[Offer]:
        """The offers in its main currency, cheapest first; those that can be bought, if there are any."""
        offers = [offer for offer in self.offers if offer.currency == self.main_currency]
        buyable = [offer for offer in offers if offer.availability != "out_of_stock"]
        return sorted(buyable or offers, key=lambda offer: (offer.price, offer.total, offer.merchant))

    @property
    def price_range(self) -> tuple[int, int] | None:
        """The prices, without shipping, of the cheapest and of the dearest of the priced offers; None if there are none."""
        prices = [offer.price for offer in self.priced_offers]
        return (prices[0], prices[-1]) if prices else None

    @property
    def availability(self) -> Availability | None:
        """That of the best offer; None if there is none."""
        offered: set[Availability] = {offer.availability for offer in self.offers}
        return min(offered, key=AVAILABILITIES.index, default=None)
