"""What outlives a script run: the process's run manager, and what a browser session holds."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import streamlit as st

from app.shared import url
from bikd_core.config import ConfigError, RunConfig
from bikd_core.config.presets import nearest
from bikd_core.places import Places
from bikd_core.runs import CorruptRunError, RunError, RunManager, Snapshot, StoreError, UnknownRun
from bikd_core.runs.shelf import StoredTeachers
from bikd_core.teachers.card import TeacherError

log = logging.getLogger(__name__)
T = TypeVar("T")
# What is refused with a sentence for people.
_SAID = (ConfigError, StoreError, RunError, TeacherError, UnknownRun, CorruptRunError)
FIRST_PAINT_S = 2.5  # a page is painted in about that time; until then both cores are its own


@st.cache_resource(show_spinner=False)
def manager() -> RunManager:
    """The one run manager of this server; runs belong to the process, not to a browser."""
    manager = RunManager(Places.from_environment(), warm_up_delay_s=FIRST_PAINT_S)
    atexit.register(manager.shutdown)
    return manager


def shelf() -> StoredTeachers:
    """The stored teachers of this server."""
    return _shelf(str(manager().places.teachers), _manager=manager())


@st.cache_resource(show_spinner=False)
def _shelf(folder: str, *, _manager: RunManager) -> StoredTeachers:
    return StoredTeachers(_manager)


# A browser's session ---------------------------------------------------------------------------


def open_session() -> bool:
    """Take the link's word: in a session's first run, and when the browser goes back or forward.

    Returns whether it did.
    """
    if "controls" in st.session_state and not _is_history_navigation():
        return False
    parameters = dict(st.query_params)
    link = url.read_controls(parameters)
    take_controls_of(RunConfig.from_flat(link.controls))
    st.session_state["complaints"] = link.complaints
    st.session_state["run"] = parameters.get("run", "")
    st.session_state["with"] = parameters.get("with", "")
    st.session_state["linked_epoch"] = parameters.get("epoch")
    st.session_state["linked_view"] = parameters.get("view")
    if "key" in parameters:  # out of the address at once, which is to be a viewer's link
        st.session_state["linked_key"] = (parameters.get("run", ""), parameters["key"])
        del st.query_params["key"]
    st.session_state["picture"] = attempt(lambda: url.read_picture(parameters.get("picture")))
    # A link that is opened anew begins with new widgets where these hold what a link says.
    st.session_state["visit"] = st.session_state.get("visit", 0) + 1
    st.session_state["has_linked_controls"] = any(
        name not in url.VIEWER_PARAMETERS for name in parameters
    )
    return True


def _is_history_navigation() -> bool:
    """Whether this script run comes from the browser's back or forward button (1.67)."""
    context = st.runtime.scriptrunner.get_script_run_ctx()
    return bool(getattr(context, "is_history_navigation", False))


def controls() -> dict[str, Any]:
    """All controls by their flat names, as they stand; may be edited."""
    held: dict[str, Any] = st.session_state["controls"]
    return held


def take_controls_of(config: RunConfig) -> None:
    """Set every control to what a run was asked, and say which preset that is nearest to."""
    st.session_state["controls"] = config.flat()
    st.session_state["preset"] = nearest(config)


def show_run(run_id: str) -> None:
    """Open a run, alone, at its newest epoch; "" closes the one that is open."""
    st.session_state["run"] = run_id
    st.session_state["with"] = ""
    st.session_state["linked_epoch"] = None
    st.session_state["complaints"] = []


def snapshot_of(parameter: str, run_id: str) -> Snapshot:
    """A run that a parameter of the link names.

    Raises:
        UnknownRun: There is none; the sentence names the parameter.
        CorruptRunError: It cannot be read.
    """
    try:
        return manager().snapshot(run_id)
    except UnknownRun as error:
        raise UnknownRun(
            f"{parameter} = {run_id[:80]!r} is not a run of this server: open one from the list "
            "of earlier runs, or start a new one."
        ) from error


def complain(sentence: str) -> None:
    """Show a sentence on the page until the user does something."""
    held: list[str] = st.session_state["complaints"]
    if sentence not in held:
        held.append(sentence)


def forget_complaints() -> None:
    """The user did something."""
    st.session_state["complaints"] = []


def write_link(*, epoch: int | None, view: str, drawn_by: Mapping[str, str]) -> None:
    """Make the browser's link say what the page shows.

    Args:
        epoch: None for the newest.
        view: "" for the first one.
        drawn_by: What of `url.DRAWN_BY` and its like is not as it would be.
    """
    parameters = lab_link()
    if st.session_state["run"]:
        if epoch is not None:
            parameters["epoch"] = str(epoch)
        if view:
            parameters["view"] = view
        parameters |= drawn_by
    if parameters != dict(st.query_params):
        st.query_params.from_dict(parameters)


def lab_link() -> dict[str, str]:
    """The Lab's parameters as far as other pages hold them too: controls, runs and picture."""
    parameters = url.write_controls(controls())
    if run_id := st.session_state["run"]:
        parameters["run"] = run_id
        if second := st.session_state["with"]:
            parameters["with"] = second
        if (picture := st.session_state["picture"]) is not None:
            parameters["picture"] = str(picture)
    return parameters


# Where the page meets the engine ---------------------------------------------------------------


def attempt(ask: Callable[[], T]) -> T | None:
    """Ask the run manager for something; what it refuses becomes a sentence on the page."""
    try:
        return ask()
    except _SAID as error:
        complain(_sentence(error))
    except Exception as error:
        log.exception("the run manager failed")
        complain(f"Something went wrong ({type(error).__name__}: {error}). The log has the rest.")
    return None


def _sentence(error: Exception) -> str:
    return str(error.args[0]) if error.args else str(error)
