"""The runs recorded with the project: read from their zips, and drawn as cards."""

from __future__ import annotations

import atexit
import io
import logging
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import streamlit as st
from numpy.typing import NDArray

from app.figures.classes import rows_of
from app.figures.drawing import percent
from app.figures.playing import read_multiples, read_weights, weights_by_class
from app.figures.thumbnail import weight_thumbnail
from app.figures.weights import KINDS
from app.server import inputs
from app.shared import access, engine
from app.shared.engine import attempt
from app.shared.glossary import meanings
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.config import RunConfig, title_of
from bikd_core.events import EpochDone, RunStarted, from_json
from bikd_core.npy import read_array
from bikd_core.places import ASSETS
from bikd_core.store import CorruptRunError, RunFolder, run_ids
from bikd_core.store.archive import import_run, read_record
from bikd_core.store.intake import Progress, nobody_watches

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordedRun:
    """A finished run in a zip."""

    path: Path
    name: str
    config: RunConfig
    started: RunStarted
    epochs: tuple[EpochDone, ...]

    @property
    def has_weights(self) -> bool:
        """Whether its method weighs both losses."""
        return self.epochs[-1].w_hard_per_class is not None and (
            self.epochs[-1].w_soft_per_class is not None
        )

    @property
    def method(self) -> str:
        """The name of its method, and what it is laid over."""
        return title_of(self.config.method)

    @property
    def constant_weight(self) -> float | None:
        """The weight that each picture's label gets, where there is no weight net."""
        value = self.config.read_by_method().get("kd_alpha")
        return None if self.has_weights or value is None else float(value)


@st.cache_resource(show_spinner=False)
def recorded_runs() -> tuple[RecordedRun, ...]:
    """Return the recorded runs in the order of their file names; broken ones are left out."""
    found = []
    for path in sorted((ASSETS / "runs").glob("*.zip")):
        try:
            found.append(_read(path))
        except (CorruptRunError, ValueError) as error:
            log.warning("left out of the recorded runs: %s", error)
    return tuple(found)


def first_pair() -> tuple[RecordedRun, RecordedRun | None] | None:
    """Return the first recorded run with weights, and the first without on the same pictures.

    None if no run has weights.
    """
    runs = recorded_runs()
    shown = next((run for run in runs if run.has_weights), None)
    if shown is None:
        return None
    others = (run for run in runs if run.config.data == shown.config.data and not run.has_weights)
    return shown, next(others, None)


def _read(path: Path) -> RecordedRun:
    record = read_record(path)
    with zipfile.ZipFile(path) as archive:
        events = [from_json(line) for line in archive.read("events.jsonl").splitlines()]
    epochs = tuple(event for event in events if isinstance(event, EpochDone))
    if record.resolved is None or not epochs:
        raise CorruptRunError(f"{path} has no finished epoch")
    return RecordedRun(path, record.name, record.config, record.resolved, epochs)


@st.cache_resource(show_spinner=False)
def unpacked(path: Path) -> RunFolder:
    """Return the folder of a recorded run, in a place that lasts until the server ends."""
    place = Path(tempfile.mkdtemp(prefix="bikd-recorded-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return import_run(path, place)


# Cards -----------------------------------------------------------------------------------------


def recorded_cards(place: str, *, opens_lab: bool = False) -> None:
    """Draw each recorded run as a card, which opens it.

    Args:
        place: Where on the page, for the keys of the widgets.
        opens_lab: Whether the run is to be shown on another page than this one.
    """
    runs = recorded_runs()
    if not runs:
        return
    level = 2 if opens_lab else 5  # no level is left out on either page
    st.markdown(f"{'#' * level} Recorded runs")
    said = [f"{what_it_shows(run)} {numbers_of(run)}" for run in runs]
    st.caption(
        "They open at once: nothing is trained, nothing is downloaded.",
        help="\n\n".join(meanings(" ".join(said).replace("\N{NO-BREAK SPACE}", " "))),
    )
    with st.container(key=f"cards_{place}"):
        for run in runs:
            with st.container(border=True, gap="small"):
                st.html(f'<img class="bikd-thumbnail" src="{thumbnail(run.path)}" alt="">')
                st.button(
                    plain(run.name),
                    key=f"{place} recorded {run.path.stem}",
                    type="tertiary",
                    on_click=open_run,
                    args=(run.path,),
                    kwargs={"opens_lab": opens_lab},
                )
                st.markdown(plain(what_it_shows(run)))
                st.caption(plain(numbers_of(run)))


@st.cache_data(show_spinner=False)
def thumbnail(path: Path) -> str:
    """Return a small picture of a run's weights, as the address of an image."""
    run = next(run for run in recorded_runs() if run.path == path)
    rows = rows_of(run.started.class_names, run.started.class_counts)
    counts: NDArray[Any] | None = None
    if run.has_weights:
        with zipfile.ZipFile(path) as archive:
            frame = io.BytesIO(archive.read(f"frames/{run.epochs[-1].epoch:04d}.npz"))
        with zipfile.ZipFile(frame) as arrays, arrays.open("histograms.npy") as file:
            counts = read_array(file)[0]
    return weight_thumbnail(counts, rows, run.constant_weight)


def what_it_shows(run: RecordedRun) -> str:
    """Return what a run's weights say at its last epoch, in one sentence."""
    last = run.epochs[-1]
    if run.has_weights:
        rows = rows_of(run.started.class_names, run.started.class_counts)
        hard, soft = (weights_by_class(last, kind, rows) for kind in KINDS)
        is_relative = run.config.read_by_method().get("weight_scale") == "relative"
        return (read_multiples if is_relative else read_weights)(hard, soft, rows)
    if run.constant_weight is None:
        return "This method weighs no picture by itself."
    return (
        f"Every picture counts the same: its label {run.constant_weight:.2f}, the teacher "
        f"{1 - run.constant_weight:.2f}."
    )


def numbers_of(run: RecordedRun) -> str:
    """Return a run's method, length and accuracy."""
    last = run.epochs[-1]
    words = (
        f"{run.method} · {len(run.epochs)} epochs · balanced accuracy {percent(last.accuracy)}, "
        f"few-shot classes {percent(last.accuracy_few)}"
    )
    return words.replace(" %", "\N{NO-BREAK SPACE}%")


@inputs.uninterrupted()
def open_run(
    source: Path | BinaryIO, on_progress: Progress = nobody_watches, *, opens_lab: bool = False
) -> None:
    """Open the run of a zip in the Lab."""
    session().forget_complaints()
    known = run_ids(engine.manager().places.runs)
    run_id = attempt(lambda: engine.manager().open_recorded(source, on_progress))
    if run_id is not None:
        session().show_run(run_id)
        session().opens_lab = opens_lab
        if run_id not in known:  # else it already belongs to somebody
            attempt(lambda: access.claim(run_id))
        session().set_controls(engine.manager().snapshot(run_id).config)
