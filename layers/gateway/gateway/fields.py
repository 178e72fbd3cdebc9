"""Reads data that people wrote, field by field, and says of what is wrong where it is and what it should be."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from reprlib import Repr
from typing import Any, NoReturn, TypeGuard

MAX_SECONDS = 900
LEAST_NUMBER = Decimal("0.000001")
MAX_NUMBER = 10**9
MAX_KEY = 256
MAX_TEXT = 2048

KEY = f"must be 1 to {MAX_KEY} visible characters"
TEXT = f"must be 1 to {MAX_TEXT} visible characters"
NUMBER = f"must be 0, or a number from {LEAST_NUMBER} to {MAX_NUMBER}"
ADDRESS = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(:\d{1,5})?(/[^\s?#]*)?")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

_short = Repr()
_short.maxstring = _short.maxother = 100


def shown(value: Any) -> str:
    """A value for a message: on one line, short, and no deeper than can be shown."""
    return _short.repr(value)


def is_text(value: Any, limit: int = MAX_TEXT) -> TypeGuard[str]:
    """Whether it is a string that names or says something: not empty or endless, with nothing invisible in it."""
    return isinstance(value, str) and 0 < len(value) <= limit and value.isprintable() and value.strip() == value


def named(key: Any) -> str:
    """A name that nobody knows, for a message."""
    return key if is_text(key, 100) else shown(key)


class WrongData(ValueError):
    """The data is not what it should be; the message names the place."""


class Reader:
    """An object of the data.

    Args:
        place: where it is, such as "models.x.deployments[0]"; empty for the whole.
        data: what is there.
        key: under which name its parent has it.
        of: what messages call the whole.
    Raises:
        WrongData: from every method, if the data is not what is asked for; the message names the place.
    """

    def __init__(self, place: str, data: Any, key: str = "", of: str = "the registry") -> None:
        self.place = place
        self.key = key
        self._taken: dict[str, None] = {}
        if not isinstance(data, Mapping):
            raise WrongData(f"{place or of}: must be an object")
        self._data = data

    def at(self, name: str) -> str:
        """A field's place."""
        return f"{self.place}.{name}" if self.place else name

    def take(self, name: str) -> Any:
        """A field as it is; None if it is not there."""
        self._taken[name] = None
        return self._data.get(name)

    def done(self) -> None:
        """All fields that there are have been taken."""
        if unknown := [name for name in self._data if name not in self._taken]:
            raise WrongData(f"{self.at(named(unknown[0]))}: there is no such field; there are {', '.join(self._taken)}")

    def text(self, name: str) -> str:
        """A string that has to be there."""
        if name not in self._data:
            raise WrongData(f"{self.at(name)}: is missing")
        return self.optional_text(name) or self._wrong(name, TEXT)

    def optional_text(self, name: str) -> str | None:
        """A string, not empty."""
        value = self.take(name)
        return value if value is None or is_text(value) else self._wrong(name, TEXT)

    def address(self, name: str) -> str | None:
        """An http or https address, without credentials or a query."""
        value = self.optional_text(name)
        if value is not None and not ADDRESS.fullmatch(value):
            # Not quoted: it may hold credentials.
            raise WrongData(f"{self.at(name)}: must be an address such as 'https://api.example.com/v1', and no more")
        return value

    def header(self, name: str) -> str | None:
        """A header's name, in lower case."""
        value = self.optional_text(name)
        if value is not None and not HEADER.fullmatch(value):
            self._wrong(name, "must be a header's name such as 'x-api-key'")
        return value and value.lower()

    def word(self, name: str, words: tuple[str, ...], *, required: bool = False) -> str | None:
        """One of some words."""
        value = self.text(name) if required else self.optional_text(name)
        if value is not None and value not in words:
            self._wrong(name, f"must be one of {', '.join(words)}")
        return value

    def texts(self, name: str, words: tuple[str, ...] | None = None) -> tuple[str, ...] | None:
        """An array of strings, or of some words."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(map(is_text, value)):
            self._wrong(name, "must be an array of strings")
        for item in value:
            if words is not None and item not in words:
                raise WrongData(f"{self.at(name)}: there is no '{item[:100]}'; there are {', '.join(words)}")
        return tuple(dict.fromkeys(value))

    def names(self, name: str) -> dict[str, str]:
        """An object of strings."""
        value = self.take(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(map(is_text, (*value, *value.values()))):
            self._wrong(name, "must be an object of strings")
        return dict(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.take(name)
        if value is None:
            return default
        return value if isinstance(value, bool) else self._wrong(name, "must be true or false")

    def flag_or_texts(self, name: str) -> bool | tuple[str, ...]:
        """True, false, or an array of strings."""
        value = self.take(name)
        if isinstance(value, list):
            return self.texts(name) or False
        return self.flag(name, default=False)

    def number(self, name: str, default: Decimal) -> Decimal:
        """A number of at least 0, by its digits as they were written."""
        value = self.take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            self._wrong(name, NUMBER)
        number = Decimal(str(value))
        fits = number.is_finite() and (number == 0 or LEAST_NUMBER <= number <= MAX_NUMBER)
        return number if fits else self._wrong(name, NUMBER)

    def whole(self, name: str, *, least: int = 1) -> int | None:
        """A whole number."""
        value = self.take(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_NUMBER):
            return value
        return self._wrong(name, f"must be a whole number from {least} to {MAX_NUMBER}")

    def rank(self, name: str) -> int:
        """A whole number, 0 if it is not there."""
        return self.whole(name, least=0) or 0

    def seconds(self, name: str) -> float | None:
        """A time in seconds; None if it is not there."""
        if self.take(name) is None:
            return None
        seconds = self.number(name, Decimal(0))
        return (
            float(seconds)
            if 0 < seconds <= MAX_SECONDS
            else self._wrong(name, f"must be above 0, at most {MAX_SECONDS}")
        )

    def day(self, name: str) -> datetime:
        """The start of a day, in UTC, that has to be there."""
        text = self.text(name)
        try:
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        except ValueError:
            return self._wrong(name, "must be a day such as '2026-11-23'")

    def objects(self, name: str) -> Iterator["Reader"]:
        """The objects of an object, each by its key."""
        if self.take(name) is None:
            raise WrongData(f"{self.at(name)}: is missing")
        for key, data in self.mapping(name).items():
            if not is_text(key, MAX_KEY):
                raise WrongData(f"{self.at(name)}: a name {KEY}, not {shown(key)}")
            yield Reader(f"{self.at(name)}.{key}", data, key)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object as it is; an empty one if it is not there."""
        value = self.take(name)
        return {} if value is None else Reader(self.at(name), value)._data

    def items(self, name: str) -> Iterator["Reader"]:
        """The objects of an array."""
        value = self.take(name)
        if value is not None and not isinstance(value, list):
            self._wrong(name, "must be an array")
        for index, data in enumerate(value or ()):
            yield Reader(f"{self.at(name)}[{index}]", data)

    def _wrong(self, name: str, expected: str) -> NoReturn:
        raise WrongData(f"{self.at(name)}: {expected}, not {shown(self._data.get(name))}")
