"""What works on these pictures: a panel that plans, starts, pauses and shows a recommendation."""

from __future__ import annotations

import atexit
import re
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from app.components import live_plot
from app.components.terms_text import terms_text
from app.figures.recommendation import recommendation as figure
from app.server.owner import is_owner
from app.server.start import at_end
from app.shared import engine
from app.shared.child_command import ChildCommand
from app.shared.engine import attempt
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.config import RunConfig
from bikd_core.data.sources import facts_of
from bikd_core.recommend.budget import MAX_MINUTES
from bikd_core.recommend.record import (
    Chosen,
    Record,
    base_of,
    options_of,
    path_for,
    peek,
    runs_path,
)
from bikd_core.store import StoreError, UnknownRun, open_run

POLL_S = 2.0
_COUNT = re.compile(r"(.+): ([\d,]+) of ([\d,]+)")  # how the command tells its progress
_NOT_OWNER = (
    "Only the owner of the server can start it, in a browser that has opened the link which the "
    "server printed."
)
_WORDS = (
    "Tries KD, KD with the class prior, LTKD and BiKD, without and with class biases, without and "
    "with trust in labels, on these data with these networks. Each recipe has as many trials, "
    "judged on D_val alone; the test set is looked at once, for what was chosen and for plain KD."
)


@st.cache_resource(show_spinner=False)
def child() -> ChildCommand[Path]:
    """Return the one process of this server that makes a recommendation; its task is the file."""
    child: ChildCommand[Path] = ChildCommand(engine.manager().places)
    atexit.register(child.shut_down)
    at_end(child.shut_down)
    return child


def button() -> None:
    """Draw the button that shows the panel, or hides it."""
    is_shown = session().shows_recommendation
    st.button(
        "What works on my pictures?",
        key="recommend",
        icon=":material/expand_less:" if is_shown else ":material/assistant:",
        on_click=_show,
        args=(not is_shown,),
    )


def _show(is_shown: bool) -> None:
    session().shows_recommendation = is_shown


def panel(chosen: RunConfig, *, is_hidden: bool) -> None:
    """Draw the panel for the data, the models and the training that are chosen on the page.

    Args:
        chosen: The page's controls, of which the method's do not count.
        is_hidden: Nobody can see the page.
    """
    base = attempt(lambda: base_of(chosen.flat()))
    if base is None:
        return
    path = path_for(base, engine.manager().places.recommendations)
    is_running = child().task == path
    with st.container(border=True, key="recommendation"):
        st.markdown(f"### What works on {plain(facts_of(base.data.dataset).title)}?")
        st.caption(_WORDS)
        _controls(base, path, is_running=is_running)
        is_polled = is_running and not is_hidden
        live = st.fragment(
            _live, run_every=POLL_S if is_polled else None, key="live_recommendation"
        )
        live(path, was_running=is_running)


def _controls(base: RunConfig, path: Path, *, is_running: bool) -> None:
    record = attempt(lambda: peek(path))
    is_done = record is not None and record.is_done
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        minutes = st.number_input(
            "Minutes",
            1,
            MAX_MINUTES,
            round(record.minutes) if record else 30,
            key=f"minutes {path.stem}",
            width=140,
            disabled=is_running or is_done,
            help="The budget. Pauses do not count.",
        )
        may_start = is_owner() and not is_done and child().task is None
        for name, label, is_plan in (
            ("plan", "Plan it", True),
            ("start", _start_label(path, is_done=is_done), False),
        ):
            st.button(
                label,
                key=f"{name}_recommendation",
                type="secondary" if is_plan else "primary",
                icon=":material/timer:" if is_plan else ":material/play_arrow:",
                disabled=not may_start,
                on_click=_start,
                args=(base, path, minutes),
                kwargs={"is_plan": is_plan},
                help=_NOT_OWNER
                if not is_owner()
                else "Times a few steps of each recipe, and says how many trials fit."
                if is_plan
                else "Trains in the background. What has finished is kept.",
            )
        st.button(
            "Pause",
            key="pause_recommendation",
            icon=":material/pause:",
            disabled=not is_running or not is_owner(),
            on_click=child().pause,
            help="What has finished is kept; Start goes on, after a restart of the server too.",
        )
    if child().task is not None and not is_running:
        st.info("A recommendation for other data or controls is made now.")


