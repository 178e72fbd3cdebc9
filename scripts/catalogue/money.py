"""Amounts as feeds write them, and minor units, as the catalogue has them."""

import re
from decimal import Decimal

from iso4217 import Currency

EXPONENTS: dict[str, int] = {one.code: one.exponent for one in Currency if one.exponent is not None}
"""Currencies (ISO 4217) and their digits behind the point: EUR 2, JPY 0, KWD 3. What has no minor unit, such as gold, is not in it."""
MAX_LENGTH = 40

_CODE_LAST = re.compile(r"(.*[0-9])\s*([A-Za-z]{3})")
_CODE_FIRST = re.compile(r"([A-Za-z]{3})\s*(.*[0-9])")
_GROUPS = re.compile(r"[0-9]{1,3}(?:[.,' ][0-9]{3})+")
_SPACES = re.compile(r"[\u00a0\u2009\u202f\s]")


class NotMoney(ValueError):
    """It is not an amount with its currency, or could be several; the message says why."""


def money(text: str, currency: str | None = None) -> tuple[int, str]:
    """An amount such as "12.99 EUR", "EUR 12.99" or "1.299,00 EUR".

    Args:
        currency: of an amount that names none.
    Returns:
        The amount in minor units, and its currency.
    Raises:
        NotMoney: it is none, or nobody can tell whether its point parts thousands or decimals.
    """
    written = _SPACES.sub(" ", text.strip()).replace("’", "'")
    if len(written) > MAX_LENGTH:
        raise NotMoney(f"must have at most {MAX_LENGTH} characters")
    if found := _CODE_LAST.fullmatch(written):
        number, code = found[1], found[2]
    elif found := _CODE_FIRST.fullmatch(written):
        code, number = found[1], found[2].strip()
    elif currency:
        number, code = written, currency
    else:
        raise NotMoney('must be an amount with its currency, such as "12.99 EUR"')
    return _minor(number, known(code)), code.upper()


def known(code: str) -> str:
    """A currency's code, in capitals.

    Raises:
        NotMoney: there is no such currency.
    """
    if code.upper() not in EXPONENTS:
        raise NotMoney(f"{code[:10]} is not a currency of ISO 4217")
    return code.upper()


def _minor(number: str, code: str) -> int:
    if number.startswith("-"):
        raise NotMoney("must not be negative")
    value = Decimal(_plain(number, EXPONENTS[code])).scaleb(EXPONENTS[code])
    if value != value.to_integral_value():
        raise NotMoney(f"has more than the {EXPONENTS[code]} decimals of {code}")
    return int(value)


def _plain(number: str, exponent: int) -> str:
    """A number with a point before its decimals, and no other sign."""
    if re.fullmatch(r"[0-9]+", number):
        return number
    if _GROUPS.fullmatch(number):
        return _grouped(number, exponent)
    whole, point, decimals = _split(number)
    groups = re.sub("[0-9]", "", whole)
    if not point or (groups and (not _GROUPS.fullmatch(whole) or len(set(groups)) > 1 or groups[0] == point)):
        raise NotMoney('is not a number such as "1299.00"')
    return f"{re.sub('[^0-9]', '', whole)}.{decimals}"


def _split(number: str) -> tuple[str, str, str]:
    found = re.fullmatch(r"([0-9][0-9.,' ]*)([.,])([0-9]+)", number)
    return (found[1], found[2], found[3]) if found else ("", "", "")


def _grouped(number: str, exponent: int) -> str:
    """A number all of whose signs are followed by three digits, such as 1.299: thousands, or three decimals?"""
    signs = re.sub("[0-9]", "", number)
    digits = re.sub("[^0-9]", "", number)
    if len(set(signs)) == 2 and signs[-1] in ".," and signs[-1] not in signs[:-1]:  # 1.299,000
        return f"{digits[:-3]}.{digits[-3:]}"
    if len(set(signs)) > 1:
        raise NotMoney('is not a number such as "1299.00"')
    if number.startswith("0") or (exponent == 3 and signs == "."):
        return number.replace(",", ".")
    if len(signs) == 1 and signs in ".," and exponent:
        raise NotMoney(f"is ambiguous: {number} may have thousands, or three decimals")
    return digits
