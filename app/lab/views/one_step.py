"""The view "One step": a recorded step of the real run, walked through phase by phase.

Each run keeps a step of a few of its epochs, and every step that somebody watches (`StepTrace`);
looking back never undoes training.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from app.components import live_plot, stepper
from app.components.stepper import Place, place_of
from app.figures.drawing import Drawing, empty
from app.figures.step import Step, recorded_step
from app.lab.views.moment import Moment
from app.lab.views.phases import PLAIN_PHASES, BatchPictures, Phase, StepFigure, bilevel_phases
from app.lab.views.view import View
from app.shared import access, engine, status
from app.shared.engine import attempt
from app.shared.link import Link
from app.shared.markdown import plain
from app.shared.session import session
from bikd_core.data.pictures import PicturesUnavailable, load_pictures
from bikd_core.runs import Snapshot, StoreError

_BATCH_QUESTION = PLAIN_PHASES[0].rows[0][0].question
_OWN_LOOP = "Recorder keeps the epochs of somebody's own loop; no call of it keeps single steps."
_CAN_STEP = ("starting", "running", "paused")


def _in_plain_digits(value: object) -> object:
    """Refuse what `int` would read, but nobody writes: signs, blanks, underscores."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise ValueError("not a whole number")
    return value


Count = Annotated[int, BeforeValidator(_in_plain_digits), Field(ge=1)]


class OneStepLink(Link):
    """The view's part of the address: where the walk stands."""

    phase: Count = Field(1, description="a whole number from 1 on")
    step: Count | None = Field(None, description="a whole number from 1 on")

    @property
    def place(self) -> Place:
        """The same place as the bar counts it: phases from 0."""
        return Place(self.phase - 1, self.step)


class _OneStep(View):
    def written(self, run_id: str) -> dict[str, str]:
        """Return where a run's walk stands, as the browser last reported."""
        place = place_of(_key(run_id), self.choices(OneStepLink).place)
        given = {"phase": str(place.phase + 1), "step": str(place.step)}
        link, _ = OneStepLink.read(given)  # values that are not possible are left out
        return link.write()

    def show(self, moment: Moment) -> None:
        self._show(moment)

    def show_pair(self, first: Moment, second: Moment) -> None:
        """Draw the two runs one above the other: the figures need the page's whole width."""
        for side, moment in zip("AB", (first, second), strict=True):
            st.markdown(f"### {side} · {plain(moment.snapshot.name)}")
            self._show(moment, side)

    def _show(self, moment: Moment, side: str = "") -> None:
        with st.container(key=f"step_view{side}", gap="xxsmall"):
            _walk(moment, self.choices(OneStepLink).place, side)


VIEW = _OneStep("One step", "What happens in one step of training?", link=OneStepLink)


# The walk ----------------------------------------------------------------------------------------


def _key(run_id: str) -> str:
    return f"stepper {run_id} {session().visit}"


def _walk(moment: Moment, start: Place, side: str) -> None:
    """Draw the bar of the walk, and the phase where it stands.

    Until a step is chosen from the list, it is the one nearest to the epoch looked at.
    """
    snapshot = moment.snapshot
    if snapshot.config.is_recorded_elsewhere:
        why = empty(_BATCH_QUESTION, _OWN_LOOP)
        live_plot(why, key=f"figure_step_none{side}", keep_zoom_of=snapshot.run_id)
        return
    files = snapshot.folder.traces()
    steps = {number: int(path.stem.split("-")[0]) for number, path in files.items()}
    method = snapshot.config.method
    phases = bilevel_phases(method) if _has_weight_net(snapshot) else PLAIN_PHASES
    is_newest = moment.chosen >= len(snapshot.epochs)
    nearest = _nearest(steps, moment.chosen, is_newest=is_newest)
    place = stepper(
        key=_key(snapshot.run_id),
        start=start,
        phases=[phase.name for phase in phases],
        steps=steps,
        nearest=nearest,
        epoch=0 if is_newest else moment.chosen,
        why_not=_why_no_step(snapshot),
        on_ask=partial(_ask, snapshot.run_id),
    )
    if session().has_asked_for_step:
        session().has_asked_for_step = False
        st.rerun()  # the page's buttons, and a refusal, are outside of this part of it
    phase = phases[place.phase]
    words, formula = st.columns([0.52, 0.48], gap="medium", vertical_alignment="center")
    words.markdown(phase.words.format(method=status.method_of(snapshot)))
    formula.markdown(f"${phase.formula}$")
    step = place.step or nearest
    _figures(snapshot, phase, step, files.get(step), side)


