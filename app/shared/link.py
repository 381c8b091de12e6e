"""What a page's address says, as a typed model: read from query parameters, written back to them.

An address is user input. Each parameter is judged by itself; one that is not possible is replaced
by its default, and a sentence says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from bikd_core.config import as_text

MAX_SHOWN = 40  # characters of a bad value that are repeated to the reader


class Link(BaseModel):
    """Base of the links. A field is a query parameter of the same name; its default is unwritten.

    A subclass gives each field a type, a default, and a `description` that says in words what the
    parameter can be ("a whole number from 1 on"): the sentence about a bad value is made from it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> tuple[Self, list[str]]:
        """Return the link that query parameters make, and a sentence for each one refused."""
        given: dict[str, Any] = {}
        complaints: list[str] = []
        for name, text in parameters.items():
            if name not in cls.model_fields:
                continue
            try:
                cls(**{name: text})
            except ValidationError:
                complaints.append(cls.refusal(name, text))
            else:
                given[name] = text
        return cls(**given), complaints

    @classmethod
    def refusal(cls, name: str, text: str) -> str:
        """Return the sentence about a parameter that is not possible."""
        field = cls.model_fields[name]
        default = "nothing" if field.default in (None, "") else as_text(field.default)
        return (
            f"{name} = {text[:MAX_SHOWN]!r} is not possible: it must be {field.description}. "
            f"{default[:1].upper()}{default[1:]} is used."
        )

    def write(self) -> dict[str, str]:
        """Return the query parameters that `read` needs: the fields that are not at their default.

        The text of a field is `as_text` of its value; a tuple's items are joined by commas.
        """
        written = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value != field.default:
                items = value if isinstance(value, tuple) else (value,)
                written[name] = ",".join(map(as_text, items))
        return written
