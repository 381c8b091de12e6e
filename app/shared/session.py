"""What one browser session holds between script runs, with typed attributes.

Everything that is not a widget's own state lives here; a widget's key is read only by the module
that draws the widget.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st

from app.shared.link import Link

_KEY = "session"


@dataclass
class Session:
    """One browser session. Every page may read and set its attributes."""

    controls: dict[str, Any] = field(default_factory=dict)  # by flat name; empty before the link
    preset: str = ""  # the one that the controls were made from
    complaints: list[str] = field(default_factory=list)  # sentences, until the user acts
    visit: int = 0  # rises when a link is opened: widgets that hold what a link says begin anew
    run: str = ""  # id of the run that the Lab has open
    second_run: str = ""  # id of the run beside it
    view: str = ""  # name of the Lab's view; "": the first one
    view_links: dict[str, Link] = field(
        default_factory=dict
    )  # what each view's link holds, by name
    picture: int | None = None  # original index of the training picture that is looked at
    selected: object = None  # what was clicked on in a figure: `Selected` of the Lab's views
    has_asked_for_step: bool = False  # the One step view, for the rest of the page
    by: Literal["groups", "classes"] = "groups"  # how the Lab draws many classes


def session() -> Session:
    """Return this browser's session; made when it is first asked for."""
    held: Session = st.session_state.setdefault(_KEY, Session())
    return held
