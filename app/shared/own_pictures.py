"""Somebody's own pictures: their upload, and what is in them before anything trains."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.server.owner import is_owner
from app.shared import clicks, engine
from app.shared.control_widgets import take_dataset
from app.shared.long_work import result_of
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.config import OWN_SIZES, ConfigError, RunConfig
from bikd_core.data.pictures import PicturesUnavailable, load_pictures
from bikd_core.data.possible import check_possible
from bikd_core.data.small_classes import small_class_warning
from bikd_core.data.sources import DatasetUnavailable, facts_of
from bikd_core.runs.own_upload import ENDINGS, names_here, open_here, open_upload

MAX_UPLOAD_MB = 500
SHOWN = 8  # pictures of a class
MAX_MONTAGES = 40  # classes whose pictures are shown: the largest and the smallest
MAX_ROWS = 50  # of the lists of files


def own_pictures() -> None:
    """Draw the button that opens pictures of one's own, in a dialog."""
    icon = ":material/add_photo_alternate:"
    if clicks.dialog_button("Your own pictures", key="own_pictures", icon=icon, width="stretch"):
        _dialog()
    else:
        session().own_preview = None


def _close() -> None:
    clicks.close_dialog()
    clicks.acted_on("own_look")


def _use(dataset: str) -> None:
    take_dataset(dataset)
    _close()


@st.dialog("Your own pictures", width="large", on_dismiss=_close)
def _dialog() -> None:
    """Draw the upload, then what is in it. A fragment: a click draws only this again."""
    found = session().own_preview
    if found is None:
        _upload()
    else:
        _preview(found)


def _upload() -> None:
    st.caption(
        "A zip with a folder for each class, or with train, val and test above them; or an "
        ".npz with images and labels. They stay on this server, and all who open it see them."
    )
    upload = st.file_uploader(
        "Zip or .npz", type=list(ENDINGS), key="own_upload", max_upload_size=MAX_UPLOAD_MB
    )
    name = None if upload is not None else _name_here()
    size = st.number_input(
        "Resized to (pixels)", OWN_SIZES[0], OWN_SIZES[-1], 32, key="own_size", width=200
    )
    is_chosen = upload is not None or bool(name)
    is_asked = clicks.button("Look at them", key="own_look", type="primary", disabled=not is_chosen)
    if not (is_asked and is_chosen):
        return
    now = session()  # read before the work: a read may end the script
    with st.spinner("Reading them in a process of its own …"):
        try:
            now.own_preview = _looked_at(upload, name or "", int(size))
        except DatasetUnavailable as error:
            clicks.acted_on("own_look")
            st.error(plain(str(error)))
            return
    clicks.acted_on("own_look")
    st.rerun()  # the dialog with what was found


def _looked_at(upload: UploadedFile | None, name: str, size: int) -> dict[str, Any]:
    """Return what is in an upload, or in what lies on the server's machine."""
    places = engine.manager().places
    if upload is None:
        return result_of((name, size), lambda: open_here(name, size, places))
    file_name, file_id = upload.name, upload.file_id
    return result_of((file_id, size), lambda: open_upload(upload, file_name, size, places))


def _name_here() -> str | None:
    """Draw the choice of what lies on the server's machine: its owner's alone."""
    places = engine.manager().places
    if places.pictures is None or not is_owner():
        return None
    try:
        names = names_here(places)
    except DatasetUnavailable as error:
        st.warning(plain(str(error)))
        return None
    return st.selectbox(
        f"Or from {plain(places.pictures.name)} on the server's machine",
        names,
        index=None,
        placeholder="A folder, a file, or a path below",
        accept_new_options=True,
        key="own_here",
    )


