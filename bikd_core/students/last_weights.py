"""The weights that a run would give a picture under each label, as its last epoch weighed.

C classes: the picture is asked about once under each label. J losses of the method.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bikd_core.evaluation import surface_at
from bikd_core.events import SURFACE_AXIS, EpochDone
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
    nowhere = torch.zeros(len(labels), dtype=torch.bool)
    num_losses = method.objective.num_losses
    if last.epoch <= method.first_epoch:
        ones = torch.ones(len(labels), num_losses)
        return LastWeights(ones, "objective", nowhere, (_NOT_BEGUN,))
    if method.scale == "sigmoid" and last.epoch <= method.options.warm_up:
        halves = torch.full((len(labels), num_losses), 0.5)
        return LastWeights(halves, "objective", nowhere, (_NOT_BEGUN,))
    notes: tuple[str, ...] = ()
    if method.options.weights_used != "learned":
        notes = (
            f"The student did not use these: weights_used = {method.options.weights_used} put "
            "others in their place.",
        )
    state = _state_of(folder, last.epoch)
    shift = _seen_shift(method, last, state)
    if shift.hard is not None:
        notes += (_SEEN_SHIFTED,)
    seen = weight_net_inputs(
        logits, teachers if method.objective.needs_teacher else None, labels, shift
    )
    frame = folder.frame(last.epoch) if last.epoch in folder.frames_available else None
    raw_mean = None if frame is None else frame.raw_mean
    if state and (method.scale == "sigmoid" or raw_mean is not None):
        method.weight_net.load_state_dict(under("weight_net.", state))
        with torch.no_grad():
            weights = method.weight_net(seen)
        if raw_mean is not None:
            weights = weights / torch.tensor(raw_mean)[: weights.shape[-1]]
        return LastWeights(weights, "weight_net", nowhere, notes)
    if frame is None or frame.surface is None:
        return None
    both = seen if seen.shape[-1] == 2 else seen.expand(-1, 2)  # one input: all rows are alike
    losses = both.double().numpy().T
    columns = [surface_at(s.astype(np.float64), losses) for s in frame.surface[:num_losses]]
    low, high = float(SURFACE_AXIS[0]), float(SURFACE_AXIS[-1])
    outside = ((seen < low) | (seen > high)).any(dim=-1)
    return LastWeights(torch.tensor(np.array(columns).T), "surface", outside, notes)


_SEEN_SHIFTED = (
    "The weight net sees the student's loss with the class prior, and with learned shifts."
)
_NOT_BEGUN = "The run ended before its weight net began to learn: each picture had these weights."


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
