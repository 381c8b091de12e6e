"""The Teachers page's address: which stored teacher is shown."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from app.shared.controls_link import write_controls
from app.shared.link import Link
from app.shared.session import session


class TeachersLink(Link):
    """The page's part of the address, without the controls."""

    shown: str = Field("", description="the name of a stored teacher")  # "": the first one


#: Names of parameters that are not controls.
PARAMETERS = frozenset(TeachersLink.parameters())


def take_link(parameters: Mapping[str, str]) -> None:
    """Show the teacher that an address names; complain about impossible values."""
    link, complaints = TeachersLink.read(parameters)
    session().set_link(link)
    session().complain(*complaints)


def written_link() -> dict[str, str]:
    """Return the query parameters of the page in its present state."""
    return write_controls(session().controls) | session().link(TeachersLink).write()


def show_teacher(name: str) -> None:
    """Show a teacher; "": the first one."""
    session().set_link(TeachersLink(shown=name))
