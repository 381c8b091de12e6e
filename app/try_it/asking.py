"""The picture that a browser asks about, and the answer that its session holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from app.figures.classes import rows_of
from app.shared import clicks, engine
from app.shared.long_work import result_of
from app.shared.session import session
from bikd_core.events import RunStarted
from bikd_core.runs import Snapshot
from bikd_core.runs.ask_student import MAX_FILE_BYTES, ask_about_file, ask_about_test_picture
from bikd_core.store import StoreError
from bikd_core.students.picture_answer import NoAnswer, PictureAnswer

ENDINGS = ("png", "jpg", "jpeg", "gif", "bmp", "webp", "tif", "tiff")
_OWN, _TEST = "Your picture", "A test picture"


@dataclass(frozen=True)
class Asked:
    """What was asked last in this session, and what came of it."""

    run_id: str
    what: tuple[str, ...]  # a file's id in this session, or a test picture
    answer: PictureAnswer | None = None
    complaint: str = ""


def choose_picture(run: Snapshot, started: RunStarted) -> Asked | None:
    """Draw the choice of a picture; return what the networks said of the last one, if any.

    A file that is dropped is asked about at once. The session holds the answer until the next one;
    nothing is written to a disk.
    """
    source = st.segmented_control(
        "Picture",
        [_OWN, _TEST],
        default=_OWN,
        key="try_source",
        required=True,
        label_visibility="collapsed",
    )
    if source == _OWN:
        _own_picture(run)
    else:
        _test_picture(run, started)
    held = session().asked
    is_of_source = isinstance(held, Asked) and (held.what[0] == "file") == (source == _OWN)
    if not isinstance(held, Asked) or held.run_id != run.run_id or not is_of_source:
        return None
    return held


def _own_picture(run: Snapshot) -> None:
    upload = st.file_uploader(
        "Drop a picture",
        type=list(ENDINGS),
        key="try_upload",
        max_upload_size=MAX_FILE_BYTES >> 20,
        help="It goes to this server, is answered in seconds, and is written nowhere.",
    )
    held = session().asked
    if upload is None:
        if isinstance(held, Asked) and held.what[0] == "file":
            session().asked = None  # it was taken away
        return
    what = ("file", upload.file_id)
    if isinstance(held, Asked) and (held.run_id, held.what) == (run.run_id, what):
        return
    content, places = upload.getvalue(), engine.manager().places
    _ask(run, what, lambda: ask_about_file(run, content, places))


def _test_picture(run: Snapshot, started: RunStarted) -> None:
    """Draw the choice of a class and of one of its test pictures, and the button."""
    try:
        num_of_each = run.folder.frame(run.epochs[-1].epoch).confusion.sum(axis=1).tolist()
    except StoreError as error:
        session().asked = Asked(run.run_id, ("test",), complaint=str(error))
        return
    rows = rows_of(started.class_names, started.class_counts)
    names = dict(zip(rows.labels, rows.names, strict=True))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        label = st.selectbox(
            "Its class, head → tail",
            list(rows.labels),
            format_func=names.__getitem__,
            index=len(names) - 1,  # the rarest class is the one in doubt
            key="try_class",
            width=180,
        )
        number = st.number_input(
            f"Which of {num_of_each[label]:,}",
            1,
            max(num_of_each[label], 1),
            key=f"try_number {label}",
            width=130,
        )
        is_asked = clicks.button("Ask about it", key="try_ask", type="primary")
    if is_asked:
        what = ("test", str(label), str(number))
        places = engine.manager().places
        _ask(run, what, lambda: ask_about_test_picture(run, label, number - 1, places))
        clicks.acted_on("try_ask")


def _ask(run: Snapshot, what: tuple[str, ...], answer: Callable[[], PictureAnswer]) -> None:
    now = session()  # read before the work: a read may end the script
    with st.spinner("A process of its own asks student and teacher: some seconds …"):
        try:
            now.asked = Asked(run.run_id, what, result_of((run.run_id, *what), answer))
        except NoAnswer as error:
            now.asked = Asked(run.run_id, what, complaint=str(error))
