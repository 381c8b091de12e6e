"""The view "One step": a recorded step of the real run, walked through phase by phase.

Steps are recorded while somebody steps (`StepTrace`); looking back never undoes training.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.components import live_plot, stepper
from app.components.stepper import Place, place_of
from app.figures import step as figures
from app.figures.drawing import Drawing, Kind, empty
from app.figures.step import Extremes, Step
from app.lab import thumbnails
from app.shared import access, engine, status
from app.shared.engine import attempt
from app.shared.session import session
from bikd_core.config import METHOD_FACTS
from bikd_core.data.pictures import PicturesUnavailable, load_pictures
from bikd_core.runs import Snapshot, StoreError

_PICTURES_A_ROW = 12  # in the batch's figure
_CAN_STEP = ("starting", "running", "paused")


class Phase(NamedTuple):
    """One stop of the walk: what happens, its formula, and its figures, row by row."""

    name: str
    words: str
    formula: str
    rows: tuple[tuple[str, ...], ...]


_BATCH = Phase(
    "Batch",
    "The student θ meets a long-tailed batch. All that the weight net V sees of a picture are two "
    "losses: the student's and the teacher's.",
    r"w_i = V_\varphi\big(\mathrm{CE}(z_i, y_i),\ \mathrm{CE}(t_i, y_i)\big) \in (0, 1)^2",
    (("batch",),),
)
#: Of a method with a weight net. Source of the formulas: arXiv:2605.17839 and its published code.
PHASES = (
    _BATCH,
    Phase(
        "Virtual student",
        "A copy of the student goes one plain step down the weighted loss. It is a trial: the "
        "student itself does not move yet.",
        r"\theta' = \theta - \eta \nabla_\theta L_{tr}, \quad L_{tr} = \tfrac{1}{B} \sum_i "
        r"w_{hard,i} L_{hard,i} + w_{soft,i} L_{soft,i}",
        (("pull",),),
    ),
    Phase(
        "D_val loss",
        "The copy is judged on pictures of D_val, a small set in which all classes are equally "
        "frequent.",
        r"L_{val}(\theta') - L_{val}(\theta) \approx \tfrac{\eta}{B} \sum_i w_i \cdot "
        r"\mathrm{influence}_i",
        (("outer_loss", "outer_pull"),),
    ),
    Phase(
        "Influence",
        "Had this picture had a little more weight, would D_val's loss be lower? Then its "
        "influence is negative.",
        r"\mathrm{influence}_i = \tfrac{B}{\eta}\, \partial L_{val} / \partial w_i = "
        r"-\nabla L_{val} \cdot \nabla L_i",
        (("influence_hard", "influence_soft"),),
    ),
    Phase(
        "Weight net",
        "The pictures' wishes go back through the weight net; the average of k steps' wishes "
        "moves it once.",
        r"\varphi \leftarrow \mathrm{Adam}\Big(\tfrac{1}{k} \sum \sum_i "
        r"\frac{\partial L_{val}}{\partial w_i} \frac{\partial w_i}{\partial \varphi}\Big)",
        (("window",), ("answer_hard", "answer_soft")),
    ),
    Phase(
        "New weights",
        "The same batch gets the weights that the net gives now, and with these the real student "
        "steps.",
        r"\theta \leftarrow \mathrm{SGD}\big(\nabla_\theta \tfrac{1}{B} \sum_i w^{new}_{hard,i} "
        r"L_{hard,i} + w^{new}_{soft,i} L_{soft,i}\big)",
        (("new_hard", "new_soft"),),
    ),
)
_PLAIN_WORDS = (
    "{method} has no weight net: so there is no virtual student, no look at D_val and no "
    "influence. A step is a batch, then the real step."
)
#: Of the other methods.
PLAIN_PHASES = (
    Phase("Batch", _PLAIN_WORDS, r"\mathrm{CE}(z_i, y_i) = -\log p_{y_i}(x_i)", (("batch",),)),
    Phase(
        "Real step",
        _PLAIN_WORDS,
        r"\theta \leftarrow \mathrm{SGD}\big(\nabla_\theta \tfrac{1}{B} \sum_i L_i\big)",
        (("pull",),),
    ),
)


def show(snapshot: Snapshot, chosen: int, *, side: str = "") -> None:
    """The bar of the walk, and the phase where it stands.

    Args:
        snapshot: The run.
        chosen: The epoch looked at. Who follows sees the newest step, or the last one that was
            recorded until that epoch.
        side: A or B, where two runs are shown.
    """
    with st.container(key=f"step_view{side}", gap="xxsmall"):
        _walk(snapshot, chosen, side)


def for_link(run_id: str) -> dict[str, str]:
    """Where a run's walk stands, for the link; nothing at its beginning."""
    place = place_of(_key(run_id), _linked())
    phase = {"phase": str(place.phase + 1)} if place.phase else {}
    return phase | ({"step": str(place.step)} if place.step is not None else {})


