"""A text to send along with a problem: config, versions, last log lines; no paths, no names."""

from __future__ import annotations

import getpass
import json
import platform
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import streamlit as st

from app.server.log import log_path
from app.server.owner import is_owner
from app.shared import engine
from app.shared.session import session
from bikd_core.places import ROOT
from bikd_core.runs import CorruptRunError, UnknownRun
from bikd_core.teachers.card import list_teachers

LOG_LINES = 200
PACKAGES = ("bikd", "torch", "torchvision", "streamlit", "plotly", "numpy", "pandas", "pydantic")
PATH, NAME = "(path)", "(name)"
_CODE = re.compile(r"File \"[^\"\n]*?([\w.<>-]+)\"(?=, line)")  # of a traceback
_QUOTED = re.compile(r"'[^'\n]*[/\\][^'\n]*'|\"[^\"\n]*[/\\][^\"\n]*\"")
_WORD = re.compile(r"[^\s'\"]*[/\\][^\s'\"]*")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b")
_MIN_NAME = 3  # characters: a shorter name would cut words apart


def report_button() -> None:
    """Draw the download of a report about the open run and the controls."""
    now = session()
    st.download_button(
        "Report a problem",
        data=partial(report, dict(now.controls), now.run, with_log=is_owner()),
        file_name="bikd-problem.txt",
        mime="text/plain",
        type="tertiary",
        icon=":material/bug_report:",
        key="report_problem",
        on_click="ignore",
        help="A text file to send along: config, versions and, for the owner of the server, the "
        "last lines of its log, without paths and names. Read it before you send it.",
    )


def report(controls: dict[str, Any], run_id: str, *, with_log: bool) -> str:
    """Return the text of a report.

    Args:
        controls: The controls of the page, by flat name.
        run_id: The open run; "" if there is none.
        with_log: Whether to add the last lines of the server's log.
    """
    parts = [
        "Bilevel Distillation Lab: report of a problem. What happened, and what did you expect?",
        f"Versions: {_as_json(_versions())}",
        f"Controls: {_as_json(_without_teacher(controls))}",
        *_about_run(run_id),
    ]
    if with_log:
        parts.append("Log:\n" + "\n".join(_last_lines(log_path())))
    return without_paths("\n\n".join(parts) + "\n", _names())


def without_paths(text: str, names: Iterable[str]) -> str:
    """Return a text in which paths, addresses and the given names are replaced.

    Of the files in a traceback the last part of the path stays.
    """
    for folder in {str(Path.home()), str(Path.cwd()), str(ROOT)} - {"/"}:
        text = text.replace(folder, "/")
    text = _CODE.sub(r"File <\1>", text)
    text = _ADDRESS.sub("(address)", _WORD.sub(PATH, _QUOTED.sub(PATH, text)))
    for name in sorted({*names}, key=len, reverse=True):
        if len(name) >= _MIN_NAME:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", NAME, text)
    return text


def _as_json(values: object) -> str:
    return json.dumps(values, indent=1, ensure_ascii=False)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "system": platform.system()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _without_teacher(controls: dict[str, Any]) -> dict[str, Any]:
    """Return controls without the name that somebody gave to a teacher."""
    is_named = controls.get("teacher") not in ("auto", None)
    return controls | {"teacher": NAME} if is_named else controls


def _about_run(run_id: str) -> list[str]:
    """Return what a report says about the open run."""
    if not run_id:
        return []
    try:
        run = engine.manager().snapshot(run_id)
    except (UnknownRun, CorruptRunError) as error:
        return [f"Run: {error}"]
    resolved = run.resolved
    about = {
        "state": run.state,
        "reason": run.reason,
        "epochs done": len(run.epochs),
        "controls": _without_teacher(run.config.flat()),
        "versions": resolved.versions if resolved else None,
        "device": resolved.device if resolved else None,
    }
    return [f"Run: {_as_json(about)}"]


def _last_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return [f"There is no log file ({error.strerror})."]
    return lines[-LOG_LINES:]


def _names() -> set[str]:
    """Return the names that people gave to runs, teachers, the machine and themselves."""
    manager = engine.manager()
    names = {run.name for run in manager.list()}
    names |= {name for name, _ in list_teachers((manager.places.teachers,))}
    names.add(socket.gethostname())
    with suppress(OSError, KeyError):  # this user may have no name
        names.add(getpass.getuser())
    return names
