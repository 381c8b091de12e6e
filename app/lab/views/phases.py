"""The phases of one training step: what happens in each, its formula, and its figures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.figures import step as figures
from app.figures.drawing import Drawing, Kind
from app.figures.step import Extremes, Step
from app.figures.step.influence import ANSWER_QUESTIONS, INFLUENCE_QUESTIONS, WINDOW_QUESTION
from app.figures.step.losses import BATCH_QUESTION, PULL_QUESTION
from app.figures.step.new_weights import NEW_WEIGHTS_QUESTIONS
from app.figures.step.outer_losses import OUTER_LOSS_QUESTION, OUTER_PULL_QUESTION
from app.lab.views.images.encoding import row_of_pictures
from bikd_core.config import MethodConfig

BatchPictures = NDArray[np.uint8] | None  # [B, H, W, channels]; None: not on this machine


class StepFigure(NamedTuple):
    """One figure of a step."""

    name: str  # of its element and of its export file
    question: str
    draw: Callable[[Step, BatchPictures], Drawing]
    is_worth_drawing: Callable[[Step], bool] = lambda step: True


def _asks_d_val(step: Step, kind: Kind = "hard") -> bool:
    return step.has_hypergradient and kind in step.kinds


def _weighs(step: Step, kind: Kind) -> bool:
    return kind in step.kinds


def _has_moved(step: Step, kind: Kind) -> bool:
    return step.window_closed and kind in step.kinds


class Phase(NamedTuple):
    """One stop of the walk: what happens, its formula, and its figures, row by row."""

    name: str
    words: str
    formula: str
    rows: tuple[tuple[StepFigure, ...], ...]
    shows_pictures: bool = False


# Figures -----------------------------------------------------------------------------------------


def _batch(step: Step, pictures: BatchPictures) -> Drawing:
    if pictures is None:
        return figures.batch(step)
    shown = [band.members[: figures.PICTURES_A_ROW] for band in step.bands]
    return figures.batch(step, [row_of_pictures(pictures[members]) for members in shown])


def _influence(step: Step, pictures: BatchPictures, kind: Kind) -> Drawing:
    if pictures is None:
        return figures.influence(step, kind)
    order = figures.order_of(step, kind)
    first, last = order[: figures.NUM_EXTREMES], order[-figures.NUM_EXTREMES :]
    extremes = Extremes(row_of_pictures(pictures[first]), row_of_pictures(pictures[last]))
    return figures.influence(step, kind, extremes)


def _without_pictures(
    draw: Callable[..., Drawing], step: Step, pictures: BatchPictures, **which: Kind
) -> Drawing:
    return draw(step, **which)


BATCH = StepFigure("batch", BATCH_QUESTION, _batch)
PULL = StepFigure("pull", PULL_QUESTION, partial(_without_pictures, figures.pull))
OUTER_LOSS = StepFigure(
    "outer_loss",
    OUTER_LOSS_QUESTION,
    partial(_without_pictures, figures.outer_loss),
    _asks_d_val,
)
OUTER_PULL = StepFigure(
    "outer_pull",
    OUTER_PULL_QUESTION,
    partial(_without_pictures, figures.outer_pull),
    lambda step: step.has_hypergradient and step.knows_coefficients,
)
INFLUENCE = tuple(
    StepFigure(
        f"influence_{kind}",
        question,
        partial(_influence, kind=kind),
        partial(_asks_d_val, kind=kind),
    )
    for kind, question in INFLUENCE_QUESTIONS.items()
)
WINDOW = StepFigure(
    "window",
    WINDOW_QUESTION,
    partial(_without_pictures, figures.window),
    # A window of one is full at each step.
    lambda step: step.inner_steps > 1 and step.has_hypergradient and step.is_learning,
)
ANSWER = tuple(
    StepFigure(
        f"answer_{kind}",
        question,
        partial(_without_pictures, figures.answer, kind=kind),
        partial(_has_moved, kind=kind),  # a net that has not moved has no answer to show
    )
    for kind, question in ANSWER_QUESTIONS.items()
)
NEW_WEIGHTS = tuple(
    StepFigure(
        f"new_{kind}",
        question,
        partial(_without_pictures, figures.new_weights, kind=kind),
        partial(_weighs, kind=kind),
    )
    for kind, question in NEW_WEIGHTS_QUESTIONS.items()
)

# Phases ------------------------------------------------------------------------------------------

#: For a method with a weight net. Source of the formulas: arXiv:2605.17839 and its published code.
PHASES = (
    Phase(
        "Batch",
        "The student θ meets a long-tailed batch. All that the weight net V sees of a picture are "
        "two losses: the student's and the teacher's.",
        r"w_i = V_\varphi\big(\mathrm{CE}(z_i, y_i),\ \mathrm{CE}(t_i, y_i)\big) \in (0, 1)^2",
        ((BATCH,),),
        shows_pictures=True,
    ),
    Phase(
        "Virtual student",
        "A copy of the student goes one plain step down the weighted loss. It is a trial: the "
        "student itself does not move yet.",
        r"\theta' = \theta - \eta \nabla_\theta L_{tr}, \quad L_{tr} = \tfrac{1}{B} \sum_i "
        r"w_{hard,i} L_{hard,i} + w_{soft,i} L_{soft,i}",
        ((PULL,),),
    ),
    Phase(
        "D_val loss",
        "The copy is judged on pictures of D_val, a small set in which all classes are equally "
        "frequent.",
        r"L_{val}(\theta') - L_{val}(\theta) \approx \tfrac{\eta}{B} \sum_i w_i \cdot "
        r"\mathrm{influence}_i",
        ((OUTER_LOSS, OUTER_PULL),),
    ),
    Phase(
        "Influence",
        "Had this picture had a little more weight, would D_val's loss be lower? Then its "
        "influence is negative.",
        r"\mathrm{influence}_i = \tfrac{B}{\eta}\, \partial L_{val} / \partial w_i = "
        r"-\nabla L_{val} \cdot \nabla L_i",
        (INFLUENCE,),
        shows_pictures=True,
    ),
    Phase(
        "Weight net",
        "The pictures' wishes go back through the weight net; the average of k steps' wishes "
        "moves it once.",
        r"\varphi \leftarrow \mathrm{Adam}\Big(\tfrac{1}{k} \sum \sum_i "
        r"\frac{\partial L_{val}}{\partial w_i} \frac{\partial w_i}{\partial \varphi}\Big)",
        ((WINDOW,), ANSWER),
    ),
    Phase(
        "New weights",
        "The same batch gets the weights that the net gives now, and with these the real student "
        "steps.",
        r"\theta \leftarrow \mathrm{SGD}\big(\nabla_\theta \tfrac{1}{B} \sum_i w^{new}_{hard,i} "
        r"L_{hard,i} + w^{new}_{soft,i} L_{soft,i}\big)",
        (NEW_WEIGHTS,),
    ),
)
_CE_STUDENT, _CE_TEACHER = r"\mathrm{CE}(z_i, y_i)", r"\mathrm{CE}(t_i, y_i)"
_MEAN_LOSS = r"\tfrac{1}{B} \sum_i \sum_j c_{ij}\, s_{ij}\, l_{ij}"  # of any objective
_NEW_LOSS = _MEAN_LOSS.replace("s_{ij}", r"s^{new}_{ij}")


def bilevel_phases(method: MethodConfig) -> tuple[Phase, ...]:
    """Return the phases of a method with a weight net, as it is configured."""
    has_teacher = method.facts.needs_teacher
    is_relative = getattr(method, "weight_scale", "sigmoid") == "relative"
    if has_teacher and not is_relative and getattr(method, "over", "ce_kd") == "ce_kd":
        return PHASES
    batch, virtual, judged, *others, last = PHASES
    seen = "two losses: the student's and the teacher's" if has_teacher else "the student's loss"
    words = f"The student θ meets a long-tailed batch. The weight net V sees {seen}."
    inputs = f"{_CE_STUDENT},\\ {_CE_TEACHER}" if has_teacher else _CE_STUDENT
    if is_relative:
        words += " Its answers r are divided by their mean: 1 is the objective's own weight."
        formula = r"s_{ij} = r_{ij} / \bar r_j, \quad r_i = V_\varphi\big(" + inputs + r"\big)"
    else:
        formula = r"s_i = V_\varphi\big(" + inputs + r"\big)"
    return (
        batch._replace(words=words, formula=formula),
        virtual._replace(
            formula=r"\theta' = \theta - \eta \nabla_\theta L_{tr}, \quad L_{tr} = " + _MEAN_LOSS
        ),
        judged._replace(
            formula=r"L_{val}(\theta') - L_{val}(\theta) \approx \tfrac{\eta}{B} \sum_i \sum_j "
            r"c_{ij}\, s_{ij} \cdot \mathrm{influence}_{ij}"
        ),
        *others,
        last._replace(
            formula=r"\theta \leftarrow \mathrm{SGD}\big(\nabla_\theta " + _NEW_LOSS + r"\big)"
        ),
    )


_PLAIN_WORDS = (
    "{method} has no weight net, so there is no virtual student, no look at D_val and no "
    "influence. A step is a batch, then the real step."
)
#: For the other methods.
PLAIN_PHASES = (
    Phase(
        "Batch",
        _PLAIN_WORDS,
        r"\mathrm{CE}(z_i, y_i) = -\log p_{y_i}(x_i)",
        ((BATCH,),),
        shows_pictures=True,
    ),
    Phase(
        "Real step",
        _PLAIN_WORDS,
        r"\theta \leftarrow \mathrm{SGD}\big(\nabla_\theta \tfrac{1}{B} \sum_i L_i\big)",
        ((PULL,),),
    ),
)