def _key(run_id: str) -> str:
    return f"stepper {run_id} {session().visit}"


def _linked() -> Place:
    """Where the link that was opened stands."""
    phase, step = (st.session_state[f"linked_{name}"] for name in ("phase", "step"))
    return Place((phase or 1) - 1, step)


def _walk(snapshot: Snapshot, chosen: int, side: str) -> None:
    files = snapshot.folder.traces()
    steps = {number: int(path.stem.split("-")[0]) for number, path in files.items()}
    phases = PHASES if _has_weight_net(snapshot) else PLAIN_PHASES
    newest = _newest(steps, chosen, done=len(snapshot.epochs))
    place = stepper(
        key=_key(snapshot.run_id),
        start=_linked(),
        phases=[phase.name for phase in phases],
        steps=steps,
        newest=newest,
        why_not=_why_no_step(snapshot),
        on_ask=partial(_ask, snapshot.run_id),
    )
    if st.session_state.pop("has_asked_for_step", False):
        st.rerun()  # the buttons of the page, and a refusal, are outside of this part of it
    phase = phases[place.phase]
    words, formula = st.columns([0.52, 0.48], gap="medium", vertical_alignment="center")
    words.markdown(phase.words.format(method=status.method_of(snapshot)))
    formula.markdown(f"${phase.formula}$")
    step = place.step or newest
    _figures(snapshot, phase, step, files.get(step), side)


def _why_no_step(snapshot: Snapshot) -> str:
    """Why the run cannot be asked for another step; "" if it can."""
    if snapshot.state not in _CAN_STEP:
        return "This run does not train"
    return access.refusal(snapshot.folder)


def _ask(run_id: str, level: Literal["inner", "outer"]) -> None:
    session().forget_complaints()
    attempt(lambda: access.manager_for(run_id).step(run_id, level))
    st.session_state["has_asked_for_step"] = True


def _has_weight_net(snapshot: Snapshot) -> bool:
    if snapshot.resolved is None:  # not begun: as it will be
        return METHOD_FACTS[snapshot.config.method.method].has_weight_net
    return snapshot.resolved.estimator != ""


def _newest(steps: dict[int, int], chosen: int, *, done: int) -> int:
    """The step that who follows sees; 0 if none is recorded."""
    if not steps:
        return 0
    until = [number for number, epoch in steps.items() if epoch <= chosen or chosen >= done]
    return max(until) if until else min(steps)


def _figures(snapshot: Snapshot, phase: Phase, number: int, file: Path | None, side: str) -> None:
    draw = partial(live_plot, keep_zoom_of=snapshot.run_id)
    if file is None:
        none = empty(figures.QUESTIONS[phase.rows[0][0]], _how_to(snapshot))
        draw(none, key=f"figure_step_none{side}")
        return
    try:
        changed = file.stat().st_mtime_ns
        step = _step(snapshot.run_id, number, changed, _snapshot=snapshot)
    except (StoreError, FileNotFoundError) as error:
        why = f"Step {number} cannot be shown: {error}"
        none = empty(figures.QUESTIONS[phase.rows[0][0]], why)
        draw(none, key=f"figure_step_none{side}")
        return
    pictures, complaint = _pictures(snapshot, step)
    for names in phase.rows:
        kept = [name for name in names if _is_worth_drawing(name, step)]
        for name, column in zip(kept, st.columns(max(len(kept), 1), gap="medium"), strict=False):
            drawing = _drawing(
                snapshot.run_id,
                number,
                changed,
                name,
                pictures is not None,
                _snapshot=snapshot,
                _step=step,
                _pictures=pictures,
            )
            with column:
                draw(drawing, key=f"figure_step_{name}{side}")
    if complaint and phase.name in {"Batch", "Influence"}:
        st.caption(complaint)


