"""What a training objective is to the loop: something that leaves a gradient in the student."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from bikd_core.config import MethodConfig
from bikd_core.methods.prior import log_prior


class Batch(NamedTuple):
    """Images (B, …) as floats, labels (B,), and teacher logits (B, C) where a teacher is there.

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

    config: MethodConfig
    student: nn.Module
    next_val_batch: Callable[[], Batch]  # of D_val, endlessly; teacher logits if the method needs
    class_counts: tuple[float, ...]  # of what the student trains on, D_val included where it is
    device: torch.device
    generator: torch.Generator  # for what the method initialises; on the CPU
    drop_window: bool = False  # the published fault


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
    outer_loss_before: Tensor | None = None  # (), at θ; only where it was asked for


class Method(Protocol):
    """A training objective. It is made once a run, from the run's `Setting`.

    Its class says as plain values what pages and command line read without importing it
    (`bikd_core.config.method_facts`): `title`, `words`, `needs_teacher`, and `has_weight_net` and
    `reads` where they are not False and ().
    """

    needs_teacher: ClassVar[bool]

    def __init__(self, setting: Setting) -> None: ...

    @property
    def weight_net(self) -> nn.Module | None:
        """The net that gives each image its weights; None for a method without one."""

    def step(self, batch: Batch, learning_rate: float, *, under_lens: bool = False) -> StepResult:
        """Set `.grad` of every student parameter; the loop then lets its optimiser step.

        The student's BatchNorm statistics move exactly once. `under_lens` asks for what only a
        viewer of this step wants to know; it changes nothing else.
        """

    def predict(self, logits: Tensor) -> Tensor:
        """What the student predicts from, given its logits (B, C) in eval mode; -> (B, C)."""

    def end_epoch(self, decay: float) -> dict[str, Any]:
        """Numbers about the epoch for its `EpochDone`; `decay` is 1 or the next epoch's factor."""

    def state(self) -> dict[str, Tensor]:
        """What a resumed run needs beside the student."""

    def load_state(self, state: dict[str, Tensor]) -> None: ...


class PlainMethod:
    """A method that is one differentiable loss per image; subclasses say which.

    `self.epoch` counts from 0, `self.log_prior` is (C,), `self.config` holds the options.
    """

    needs_teacher: ClassVar[bool]
    weight_net: nn.Module | None = None

    def __init__(self, setting: Setting) -> None:
        self.config = setting.config
        self.student = setting.student
        self.class_counts = setting.class_counts
        self.log_prior = log_prior(setting.class_counts, setting.device)
        self.epoch = 0

    def losses(self, logits: Tensor, batch: Batch) -> Tensor:
        """(B,), in nats."""
        raise TypeError(f"{type(self).__name__} does not say what its loss is")

    def step(self, batch: Batch, learning_rate: float, *, under_lens: bool = False) -> StepResult:
        logits = self.student(batch.images)
        losses = self.losses(logits, batch)
        self.student.zero_grad()
        total = losses.mean() if batch.shares is None else (batch.shares * losses).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return StepResult(logits.detach(), losses.detach())

    def predict(self, logits: Tensor) -> Tensor:
        return logits

    def end_epoch(self, decay: float) -> dict[str, Any]:
        self.epoch += 1
        return {}

    def state(self) -> dict[str, Tensor]:
        return {"epoch": torch.tensor(self.epoch)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.epoch = int(state["epoch"])
