"""The lesson's address: which card, in which language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from app.lesson.cards import ENGLISH, count, languages
from app.shared.link import Link, WholeNumber
from app.shared.session import session


def _check_language(name: str) -> str:
    if name not in languages():
        raise ValueError("no such language")
    return name


class LessonLink(Link):
    """Everything in the lesson's address."""

    lesson: WholeNumber = Field(
        1,
        ge=1,
        le=count(),
        title="the first card",
        description=f"a whole number from 1 to {count()}",
    )
    language: Annotated[str, AfterValidator(_check_language)] = Field(
        ENGLISH, description=f"one of {', '.join(languages())}"
    )


PARAMETERS = frozenset(LessonLink.parameters())


def take_link(parameters: Mapping[str, str]) -> None:
    """Show the card that an address names; complain about impossible values."""
    link, complaints = LessonLink.read(parameters)
    session().set_link(link)
    session().complain(*complaints)


def written_link() -> dict[str, str]:
    """Return the query parameters of the lesson as it stands."""
    return session().link(LessonLink).write()
