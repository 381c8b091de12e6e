"""New teachers: trained in the background, uploaded, or made of a run that is finished."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.shared import access, state, status
from app.shared.control_widgets import LABELS
from app.shared.state import attempt
from bikd_core.config import SOURCE_FACTS, RunConfig
from bikd_core.data.possible import models_for
from bikd_core.runs import Snapshot
from bikd_core.runs.shelf import Upload

MAX_UPLOAD_MB = 200


def buttons(config: RunConfig | None) -> None:
    """The three ways to a new teacher."""
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


def _name_input(label: str, key: str, proposal: str) -> str:
    """A name as it is typed; as long as nobody types, a proposal that is free."""
    typed = st.text_input(label, key=f"name_{key}", placeholder=proposal, max_chars=100, width=300)
    return typed.strip() or proposal


def _proposal(config: RunConfig | None) -> str:
    if config is None:
        return "mine"
    data = config.data
    stem = f"{data.dataset}-{config.models.teacher_model}-{data.imbalance_factor:g}"
    return _free(stem.replace(".", "_"))


def _free(stem: str) -> str:
    """The stem, with a number if a teacher is called so already."""
    name, number = stem, 1
    while state.shelf().is_taken(name):
        number += 1
        name = f"{stem}-{number}"
    return name


def _train(config: RunConfig, name: str) -> None:
    state.forget_complaints()
    run_id = attempt(lambda: state.shelf().train(config, config.models.teacher_model, name))
    if run_id is not None:
        attempt(lambda: access.claim(run_id))
        attempt(lambda: access.claim_teacher(name))


# Upload ----------------------------------------------------------------------------------------


def _upload() -> None:
    """A file, and what it is: verified in a process of its own before it is stored."""
    file = st.file_uploader(
        "Parameters (.safetensors, or a published .pth)",
        type=["safetensors", "pth"],
        key="upload_teacher",
        max_upload_size=MAX_UPLOAD_MB,
        help="Weights only: nothing in the file is run.",
    )
    dataset = st.selectbox(
        "Data set",
        list(SOURCE_FACTS),
        format_func=LABELS["dataset"].__getitem__,
        key="upload_dataset",
    )
    model = st.selectbox("Architecture", models_for(dataset), key=f"upload_model {dataset}")
    name = _name_input("Name", "upload", _free(f"{dataset}-{model}-uploaded"))
    if st.button("Check and store", key="upload", disabled=file is None) and file is not None:
        state.forget_complaints()
        upload = Upload(file.getvalue(), file.name, model, dataset)
        with st.spinner("Reading it in a process of its own …"):
            _make(name, lambda: state.shelf().store_upload(upload, name))


def _from_run() -> None:
    """A finished run of cross-entropy, which saw nothing but its training images."""
    runs = [run for run in attempt(lambda: state.manager().list()) or () if _can_teach(run)]
    if not runs:
        st.caption("No run of cross-entropy (CE) is finished here.")
        return
    run = st.selectbox("Run", runs, format_func=_line, key="teacher_run")
    flat = run.config.flat()
    stem = f"{flat['dataset']}-{flat['student']}-{flat['imbalance_factor']:g}".replace(".", "_")
    name = _name_input("Name", "run", _free(stem))
    if st.button("Store its student as a teacher", key="store_run"):
        state.forget_complaints()
        with st.spinner("Storing it …"):
            _make(name, lambda: state.shelf().store_run(run.run_id, name))


def _can_teach(run: Snapshot) -> bool:
    is_whole = (run.folder.path / "student.safetensors").is_file()
    return run.state == "finished" and run.config.method.method == "ce" and is_whole


def _line(run: Snapshot) -> str:
    return f"{run.name} · {100 * run.epochs[-1].accuracy:.1f} %"


def _make(name: str, store: Callable[[], None]) -> None:
    """Store a teacher, give it to this browser, and show it."""

    def whole() -> bool:
        store()
        access.claim_teacher(name)
        return True

    if attempt(whole):
        st.session_state["shown_teacher"] = name
    st.rerun()


# In the making ---------------------------------------------------------------------------------


def progress() -> None:
    """A line for each teacher that is being made, and for each that came to nothing."""
    for run_id, name in state.shelf().in_making().items():
        run = attempt(partial(state.manager().snapshot, run_id))
        if run is None:
            continue
        word, more = status.headline(run)
        share = len(run.epochs) / run.config.training.epochs
        if run.state == "finished":
            word, more = "being stored", ""
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.progress(min(1.0, share), text=f"Teacher {name}: {word} {more}")
            st.button(
                "Stop",
                key=f"stop {run_id}",
                disabled=bool(access.refusal(run.folder)),
                on_click=_stop,
                args=(run_id,),
            )
    for reason in state.shelf().failures().values():
        st.error(f"A teacher could not be stored: {reason}")


def _stop(run_id: str) -> None:
    state.forget_complaints()
    attempt(lambda: access.manager_for(run_id).stop(run_id))
