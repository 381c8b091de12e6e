"""What tuning all methods alike has found: recorded answers, folded away below the page's own."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.components import live_plot
from app.components.terms_text import terms_text
from app.figures.answer import answer as figure
from app.shared.markdown import plain
from bikd_core.answer.summary import (
    Summary,
    lead_in_points,
    recorded,
    recorded_names,
)
from bikd_core.config import RunConfig
from bikd_core.data.counts import tail_words
from bikd_core.data.label_noise import in_words
from bikd_core.data.sources import facts_of
from bikd_core.studies.answer import in_percent

_HOW = (
    "Each method has the best of its trials: random settings, judged by {judge}, on splits "
    "that are none of those below, each of which has a teacher of its own. The last epoch counts."
)
_JUDGE = {
    1: "D_val alone",
    2: "the half of D_val that the trials do not train on",
}
_HALF = (
    " Below, methods train on all of D_val; with class biases on one half, and the biases are "
    "fitted to the other."
)
_PARTS = (
    "What is class balance, and what more? Points that each part adds to an objective, paired by "
    "split, with 95 % intervals of each alone."
)
#: So that no name is cut.
_WIDTHS = {
    "method": st.column_config.Column(width=440),
    "objective": st.column_config.Column(width=270),
}


def panel() -> None:
    """Draw the recorded answers; nothing of them is made while they are folded away."""
    names = recorded_names()
    if not names:
        return
    label = "What is known: every method at its own best settings"
    with st.expander(label, key="known", on_change="rerun") as shown:
        if shown.open:
            _answer(names)


def _answer(names: tuple[str, ...]) -> None:
    answers = {name: recorded(name) for name in names}
    bases = {name: RunConfig.from_flat(summary.base) for name, summary in answers.items()}
    titles = {name: _title(config) for name, config in bases.items()}
    name = names[0]
    if len(names) > 1:
        name = st.radio(
            "Data", names, format_func=titles.__getitem__, key="known_answer", horizontal=True
        )
    summary = answers[name]
    st.markdown(f"### {plain(titles[name])}")
    terms_text(_how(bases[name]), key="known_how", tag="small")
    live_plot(figure(summary), key="figure_answer", keep_zoom_of=name)
    st.dataframe(pd.DataFrame(_rows(summary)), hide_index=True, column_config=_WIDTHS)
    terms_text(_PARTS, key="known_parts", tag="small")
    st.dataframe(pd.DataFrame(_gains(summary)), hide_index=True, column_config=_WIDTHS)
    st.caption(f"Made by `{summary.command}`, which trains it all again.")


def _league(config: RunConfig) -> int:
    return 1 if config.protocol.train_on_val == "no" else 2


def _how(config: RunConfig) -> str:
    league = _league(config)
    return _HOW.format(judge=_JUDGE[league]) + _HALF * (league == 2)


def _title(config: RunConfig) -> str:
    words = [facts_of(config.data.dataset).title, tail_words(config.data)]
    if config.data.label_noise:
        words.append(f"labels {in_words(config.data)}")
    return ", ".join([*words, f"league {_league(config)}"])


def _gains(summary: Summary) -> list[dict[str, str]]:
    return [
        {
            "objective": gain.objective,
            "class biases alone": gain.biases.in_points,
            "learned weights alone": gain.weights.in_points,
            "learned weights beyond class biases": gain.weights_beyond_biases.in_points,
        }
        for gain in summary.gains
    ]


def _rows(summary: Summary) -> list[dict[str, object]]:
    lead_over = {lead.over: lead for lead in summary.first.leads}
    return [
        {
            "method": line.title,
            "balanced (%)": in_percent(line.interval),
            "few (%)": round(100 * line.few, 1),
            "D_val's choice leads by (points)": lead_in_points(lead)
            if (lead := lead_over.get(line.title))
            else "",
            "cost (× KD)": "" if line.cost is None else f"{line.cost:.1f}",
            "splits": line.num_seeds,
            "trials": line.num_trials,
            "settings": line.method,
        }
        for line in summary.first.lines
    ]
