"""The interface between the training loop and a method, which leaves a gradient in the student."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from bikd_core.config import MethodConfig
from bikd_core.losses import PerSeed, per_seed
from bikd_core.models.weight_net import WeightNet


class Batch(NamedTuple):
    """Images (B, …) as floats, labels (B,), and teacher logits (B, C) where there is a teacher.

    `out_of_fold_logits` (B, C) are those of teachers that have each not seen the image; None where
    there are no such teachers. They are what weights go by, the others what the student imitates.

    The student descends Σ_i share_i · loss_i. Without shares that is the mean; with a D_val batch
    of equal weight behind the D_tr batch it is the sum of both means.

    K seeds that train together have one batch of their own each, (K, B, …).
    """

    images: Tensor
    labels: Tensor
    teacher_logits: Tensor | None
    shares: Tensor | None = None  # (B,)
    out_of_fold_logits: Tensor | None = None

    @property
    def judge_logits(self) -> Tensor | None:
        """The teacher logits (B, C) that weights go by: out of fold, where there are such."""
        if self.out_of_fold_logits is None:
            return self.teacher_logits
        return self.out_of_fold_logits


@dataclass(frozen=True)
class Setting:
    """All that a method may use of its run."""

    options: MethodConfig  # the method's own model: see `bikd_core.config.methods`
    student: nn.Module
    next_val_batch: Callable[[], Batch]  # of D_val, without end
    class_counts: tuple[float, ...]  # (C,): what the student trains on, be it D_tr or D_val too
    device: torch.device
    generator: torch.Generator  # draws what the method initialises; on the CPU
    num_epochs: int  # of the whole run
    weights_generator: torch.Generator | None = None  # for `weights_used`, on the CPU
    #: Of seeds that train together: the setting of each. The other fields are the first one's, but
    #: for the student, a stack, and `next_val_batch`, which gives batches for all.
    members: tuple[Setting, ...] = ()

    def of_each(self, make: Callable[[Setting], Tensor]) -> Tensor:
        """Return what a run's setting gives, (C,); of seeds that train together (K, 1, C)."""
        if not self.members:
            return make(self)
        return torch.stack([make(member) for member in self.members])[:, None]

    def number(self, name: str, default: float) -> PerSeed:
        """Return an option, or the default where the method has none.

        Where seeds that train together differ in it, there is one for each, float64 (K,).
        """
        values = [getattr(one.options, name, default) for one in self.members or (self,)]
        return per_seed(values, self.device)


class StepResult(NamedTuple):
    """One student step, on the device, detached; B images, of each seed that trains together.

    A method without a weight net has no weights, influence or outer loss.
    """

    logits: Tensor  # (B, C), at θ before the step
    losses: Tensor  # (B,), what the student descends, per image
    #: (B, 2): a factor on the objective's own weight; 0 for a loss that there is not. It is what
    #: the student used: under another `weights_used` than "learned", not what the net gave.
    weights: Tensor | None = None
    influence: Tensor | None = None  # (B, 2): B/η · ∂L_val/∂w; NaN in a step without
    outer_loss: Tensor | None = None  # ()
    weight_step: bool = False  # the weight net moved
    weights_before: Tensor | None = None  # (B, 2), of the virtual step
    outer_loss_before: Tensor | None = None  # (), at θ; only under the lens
    raw_weights: Tensor | None = None  # (B, 2), `weights` before normalisation; if relative
    #: (B,): the student's cross-entropy as the weight net saw it; None where it is the plain one.
    seen_by_net: Tensor | None = None
    #: (B, 2): what each loss adds to `losses`; 0 for a loss that there is not. Under the lens.
    parts: Tensor | None = None
    coefficients: Tensor | None = None  # (B, 2), the objective's own weights; only under the lens


class Method(Protocol):
    """A training objective, made once per run from its `Setting`.

    Its class holds, as plain values, what pages and command line read without importing it
    (`bikd_core.config.method_facts`): `title`, `words`, `needs_teacher`, and `has_weight_net`
    where it is True.
    """

    needs_teacher: ClassVar[bool]

    def __init__(self, setting: Setting) -> None: ...

    @property
    def weight_net(self) -> WeightNet | None:
        """The net that gives each image its weights; None for a method without one."""

    def step(self, batch: Batch, learning_rate: PerSeed, *, under_lens: bool = False) -> StepResult:
        """Set `.grad` of every student parameter; the loop then lets its optimiser step.

        The student's BatchNorm statistics move exactly once. `under_lens` adds to the result what
        only a viewer of this step needs; it changes nothing else.
        """

    def predict(self, logits: Tensor) -> Tensor:
        """Return what predictions are made from, given logits in eval mode; (B, C) -> (B, C)."""

    def end_epoch(self, decay: float) -> dict[str, Any]:
        """Return numbers for the epoch's `EpochDone`; `decay` is 1 or the next epoch's factor.

        Seeds that train together have one entry each in each of them.
        """

    def state(self) -> dict[str, Tensor]:
        """Return what a resumed run needs besides the student."""

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from `state()`."""


def class_of(name: str) -> type[Method]:
    """Return the method's class, the one with a title in the file of that name."""
    module = import_module(f"bikd_core.methods.{name}")
    [method] = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and "title" in vars(value)
    )
    return method


def numbers(values: Tensor) -> Any:
    """Return a float for (), else a tuple: of floats for (C,), of such tuples for (K, C)."""
    if values.dim() == 0:
        return float(values)
    listed = values.tolist()
    return tuple(tuple(entry) if isinstance(entry, list) else entry for entry in listed)
