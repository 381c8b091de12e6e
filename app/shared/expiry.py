"""Lets what a page remembers expire."""

from __future__ import annotations

import time


def period(seconds: float) -> int:
    """Return a number that changes every so many seconds.

    As an argument of a cached function it makes the function look again then. Streamlit's own `ttl`
    ends the page with a KeyError if a result expires in the moment in which it is read (1.67 looks
    at its age twice), as happens on a busy machine.
    """
    return int(time.monotonic() // seconds)
