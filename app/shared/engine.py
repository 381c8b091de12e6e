"""Where the pages meet the engine: the server's run manager and teachers, and what they refuse."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from app.server.start import at_end
from app.shared.session import session
from bikd_core.config import ConfigError
from bikd_core.data.own.cache import own_datasets
from bikd_core.places import Places
from bikd_core.runs import CorruptRunError, RunError, RunManager, Snapshot, StoreError, UnknownRun
from bikd_core.runs.shelf import StoredTeachers
from bikd_core.teachers.card import TeacherError

log = logging.getLogger(__name__)
T = TypeVar("T")
# The message of each of these is a sentence for people.
_REFUSALS = (
    ConfigError,
    StoreError,
    RunError,
    TeacherError,
    UnknownRun,
    CorruptRunError,
)
FIRST_PAINT_S = 2.5  # a page is painted in about that time; until then both cores are its own


@st.cache_resource(show_spinner=False)
def manager() -> RunManager:
    """Return the one run manager of this server; runs belong to the process, not to a browser."""
    manager = RunManager(Places.from_environment(), warm_up_delay_s=FIRST_PAINT_S)
    own_datasets(manager.places.data)  # a link may name them before a page lists them
    atexit.register(manager.shutdown)
    at_end(manager.shutdown)
    return manager


def shelf() -> StoredTeachers:
    """Return the stored teachers of this server."""
    return _shelf(str(manager().places.teachers), _manager=manager())


@st.cache_resource(show_spinner=False)
def _shelf(folder: str, *, _manager: RunManager) -> StoredTeachers:
    return StoredTeachers(_manager)


def linked_snapshot(parameter: str, run_id: str) -> Snapshot:
    """Return the run that a parameter of an address names.

    Raises:
        UnknownRun: There is no such run; the sentence names the parameter.
        CorruptRunError: It cannot be read.
    """
    try:
        return manager().snapshot(run_id)
    except UnknownRun as error:
        raise UnknownRun(
            f"{parameter} = {run_id[:80]!r} is not a run of this server: open one from the list "
            "of earlier runs, or start a new one."
        ) from error


def attempt(action: Callable[[], T]) -> T | None:
    """Return the result of an action; if the engine refuses it, complain and return None."""
    try:
        return action()
    except _REFUSALS as error:
        session().complain(str(error.args[0]) if error.args else str(error))
    except Exception as error:
        log.exception("the run manager failed")
        session().complain(
            f"Something went wrong ({type(error).__name__}: {error}). The log has the rest."
        )
    return None
