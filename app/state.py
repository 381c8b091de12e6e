"""What outlives a script run: the process's run manager, and what a browser session holds."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from app import url
from bikd_core.config import ConfigError, RunConfig
from bikd_core.places import Places
from bikd_core.runs import CorruptRunError, RunError, RunManager, StoreError, UnknownRun

log = logging.getLogger(__name__)
T = TypeVar("T")
FIRST_PAINT_S = 2.5  # a page is painted in about that time; until then both cores are its own


@st.cache_resource(show_spinner=False)
def manager() -> RunManager:
    """The one run manager of this server; runs belong to the process, not to a browser."""
    manager = RunManager(Places.from_environment(), warm_up_delay_s=FIRST_PAINT_S)
    atexit.register(manager.shutdown)
    return manager


# A browser's session ---------------------------------------------------------------------------


def open_session() -> None:
    """Take the link's word: in a session's first run, and when the browser goes back or forward."""
    if "controls" in st.session_state and not _is_history_navigation():
        return
    parameters = dict(st.query_params)
    link = url.read_controls(parameters)
    st.session_state["controls"] = link.controls
    st.session_state["complaints"] = link.complaints
    st.session_state["run"] = parameters.get("run", "")
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


def _is_history_navigation() -> bool:
    """Whether this script run comes from the browser's back or forward button (1.67)."""
    context = st.runtime.scriptrunner.get_script_run_ctx()
    return bool(getattr(context, "is_history_navigation", False))


def controls() -> dict[str, Any]:
    """All controls by their flat names, as they stand; may be edited."""
    held: dict[str, Any] = st.session_state["controls"]
    return held


def take_controls_of(config: RunConfig) -> None:
    """Set every control to what a run was asked."""
    st.session_state["controls"] = config.flat()


def show_run(run_id: str) -> None:
    """Open a run, at its newest epoch; "" closes the one that is open."""
    st.session_state["run"] = run_id
    st.session_state["linked_epoch"] = None
    st.session_state["complaints"] = []


def complain(sentence: str) -> None:
    """Show a sentence on the page until the user does something."""
    held: list[str] = st.session_state["complaints"]
    if sentence not in held:
        held.append(sentence)


def forget_complaints() -> None:
    """The user did something."""
    st.session_state["complaints"] = []


def write_link(*, epoch: int | None, view: str) -> None:
    """Make the browser's link say what the page shows; `view` is "" for the first one."""
    parameters = url.write_controls(controls())
    if run_id := st.session_state["run"]:
        parameters["run"] = run_id
        if epoch is not None:
            parameters["epoch"] = str(epoch)
        if view:
            parameters["view"] = view
        if (picture := st.session_state["picture"]) is not None:
            parameters["picture"] = str(picture)
    if parameters != dict(st.query_params):
        st.query_params.from_dict(parameters)


# Where the page meets the engine ---------------------------------------------------------------


def attempt(ask: Callable[[], T]) -> T | None:
    """Ask the run manager for something; what it refuses becomes a sentence on the page."""
    try:
        return ask()
    except (ConfigError, StoreError, RunError, UnknownRun, CorruptRunError) as error:
        complain(_sentence(error))
    except Exception as error:
        log.exception("the run manager failed")
        complain(f"Something went wrong ({type(error).__name__}: {error}). The log has the rest.")
    return None


def _sentence(error: Exception) -> str:
    return str(error.args[0]) if error.args else str(error)
