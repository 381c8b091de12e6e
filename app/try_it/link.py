"""The address of the page "Try it": which run's student is asked."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from app.shared.link import Link
from app.shared.session import session


class TryLink(Link):
    """The run in an address."""

    run: str = Field("", description="the id of a run")


#: Names of parameters that are not controls.
PARAMETERS = frozenset(TryLink.parameters())


def take_link(parameters: Mapping[str, str]) -> None:
    """Open the run that an address names."""
    session().run = parameters.get("run", "")


def written_link() -> dict[str, str]:
    """Return the query parameters of the page in its present state."""
    return TryLink(run=session().run).write()
