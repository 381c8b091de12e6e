"""Studies: a question, its recorded answer, and a button that trains it again here."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from app.components import live_plot, page_is_hidden
from app.components.terms_text import terms_lines, terms_text
from app.figures import study as figure
from app.shared import access
from app.shared.address import write_address
from app.shared.complaints import show_complaints
from app.shared.engine import attempt
from app.shared.markdown import plain
from app.shared.session import session
from app.studies.files import downloads, table
from app.studies.link import StudiesLink, written_link
from app.studies.run_it import progress, run_it, runner
from bikd_core.data.sources import facts_of
from bikd_core.studies.questions import NAMES, study_named
from bikd_core.studies.results import RECORDED, Results, path_of, read_results
from bikd_core.studies.study import Study

POLL_S = 2.0


def page() -> None:
    """Draw the whole page, from top to bottom."""
    with st.sidebar:
        study, dataset = _choose()
    access.exchange_keys()
    show_complaints()
    write_address(written_link())
    terms_text(study.title, key="study_title", tag="h2")
    terms_text(study.question, key="study_question")
    terms_text(f"Why: {study.why}", key="study_why", tag="small")
    task = runner().task
    is_running = task is not None and (task.study, task.dataset) == (study.name, dataset)
    live = st.fragment(
        _live, run_every=POLL_S if is_running and not page_is_hidden() else None, key="live_study"
    )
    live(study.name, dataset, was_running=is_running)
    run_it(study, dataset, _kept(study.name, dataset).get("own"), is_running=is_running)


# Which study -------------------------------------------------------------------------------------


def _choose() -> tuple[Study, str]:
    """Draw the choice of a study and of its data; return both."""
    link = session().link(StudiesLink)
    name = st.radio(
        "Study",
        [*NAMES],
        format_func=lambda name: study_named(name).title,
        index=[*NAMES].index(link.study),
        key="study",
        on_change=_take_study,
    )
    study = study_named(name)
    offered = [*dict.fromkeys([*study.designs, link.dataset])]
    dataset = st.selectbox(
        "Data set",
        offered,
        format_func=lambda dataset: facts_of(dataset).title,
        index=offered.index(link.dataset),
        key="study_dataset",
        on_change=_take_study,
    )
    return study, dataset


def _take_study() -> None:
    name = st.session_state["study"]
    dataset = st.session_state["study_dataset"]
    if dataset not in study_named(name).designs:
        dataset = next(iter(study_named(name).designs))
    session().set_link(StudiesLink(study=name, data=dataset))


# Its answer --------------------------------------------------------------------------------------


def _live(name: str, dataset: str, *, was_running: bool) -> None:
    """Draw all that changes while the study runs."""
    task = runner().task
    is_running = task is not None and (task.study, task.dataset) == (name, dataset)
    if is_running != was_running:
        st.rerun()  # the interval of the polls changes
    kept = _kept(name, dataset)
    shown = _which(kept)
    if shown is not None:
        _answer(shown)
    elif not is_running:
        st.info(
            f"This study is not recorded on {plain(facts_of(dataset).title)} yet: run it here.",
            icon=":material/science:",
        )
    if is_running:
        progress(kept.get("own"))


def _kept(name: str, dataset: str) -> dict[str, Results]:
    """Return the results that the project holds, and those made here, where they are there."""
    folders = {"recorded": RECORDED, "own": runner().folder}
    found = {
        key: attempt(partial(_read, str(folder), name, dataset)) for key, folder in folders.items()
    }
    return {key: results for key, results in found.items() if results is not None}


def _read(folder: str, name: str, dataset: str) -> Results | None:
    """Return the results in a folder, read again when their file has changed; None: no file."""
    path = path_of(Path(folder), study_named(name), dataset)
    if not path.exists():
        return None
    return _read_file(str(path), path.stat().st_mtime_ns, name)


@st.cache_resource(max_entries=30, show_spinner=False)
def _read_file(path: str, changed: int, name: str) -> Results:
    return read_results(Path(path), study_named(name))


def _which(kept: dict[str, Results]) -> Results | None:
    """Draw the choice between recorded results and those made here, where both are there."""
    if len(kept) < 2:
        return next(iter(kept.values()), None)
    chosen = st.segmented_control(
        "Results",
        ["recorded", "own"],
        format_func={"recorded": "recorded with the project", "own": "made here"}.__getitem__,
        default="own",
        key="study_results",
        label_visibility="collapsed",
    )
    return kept[chosen or "own"]


def _answer(results: Results) -> None:
    study = results.grid.study
    with st.container(border=True, key="verdict"):
        terms_lines([("Answer", results.verdict())], key="answer")
    live_plot(
        figure.study(study.x, study.measure, results.points()),
        key=f"figure_study_{study.name}",
        keep_zoom_of=f"{study.name} {results.grid.dataset}",
    )
    downloads(results)
    table(results)
