"""What can be done with the open run: rename, share, download, delete."""

from __future__ import annotations

import io
import json
from functools import partial
from typing import Any

import streamlit as st

from app.shared import access, engine, status
from app.shared.engine import attempt
from app.shared.markdown import plain
from app.shared.session import session
from app.takeaway.button import as_html_button, as_notebook_button
from bikd_core.runs import Snapshot
from bikd_core.runs.ask_student import can_write_onnx, student_and_card, why_not
from bikd_core.store.archive import export_run


def this_run(snapshot: Snapshot, refusal: str) -> None:
    """Draw a popover: rename, share, download, delete (asked twice).

    Args:
        snapshot: The run.
        refusal: Why this browser may not change the run; "" if it may.
    """
    with st.popover("This run", icon=":material/folder:"):
        folder, run_id = snapshot.folder, snapshot.run_id
        st.caption(f"{run_id} · {folder.size_bytes() / 1e6:.1f} MB on the server's disk")
        st.caption(
            plain(status.summary(snapshot))
        )  # in full; the headline cuts it off on a narrow page
        if others := [other for other in snapshot.together if other != run_id]:
            st.caption(plain(f"Each of its steps is shared with {', '.join(others)}."))
        if refusal:
            st.caption(plain(refusal))
        st.text_input(
            "Name",
            snapshot.name,
            max_chars=200,
            key=f"name {run_id}",
            on_change=_rename,
            args=(run_id,),
            disabled=bool(refusal),
        )
        _links(run_id)
        if snapshot.has_ended:
            st.download_button(
                "Whole run (.zip)",
                data=lambda: _zip(snapshot),
                file_name=f"{run_id}.zip",
                icon=":material/download:",
                help="Opens on any page like this one, with all its views.",
            )
            if snapshot.epochs:
                as_html_button([snapshot], "As a web page (.html)")
                if not snapshot.config.is_recorded_elsewhere:
                    as_notebook_button(snapshot)
        if folder.student_path.is_file():
            _student(snapshot)
        _delete_button(snapshot, refusal)


def _student(snapshot: Snapshot) -> None:
    """Draw the way to the page Try it, and the downloads of the student."""
    places = engine.manager().places
    reason = why_not(snapshot, places)
    st.link_button(
        "Try it on a picture",
        access.page_link("try", run=snapshot.run_id),
        icon=":material/image:",
        disabled=bool(reason),
        help=plain(reason) or "What student and teacher take it for, and what it would weigh.",
    )
    if reason:  # the parameters alone need neither its data set nor torch
        st.download_button(
            "Student (.safetensors)",
            data=snapshot.folder.student_path.read_bytes,
            file_name=f"{snapshot.run_id}-student.safetensors",
            icon=":material/download:",
            help="Its metadata names the run, the architecture and the data set.",
        )
    endings = [".safetensors", *([".onnx"] if can_write_onnx() else [])]
    for ending in [] if reason else endings:
        st.download_button(
            f"Student and its card ({ending}, zipped)",
            data=partial(student_and_card, snapshot, ending, places),
            file_name=f"{snapshot.run_id}-student-{ending[1:]}.zip",
            mime="application/zip",
            icon=":material/download:",
            on_click="ignore",
            help="The card says on what it was trained, how good it is for whom, and how to use "
            "the file. Making it takes some seconds.",
        )
    st.download_button(
        "Student's card (.json)",
        data=lambda: json.dumps(student_card(snapshot), indent=2),
        file_name=f"{snapshot.run_id}-student.json",
        icon=":material/download:",
        help="What it was trained on and how, and how good it is for whom.",
    )


def student_card(snapshot: Snapshot) -> dict[str, Any]:
    """Return what a finished run's student was trained on and how good it is, in fractions."""
    last, started = snapshot.epochs[-1], snapshot.resolved
    assert started is not None  # a student is stored at the end
    return {
        "run": snapshot.run_id,
        "name": snapshot.name,
        "trained": snapshot.created.isoformat(),
        "controls": snapshot.config.flat(),
        "classes": list(started.class_names),
        "training_images_per_class": list(started.class_counts),
        "training_labels_per_class": list(started.counts_as_labelled),
        "data_fingerprint": started.data_fingerprint,
        "teacher": started.teacher,
        "epochs": last.epoch,
        "test_accuracy": {
            "balanced": last.accuracy,
            "many": last.accuracy_many,
            "medium": last.accuracy_medium,
            "few": last.accuracy_few,
            "per_class": list(last.accuracy_per_class),
        },
        "calibration_error": last.calibration_error,
        "versions": started.versions,
    }


def _links(run_id: str) -> None:
    """Draw the links to share; the control link only for a browser that has control."""
    st.caption("Viewer's link: whoever opens it can follow the run, but not steer it.")
    st.code(access.viewers_link(run_id), language=None)
    if link := access.control_link(run_id):
        st.caption("Control link: whoever opens it can also pause, stop, rename and delete it.")
        st.code(link, language=None)
    if access.is_for_this_machine_alone():
        st.caption("Only this machine can open them: `bikd app --share` lets others in.")


def _rename(run_id: str) -> None:
    session().forget_complaints()
    attempt(lambda: access.manager_for(run_id).rename(run_id, st.session_state[f"name {run_id}"]))


def _delete_button(snapshot: Snapshot, refusal: str) -> None:
    is_sure = st.checkbox(
        "Delete this run from the disk", key=f"sure {snapshot.run_id}", disabled=bool(refusal)
    )
    st.button(
        "Delete",
        key="delete",
        disabled=bool(refusal) or not (is_sure and snapshot.has_ended),
        on_click=_delete,
        args=(snapshot.run_id,),
        help=None if snapshot.has_ended or refusal else "Stop the run first.",
    )


def _delete(run_id: str) -> None:
    session().forget_complaints()
    attempt(lambda: access.delete(run_id))
    if not session().complaints:
        session().show_run("")


def _zip(snapshot: Snapshot) -> bytes:
    buffer = io.BytesIO()
    export_run(snapshot.folder, buffer)
    return buffer.getvalue()
