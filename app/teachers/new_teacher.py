"""New teachers: trained in the background, uploaded, or made from a finished run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.server import inputs
from app.shared import access, clicks, engine, status
from app.shared.busy_start import confirm_busy_start, start_or_ask_if_busy
from app.shared.control_widgets import dataset_titles
from app.shared.controls import MAIN, advanced_controls, data_controls, named_controls, seed_control
from app.shared.engine import attempt
from app.shared.long_start import confirm_long_start
from app.shared.markdown import plain
from app.shared.session import session
from app.teachers.link import show_teacher
from bikd_core.config import DataConfig, RunConfig, TrainingConfig
from bikd_core.data.possible import models_for
from bikd_core.runs import Snapshot
from bikd_core.runs.shelf import Upload
from bikd_core.teachers.card import in_a_name

MAX_UPLOAD_MB = 200


def side_bar() -> RunConfig | None:
    """Draw the controls of a teacher's training: its data, its architecture, its optimiser.

    Returns:
        The config of all controls; None, with the reason on the page, if it is not possible.
    """
    config = data_controls()
    named_controls(["teacher_model", "epochs"])
    seed_control()
    own = [*DataConfig.model_fields, *TrainingConfig.model_fields]
    advanced_controls([name for name in own if name not in MAIN])
    return config


def buttons(config: RunConfig | None) -> None:
    """Draw the three ways to a new teacher."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = _name_input("Name of the new teacher", "train", _proposal(config))
        model = config.models.teacher_model if config else ""
        st.button(
            f"Train {model}",
            key="train",
            type="primary",
            icon=":material/play_arrow:",
            disabled=config is None,
            on_click=_train,
            args=(config, name),
            help="An ordinary run of cross-entropy with the controls of the side bar, in the "
            "background; it is stored as a teacher when it is finished.",
        )
        with st.popover("Upload", icon=":material/upload:"):
            _upload()
        with st.popover("From a run", icon=":material/history:"):
            _from_run()
    confirm_busy_start()
    confirm_long_start("Start such a long training?")


def _name_input(label: str, key: str, proposal: str) -> str:
    """Draw the input of a name; return what is typed, or the proposal while nothing is."""
    typed = st.text_input(label, key=f"name_{key}", placeholder=proposal, max_chars=100, width=300)
    return typed.strip() or proposal


def _proposal(config: RunConfig | None) -> str:
    if config is None:
        return "mine"
    data = config.data
    return _free(f"{data.dataset}-{in_a_name(config.models.teacher_model)}-{_tail(data)}")


def _tail(data: DataConfig) -> str:
    """Return how long the tail is, as a part of a name."""
    factor = f"{data.imbalance_factor:g}".replace(".", "_")
    return "natural" if data.imbalance == "natural" else factor


def _free(stem: str) -> str:
    """Return the stem, with a number added if a teacher has that name already."""
    name, number = stem, 1
    while engine.shelf().is_taken(name):
        number += 1
        name = f"{stem}-{number}"
    return name


def _train(config: RunConfig, name: str) -> None:
    as_run = engine.shelf().run_config(config, config.models.teacher_model)
    start_or_ask_if_busy(as_run, partial(_train_now, config, name), _open_in_lab)


def _open_in_lab(run_id: str) -> None:
    session().show_run(run_id)
    session().opens_lab = True


def _train_now(config: RunConfig, name: str) -> None:
    run_id = attempt(lambda: engine.shelf().train(config, config.models.teacher_model, name))
    if run_id is not None:
        attempt(lambda: access.claim(run_id))
        attempt(lambda: access.claim_teacher(name))


# Upload ----------------------------------------------------------------------------------------


def _upload() -> None:
    """Draw the upload of a file, which a process of its own verifies before it is stored."""
    file = st.file_uploader(
        "Parameters (a checkpoint's file)",
        key="upload_teacher",
        max_upload_size=MAX_UPLOAD_MB,
        help="Weights only: nothing in the file is run.",
    )
    titles = dataset_titles()
    dataset = st.selectbox(
        "Data set",
        list(titles),
        format_func=lambda name: titles[name],
        key="upload_dataset",
    )
    fitting = models_for(dataset)
    model = st.selectbox(
        "Architecture",
        fitting,
        key=f"upload_model {dataset}",
        accept_new_options=True,
        help="One of the project's, or timm:NAME or torchvision:NAME: type it.",
    )
    model = model or fitting[0]  # the box can be emptied
    name = _name_input("Name", "upload", _free(f"{dataset}-{in_a_name(model)}-uploaded"))
    if clicks.button("Check and store", key="upload", disabled=file is None) and file is not None:
        upload = Upload(file.getvalue(), file.name, model, dataset)
        with st.spinner("Reading it in a process of its own …"):
            _store("upload", name, lambda: engine.shelf().store_upload(upload, name))


def _from_run() -> None:
    """Draw the choice of a finished run of cross-entropy: it saw only its training images."""
    runs = [run for run in attempt(lambda: engine.manager().list()) or () if _can_teach(run)]
    if not runs:
        st.caption("No run of cross-entropy (CE) is finished here.")
        return
    run = st.selectbox("Run", runs, format_func=_line, key="teacher_run")
    data = run.config.data
    stem = f"{data.dataset}-{in_a_name(run.config.models.student)}-{_tail(data)}"
    name = _name_input("Name", "run", _free(stem))
    if clicks.button("Store its student as a teacher", key="store_run"):
        with st.spinner("Storing it …"):
            _store("store_run", name, lambda: engine.shelf().store_run(run.run_id, name))


def _can_teach(run: Snapshot) -> bool:
    is_whole = run.folder.student_path.is_file()
    return run.state == "finished" and run.config.method.method == "ce" and is_whole


def _line(run: Snapshot) -> str:
    return f"{run.name} · {100 * run.epochs[-1].accuracy:.1f} %"


def _store(key: str, name: str, store: Callable[[], None]) -> None:
    """Store a teacher, as the button of that key asks, give it to this browser, and show it."""

    def store_and_claim() -> bool:
        store()
        access.claim_teacher(name)
        return True

    with inputs.uninterrupted():
        session().forget_complaints()
        is_stored = attempt(store_and_claim)
        clicks.acted_on(key)
    if is_stored:
        show_teacher(name)
    st.rerun()


# In training ---------------------------------------------------------------------------------


def progress() -> None:
    """Draw a line for each teacher that trains, and for each that could not be stored."""
    for run_id, name in engine.shelf().in_making().items():
        run = attempt(partial(engine.manager().snapshot, run_id))
        if run is None:
            continue
        word, more = status.headline(run)
        share = len(run.epochs) / run.config.training.epochs
        if run.state == "finished":
            word, more = "being stored", ""
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.progress(min(1.0, share), text=f"Teacher {plain(name)}: {word} {more}")
            st.button(
                "Stop",
                key=f"stop {run_id}",
                disabled=bool(access.refusal(run.folder)),
                on_click=_stop,
                args=(run_id,),
            )
    for reason in engine.shelf().failures().values():
        st.error(f"A teacher could not be stored: {plain(reason)}")


def _stop(run_id: str) -> None:
    session().forget_complaints()
    attempt(lambda: access.manager_for(run_id).stop(run_id))
