"""The Studies page's address: which study, and on which data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from pydantic import Field

from app.shared.link import Link
from app.shared.session import session
from bikd_core.config import SOURCE_FACTS, listed
from bikd_core.studies.questions import NAMES

if TYPE_CHECKING:
    Name: TypeAlias = str
    Dataset: TypeAlias = str
else:
    from typing import Literal

    Name = Literal[tuple(NAMES)]
    Dataset = Literal[tuple(SOURCE_FACTS)]


class StudiesLink(Link):
    """The study shown on the page or in an address."""

    study: Name = Field(NAMES[0], description=f"one of {listed([*NAMES], 'or')}")
    dataset: Dataset = Field(
        "digits", alias="data", description=f"one of {listed([*SOURCE_FACTS], 'or')}"
    )


#: Names of parameters that are not controls.
PARAMETERS = frozenset(StudiesLink.parameters())


def take_link(parameters: Mapping[str, str]) -> None:
    """Show the study that an address names; complain about impossible values."""
    link, complaints = StudiesLink.read(parameters)
    session().set_link(link)
    session().complain(*complaints)


def written_link() -> dict[str, str]:
    """Return the query parameters of the page in its present state."""
    link = session().link(StudiesLink)
    return {"study": link.study} | link.write()
