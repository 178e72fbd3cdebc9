"""The values that tools take. Types are strict, but for what models are known to send and what can mean one thing only: `"10"` or
`10.0` for 10, one text for a list of it, an object or a list as JSON in a text, null or an empty text for what they do not know.
"""

import re
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError, from_json

from gateway.body import Strict
from gateway.products.parts import ATTRIBUTE_NAME, MAX_AMOUNT, SEPARATOR, category_steps
from gateway.products.requests import MAX_VALUES
from gateway.products.schemas import Availability, Condition
from gateway.query import MAX_TEXT
from gateway.search.format import shown

MAX_LIMIT = 50
"""Products or offers in one answer: more would crowd a model's context."""
MAX_DEPTH = 10


class Part(Strict):
    """An object whose nulls and empty texts are left out: models fill in fields that they know nothing for.

    Attributes:
        ignored: fields that are taken and not looked at.
        misnamed: names that models guess, and the fields that they mean.
    """

    model_config = ConfigDict(allow_inf_nan=False, frozen=True)
    ignored: ClassVar[tuple[str, ...]] = ()
    misnamed: ClassVar[dict[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def leaves_out_what_says_nothing(cls, given: Any) -> Any:
        """Runs before `Strict` refuses what it does not know."""
        whole = _said(given)
        if not isinstance(whole, dict):
            known = {"known": ", ".join(cls.model_fields)}
            raise PydanticCustomError("object", "must be an object, which may have: {known}", known)
        said = {name: value for name, value in whole.items() if name not in cls.ignored}
        for name, meant in cls.misnamed.items():
            if name in said and meant not in said:
                said[meant] = said.pop(name)
        return said


def _opened(value: Any) -> Any:
    """An object or a list that came as a text: some clients send so all that is nested."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return from_json(value, allow_inf_nan=False)
    except ValueError:
        return value


def _said(value: Any) -> Any:
    whole = _opened(value)
    return {name: one for name, one in whole.items() if one not in (None, "")} if isinstance(whole, dict) else whole


def _whole(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,15}\s*", value, re.ASCII):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,15}(\.[0-9]{1,6})?\s*", value, re.ASCII):
        return float(value)
    return value


def _amount(value: Any) -> Any:
    amount = _whole(value)
    if type(amount) is not int:
        raise PydanticCustomError("amount", "must be a whole number, in minor units: 9999 is 99.99")
    return amount


def _at_most_a_page(value: Any) -> Any:
    """More than a page has is a page: the answer says that there are more."""
    limit = _whole(value)
    return min(limit, MAX_LIMIT) if type(limit) is int else limit


def _list(value: Any) -> Any:
    several = _opened(value)
    return [several] if isinstance(several, str) else several


def _path(text: str) -> str:
    steps = category_steps(text)
    if not all(steps):
        raise PydanticCustomError("category", "must be a path such as 'Electronics > Audio', or a category's name")
    return SEPARATOR.join(steps)


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", text, re.ASCII):
        raise PydanticCustomError("currency", "must be a code of three letters, such as EUR")
    return text.upper()


def _word(value: Any) -> Any:
    return "_".join(value.lower().replace("_", " ").split()) if isinstance(value, str) else value


def _attribute_name(text: str) -> str:
    name = _word(text)
    if not re.fullmatch(ATTRIBUTE_NAME, name, re.ASCII):
        raise PydanticCustomError("attribute", "must be an attribute's name, such as colour")
    return str(name)


Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, strip_whitespace=True)]
Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT), BeforeValidator(_amount)]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT), BeforeValidator(_at_most_a_page)]
Number = Annotated[float, Field(ge=-(10**15), le=10**15), BeforeValidator(_number)]
Depth = Annotated[int, Field(ge=1, le=MAX_DEPTH), BeforeValidator(_whole)]
Stars = Annotated[float, Field(ge=0, le=5), BeforeValidator(_number)]
Currency = Annotated[str, AfterValidator(_currency)]
Few = Field(max_length=MAX_VALUES)
AsList = BeforeValidator(_list)
Names = Annotated[list[Text], AsList, Few]
Category = Annotated[Text, AfterValidator(_path)]
Categories = Annotated[list[Category], AsList, Few]
Availabilities = Annotated[list[Annotated[Availability, BeforeValidator(_word)]], AsList, Few]
Conditions = Annotated[list[Annotated[Condition, BeforeValidator(_word)]], AsList, Few]


def _upright(least: float | None, most: float | None) -> None:
    if least is not None and most is not None and least > most:
        raise PydanticCustomError("range", "must not be more than max", {"field": "min"})


class Price(Part):
    """Amounts in minor units, as in cents."""

    min: Amount | None = Field(default=None, description="Least price in minor units: 5000 is 50.00.")
    max: Amount | None = Field(default=None, description="Highest price in minor units: 10000 is 100.00.")

    @model_validator(mode="after")
    def is_upright(self) -> Self:
        """Nothing can cost more than it costs at most."""
        _upright(self.min, self.max)
        return self


class Rating(Part):
    """Stars, as buyers gave them."""

    min: Stars | None = Field(default=None, description="Least average of stars, from 0 to 5.")


class Span(Part):
    """Numbers from one to another, both included."""

    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def is_upright(self) -> Self:
        """A range has an end, and goes from less to more."""
        if self.min is None and self.max is None:
            raise PydanticCustomError("range", "must have a min, a max or both")
        _upright(self.min, self.max)
        return self


def _values(value: Any) -> Any:
    """A value, or a list of them, as the texts that attributes are compared by."""
    if isinstance(value, dict):
        return value
    return [_as_text(one) for one in (value if isinstance(value, list) else [value])]


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return shown(value)
    return shown(Decimal(str(value))) if isinstance(value, int | float) else value


Attribute = Annotated[
    Annotated[Span, Tag("<range>")]
    | Annotated[list[Text], Field(min_length=1, max_length=MAX_VALUES), Tag("<values>")],
    Discriminator(lambda value: "<range>" if isinstance(value, dict | Span) else "<values>"),
    BeforeValidator(_values),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "number"},
                {"type": "boolean"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_VALUES},
                {
                    "type": "object",
                    "properties": {"min": {"type": "number"}, "max": {"type": "number"}},
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
Attributes = Annotated[dict[Annotated[str, AfterValidator(_attribute_name)], Attribute], BeforeValidator(_said), Few]
