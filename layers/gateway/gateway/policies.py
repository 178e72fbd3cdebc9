"""What admins may say of keys and teams: their limits, budgets, models and scopes. No I/O.

A field that is left out stays as it is (at a creation: none); null stands for unlimited, or none.
"""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from gateway.accounts import LIMITS, UNLIMITED
from gateway.body import Strict
from gateway.errors import InvalidRequest

MAX_BUDGET = 10**9
"""US dollars."""
MAX_GRACE_SECONDS = 604_800
LAST_MOMENT = 253_402_300_799
"""The end of the year 9999."""
EXACT_DIGITS = 15
"""A JSON number is read as a float, which has so many digits for sure."""
_AMOUNT = re.compile(r"[0-9]{1,30}(\.[0-9]{1,12})?", re.ASCII)

Fields = dict[str, Any]


def _budget(value: Any) -> Decimal:
    """An amount of US dollars, exactly as it was written."""
    text = value if isinstance(value, str) else _written(value)
    if not _AMOUNT.fullmatch(text):
        problem = 'must be an amount of US dollars such as "25.00": digits, and at most 12 of them after a point'
        raise PydanticCustomError("budget", problem)
    amount = Decimal(text)
    if not 0 < amount <= MAX_BUDGET:
        raise PydanticCustomError("budget", "must be more than 0 and at most 1000000000 US dollars")
    return amount


def _written(value: Any) -> str:
    """A JSON number as it was written; nothing if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    number = Decimal(repr(value))
    if isinstance(value, float) and len(number.as_tuple().digits) > EXACT_DIGITS:
        raise PydanticCustomError("budget", "must be a string, since a number of so many digits is not exact in JSON")
    return f"{number:f}"


def _moment(value: Any) -> int:
    """Seconds since the epoch, of a whole number or of a time in ISO 8601."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LAST_MOMENT:
        return value
    moment = _read_moment(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        problem = 'must be seconds since 1970, as a whole number, or a time with offset such as "2030-01-31T12:00:00Z"'
        raise PydanticCustomError("moment", problem)
    return int(moment.timestamp())


def _read_moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _name(text: str) -> str:
    if not (0 < len(text) <= 100 and text.isprintable() and text.strip()):
        raise PydanticCustomError("name", "must be 1 to 100 visible characters")
    return text


def _once(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(texts))


Name = Annotated[str, AfterValidator(_name)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Tokens = Annotated[int, Field(ge=1, le=10**12)]
Parallel = Annotated[int, Field(ge=1, le=1000)]
Budget = Annotated[Decimal, PlainValidator(_budget)]
Moment = Annotated[int, PlainValidator(_moment)]
ModelId = Annotated[str, Field(min_length=1, max_length=256)]
Models = Annotated[list[ModelId], Field(min_length=1, max_length=200), AfterValidator(_once)]
Scopes = Annotated[
    list[Literal["inference", "products", "admin"]], Field(min_length=1, max_length=10), AfterValidator(_once)
]


class Policy(Strict):
    """What keys and teams have in common."""

    name: Name = ""
    models: Models | None = None
    allow_unpriced_models: bool | None = None
    rpm_limit: Count | None = None
    tpm_limit: Tokens | None = None
    max_parallel: Parallel | None = None
    day_budget: Budget | None = None
    month_budget: Budget | None = None
    total_budget: Budget | None = None

    def fields(self, now: float) -> Fields:
        """What was sent, by the names and with the values of an account's item; None takes an attribute away.

        Args:
            now: seconds since the epoch.
        Raises:
            InvalidRequest: it expires in the past.
        """
        sent = self.model_dump(exclude_unset=True)
        if sent.get("expires_at") is not None and sent["expires_at"] <= now:
            raise InvalidRequest("expires_at: must be in the future.", param="expires_at")
        if "status" in sent:
            sent["key_status"] = sent.pop("status")
        return sent | {limit: UNLIMITED for limit in LIMITS if limit in sent and sent[limit] is None}


class NewTeam(Policy):
    """The body of POST /teams."""

    name: Name


class NewKey(NewTeam):
    """The body of POST /keys."""

    scopes: Scopes = Field(["inference"])
    team: str | None = None
    expires_at: Moment | None = None

    def fields(self, now: float) -> Fields:
        """As a policy's, with the scopes, sent or not."""
        return {"scopes": self.scopes} | super().fields(now)


class Change(Policy):
    """What a PATCH may say."""

    status: Literal["active", "disabled"] = "active"

    @model_validator(mode="after")
    def says_something(self) -> Self:
        """A change of nothing is a mistake of the client's."""
        if not self.model_fields_set:
            raise InvalidRequest("The request changes nothing: send at least one field.")
        return self


class TeamChange(Change):
    """The body of PATCH /teams/{id}."""


class KeyChange(Change):
    """The body of PATCH /keys/{id}."""

    scopes: Scopes = Field(["inference"])
    team: str | None = None
    expires_at: Moment | None = None


class Rotation(Strict):
    """The body of POST /keys/{id}/rotate.

    Attributes:
        grace_seconds: for how long the old secret stays good.
    """

    grace_seconds: Annotated[int, Field(ge=0, le=MAX_GRACE_SECONDS)] = 86_400