def _how_to(snapshot: Snapshot) -> str:
    """How a step gets under the lens, as long as there is none."""
    if snapshot.state in _CAN_STEP:
        if access.refusal(snapshot.folder):
            return "No step of this run is under the lens yet; who steers the run can step."
        return (
            "No step of this run is under the lens yet. Press “+ one inner step” above (or Pause, "
            "then Step → one inner step): the run trains for one step, and it is drawn here."
        )
    if snapshot.state == "queued":
        return "This run has not begun yet. Once it trains, a step can be put under the lens."
    again = "Resume it" if snapshot.can_resume else "Start a run"
    return (
        "Nobody stepped through this run, so no step of it is recorded. "
        f"{again}, then press Pause and Step → one inner step."
    )


def _is_worth_drawing(name: str, step: Step) -> bool:
    """A window of one is full at each step; a net that did not move has no answer to show."""
    if name == "window":
        return step.inner_steps > 1
    return not name.startswith("answer") or step.window_closed


@st.cache_resource(max_entries=64, show_spinner=False)
def _step(run_id: str, number: int, changed: int, *, _snapshot: Snapshot) -> Step:
    """The step, whole; `changed` tells apart a step that a resumed run did again.

    Raises:
        StoreError: The step or the run's panel is damaged (`CorruptRunError`) or gone.
    """
    trace, panel = _snapshot.folder.trace(number), _snapshot.folder.panel()
    assert _snapshot.resolved is not None  # training begins with it
    rows = trace.rows
    return Step(
        trace,
        panel.labels[rows],
        _snapshot.resolved,
        _snapshot.config.method.inner_steps,
        panel.original_indices[rows],
    )


def _pictures(snapshot: Snapshot, step: Step) -> tuple[NDArray[np.uint8] | None, str]:
    """The batch's pictures, [B, H, W, channels]; or why they are not at hand."""
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
    _snapshot: Snapshot,
    _step: Step,
    _pictures: NDArray[np.uint8] | None,
) -> Drawing:
    """A figure of a step, made once for all browsers that look at it."""
    if not _step.is_finite:
        why = f"The losses of step {number} are not finite, so there is nothing to draw."
        return empty(figures.QUESTIONS[name], why)
    return _make(name, _step, _pictures, _snapshot.config.method.meta_loss)


def _make(name: str, step: Step, pictures: NDArray[np.uint8] | None, meta_loss: str) -> Drawing:
    what, _, which = name.partition("_")
    kind: Kind = "soft" if which == "soft" else "hard"
    match what:
        case "batch":
            return figures.batch(step, _strips(step, pictures))
        case "pull":
            return figures.pull(step)
        case "outer" if which == "loss":
            return figures.outer_loss(step, meta_loss)
        case "outer":
            return figures.outer_pull(step)
        case "influence":
            return figures.influence(step, kind, _extremes(step, kind, pictures))
        case "window":
            return figures.window(step)
        case "answer":
            return figures.answer(step, kind)
    return figures.new_weights(step, kind)


def _strips(step: Step, pictures: NDArray[np.uint8] | None) -> list[str]:
    if pictures is None:
        return []
    return [thumbnails.strip(pictures[band.members[:_PICTURES_A_ROW]]) for band in step.bands]


def _extremes(step: Step, kind: Kind, pictures: NDArray[np.uint8] | None) -> Extremes | None:
    if pictures is None:
        return None
    order = figures.order_of(step, kind)
    first, last = order[: figures.NUM_EXTREMES], order[-figures.NUM_EXTREMES :]
    return Extremes(thumbnails.strip(pictures[first]), thumbnails.strip(pictures[last]))
