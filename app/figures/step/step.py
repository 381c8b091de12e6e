"""One recorded step with what its figures need: who is in the batch, and in which band it is drawn.

B pictures of the batch, C classes in label order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.figures.classes import are_level, rows_of
from app.figures.drawing import MAX_CLASSES_SHOWN, Group, Kind
from bikd_core.config import WeightScale
from bikd_core.events import RunStarted, StepTrace

PICTURES_A_ROW = 12  # of a class, in the figure of the batch
GROUPS: tuple[Group, ...] = ("many", "medium", "few")
KINDS: tuple[Kind, ...] = ("hard", "soft")
GROUP_SYMBOLS: dict[str, str] = {"many": "circle", "medium": "square", "few": "triangle-up"}
HEIGHT = 290  # px: bar, words, figure and sentence are together on a projector
ROW_HEIGHT = 20  # px for one class, at least


class Band(NamedTuple):
    """A row of a figure: a class, or a third of the classes where there are many."""

    name: str
    group: Group
    members: NDArray[np.intp]  # places in the batch


@dataclass(frozen=True, eq=False)
class Step:
    """A trace, and what is known about its pictures and its run."""

    trace: StepTrace
    labels: NDArray[np.integer[Any]]  # [B]
    started: RunStarted
    inner_steps: int  # k: hypergradients that make one step of the weight net
    original_indices: NDArray[np.integer[Any]]  # [B], as the data set's source numbers them
    meta_loss: str  # what D_val is judged by: hard, soft or mix
    scale: WeightScale = "sigmoid"
    kinds: tuple[Kind, ...] = KINDS  # the losses that the method has
    #: For traces of earlier versions, which keep no parts and no coefficients: whether the
    #: objective's losses are the plain ones, without a prior; and whether all coefficients are 1.
    has_plain_losses: bool = True
    has_unit_coefficients: bool = True
    outer_every: int = 1  # one step in so many has a hypergradient
    steps_before: int = 0  # steps of the epochs before the weights begin

    @property
    def size(self) -> int:
        """B, the pictures of the batch."""
        return len(self.labels)

    @property
    def has_weight_net(self) -> bool:
        return self.trace.weights_before is not None

    @property
    def has_hypergradient(self) -> bool:
        """Whether D_val was asked in this step."""
        return self.trace.outer_losses is not None

    @property
    def is_learning(self) -> bool:
        """Whether the weight net learns by now."""
        return self.trace.step > self.steps_before

    @property
    def can_be_split(self) -> bool:
        """Whether the parts of each picture's loss are known, and say more than the loss."""
        if self.trace.parts is not None:
            return self.has_weight_net or len(self.kinds) > 1
        return self.has_weight_net and self.has_plain_losses and self.has_unit_coefficients

    @property
    def knows_coefficients(self) -> bool:
        """Whether the objective's own weight of each loss is known."""
        return self.trace.coefficients is not None or self.has_unit_coefficients

    @property
    def is_finite(self) -> bool:
        """Whether every number of the step is finite; if not, figures would mislead."""
        arrays = (
            self.trace.ce_student,
            self.trace.losses,
            self.trace.weights_before,
            self.trace.weights_after,
            self.trace.ce_teacher,
            self.trace.soft,
            self.trace.influence if self.has_hypergradient else None,
            self.trace.outer_losses,
            self.trace.parts,
        )
        return all(bool(np.isfinite(array).all()) for array in arrays if array is not None)

    @property
    def num_gathered(self) -> int:
        """Hypergradients in the open window, this step's included; k if it has just closed.

        An unfinished window goes on in the next epoch, so the step's number is enough.
        """
        if not self.is_learning:
            return 0
        gathered = self._num_due(self.trace.step) - self._num_due(self.steps_before)
        return (gathered - 1) % self.inner_steps + 1

    def _num_due(self, steps: int) -> int:
        """Return how many of the run's first steps have a hypergradient: the first, and so on."""
        return -(-steps // self.outer_every)

    @property
    def window_closed(self) -> bool:
        return self.has_hypergradient and self.num_gathered == self.inner_steps

    @property
    def has_groups(self) -> bool:
        """Whether some classes have more training images than others."""
        return not are_level(self.started.class_counts)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Many, medium or few, for each picture."""
        rows = rows_of(self.started.class_names, self.started.class_counts)
        group_of = dict(zip(rows.labels, rows.groups, strict=True))
        return tuple(_group(group_of[int(label)]) for label in self.labels)

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """All classes, head to tail, those that the batch lacks too.

        Where there are many, their thirds; of equally large classes none is head or tail, so then
        all are one band.
        """
        rows = rows_of(self.started.class_names, self.started.class_counts)
        if len(rows.labels) > MAX_CLASSES_SHOWN:
            if not self.has_groups:
                return (Band("all classes", "medium", np.arange(self.size)),)
            return tuple(Band(group, group, self.members_of(group)) for group in GROUPS)
        return tuple(
            Band(name, _group(group), np.flatnonzero(self.labels == label))
            for label, name, group in zip(rows.labels, rows.names, rows.groups, strict=True)
        )

    def members_of(self, group: Group) -> NDArray[np.intp]:
        """Return the places in the batch of a third's pictures."""
        return np.flatnonzero([own == group for own in self.groups])

    def names(self) -> list[str]:
        """Return each picture's place and class, for the hover text."""
        classes = self.started.class_names
        return [
            f"picture {place + 1} of the batch, {classes[int(label)]}"
            + f" ({group})" * self.has_groups
            for place, (label, group) in enumerate(zip(self.labels, self.groups, strict=True))
        ]

    def parts(self) -> NDArray[np.float64]:
        """Return the parts of each picture's loss, [B, 2] by hard and soft; [B, 1] for one loss.

        With a weight net they are those of the virtual step.

        Raises:
            ValueError: They are not known: see `can_be_split`.
        """
        weights, soft = self.trace.weights_before, self.trace.soft
        if self.trace.parts is not None:  # of the real step, at the weights after
            parts = self.trace.parts[:, : len(self.kinds)].astype(np.float64)
            return parts if weights is None else parts * self._ratio_of_weights()
        if weights is None:
            raise ValueError("the trace does not keep the parts of the loss")
        columns = [self.trace.ce_student]
        if "soft" in self.kinds and soft is not None:
            columns.append(soft)
        losses = np.stack(columns, axis=1).astype(np.float64)
        return weights[:, : len(columns)].astype(np.float64) * losses

    def _ratio_of_weights(self) -> NDArray[np.float64]:
        """Return the old weights over the new ones, [B, J]; 1 where both are 0."""
        assert self.trace.weights_before is not None
        assert self.trace.weights_after is not None
        columns = len(self.kinds)
        before = self.trace.weights_before[:, :columns].astype(np.float64)
        after = self.trace.weights_after[:, :columns].astype(np.float64)
        return np.divide(before, after, out=np.ones_like(before), where=after > 0)

    def own_weights(self) -> NDArray[np.float64]:
        """Return coefficient · weight of each loss in the virtual step, [B, J].

        Raises:
            ValueError: The method has no weight net.
        """
        if self.trace.weights_before is None:
            raise ValueError("a method without a weight net has no virtual step")
        weights = self.trace.weights_before[:, : len(self.kinds)].astype(np.float64)
        if self.trace.coefficients is None:
            return weights
        return weights * self.trace.coefficients[:, : len(self.kinds)]

    def change(self) -> NDArray[np.float64]:
        """Return the new weights minus the old ones, [B, 2]; raises as `own_weights`."""
        before, after = self.trace.weights_before, self.trace.weights_after
        if before is None or after is None:
            raise ValueError("a method without a weight net has no weights that could change")
        return after.astype(np.float64) - before.astype(np.float64)


def _group(name: str) -> Group:
    return next(group for group in GROUPS if group == name)


def band_axis(step: Step) -> dict[str, Any]:
    """Return the y axis: band r is at −r, with its name and how many pictures it has."""
    bands = step.bands
    return {
        "range": [-len(bands) + 0.4, 0.6],
        "tickmode": "array",
        "tickvals": [-row for row in range(len(bands))],
        "ticktext": [f"{_short(band.name)} ({len(band.members)})" for band in bands],
        "title": {"text": "class (pictures in the batch)", "standoff": 10},
        "zeroline": False,
        "showgrid": False,
        "anchor": "free",  # at the left end, also where pictures stand before the plotted area
        "position": 0,
    }


def left_margin(step: Step) -> int:
    """Return the pixels for that axis' labels and title."""
    return 44 + 8 * max(len(_short(band.name)) + 4 for band in step.bands)


def band_height(step: Step, row_height: int = ROW_HEIGHT) -> int:
    """Return the height in pixels of a figure with a row for each band; the same if it fits."""
    return max(HEIGHT, 84 + row_height * len(step.bands))


def _short(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"


def plural(count: int, one: str) -> str:
    """Return the count with its noun: 1 picture, 3 pictures."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def legend_on_top() -> dict[str, Any]:
    """Return the layout of a legend in one line over the plot; a click on it hides nothing."""
    return {
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "xanchor": "left",
            "yanchor": "bottom",
            "traceorder": "normal",
            "itemclick": False,
            "itemdoubleclick": False,
        },
    }
