"""The line above the figures: a run's state, its accuracy, its controls."""

from __future__ import annotations

import streamlit as st

from app.lab.pair import between
from app.shared import status
from app.shared.markdown import plain
from bikd_core.runs import Snapshot


def headline(
    snapshot: Snapshot, epoch: int, gain: str = "", *, side: str = "", difference: str = ""
) -> None:
    """Draw one run's line, and under it what went wrong, if anything did.

    Args:
        snapshot: The run.
        epoch: The epoch that is shown.
        gain: The run's lead over another one, in words; "": none.
        side: A or B where two runs are shown, else "".
        difference: How the run differs from the one above it, in a sentence; "": none is.
    """
    name, words = status.headline(snapshot)
    accuracy = status.accuracy(snapshot, epoch, gain)
    about = f"{side} · " if side else ""
    with st.container(
        key=f"headline{side}", horizontal=True, vertical_alignment="center", gap="small"
    ):
        st.markdown(
            f"**{about}:{status.colour_of(snapshot)}-badge[{name}] {words}**", width="content"
        )
        st.markdown(accuracy, width="content")
        _warnings(snapshot, epoch, side)
        _about(snapshot, difference)
    with st.container(key=f"reasons{side}"):
        if snapshot.reason and snapshot.state in {"failed", "interrupted"}:
            show = st.error if snapshot.state == "failed" else st.warning
            show(plain(snapshot.reason))


def _about(snapshot: Snapshot, difference: str) -> None:
    """Draw a run's name, if it was given one, its difference and its main controls, in one line."""
    name = "" if snapshot.name == snapshot.run_id else snapshot.name
    bold = [f"**{plain(words)}**" for words in (name, difference) if words]
    st.caption(" · ".join([*bold, plain(status.summary(snapshot))]), width="content", wrap=False)


def _warnings(snapshot: Snapshot, epoch: int, side: str) -> None:
    """Draw the warnings of the epoch shown, in the same line: they come and go while it trains."""
    warnings = snapshot.epochs[epoch - 1].warnings if epoch else ()
    with st.container(key=f"warnings{side}", width="content"):
        if warnings:
            text = plain(" ".join(warnings))
            st.caption(f":orange[:material/warning: {text}]", wrap=False, help=text)


def pair_headlines(runs: tuple[Snapshot, Snapshot], epochs: tuple[int, int]) -> None:
    """Draw a line for each of two runs; B's says how it differs from A."""
    words = between(*runs)
    for side, run, epoch in zip("AB", runs, epochs, strict=True):
        headline(run, epoch, side=side, difference=words if side == "B" else "")
