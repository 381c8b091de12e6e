"""The Lab's address: which run is open, beside which other, at which epoch, in which view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import streamlit as st
from pydantic import AfterValidator, Field, create_model

from app.lab import views
from app.shared import engine
from app.shared.controls_link import has_controls, write_controls
from app.shared.engine import attempt
from app.shared.link import Link, WholeNumber
from app.shared.session import session
from bikd_core.runs import Snapshot

_VIEWS = tuple(view.name for view in views.VIEWS)


def _check_view(name: str) -> str:
    if name not in _VIEWS:
        raise ValueError("no view")
    return name


class LabLink(Link):
    """The Lab's part of the address, without the controls and the views' own parameters."""

    run: str = Field("", description="the id of a run")
    key: str | None = Field(None, description="the control key of the run")  # is never written
    second_run: str = Field("", alias="with", description="the id of another run")
    epoch: WholeNumber | None = Field(
        None, ge=1, title="the newest epoch", description="a whole number from 1 on"
    )
    picture: WholeNumber | None = Field(
        None,
        title="no picture",
        description="a whole number, the picture's original index",
    )
    view: Annotated[str, AfterValidator(_check_view)] = Field(
        _VIEWS[0], title=_VIEWS[0], description=f"one of {', '.join(_VIEWS)}"
    )
    by: Literal["groups", "classes"] = Field("groups", description="groups or classes")
    present: bool = Field(False, description="true or false")
    question: WholeNumber = Field(
        1, ge=1, title="the first question", description="a whole number from 1 on"
    )  # of the view, while presenting


#: Names of parameters that are not controls.
PARAMETERS = frozenset(LabLink.parameters()).union(
    *(view.link.parameters() for view in views.VIEWS if view.link is not None)
)


def link_to_run(num_epochs: int) -> type[LabLink]:
    """Return the link model for a run with this many epochs."""
    words = f"a whole number from 1 to {num_epochs}"
    whole = Field(None, ge=1, le=num_epochs, title="the newest epoch", description=words)
    return create_model("LabLink", __base__=LabLink, epoch=(WholeNumber | None, whole))


def take_link(parameters: Mapping[str, str]) -> None:
    """Show the run and the view that an address names; complain about impossible values."""
    now = session()
    now.run, now.second_run = parameters.get("run", ""), parameters.get("with", "")
    snapshot = open_run()
    model = LabLink if snapshot is None else link_to_run(snapshot.config.training.epochs)
    link, complaints = model.read(parameters)
    now.complain(*complaints, *views.take_links(parameters))
    now.picture, now.linked_epoch = link.picture, link.epoch
    now.view, now.by = link.view, link.by
    now.presents, now.question = link.present and snapshot is not None, link.question
    if link.key is not None:  # taken out of the address at once, which stays a viewer's link
        now.keys.linked = (link.run, link.key)
        del st.query_params["key"]
    if snapshot is not None and not has_controls(parameters):
        now.set_controls(snapshot.config)  # a bare link to a run shows the run's controls
    if snapshot is None and link.epoch is not None:
        now.complain(f"epoch = {link.epoch} needs a run to belong to: open one first.")
        now.linked_epoch = None


def written_link() -> dict[str, str]:
    """Return those of the Lab's query parameters that do not depend on how the run is drawn."""
    now = session()
    parameters = write_controls(now.controls)
    if now.run:
        link = LabLink(
            run=now.run,
            second_run=now.second_run,
            picture=now.picture,
            present=now.presents,
            question=now.question if now.presents else 1,
        )
        parameters |= link.write()
    return parameters


def open_run() -> Snapshot | None:
    """Return the run that the session has open; complain and close it if there is no such run."""
    now = session()
    if not now.run:
        return None
    snapshot = attempt(lambda: engine.linked_snapshot("run", now.run))
    if snapshot is None:
        now.run = ""
    return snapshot
