"""The weights that a run would give a picture under each label, as its last epoch weighed.

C classes: the picture is asked about once under each label. J losses of the method.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bikd_core.evaluation import surface_at
from bikd_core.events import SURFACE_AXIS, EpochDone, Frame
from bikd_core.losses import NO_SHIFT, Shift, weight_net_inputs
from bikd_core.methods import Batch, Method
from bikd_core.methods.bilevel import BilevelMethod
from bikd_core.methods.bilevel_state import SHIFTS
from bikd_core.methods.objective import Objective
from bikd_core.methods.window import under
from bikd_core.store import RunFolder
from bikd_core.students.picture_answer import WeightsFrom

_METHOD = "method."  # before the names of a method's state in a checkpoint


class LastWeights(NamedTuple):
    """Weights by label, and where they come from."""

    weights: Tensor  # (C, J)
    weights_from: WeightsFrom
    is_outside: Tensor  # (C,), bool: beyond the ends of the surface, where that is what was read
    notes: tuple[str, ...] = ()


def last_weights(
    folder: RunFolder, last: EpochDone, method: Method, student: Tensor, teacher: Tensor | None
) -> LastWeights | None:
    """Return the weights of a picture under each of C labels; None if they cannot be told.

    Those of a weight net are exact where its checkpoint is there, else read off the surface of the
    last epoch. Relative ones are over the mean of the last epoch's, as that surface is.

    Args:
        folder: The run.
        last: Its last epoch.
        method: The method, as it is before training.
        student: The student's plain logits, (C,).
        teacher: The logits that weights go by, (C,); None without a teacher.

    Raises:
        StoreError: The run's files are damaged.
    """
    num_classes = len(student)
    labels = torch.arange(num_classes)
    logits = student.expand(num_classes, -1)
    teachers = None if teacher is None else teacher.expand(num_classes, -1)
    if isinstance(method, BilevelMethod):
        if method.objective.needs_teacher and teachers is None:
            return None
        return _of_weight_net(folder, last, method, logits, teachers, labels)
    if not isinstance(method, Objective) or (method.needs_teacher and teachers is None):
        return None
    batch = Batch(logits, labels, teachers)
    counts = method.coefficients(method.losses(logits, batch)[..., 0], batch)
    whole = counts.expand(num_classes, method.num_losses)
    return LastWeights(whole, "objective", torch.zeros(num_classes, dtype=torch.bool))


def _of_weight_net(
    folder: RunFolder,
    last: EpochDone,
    method: BilevelMethod,
    logits: Tensor,
    teachers: Tensor | None,
    labels: Tensor,
) -> LastWeights | None:
    if method.scale == "sigmoid" and last.epoch <= method.options.warm_up:
        whole = torch.full((len(labels), method.objective.num_losses), 0.5)
        return LastWeights(whole, "before_learning", torch.zeros_like(labels, dtype=torch.bool))
    state = _state_of(folder, last.epoch)
    shift = _seen_shift(method, last, state)
    judges = teachers if method.objective.needs_teacher else None
    seen = weight_net_inputs(logits, judges, labels, shift)
    frame = folder.frame(last.epoch) if last.epoch in folder.frames_available else None
    found = _exact(method, state, frame, seen) or _off_surface(method, frame, seen)
    return None if found is None else found._replace(notes=tuple(_notes(method, shift)))


def _exact(
    method: BilevelMethod, state: dict[str, Tensor], frame: Frame | None, seen: Tensor
) -> LastWeights | None:
    """Return what the weight net of a state answers to losses (C, J); None without all it needs."""
    raw_mean = None if frame is None else frame.raw_mean
    if not state or (method.scale == "relative" and raw_mean is None):
        return None
    method.weight_net.load_state_dict(under("weight_net.", state))
    with torch.no_grad():
        weights = method.weight_net(seen)
    if raw_mean is not None:
        weights = weights / torch.tensor(raw_mean)[: weights.shape[-1]]
    return LastWeights(weights, "weight_net", torch.zeros(len(seen), dtype=torch.bool))


def _off_surface(method: BilevelMethod, frame: Frame | None, seen: Tensor) -> LastWeights | None:
    """Return what the surface of an epoch has at losses (C, J); None if it was not kept."""
    if frame is None or frame.surface is None:
        return None
    both = seen if seen.shape[-1] == 2 else seen.expand(-1, 2)  # one input: all rows are alike
    losses = both.double().numpy().T
    kept = frame.surface[: method.objective.num_losses].astype(np.float64)
    weights = torch.tensor(np.array([surface_at(surface, losses) for surface in kept]).T)
    low, high = float(SURFACE_AXIS[0]), float(SURFACE_AXIS[-1])
    return LastWeights(weights, "surface", ((seen < low) | (seen > high)).any(dim=-1))


def _notes(method: BilevelMethod, shift: Shift) -> Iterator[str]:
    if method.options.weights_used != "learned":
        yield (
            f"The student did not use these: weights_used = {method.options.weights_used} put "
            "others in their place."
        )
    if shift.hard is not None:
        yield "The weight net sees the student's loss with the class prior and with learned shifts."


def _state_of(folder: RunFolder, epoch: int) -> dict[str, Tensor]:
    """Return the method's state after an epoch; {} if no checkpoint of that epoch is there."""
    if folder.checkpoint_epoch() != epoch:
        return {}
    checkpoint = folder.load_checkpoint()
    assert checkpoint is not None  # it has an epoch
    return under(_METHOD, {name: torch.tensor(v) for name, v in checkpoint.tensors.items()})


def _seen_shift(method: BilevelMethod, last: EpochDone, state: dict[str, Tensor]) -> Shift:
    """Return what is added to the student's logits before the weight net sees its loss."""
    if not method.sees_shifted:
        return NO_SHIFT
    if SHIFTS in state:
        return method.objective.shift.moved(state[SHIFTS])
    if method.class_shifts is not None and last.shift_hard_per_class is not None:
        return Shift(hard=torch.tensor(last.shift_hard_per_class))  # the objective's own in it
    return method.objective.shift
