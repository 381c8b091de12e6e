"""How many pages follow a run, and how often each asks for news: all share the training's cores."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from typing import NamedTuple

import streamlit as st


class Tier(NamedTuple):
    """Up to so many pages ask each so many seconds, or a little sooner."""

    pages: float
    poll_s: float


TIERS = (Tier(3, 0.5), Tier(8, 1.0), Tier(float("inf"), 2.0))
GONE_S = 6.0  # a page that has not asked for so long is closed, hidden or asleep
_SPREAD = 0.15  # pages that were opened together would ask together for ever, and wait in turn
_SHRINK = 0.6  # of a tier's pages: fewer bring its interval back, so that none goes back and forth


class Audience:
    """The pages that follow each run. Any thread may call the public methods."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards the next two
        self._seen: dict[str, dict[str, float]] = {}  # by run and page
        self._tiers: dict[str, int] = {}  # by run

    def poll_s(self, run_id: str, page: str) -> float:
        """Seconds between two looks of a page at a run; the page counts as there from now on."""
        now = self._clock()
        with self._lock:
            pages = self._seen.setdefault(run_id, {})
            pages[page] = now
            for gone in [name for name, then in pages.items() if now - then > GONE_S]:
                del pages[gone]
            tier = self._tiers.get(run_id, 0)
            while len(pages) > TIERS[tier].pages:
                tier += 1
            while tier and len(pages) <= _SHRINK * TIERS[tier - 1].pages:
                tier -= 1
            self._tiers[run_id] = tier
        return TIERS[tier].poll_s * (1 - _SPREAD * _place(page))


def _place(page: str) -> float:
    """A number in [0, 1) that is the page's own."""
    return zlib.crc32(page.encode()) / 2**32


@st.cache_resource(show_spinner=False)
def _audience() -> Audience:
    return Audience()


def poll_s(run_id: str) -> float:
    """Seconds between two looks of this browser session at a run."""
    context = st.runtime.scriptrunner.get_script_run_ctx()
    return _audience().poll_s(run_id, context.session_id if context else "")
