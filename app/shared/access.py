"""Who may steer a run: the browsers that have its control key, and the server's owner.

Anybody with the link may look. The key comes to a browser by starting the run, or by its control
link, and stays there. A run that has none (the command line made it) is the owner's alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import streamlit as st

from app.components import control_keys
from app.server.address import is_loopback, shared_url
from app.server.owner import is_owner
from app.shared import engine
from app.shared.session import session
from bikd_core.runs import CorruptRunError, RunError, RunFolder, RunManager, UnknownRun
from bikd_core.store import control_key, open_run
from bikd_core.store.files import writing
from bikd_core.teachers.card import TeacherError

VIEWER = (
    "You follow this run by a viewer's link; only the browser that started it, or one that has "
    "opened its control link, can steer it."
)
KEYLESS = (
    "This run was not started from this page, so it has no control link; only the owner of the "
    "server can steer it, in a browser that has opened the link which the server printed."
)
KEYLESS_TEACHER = (
    "It was not made from this page: only the owner of the server can delete it, in a browser that "
    "has opened the link which the server printed."
)
FOLLOWER = "You follow a class: only its host steers the run."
MAX_KEYS = 500


def refusal(folder: RunFolder) -> str:
    """Return why this browser may not steer a run, for its user; "" if it may."""
    if session().follows_class:  # its page starts and steers nothing, whoever opened it
        return FOLLOWER
    if is_owner():
        return ""
    if not control_key.has_key(folder):
        return KEYLESS
    try:
        is_mine = control_key.is_key(folder, session().keys.held.get(folder.run_id, ""))
    except CorruptRunError as error:
        return str(error)
    return "" if is_mine else VIEWER


def manager_for(run_id: str) -> RunManager:
    """Return the run manager, to steer, rename or delete that run.

    Raises:
        UnknownRun: There is no such run.
        RunError: This browser may not.
    """
    if reason := refusal(_folder(run_id)):
        raise RunError(reason)
    return engine.manager()


def claim(run_id: str) -> None:
    """Give a run that is new, or that this browser may steer, to this browser alone.

    Raises:
        UnknownRun: There is no such run.
        StoreError: Its key cannot be written.
    """
    key = control_key.make_key(_folder(run_id))
    if key is not None:
        keep_key(run_id, key)


def delete(run_id: str) -> None:
    """Delete a run and forget its key; raises as `manager_for` and `RunManager.delete`."""
    manager_for(run_id).delete(run_id)
    forget_key(run_id)


def teacher_refusal(name: str) -> str:
    """Return why this browser may not delete a stored teacher, for its user; "" if it may."""
    if not engine.shelf().is_own(name):
        return "It came with the project and stays."
    if is_owner():
        return ""
    path = engine.shelf().key_of(name)
    if not control_key.has_key(path):
        return KEYLESS_TEACHER
    try:
        is_mine = control_key.is_key(path, session().keys.held.get(f"teacher {name}", ""))
    except CorruptRunError as error:
        return str(error)
    return "" if is_mine else "Only the browser that trained or uploaded it can delete it."


def claim_teacher(name: str) -> None:
    """Give a teacher that is new or still trains to this browser alone.

    Raises:
        TeacherError: The name is not valid.
        StoreError: Its key cannot be written.
    """
    path = engine.shelf().key_of(name)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # a killed server may have left it
    if (key := control_key.make_key(path)) is not None:
        keep_key(f"teacher {name}", key)


def delete_teacher(name: str) -> None:
    """Delete a teacher and forget its key.

    Raises:
        TeacherError: This browser may not, or a run needs it.
    """
    if reason := teacher_refusal(name):
        raise TeacherError(reason)
    engine.shelf().delete(name)
    forget_key(f"teacher {name}")


def exchange_keys() -> None:
    """Take the key of a control link that was opened, and exchange keys with the browser.

    The browser sends a new session the keys that it keeps, and stores those that are new.
    """
    keys = session().keys
    if keys.linked is not None:
        _take_linked_key(*keys.linked)
        keys.linked = None
    control_keys(
        asks=not keys.are_received,
        gained=keys.gained,
        lost=keys.lost,
        on_keys=_receive,
    )


def _take_linked_key(run_id: str, key: str) -> None:
    """Keep the key of a control link, or complain about it; run id and key may be anything."""
    try:
        folder = _folder(run_id)
    except UnknownRun:
        if not run_id:
            session().complain(f"key = {key[:12]!r} needs a run to belong to: open its whole link.")
        return  # else the page says that there is no such run
    if engine.attempt(lambda: control_key.is_key(folder, key)):
        keep_key(run_id, key)
    else:
        session().complain(
            f"key = {key[:12]!r} is not the control key of this run: you can look, but not steer. "
            "Ask who started the run for its control link."
        )


def page_link(page: str, **parameters: str) -> str:
    """Return a link to another page of this server, for everybody."""
    address = urlsplit(_page())
    path = f"{address.path.rpartition('/')[0]}/{page}"
    return address._replace(path=path, query=urlencode(parameters)).geturl()


def viewers_link(run_id: str) -> str:
    """Return the link for everybody: whoever opens it can follow the run."""
    return f"{_page()}?{urlencode({'run': run_id})}"


def control_link(run_id: str) -> str:
    """Return the link that hands control on; "" if this browser has no key of that run."""
    key = session().keys.held.get(run_id)
    return f"{_page()}?{urlencode({'run': run_id, 'key': key})}" if key else ""


def is_for_this_machine_alone() -> bool:
    """Return whether other machines cannot open the links of this page."""
    return _is_opened_as_localhost() and not shared_url()


def _page() -> str:
    """Return the page's address for others, where the server knows a better one than localhost."""
    opened = urlsplit(st.context.url or "")._replace(query="")
    if _is_opened_as_localhost() and (shared := shared_url()):
        scheme, host, *_ = urlsplit(shared)
        opened = opened._replace(scheme=scheme, netloc=host)
    return opened.geturl()


def _is_opened_as_localhost() -> bool:
    host = urlsplit(st.context.url or "").hostname or ""
    return not host or is_loopback(host)


def _folder(run_id: str) -> RunFolder:
    return open_run(engine.manager().places.runs, run_id)


# The session's keys ----------------------------------------------------------------------------


def keep_key(name: str, key: str) -> None:
    """Keep a key in this session and in its browser."""
    keys = session().keys
    keys.held[name] = keys.gained[name] = key


def forget_key(name: str) -> None:
    """Drop a key from this session and from its browser."""
    keys = session().keys
    if keys.held.pop(name, None) is not None:
        keys.gained.pop(name, None)
        keys.lost.append(name)


def _receive(sent: object) -> None:
    keys = session().keys
    keys.are_received = True
    for name, key in read_keys(sent).items():
        keys.held.setdefault(name, key)


def read_keys(sent: object) -> dict[str, str]:
    """Return the possible keys, by run id, in what a browser sent, which may be anything."""
    pairs: list[tuple[Any, Any]] = list(sent.items()) if isinstance(sent, Mapping) else []
    return {
        name: key
        for name, key in pairs[-MAX_KEYS:]
        if isinstance(name, str) and isinstance(key, str) and len(key) <= control_key.MAX_LENGTH
    }
