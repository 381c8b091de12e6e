"""What a page's address says, as a typed model: read from query parameters, written back to them.

An address is user input. Each parameter is judged by itself; one that is not possible is replaced
by its default, and a sentence says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from bikd_core.config import ConfigError, as_text

MAX_SHOWN = 40  # characters of a bad value that are repeated to the reader
MAX_DIGITS = 9


def _whole_number(value: Any) -> Any:
    """Return the number that a text is: digits only, where pydantic also reads " 1_0.0"."""
    if not isinstance(value, str):
        return value
    if not (value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS):
        raise ValueError("not a whole number")
    return int(value)


WholeNumber = Annotated[int, BeforeValidator(_whole_number)]


class Link(BaseModel):
    """The base of all links: each field is a query parameter, written unless it has its default.

    A subclass gives each field a type, a default, and a `description` that says in words what the
    parameter can be ("a whole number from 1 on"): the sentence about a bad value is made from it.
    A field's `title`, if any, says in words what is shown by default ("the newest epoch"); its
    `alias`, if any, is the parameter's name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @classmethod
    def parameters(cls) -> dict[str, FieldInfo]:
        """Return the fields by the names of their query parameters."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> tuple[Self, list[str]]:
        """Return the link that query parameters make, and a sentence for each one refused."""
        given: dict[str, Any] = {}
        complaints: list[str] = []
        for name, text in parameters.items():
            if name not in cls.parameters():
                continue
            try:
                cls.model_validate({name: text})
            except ValidationError as error:
                complaints.append(cls.refusal(name, text, _own_words(error)))
            else:
                given[name] = text
        return cls.model_validate(given), complaints

    @classmethod
    def refusal(cls, name: str, text: str, reason: str = "") -> str:
        """Return the complaint about an impossible parameter.

        Args:
            name: The parameter.
            text: Its value in the address.
            reason: A sentence that names field, value and what would be right; "": made from the
                field's description.
        """
        field = cls.parameters()[name]
        if not reason:
            shown = repr(text[:MAX_SHOWN])
            reason = f"{name} = {shown} is not possible: it must be {field.description}."
        if field.title:
            return f"{reason} {field.title[:1].upper()}{field.title[1:]} is shown."
        if field.default in (None, "", ()):
            return f"{reason} It is left out."
        return f"{reason} {_text(field.default)} is used."

    def write(self) -> dict[str, str]:
        """Return the query parameters that `read` needs: the fields that are not at their default.

        The text of a field is `as_text` of its value; a tuple's items are joined by commas.
        """
        written = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value != field.default:
                written[field.alias or name] = _text(value)
        return written


def _text(value: Any) -> str:
    return ",".join(map(as_text, value if isinstance(value, tuple) else (value,)))


def _own_words(error: ValidationError) -> str:
    """Return the sentence of a validator that raised `ConfigError`; "" for other errors."""
    cause = error.errors()[0].get("ctx", {}).get("error")
    return str(cause) if isinstance(cause, ConfigError) else ""