def _start_label(path: Path, *, is_done: bool) -> str:
    return "Go on" if runs_path(path).exists() and not is_done else "Start"


def _start(base: RunConfig, path: Path, minutes: int, *, is_plan: bool) -> None:
    session().forget_complaints()
    arguments = ["recommend", *options_of(base), f"--minutes={minutes}", f"--out={path}"]
    busy = "A recommendation is made now: pause it first, or wait for its end."
    attempt(lambda: child().start(path, [*arguments, *["--plan"] * is_plan], busy))


# What changes while it is made -----------------------------------------------------------------


def _live(path: Path, *, was_running: bool) -> None:
    """Draw the plan, the progress and the result."""
    is_running = child().task == path
    if is_running != was_running:
        st.rerun()  # the interval of the polls changes, and the buttons
    if session().opens_lab:  # a click reruns only this part; another page opens from the top
        st.rerun()
    record = attempt(lambda: peek(path))
    if record is not None and record.plan and not record.is_done:
        st.markdown(f"**Plan:** {plain(record.plan)}")
    if is_running:
        _progress(child().said)
    elif child().last_task == path and (failure := child().failure):
        st.error(plain(failure), icon=":material/error:")
    if record is not None and record.is_done:
        _result(record)


def _progress(said: str) -> None:
    found = _COUNT.fullmatch(said)
    share = 0.0
    if found:
        done, of = (int(text.replace(",", "")) for text in found.groups()[1:])
        share = done / of if of else 0.0
    st.progress(min(1.0, share), plain(said or "starting"))


def _result(record: Record) -> None:
    assert record.chosen is not None  # it is done
    terms_text(record.sentence, key="recommended")
    live_plot(figure(record), key="figure_recommendation", keep_zoom_of=record.chosen.entry)
    _student(record.chosen)
    for why, titles in record.reasons.items():
        st.caption(f"Left out: {plain(titles)}. {plain(why)}")
    with st.expander(f"How D_val ranks all of them, {record.num_trials} trials each"):
        rows = [
            {
                "recipe": one.title,
                "D_val accuracy (%)": round(100 * one.val_accuracy, 1),
                "D_val loss (nats)": round(one.val_loss, 3),
                "settings": one.entry,
            }
            for one in record.ranking
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True)


def _student(chosen: Chosen) -> None:
    """Draw the way to the chosen student: its file, its run, the command for other forms."""
    run_id = chosen.runs[0]
    try:
        folder = open_run(engine.manager().places.runs, run_id)
    except (UnknownRun, StoreError) as error:
        st.warning(plain(f"Its run is not in the store any more: {error}"))
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if folder.student_path.is_file():
            st.download_button(
                "Its student (.safetensors)",
                data=folder.student_path.read_bytes,
                file_name=f"{run_id}-student.safetensors",
                icon=":material/download:",
                key="recommended_student",
                on_click="ignore",
            )
        st.button(
            "Its run in the Lab",
            key="recommended_run",
            icon=":material/open_in_new:",
            on_click=partial(_open, run_id),
        )
    st.caption("As .onnx or .pt2, with a model card that has its class biases:")
    st.code(f"bikd export {run_id} --student student.onnx", language="bash")


def _open(run_id: str) -> None:
    snapshot = attempt(lambda: engine.linked_snapshot("run", run_id))
    if snapshot is not None:
        session().show_run(run_id)
        session().set_controls(snapshot.config)
        session().opens_lab = True
