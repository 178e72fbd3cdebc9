"""A request's query parameters: each by its name, and no others."""

import re
from collections.abc import Mapping, Sequence

from gateway import cursors
from gateway.errors import InvalidRequest

MAX_TEXT = 512
MAX_LENGTHS = {"cursor": cursors.MAX_LENGTH}


class Parameters:
    """The parameters of a request.

    Args:
        given: as API Gateway gives them; None if there are none.
        known: the names that the route takes.
    Raises:
        InvalidRequest: one is not known, or is empty or endless.
    """

    def __init__(self, given: Mapping[str, str] | None, known: Sequence[str]) -> None:
        self._given = dict(given or {})
        for name, value in self._given.items():
            if name not in known:
                takes = f"it takes {', '.join(known)}" if known else "it takes none"
                raise InvalidRequest(f"{name[:100]}: is not a parameter of this route; {takes}.", param=name[:100])
            if not value.strip() or len(value) > MAX_LENGTHS.get(name, MAX_TEXT):
                most = MAX_LENGTHS.get(name, MAX_TEXT)
                raise InvalidRequest(f"{name}: must have 1 to {most:,} characters, not only blanks.", param=name)

    def text(self, name: str) -> str | None:
        """A text, if it is there."""
        return self._given.get(name)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """One of some words; the first, if it is not there.

        Raises:
            InvalidRequest: it is none of them.
        """
        value = self._given.get(name, choices[0])
        if value not in choices:
            raise InvalidRequest(f"{name}: must be one of {', '.join(choices)}.", param=name)
        return value

    def choices(self, name: str, choices: Sequence[str]) -> tuple[str, ...]:
        """Some of some words, separated by commas, each once, in the order of the choices.

        Raises:
            InvalidRequest: one is none of them.
        """
        values = [value.strip() for value in self._given[name].split(",")] if name in self._given else []
        if not set(values) <= set(choices):
            raise InvalidRequest(f"{name}: must be some of {', '.join(choices)}, separated by commas.", param=name)
        return tuple(choice for choice in choices if choice in values)

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int | None:
        """A whole number.

        Raises:
            InvalidRequest: it is none, or out of bounds.
        """
        text = self._given.get(name)
        return default if text is None else whole(name, text, least, most)


def whole(name: str, text: str, least: int, most: int) -> int:
    """A parameter's whole number.

    Raises:
        InvalidRequest: it is none, or out of bounds.
    """
    if not re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) or not least <= int(text) <= most:
        raise InvalidRequest(f"{name}: must be a whole number from {least} to {most}.", param=name)
    return int(text)
