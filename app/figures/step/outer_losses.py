"""The middle of a step: D_val's loss before and after it, and what pulls the weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.figures.drawing import (
    KIND_COLOURS,
    THEME_TEXT,
    Drawing,
    Kind,
    base_layout,
)
from app.figures.step.step import (
    GROUPS,
    HEIGHT,
    Step,
    legend_on_top,
)
from bikd_core.config import signed

_META_LOSSES = {"hard": "cross-entropy", "soft": "soft loss", "mix": "hard + soft loss"}


OUTER_LOSS_QUESTION = "Does D_val like that step?"


def outer_loss(step: Step) -> Drawing:
    """Return the loss of a batch of the balanced D_val at θ and, one virtual step later, at θ′.

    Args:
        step: A step of a method with a weight net.
    """
    before, after = _outer_losses(step)
    has_fallen = after < before
    colour = "#009E73" if has_fallen else "#D55E00"
    room = max(abs(after - before), 1e-4)
    middle = (before + after) / 2
    data = [
        {
            "type": "scatter",
            "uid": "outer",
            "mode": "lines+markers+text",
            "x": [0, 1],
            "y": [round(before, 5), round(after, 5)],
            "text": [f"{before:.4f}", f"{after:.4f}"],
            "textposition": ["top center", "top center"],
            "textfont": {"size": 18, "color": THEME_TEXT},
            "line": {"color": colour, "width": 4},
            "marker": {
                "size": 16,
                "symbol": ["circle-open", "circle"],
                "color": colour,
                "line": {"width": 3, "color": colour},
            },
            "cliponaxis": False,
            "hoverinfo": "y",
        }
    ]
    layout = base_layout(
        margin={"l": 76, "r": 24, "t": 12, "b": 52},
        xaxis={
            "range": [-0.4, 1.4],
            "tickvals": [0, 1],
            "ticktext": ["at θ: the student as it is", "at θ′: the virtual student"],
            "zeroline": False,
            "showgrid": False,
        },
        yaxis={
            "title": {"text": f"{_META_LOSSES[step.meta_loss]} on D_val (nats)"},
            "range": [middle - 1.2 * room, middle + 1.4 * room],
            "tickformat": ".4f",
            "nticks": 5,
            "zeroline": False,
        },
    )
    verb = "fell" if has_fallen else "rose" if after > before else "stayed"
    advice = {
        "fell": "with these weights the step helps on balanced data",
        "rose": "with these weights the step hurts on balanced data, so the weights should change",
        "stayed": "to balanced data the step makes no difference",
    }[verb]
    sentence = (
        f"On a batch of the balanced D_val the loss {verb} from {before:.4f} to {after:.4f} "
        f"({signed(after - before, 4)}): {advice}."
    )
    alt = f"Line from the D_val loss at θ to that at θ′. {sentence}"
    return Drawing(OUTER_LOSS_QUESTION, sentence, alt, data, layout, HEIGHT)


def _outer_losses(step: Step) -> tuple[float, float]:
    losses = step.trace.outer_losses
    if losses is None:
        raise ValueError("a method without a weight net never looks at D_val")
    return float(losses[0]), float(losses[1])


OUTER_PULL_QUESTION = "Whose losses did that?"


def outer_pull(step: Step) -> Drawing:
    """Return what each third's weighted losses do to the D_val loss, to first order.

    Σ_i w_i · influence_i / B over the pictures of a third, with w the objective's own coefficient
    times the weight: how fast the D_val loss changes as the virtual step gets longer. Negative
    lowers it.
    """
    parts = outer_parts(step)
    data = [
        {
            "type": "bar",
            "uid": f"part-{kind}",
            "name": f"{kind} losses",
            "x": np.round(parts[:, column], 5).tolist(),
            "y": [2, 1, 0] if step.has_groups else [1],
            "orientation": "h",
            "marker": {
                "color": KIND_COLOURS[kind],
                "pattern": {"shape": "/" if kind == "soft" else "", "solidity": 0.3},
            },
            "hovertemplate": f"{kind} losses: %{{x:.4f}}<extra></extra>",
        }
        for column, kind in enumerate(step.kinds)
    ]
    layout = base_layout(
        margin={"l": 108, "r": 24, "t": 34, "b": 52},
        bargap=0.3,
        xaxis={
            "title": {
                "text": "slope of the D_val loss (nats per unit of step size)",
                "standoff": 8,
            },
            "zeroline": True,
            "zerolinewidth": 2,
            "nticks": 6,
        },
        yaxis={
            "tickvals": [2, 1, 0] if step.has_groups else [1],
            "ticktext": [f"{group} · {len(step.members_of(group))}" for group in GROUPS]
            if step.has_groups
            else [f"all · {step.size}"],
            "range": [-0.6, 2.6],
            "zeroline": False,
            "showgrid": False,
        },
        **legend_on_top(),
    )
    sentence = _read_parts(parts, step.kinds)
    whose = "each third's" if step.has_groups else "each loss's"
    alt = f"Bars of {whose} share in the change of the D_val loss. {sentence}"
    return Drawing(OUTER_PULL_QUESTION, sentence, alt, data, layout, HEIGHT)


def outer_parts(step: Step) -> NDArray[np.float64]:
    """Return what `outer_pull` draws, [3, 2]: many, medium, few by hard and, if any, soft.

    [1, 2] of equally large classes, which are not divided.
    """
    influence = step.trace.influence
    if influence is None:
        raise ValueError("a method without a weight net never looks at D_val")
    each = step.own_weights() * influence[:, : len(step.kinds)] / step.size
    thirds = [step.members_of(group) for group in GROUPS]
    members = thirds if step.has_groups else [np.arange(step.size)]
    return np.array([each[places].sum(axis=0) for places in members])


def _read_parts(parts: NDArray[np.float64], kinds: Sequence[Kind]) -> str:
    helper = divmod(int(parts.argmin()), len(kinds))
    hinder = divmod(int(parts.argmax()), len(kinds))
    whose = [f" of {group}-shot classes" for group in GROUPS] if len(parts) > 1 else [""]
    words = "To first order"
    if parts[helper] < 0:
        words += (
            f" the {kinds[helper[1]]} losses{whose[helper[0]]} lower the D_val "
            f"loss most ({signed(parts[helper], 2)})"
        )
    if parts[hinder] > 0:
        joint = "; the" if parts[helper] < 0 else " the"
        words += (
            f"{joint} {kinds[hinder[1]]} losses{whose[hinder[0]]} work against "
            f"it ({signed(parts[hinder], 2)})"
        )
    return f"{words}. Together: {signed(float(parts.sum()), 2)}."
