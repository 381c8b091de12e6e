"""How many pages follow a run, and how often each polls: they share the training's cores."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import streamlit as st


class Tier(NamedTuple):
    """The interval at which each page polls while at most this many pages follow a run."""

    pages: float
    poll_s: float  # at most, and at least 85 % of it


TIERS = (Tier(3, 0.5), Tier(8, 1.0), Tier(float("inf"), 2.0))
GONE_S = 6.0  # a page that has not polled for so long is closed, hidden or asleep
_SPREAD = 0.15  # pages that were opened together would always poll together, and queue
_SHRINK = 0.6  # fewer than this share of a tier's pages bring its interval back: no flicker


class Audience:
    """The pages that follow each run. Any thread may call the public methods."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, tiers: Sequence[Tier] = TIERS
    ) -> None:
        self._clock, self._by_size = clock, tiers
        self._lock = threading.Lock()  # guards the next two
        self._seen: dict[str, dict[str, float]] = {}  # by run and page
        self._tiers: dict[str, int] = {}  # by run

    def poll_s(self, run_id: str, page: str) -> float:
        """Return the seconds between two polls of a run by a page, which counts from now on."""
        now = self._clock()
        with self._lock:
            pages = self._seen.setdefault(run_id, {})
            pages[page] = now
            for gone in [name for name, then in pages.items() if now - then > GONE_S]:
                del pages[gone]
            tier = self._tiers.get(run_id, 0)
            while len(pages) > self._by_size[tier].pages:
                tier += 1
            while tier and len(pages) <= _SHRINK * self._by_size[tier - 1].pages:
                tier -= 1
            self._tiers[run_id] = tier
        return self._by_size[tier].poll_s * (1 - _SPREAD * _share_of(page))


def _share_of(page: str) -> float:
    """Return a number in [0, 1) that is always the same for a page."""
    return zlib.crc32(page.encode()) / 2**32


@st.cache_resource(show_spinner=False)
def _audience() -> Audience:
    return Audience()


def poll_s(run_id: str) -> float:
    """Return the seconds between two polls of a run by this browser session."""
    context = st.runtime.scriptrunner.get_script_run_ctx()
    return _audience().poll_s(run_id, context.session_id if context else "")
