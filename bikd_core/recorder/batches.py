"""What the batches of somebody's loop say of each training image.

B batch, C classes, N images, J losses that are weighed, T most probable classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bikd_core.config import WeightScale
from bikd_core.events import BELIEF_UNIT, TOP_BELIEFS
from bikd_core.recorder.arguments import Floats, Labels, checked_weights, columns, finite


class ImageValues:
    """The values of each training image at its last step so far; of N images and C classes."""

    def __init__(self, labels: Labels, num_classes: int) -> None:
        self.labels = labels
        self.num_classes = num_classes
        self.names: frozenset[str] = frozenset()  # what each batch has, once there was one
        self.num_columns: int | None = None  # J, once there was a batch
        self._columns: dict[str, NDArray[Any]] = {}
        self._is_known = np.zeros(len(labels), dtype=np.bool_)  # it had a step in some epoch
        self._is_new = np.zeros(len(labels), dtype=np.bool_)  # it had one in this epoch

    @property
    def has_new(self) -> bool:
        """Whether this epoch has had a batch."""
        return bool(self._is_new.any())

    def put(self, rows: Labels, given: Mapping[str, Any], scale: WeightScale, where: str) -> None:
        """Record a batch.

        Args:
            rows: (B,) of the images.
            given: The arguments of `Recorder.batch` by name, (B, …) or None.
            scale: The scale of the weights.
            where: Which batch it is, in words.

        Raises:
            ValueError: An argument has another shape, holds what cannot be, or is lacking.
        """
        names = frozenset(name for name, value in given.items() if value is not None)
        self._check_names(names)
        values = self._checked(rows, given, scale, where)
        self.names, self.num_columns = names, values["losses"].shape[1]
        for name, column in values.items():
            if name not in self._columns:
                shape = (len(self.labels), *column.shape[1:])
                self._columns[name] = np.zeros(shape, dtype=column.dtype)
            self._columns[name][rows] = column
        self._is_new[rows] = self._is_known[rows] = True

    def end_epoch(self) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """Return all values, (N, …) by name, and which images had a step in this epoch, (N,).

        The others have the values of their last step; those that never had one, their class's
        mean, and no influence.
        """
        arrays = {name: self._filled(name, column) for name, column in self._columns.items()}
        is_new = self._is_new
        self._is_new = np.zeros_like(is_new)
        return arrays, is_new

    def _filled(self, name: str, column: NDArray[Any]) -> NDArray[Any]:
        filled = column.copy()
        if name == "influence":
            filled[~self._is_new] = np.nan
        elif column.dtype.kind == "f":
            unknown = np.flatnonzero(~self._is_known)
            for label in np.unique(self.labels[unknown]):
                others = self._is_known & (self.labels == label)
                mean = column[others if others.any() else self._is_known].mean(axis=0)
                filled[unknown[self.labels[unknown] == label]] = mean
        return filled

    def _check_names(self, names: frozenset[str]) -> None:
        if not names & {"logits", "losses"}:
            raise ValueError("logits = None is not possible without losses: pass one of them.")
        if "influence" in names and "weights" not in names:
            raise ValueError("influence is not possible without weights: pass both.")
        if self.names and names != self.names:
            name = min(names ^ self.names)
            had = "had it" if name in self.names else "had none"
            raise ValueError(f"{name} must be in every batch or in none: the first batch {had}.")

    def _checked(
        self, rows: Labels, given: Mapping[str, Any], scale: WeightScale, where: str
    ) -> dict[str, NDArray[Any]]:
        """Return what is kept of a batch, (B, …) by name."""
        labels, size = self.labels[rows], len(rows)
        found: dict[str, NDArray[Any]] = {}
        for whose, name in (("student", "logits"), ("teacher", "teacher_logits")):
            if given[name] is not None:
                logits = finite(name, given[name], (size, self.num_classes), where)
                found[f"ce_{whose}"] = cross_entropies(logits, labels)
                found |= beliefs(whose, logits)
        num_columns = self.num_columns
        if given["losses"] is not None:
            found["losses"] = columns("losses", given["losses"], size, num_columns, where)
            num_columns = found["losses"].shape[1]
        for name in ("weights", "influence"):
            if given[name] is not None:
                # Without `losses` it is the cross-entropy alone that can be weighed.
                found[name] = columns(name, given[name], size, num_columns or 1, where)
        if "weights" in found:
            checked_weights(found["weights"], scale, where)
        if "losses" not in found:
            found["losses"] = found["ce_student"][:, None]
        found.setdefault("ce_student", found["losses"][:, 0])
        return found


def cross_entropies(logits: Floats, labels: Labels) -> Floats:
    """Return the cross-entropy of each image in nats; (B, C), (B,) -> (B,)."""
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    losses = np.log(np.exp(wide).sum(axis=1)) - wide[np.arange(len(labels)), labels]
    single: Floats = losses.astype(np.float32)
    return single


def beliefs(whose: str, logits: Floats) -> dict[str, NDArray[Any]]:
    """Return the most probable classes and how probable they are; (B, C) -> (B, T) by name."""
    wide = logits.astype(np.float64)
    shares = np.exp(wide - wide.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    num_classes = logits.shape[1]
    top = np.argsort(-shares, axis=1, kind="stable")[:, : min(TOP_BELIEFS, num_classes)]
    belief = np.take_along_axis(shares, top, axis=1)
    return {
        f"{whose}_top": top.astype(np.uint8 if num_classes <= 256 else np.int16),
        f"{whose}_belief": np.rint(belief * BELIEF_UNIT).astype(np.uint8),
    }
