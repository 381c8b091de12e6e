"""What happens when the server starts and ends: it logs, prints its links, opens a browser."""

from __future__ import annotations

import io
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import segno
import streamlit as st
from streamlit.starlette import App

from app.server import address, owner
from app.server.log import log_to_file

_at_end: list[Callable[[], None]] = []


@asynccontextmanager
async def lifespan(_: App) -> AsyncIterator[None]:
    """Print the links and open a browser; at the end do what `at_end` was given.

    The server has its port by now, and answers as soon as this yields.
    """
    log_to_file()
    print(greeting(), flush=True)
    if not st.get_option("server.headless"):
        link = owner.link(address.own_url())
        threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()
    yield
    for act in _at_end:
        act()


def at_end(act: Callable[[], None]) -> None:
    """Call a function when the server ends, also by a signal, after which `atexit` calls none."""
    _at_end.append(act)


def greeting() -> str:
    """Return what the server prints: the owner's link, and the one for others."""
    own = owner.link(address.own_url())
    said = (
        "\n  Bilevel Distillation Lab\n\n"
        f"  Yours: {own}\n"
        "  Keep this link: a browser that opens it may steer and delete every run.\n\n"
    )
    if url := address.shared_url():
        return (
            f"{said}  For others in your network: {url}\n"
            "  They see all runs, and start and import runs of their own, which wait in the same "
            "queue;\n  they cannot steer, rename or delete yours. Nothing is encrypted on the "
            f"way.\n\n{_qr_code(url)}"
        )
    return f"{said}  Only this machine can open the page; `bikd app --share` lets others in.\n"


def _qr_code(url: str) -> str:
    """Return a QR code in block characters; "" where the output has none."""
    text = io.StringIO()
    segno.make(url, error="m").terminal(text, compact=True)
    try:
        text.getvalue().encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ""
    return text.getvalue()
