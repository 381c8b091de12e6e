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
        _warnings(snapshot, epoch, side)
        if not side:
            _about(snapshot)
    if side:
        _about(snapshot)
    with st.container(key=f"reasons{side}"):
        if snapshot.reason and snapshot.state in {"failed", "interrupted"}:
            show = st.error if snapshot.state == "failed" else st.warning
            show(plain(snapshot.reason))


def _about(snapshot: Snapshot) -> None:
    """Draw the run's name, if it was given one, and its main controls, in one line."""
    name = "" if snapshot.name == snapshot.run_id else f"**{plain(snapshot.name)}** · "
    st.caption(f"{name}{plain(status.summary(snapshot))}", width="content", wrap=False)


def _warnings(snapshot: Snapshot, epoch: int, side: str) -> None:
    """Draw the warnings of the epoch shown, in the same line: they come and go while it trains."""
    warnings = snapshot.epochs[epoch - 1].warnings if epoch else ()
    with st.container(key=f"warnings{side}", width="content"):
        if warnings:
            text = plain(" ".join(warnings))
            st.caption(f":orange[:material/warning: {text}]", wrap=False, help=text)


def pair_headline(runs: tuple[Snapshot, Snapshot], epochs: tuple[int, int]) -> None:
    """Draw both runs' lines side by side, and how the runs differ."""
    columns = st.columns(2, gap="medium")
    for side, run, epoch, column in zip("AB", runs, epochs, columns, strict=True):
        with column:
            headline(run, epoch, side=side)
    between = differences(runs[0].config, runs[1].config)
    st.markdown(f"**{plain(in_words(between))}**", width="content")
