"""The line above the figures: a run's state, its accuracy, its controls."""

from __future__ import annotations

import streamlit as st

from app.lab.pair import in_words
from app.shared import status
from app.shared.markdown import plain
from bikd_core.config.difference import differences
from bikd_core.runs import Snapshot


def headline(snapshot: Snapshot, epoch: int, gain: str = "", *, side: str = "") -> None:
    """Draw one run's line, and under it what went wrong, if anything did.

    Args:
        snapshot: The run.
        epoch: The epoch that is shown.
        gain: The run's lead over another one, in words; "": none.
        side: A or B where two runs are shown, else "".
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
        if not side:  # else the line below both runs says it
            st.caption(plain(status.summary(snapshot)), width="content", wrap=False)
    with st.container(key=f"reasons{side}"):
        if snapshot.reason and snapshot.state in {"failed", "interrupted"}:
            show = st.error if snapshot.state == "failed" else st.warning
            show(plain(snapshot.reason))
        for warning in snapshot.epochs[-1].warnings if snapshot.epochs else ():
            st.warning(plain(warning))


def pair_headline(runs: tuple[Snapshot, Snapshot], epochs: tuple[int, int]) -> None:
    """Draw both runs' lines side by side, and how the runs differ."""
    columns = st.columns(2, gap="medium")
    for side, run, epoch, column in zip("AB", runs, epochs, columns, strict=True):
        with column:
            headline(run, epoch, side=side)
    with st.container(horizontal=True, gap="small"):
        between = differences(runs[0].config, runs[1].config)
        st.markdown(f"**{plain(in_words(between))}**", width="content")
        st.caption(f"A: {plain(status.summary(runs[0]))}", width="content", wrap=False)