def _preview(found: Mapping[str, Any]) -> None:
    kind = "colour" if found["channels"] == 3 else "grey"
    num_pictures = sum(row["train"] + row["test"] + row["val"] for row in found["classes"])
    st.markdown(
        f"**{plain(found['title'])}**: {num_pictures:,} {kind} pictures of "
        f"{len(found['classes'])} classes, resized to {found['size']}×{found['size']}"
    )
    _duplicates(found["duplicates"], has_test=any(row["test"] for row in found["classes"]))
    _set_aside(found)
    _classes(found)
    try:
        config = RunConfig.from_flat({"dataset": found["dataset"]})
        check_possible(config)
    except ConfigError as error:
        st.error(plain(str(error)))
        return
    if words := small_class_warning(config.data):
        st.caption(f":material/info: {plain(words)}")
    if st.button(
        "Use them", key="own_use", type="primary", on_click=_use, args=(found["dataset"],)
    ):
        st.rerun()  # the whole page, without the dialog


def _duplicates(pairs: Sequence[Mapping[str, Any]], *, has_test: bool) -> None:
    leaks = sum(pair["is_leak"] for pair in pairs)
    exact = sum(pair["kind"] == "exact" for pair in pairs)
    if leaks:
        st.error(
            f"{leaks:,} pictures lie in two of train, val and test. A test picture that was "
            "trained on makes a result worthless: delete one of each pair."
        )
    if not pairs:
        st.caption(":material/check: No picture is there twice, or nearly.")
        return
    apart = "" if has_test else ", and may fall apart into training and test"
    title = f"{exact:,} pictures are there twice and {len(pairs) - exact:,} nearly{apart}"
    with st.expander(title, key="own_pairs"):
        rows = [
            {
                "first": pair["first"],
                "second": pair["second"],
                "kind": pair["kind"],
                "in": " and ".join(pair["splits"]) if pair["is_leak"] else pair["splits"][0],
                "labels": " and ".join(dict.fromkeys(pair["class_names"])),
            }
            for pair in pairs[:MAX_ROWS]
        ]
        st.dataframe(rows, hide_index=True, key="own_duplicates")
        _say_more(len(pairs))


def _set_aside(found: Mapping[str, Any]) -> None:
    total = found["num_set_aside"]
    if not total:
        return
    title = f"{total:,} file{'s are' if total > 1 else ' is'} left out"
    with st.expander(title, key="own_left_out"):
        rows = [{"file": name, "why": why} for name, why in found["set_aside"][:MAX_ROWS]]
        st.dataframe(rows, hide_index=True, key="own_set_aside")
        _say_more(total)


def _say_more(total: int) -> None:
    if total > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS} of {total:,}; bikd data look has all of them.")


def _classes(found: Mapping[str, Any]) -> None:
    """Draw the classes from head to tail, with pictures of the largest and the smallest."""
    rows, splits = found["classes"], ["train"]
    splits += [name for name in ("val", "test") if any(row[name] for row in rows)]
    shown = rows if len(rows) <= MAX_MONTAGES else (*rows[:20], *rows[-20:])
    strips = _strips(found["dataset"], [row["label"] for row in shown])
    table = [
        {"class": row["name"]}
        | {name: row[name] for name in splits}
        | {"pictures": strips.get(row["label"])}
        for row in rows
    ]
    columns = {"pictures": st.column_config.ImageColumn("first pictures", width="large")}
    st.dataframe(
        table,
        column_config=columns,
        hide_index=True,
        row_height=44,
        height=min(264, 38 + 44 * len(rows)),
        key="own_classes",
    )


def _strips(dataset: str, labels: Sequence[int]) -> dict[int, str]:
    """Return the first pictures of some classes, each as one picture in a data URL."""
    counts = facts_of(dataset).pool_of_each
    starts = np.cumsum((0, *counts))
    found = {}
    for label in labels:
        rows = range(starts[label], starts[label] + min(SHOWN, counts[label]))
        try:
            pictures = load_pictures(dataset, list(rows), engine.manager().places.data)
        except PicturesUnavailable as error:
            st.warning(plain(str(error)))
            break
        strip = np.concatenate([np.pad(p, ((0, 0), (0, 2), (0, 0))) for p in pictures], axis=1)
        buffer = io.BytesIO()
        Image.fromarray(strip[..., 0] if strip.shape[2] == 1 else strip).save(buffer, "PNG")
        found[label] = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return found
