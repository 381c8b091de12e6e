"""An objective: a hard and a soft loss of each image, and how much each of them counts.

B images of a batch, C classes, J losses: 1 without a teacher, else 2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bikd_core.config import METHOD_CONFIGS, MethodConfig, TeacherOptions
from bikd_core.losses import (
    NO_SHIFT,
    PerSeed,
    Shift,
    hard_gradient,
    hard_loss,
    loss_gradients,
    shifted,
    soft_loss,
)
from bikd_core.methods.prior import log_prior
from bikd_core.methods.protocol import Batch, Setting, StepResult, class_of
from bikd_core.methods.trust import trust_in_labels
from bikd_core.models.weight_net import WeightNet

Prior = Literal["none", "hard", "both"]


class Objective:
    """A method that descends Σ_j c_ij·l_ij of each image i, the mean over the batch.

    As it is here: c = 1, the plain hard loss, and with a teacher the plain soft loss. A subclass
    says what it has otherwise: `hard`, `soft`, `coefficients`, or the losses that `prior` shifts.
    BiKD may stand over any of them: it multiplies c_ij by a weight that it learns.

    `self.epoch` counts from 0, `self.fixed` (J,) is c where it is the same for all images,
    `self.options` are the method's own: a subclass that reads some names their type,
    `options: TeacherOptions`. Seeds that train together have one more dimension in front of each
    shape: all here is done over the last dimensions.
    """

    needs_teacher: ClassVar[bool] = False
    prior: ClassVar[Prior] = "none"  # the losses whose logits take + log π
    options: MethodConfig
    weight_net: WeightNet | None = None

    def __init__(self, setting: Setting) -> None:
        self.options = setting.options
        self.student = setting.student
        self.temperature = setting.number("temperature", 1.0)
        self.epoch = 0
        self.num_losses = 2 if self.needs_teacher else 1
        self.fixed = torch.ones(self.num_losses, dtype=torch.float64, device=setting.device)
        self.shift = prior_shift(self.prior, setting)

    def hard(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the hard loss of each image; (B, C) -> (B,), in nats."""
        return hard_loss(logits, batch.labels)

    def soft(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the soft loss of each image; (B, C) -> (B,), in nats; used only with a teacher."""
        assert batch.teacher_logits is not None  # needs_teacher
        return soft_loss(logits, batch.teacher_logits, self.temperature)

    def coefficients(self, hard: Tensor, batch: Batch) -> Tensor:
        """Return c, (J,) or (B, J), given the hard losses (B,), detached: here `self.fixed`."""
        return self.fixed.to(hard.dtype)

    def trusted_coefficients(self, hard: Tensor, batch: Batch) -> Tensor:
        """Return c, by the trust in each image's label, (J,) or (B, J); arguments as above."""
        own, options = self.coefficients(hard, batch), self.options
        if not isinstance(options, TeacherOptions) or options.trust == 0:
            return own
        return own * trust_in_labels(batch, options.trust)[..., None]

    def losses(self, logits: Tensor, batch: Batch, class_shifts: Tensor | None = None) -> Tensor:
        """Return the losses of each image; (B, C) -> (B, J), in nats.

        Learned class shifts, (1 or J, C), come on top of the objective's own.
        """
        shift = self.shift.moved(class_shifts)
        losses = [self.hard(shifted(logits, shift.hard), batch)]
        if self.needs_teacher:
            losses.append(self.soft(shifted(logits, shift.soft), batch))
        return torch.stack(losses, dim=-1)

    @property
    def is_plain(self) -> bool:
        """Whether its losses are the plain ones, so that `slopes` holds."""
        return type(self).hard is Objective.hard and type(self).soft is Objective.soft

    def slopes(self, batch: Batch, logits: Tensor) -> Tensor:
        """Return the derivatives of the plain losses by the logits; (B, C) -> (B, J, C)."""
        if not self.needs_teacher:
            return hard_gradient(shifted(logits, self.shift.hard), batch.labels)[..., None, :]
        assert batch.teacher_logits is not None
        teacher_logits, labels = batch.teacher_logits, batch.labels
        return loss_gradients(logits, teacher_logits, labels, self.temperature, self.shift)

    def step(self, batch: Batch, learning_rate: PerSeed, *, under_lens: bool = False) -> StepResult:
        logits = self.student(batch.images)
        pair = self.losses(logits, batch)
        parts = self.trusted_coefficients(pair[..., 0].detach(), batch) * pair
        losses = parts.sum(dim=-1)
        self.student.zero_grad()
        means = losses.mean(dim=-1) if batch.shares is None else (batch.shares * losses).sum(dim=-1)
        means.sum().backward()  # type: ignore[no-untyped-call]
        kept = two_columns(parts.detach()) if under_lens else None
        return StepResult(logits.detach(), losses.detach(), parts=kept)

    def predict(self, logits: Tensor) -> Tensor:
        """Return what predictions are made from: the logits themselves; (B, C) -> (B, C)."""
        return logits

    def end_epoch(self, decay: float) -> dict[str, Any]:
        self.epoch += 1
        return {}

    def state(self) -> dict[str, Tensor]:
        return {"epoch": torch.tensor(self.epoch)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.epoch = int(state["epoch"])


def two_columns(values: Tensor) -> Tensor:
    """Return (B, J) as (B, 2): a loss that there is not has 0."""
    if values.shape[-1] == 2:
        return values
    return torch.cat([values, torch.zeros_like(values)], dim=-1)


def prior_shift(prior: Prior, setting: Setting) -> Shift:
    """Return log π as the shift of the hard loss, of both losses, or of none."""
    if prior == "none":
        return NO_SHIFT
    log_p = setting.of_each(lambda one: log_prior(one.class_counts, one.device))
    return Shift(hard=log_p, soft=log_p if prior == "both" else None)


def objective_of(setting: Setting, name: str) -> Objective:
    """Return the objective of that name, with its own options taken from the setting's."""
    objective = class_of(name)(_setting_of(setting, name))
    assert isinstance(objective, Objective)  # it has no weight net
    return objective


def _setting_of(setting: Setting, name: str) -> Setting:
    own = METHOD_CONFIGS[name]
    given = {n: getattr(setting.options, n) for n in own.model_fields if n != "method"}
    members = tuple(_setting_of(member, name) for member in setting.members)
    return replace(setting, options=own(**given), members=members)