def _why_no_step(snapshot: Snapshot) -> str:
    """Return why the run cannot be asked for another step; "" if it can."""
    if snapshot.state not in _CAN_STEP:
        return "This run does not train"
    return access.refusal(snapshot.folder)


def _ask(run_id: str, level: Literal["inner", "outer"]) -> None:
    session().forget_complaints()
    attempt(lambda: access.manager_for(run_id).step(run_id, level))
    session().has_asked_for_step = True


def _has_weight_net(snapshot: Snapshot) -> bool:
    if snapshot.resolved is None:  # not begun yet: what its method will have
        return snapshot.config.method.facts.has_weight_net
    return snapshot.resolved.estimator != ""


def _nearest(steps: dict[int, int], chosen: int, *, is_newest: bool) -> int:
    """Return the recorded step nearest to an epoch, of several in one epoch the last; 0: none.

    Args:
        steps: The epoch of each recorded step, by step, rising.
        chosen: The epoch looked at.
        is_newest: Whether it is the newest one: steps of the epoch that trains are shown as well.
    """
    if is_newest:
        return max(steps, default=0)
    return min(steps, key=lambda step: (abs(steps[step] - chosen), steps[step], -step), default=0)


# A phase's figures -------------------------------------------------------------------------------


def _figures(snapshot: Snapshot, phase: Phase, number: int, file: Path | None, side: str) -> None:
    draw = partial(live_plot, keep_zoom_of=snapshot.run_id)
    question = phase.rows[0][0].question
    if file is None:
        draw(empty(question, _how_to(snapshot)), key=f"figure_step_none{side}")
        return
    try:
        changed = file.stat().st_mtime_ns
        step = _step(snapshot.run_id, number, changed, _snapshot=snapshot)
    except (StoreError, FileNotFoundError) as error:
        why = f"Step {number} cannot be shown: {error}"
        draw(empty(question, why), key=f"figure_step_none{side}")
        return
    pictures, complaint = _pictures(snapshot, step)
    for row in phase.rows:
        kept = [figure for figure in row if figure.is_worth_drawing(step)]
        if not kept and not step.has_hypergradient and row is phase.rows[0]:
            draw(empty(row[0].question, _why_no_hypergradient(step)), key=f"figure_step_why{side}")
        for figure, column in zip(kept, st.columns(max(len(kept), 1), gap="medium"), strict=False):
            drawing = _drawing(
                snapshot.run_id,
                number,
                changed,
                figure.name,
                pictures is not None,
                _figure=figure,
                _step=step,
                _pictures=pictures,
            )
            with column:
                draw(drawing, key=f"figure_step_{figure.name}{side}")
    if complaint and phase.shows_pictures:
        st.caption(plain(complaint))


