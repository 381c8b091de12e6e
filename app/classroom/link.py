"""A class's address: the code of the class."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from app.shared.link import Link
from app.shared.session import session


class ClassLink(Link):
    """Everything in the address of a class."""

    join: str = Field("", description="the code of a class")  # `app.classroom.state` judges it


PARAMETERS = frozenset(ClassLink.parameters())


def take_link(parameters: Mapping[str, str]) -> None:
    """Go to the class that an address names."""
    link, complaints = ClassLink.read(parameters)
    session().set_link(link)
    session().complain(*complaints)


def written_link() -> dict[str, str]:
    """Return the query parameters of the class that is open."""
    return session().link(ClassLink).write()
