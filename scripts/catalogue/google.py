"""A row of a flat format as a product with one offer: Google Merchant's names, and what is written under them.

Source: Google's product data specification.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from catalogue import delivery, markup
from catalogue.complaints import complaint
from catalogue.feed import WrongRow
from catalogue.money import NotMoney, known, money
from catalogue.names import ATTRIBUTES
from gateway.products.parts import AVAILABILITIES
from gateway.products.schemas import Product

Fields = Mapping[str, Sequence[str]]

CONDITIONS = ("new", "refurbished", "used")
NAMES = {
    "gtins": "gtin", "categories": "product_type", "images": "image_link", "count": "rating_count", "value": "rating",
    "delivery_time": "shipping", "min_days": "shipping", "max_days": "shipping",
}  # fmt: skip
"""What the catalogue's fields are called here."""
TRUTHS = {"yes": True, "true": True, "no": False, "false": False}
TRUE_OR_FALSE = ("is_bundle", "adult")
LISTED = re.compile(r",\s*(?=https?://)")
"""Between addresses in one cell; they may have commas themselves."""


def product(fields: Fields, merchant: str | None, now: datetime, prefix: str = "") -> Product:
    """The product that a row describes, with the one offer that it makes.

    Args:
        fields: values by canonical names; none of them blank.
        merchant: whose feed it is, for rows that name none.
        now: for sale prices that are not for ever; aware.
        prefix: before the product's id, where merchants number their products alike.
    Raises:
        WrongRow: it describes none; the error names the field as the feed does.
    """
    row = _Row(fields)
    number = row.need("id")
    price, currency = _price(row, now)
    offer = {
        "merchant": row.text("merchant") or cleaned("merchant", merchant or "", markup.line) or row.need("merchant"),
        "id": number,
        "price": price,
        "currency": currency,
        "shipping": delivery.cheapest(row.all("shipping"), currency),
        "delivery_time": delivery.days(row.all("shipping")),
        "availability": _word(row, "availability", AVAILABILITIES),
        "condition": _word(row, "condition", CONDITIONS),
        "link": row.one("link"),
    }
    return _checked(_described(row, prefix + number, currency) | {"offers": [_given(offer)]})


def _described(row: "_Row", number: str, currency: str) -> dict[str, Any]:
    return _given(
        {
            "id": number,
            "title": row.need("title"),
            "description": row.paragraphs("description"),
            "brand": row.text("brand"),
            "categories": _categories(row),
            "gtins": [re.sub(r"[\s-]", "", gtin) for value in row.all("gtin") for gtin in _split(value, "|,")],
            "mpn": row.text("mpn"),
            "link": row.one("link"),
            "images": _images(row),
            "attributes": _attributes(row),
            "rating": _given({"value": row.one("rating"), "count": row.one("rating_count")}) or None,
            "released": row.one("released"),
            "currency": currency,
        }
    )


def _checked(fields: dict[str, Any]) -> Product:
    try:
        return Product.model_validate(fields)
    except ValidationError as error:
        raise complaint(error, NAMES) from None