def _how_to(snapshot: Snapshot) -> str:
    """Return how a step gets recorded, as long as there is none."""
    if snapshot.state in {"queued", "starting"} or (
        snapshot.state in _CAN_STEP and not snapshot.epochs
    ):
        return "A step of this run is drawn here as soon as its first epoch has one."
    if snapshot.state in _CAN_STEP:
        if access.refusal(snapshot.folder):
            return "No step of this run is recorded yet; whoever steers the run can step."
        return (
            "No step of this run is recorded yet. Press “+ one inner step” above (or Pause, then "
            "Step → one inner step): the run trains for one step, and it is drawn here."
        )
    again = "Resume it" if snapshot.can_resume else "Start it again"
    return (
        "No step of this run is recorded: earlier versions kept only steps that somebody watched. "
        f"{again}: a run now keeps one of its first, middle and last epoch."
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _step(run_id: str, number: int, changed: int, *, _snapshot: Snapshot) -> Step:
    """Return a complete step; `changed` distinguishes a step that a resumed run repeated.

    Raises:
        StoreError: The step or the run's panel is damaged (`CorruptRunError`) or gone.
    """
    folder = _snapshot.folder
    assert _snapshot.resolved is not None  # training begins with it
    return recorded_step(
        folder.trace(number),
        folder.panel(),
        _snapshot.resolved,
        _snapshot.config,
        _snapshot.epochs,
    )


def _why_no_hypergradient(step: Step) -> str:
    if step.trace.step <= step.steps_before:
        return (
            "The weights begin later in this run: until then each weight is 1, D_val is not asked "
            "and the student descends the objective alone."
        )
    return (
        f"One step in {step.outer_every} has a hypergradient, and step {step.trace.step} is not "
        "one of them: D_val was not asked, and the weight net did not move."
    )


def _pictures(snapshot: Snapshot, step: Step) -> tuple[NDArray[np.uint8] | None, str]:
    """Return the batch's pictures, [B, H, W, channels]; or why they are not at hand."""
    dataset, folder = snapshot.config.data.dataset, engine.manager().places.data
    try:
        return load_pictures(dataset, step.original_indices, folder), ""
    except PicturesUnavailable as error:
        return None, str(error)


@st.cache_resource(max_entries=300, show_spinner=False)
def _drawing(
    run_id: str,
    number: int,
    changed: int,
    name: str,
    has_pictures: bool,
    *,
    _figure: StepFigure,
    _step: Step,
    _pictures: BatchPictures,
) -> Drawing:
    """Return a figure of a step, drawn once for all browsers that look at it."""
    if not _step.is_finite:
        why = f"The losses of step {number} are not finite, so there is nothing to draw."
        return empty(_figure.question, why)
    return _figure.draw(_step, _pictures)


# For a file that holds all of them ---------------------------------------------------------------


class PhaseDrawings(NamedTuple):
    """A phase of a recorded step with its figures, row by row, without pictures."""

    name: str
    words: str
    rows: tuple[tuple[Drawing, ...], ...]


def walks_of(snapshot: Snapshot) -> tuple[tuple[int, int, tuple[PhaseDrawings, ...]], ...]:
    """Return each recorded step of a run that can be read: its number, its epoch, its phases."""
    phases = bilevel_phases(snapshot.config.method) if _has_weight_net(snapshot) else PLAIN_PHASES
    found = []
    for number, path in snapshot.folder.traces().items():
        try:
            step = _step(snapshot.run_id, number, path.stat().st_mtime_ns, _snapshot=snapshot)
        except (StoreError, FileNotFoundError):
            continue  # the view itself says what is damaged
        drawn = tuple(
            PhaseDrawings(
                phase.name,
                phase.words.format(method=status.method_of(snapshot)),
                tuple(_rows_of(phase, step)),
            )
            for phase in phases
        )
        found.append((number, int(path.stem.split("-")[0]), drawn))
    return tuple(found)


def _rows_of(phase: Phase, step: Step) -> Iterator[tuple[Drawing, ...]]:
    for row in phase.rows:
        kept = [figure for figure in row if figure.is_worth_drawing(step)]
        if kept and step.is_finite:
            yield tuple(figure.draw(step, None) for figure in kept)
        elif not step.has_hypergradient and row is phase.rows[0]:
            yield (empty(row[0].question, _why_no_hypergradient(step)),)
