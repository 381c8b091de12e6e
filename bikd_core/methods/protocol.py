"""The interface between the training loop and a method, which leaves a gradient in the student."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from bikd_core.config import MethodConfig
from bikd_core.methods.prior import log_prior


class Batch(NamedTuple):
    """Images (B, …) as floats, labels (B,), and teacher logits (B, C) where there is a teacher.

    The student descends Σ_i share_i · loss_i. Without shares that is the mean; with a D_val batch
    of equal weight behind the D_tr batch it is the sum of both means.
    """

    images: Tensor
    labels: Tensor
    teacher_logits: Tensor | None
    shares: Tensor | None = None  # (B,)


@dataclass(frozen=True)
class Setting:
    """All that a method may use of its run."""

    options: MethodConfig  # the method's own model: see `bikd_core.config.methods`
    student: nn.Module
    next_val_batch: Callable[[], Batch]  # of D_val, without end
    class_counts: tuple[float, ...]  # (C,): what the student trains on, be it D_tr or D_val too
    device: torch.device
    generator: torch.Generator  # draws what the method initialises; on the CPU


class StepResult(NamedTuple):
    """One student step, on the device, detached; B images.

    A method without a weight net has no weights, influence or outer loss.
    """

    logits: Tensor  # (B, C), at θ before the step
    losses: Tensor  # (B,), what the student descends, per image
    weights: Tensor | None = None  # (B, 2)
    influence: Tensor | None = None  # (B, 2): B/η · ∂L_val/∂w
    outer_loss: Tensor | None = None  # ()
    weight_step: bool = False  # the weight net moved
    weights_before: Tensor | None = None  # (B, 2), of the virtual step
    outer_loss_before: Tensor | None = None  # (), at θ; only under the lens


class Method(Protocol):
    """A training objective, made once per run from its `Setting`.

    Its class holds, as plain values, what pages and command line read without importing it
    (`bikd_core.config.method_facts`): `title`, `words`, `needs_teacher`, and `has_weight_net`
    where it is True.
    """

    needs_teacher: ClassVar[bool]

    def __init__(self, setting: Setting) -> None: ...

    @property
    def weight_net(self) -> nn.Module | None:
        """The net that gives each image its weights; None for a method without one."""

    def step(self, batch: Batch, learning_rate: float, *, under_lens: bool = False) -> StepResult:
        """Set `.grad` of every student parameter; the loop then lets its optimiser step.

        The student's BatchNorm statistics move exactly once. `under_lens` adds to the result what
        only a viewer of this step needs; it changes nothing else.
        """

    def predict(self, logits: Tensor) -> Tensor:
        """Return what predictions are made from, given logits in eval mode; (B, C) -> (B, C)."""

    def end_epoch(self, decay: float) -> dict[str, Any]:
        """Return numbers for the epoch's `EpochDone`; `decay` is 1 or the next epoch's factor."""

    def state(self) -> dict[str, Tensor]:
        """Return what a resumed run needs besides the student."""

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from `state()`."""


class PlainMethod:
    """A method with one differentiable loss per image, which its subclass defines.

    `self.epoch` counts from 0, `self.log_prior` is (C,), `self.options` are the method's own: a
    subclass that reads some names their type, `options: TeacherOptions`.
    """

    needs_teacher: ClassVar[bool]
    options: MethodConfig
    weight_net: nn.Module | None = None

    def __init__(self, setting: Setting) -> None:
        self.options = setting.options
        self.student = setting.student
        self.class_counts = setting.class_counts
        self.log_prior = log_prior(setting.class_counts, setting.device)
        self.epoch = 0

    def losses(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the loss of each image; (B, C) -> (B,), in nats."""
        raise TypeError(f"{type(self).__name__} does not define `losses`.")

    def step(self, batch: Batch, learning_rate: float, *, under_lens: bool = False) -> StepResult:
        logits = self.student(batch.images)
        losses = self.losses(logits, batch)
        self.student.zero_grad()
        total = losses.mean() if batch.shares is None else (batch.shares * losses).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return StepResult(logits.detach(), losses.detach())

    def predict(self, logits: Tensor) -> Tensor:
        """Return the logits themselves; (B, C) -> (B, C)."""
        return logits

    def end_epoch(self, decay: float) -> dict[str, Any]:
        self.epoch += 1
        return {}

    def state(self) -> dict[str, Tensor]:
        return {"epoch": torch.tensor(self.epoch)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.epoch = int(state["epoch"])