class _Row:
    """A row's values, cleaned."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def all(self, name: str) -> list[str]:
        return [value for one in self._fields.get(name, ()) if (value := self._clean(name, one))]

    def one(self, name: str) -> str | None:
        """The value.

        Raises:
            WrongRow: there are several.
        """
        values = list(dict.fromkeys(self._fields.get(name, ())))
        if len(values) > 1:
            raise WrongRow(name, "is there more than once")
        return values[0].strip() if values else None

    def text(self, name: str) -> str | None:
        value = self.one(name)
        return self._clean(name, value) or None if value else None

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise WrongRow(
                name, "is missing" if name != "merchant" else "is missing; --merchant names that of the whole feed"
            )
        return value

    def paragraphs(self, name: str) -> str | None:
        value = self.one(name)
        return cleaned(name, value, markup.paragraphs) if value else None

    @staticmethod
    def _clean(name: str, value: str) -> str:
        return cleaned(name, value, markup.line)


def cleaned(name: str, text: str, clean: Any) -> str:
    """A text without markup.

    Raises:
        WrongRow: it has too much of it, or invisible characters.
    """
    try:
        value: str = clean(text)
    except markup.TooDeep as error:
        raise WrongRow(name, str(error)) from None
    if not value.replace("\n", "").isprintable():
        raise WrongRow(name, "must have no invisible characters")
    return value


def _amount(name: str, text: str, currency: str | None = None) -> tuple[int, str]:
    """An amount in minor units, and its currency.

    Raises:
        WrongRow: it is none.
    """
    try:
        return money(text, known(currency) if currency else None)
    except NotMoney as error:
        raise WrongRow(name, str(error)) from None


def _price(row: _Row, now: datetime) -> tuple[int, str]:
    """What the product costs now: the sale price while there is one, and if it is lower."""
    currency = row.one("currency")
    price, unit = _amount("price", row.need("price"), currency)
    sale = row.one("sale_price")
    if not sale:
        return price, unit
    reduced, other = _amount("sale_price", sale, currency)
    if other != unit:
        raise WrongRow("sale_price", f"must be in the price's currency, {unit}")
    return (min(price, reduced) if _is_on(row.one("sale_price_effective_date"), now) else price), unit


def _is_on(interval: str | None, now: datetime) -> bool:
    """Whether a time is between two, as in 2026-11-01T00:00+0100/2026-11-30T23:59+0100."""
    if not interval:
        return True
    try:
        start, end = (datetime.fromisoformat(part.strip()) for part in interval.split("/"))
    except ValueError:
        raise WrongRow("sale_price_effective_date", "must be two times, with a / between them") from None
    return _aware(start) <= now <= _aware(end)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _word(row: _Row, name: str, choices: Sequence[str]) -> str | None:
    written = row.one(name)
    if not written:
        return None
    word = re.sub(r"[\s_-]+", "_", written.strip().casefold())
    word = next((choice for choice in choices if choice.replace("_", "") == word.replace("_", "")), word)
    if word not in choices:
        raise WrongRow(name, f"must be one of {', '.join(choices)}")
    return word


def _categories(row: _Row) -> list[str]:
    """Google's own path first, since all merchants' are alike; its numbers say nothing to readers."""
    paths = [path for path in row.all("google_product_category") if not path.isdigit()]
    paths += [path for value in row.all("product_type") for path in _split(value, "|")]
    return list(dict.fromkeys(paths))


def _images(row: _Row) -> list[str]:
    values = [*row.all("image_link"), *row.all("additional_image_link")]
    return list(dict.fromkeys(one for value in values for part in LISTED.split(value) for one in _split(part, "|")))


def _split(value: str, signs: str) -> list[str]:
    return [part.strip() for part in re.split(f"[{re.escape(signs)}]", value) if part.strip()]


def _attributes(row: _Row) -> dict[str, bool | str]:
    """Google's, by their names, and `product_detail`s such as "General:Battery life:30 hours", by theirs."""
    found: dict[str, bool | str] = {}
    for detail in row.all("product_detail"):
        for one in re.split(r",(?=[^,:]*:[^,:]*:)", detail):
            parts = [part.strip() for part in one.split(":", 2)]
            if len(parts) < 3 or not parts[2]:
                raise WrongRow("product_detail", "must be section:name:value")
            found[_attribute_name(parts[1])] = parts[2]
    for name in ATTRIBUTES:
        if value := row.text(name):
            found[name] = TRUTHS.get(value.casefold(), value) if name in TRUE_OR_FALSE else value
    return dict(sorted(found.items()))


def _attribute_name(written: str) -> str:
    """A name as the catalogue has them: "Länge (max.)" is lange_max."""
    plain = unicodedata.normalize("NFKD", written).encode("ascii", "ignore").decode().casefold()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:100]
    if not name:
        raise WrongRow("product_detail", "must have a name of letters or digits")
    return name


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}
