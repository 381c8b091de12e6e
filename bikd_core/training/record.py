"""Records an epoch: values of each image, gathered on the device, then summarised once.

B batch, C classes, N training images, A length of `SURFACE_AXIS`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bikd_core.config import MethodConfig
from bikd_core.evaluation import (
    COLLAPSED_BELOW,
    SATURATED_FROM,
    half_weight_share,
    known_mean_per_class,
    mean_per_class,
    saturated_share,
    saturated_share_of_relative,
    weight_histograms,
)
from bikd_core.events import BELIEF_UNIT, NOT_FINITE, SURFACE_AXIS, TOP_BELIEFS, StepTrace
from bikd_core.losses import PerSeed, hard_loss, soft_loss
from bikd_core.methods import Batch, StepResult
from bikd_core.models.weight_net import WeightNet

KINDS = ("hard", "soft")  # the columns of weights and influence
#: Steps that wait to be computed together: for small batches each call costs more than its work.
MOST_WAITING = 32


class NonFiniteLoss(RuntimeError):
    """A loss became infinite or not a number, so the run cannot go on."""


class _Seen(NamedTuple):
    """What is recorded of one step, or of several one after the other; (B, …) or (K, B, …)."""

    indices: Tensor
    steps: Tensor
    labels: Tensor
    logits: Tensor
    losses: Tensor
    teacher_logits: Tensor | None
    judge_logits: Tensor | None
    weights: Tensor | None
    influence: Tensor | None
    raw_weights: Tensor | None
    seen_by_net: Tensor | None


class EpochRecord:
    """Gathers the values of each image that is trained on at its own step of one epoch.

    They stay on the device until the epoch ends, because reading them earlier would stall it.

    Args:
        num_images: How many images there are to train on, D_val's included where it is used.
        temperature: Of the soft loss that is recorded.
        device: Of the values.
        num_seeds: How many train together, each on as many images of its own.
    """

    def __init__(
        self, num_images: int, temperature: PerSeed, device: torch.device, num_seeds: int = 1
    ) -> None:
        self.temperature = temperature
        self.num_seeds = num_seeds
        self._columns: dict[str, Tensor] = {}
        self._waiting: list[_Seen] = []
        self._num_images = num_images
        self._device = device

    def add(self, indices: Tensor, step: int, batch: Batch, result: StepResult) -> None:
        """Record the batch of one step.

        Args:
            indices: (B,), on the device, in the set that is trained on. Of seeds that train
                together (K, B), in their sets one after the other.
            step: Its number.
            batch: (B, …) or (K, B, …).
            result: The same.
        """
        self._waiting.append(
            _Seen(
                indices,
                torch.full_like(indices, step),
                batch.labels,
                result.logits,
                result.losses,
                batch.teacher_logits,
                batch.judge_logits,
                result.weights,
                result.influence,
                result.raw_weights,
                result.seen_by_net,
            )
        )
        if len(self._waiting) == MOST_WAITING:
            self._columns_so_far()

    def _columns_so_far(self) -> dict[str, Tensor]:
        """Return the columns (K · N, …) by name, with the steps that waited in them."""
        if not self._waiting:
            return self._columns
        along = self._waiting[0].indices.dim() - 1
        waiting, self._waiting = self._waiting, []
        fields: list[Any] = [
            None if values[0] is None else torch.cat(values, dim=along)
            for values in zip(*waiting, strict=True)
        ]
        self._put_all(_Seen(*fields))
        return self._columns

    def _put_all(self, seen: _Seen) -> None:
        indices, labels, logits = seen.indices, seen.labels, seen.logits
        self._put("step", indices, seen.steps)
        self._put("ce_student", indices, hard_loss(logits, labels))
        self._put("total", indices, seen.losses)
        self._put_beliefs("student", indices, logits)
        if seen.teacher_logits is not None:
            soft = soft_loss(logits, seen.teacher_logits, self.temperature)
            self._put("soft", indices, soft)
        if seen.judge_logits is not None:
            self._put("ce_teacher", indices, hard_loss(seen.judge_logits, labels))
            self._put_beliefs("teacher", indices, seen.judge_logits)
        if seen.weights is not None and seen.influence is not None:
            self._put("weights", indices, seen.weights)
            self._put("influence", indices, seen.influence)
        if seen.raw_weights is not None:
            self._put("raw_weights", indices, seen.raw_weights)
        if seen.seen_by_net is not None:
            self._put("seen_by_net", indices, seen.seen_by_net)

    def _put_beliefs(self, whose: str, indices: Tensor, logits: Tensor) -> None:
        """Record only the most probable classes, to keep every image of every epoch small."""
        num_classes = logits.shape[-1]
        probabilities = logits.detach().float().softmax(dim=-1)
        beliefs, classes = probabilities.topk(min(TOP_BELIEFS, num_classes), dim=-1)
        small = torch.uint8 if num_classes <= 256 else torch.int16
        self._put(f"{whose}_top", indices, classes.to(small))
        self._put(f"{whose}_belief", indices, (beliefs * BELIEF_UNIT).round().to(torch.uint8))

    def _put(self, name: str, indices: Tensor, values: Tensor) -> None:
        if name not in self._columns:
            shape = (self.num_seeds * self._num_images, *values.shape[indices.dim() :])
            self._columns[name] = torch.zeros(shape, dtype=values.dtype, device=self._device)
        self._columns[name][indices] = values

    def check(self, epoch: int) -> None:
        """Raise if a loss is not finite. This stalls the device.

        Raises:
            NonFiniteLoss: A loss is infinite or not a number; the first such step is named.
        """
        for error in self.errors(epoch).values():
            raise error

    def errors(self, epoch: int) -> dict[int, NonFiniteLoss]:
        """Return what `check` raises, for each seed that has a loss that is not finite."""
        is_bad = ~torch.isfinite(self._columns_so_far()["total"]).view(self.num_seeds, -1)
        if not is_bad.any():
            return {}
        return {
            seed: self._error(epoch, seed, is_bad[seed])
            for seed in is_bad.any(dim=1).nonzero()[:, 0].tolist()
        }

    def _error(self, epoch: int, seed: int, is_bad: Tensor) -> NonFiniteLoss:
        columns = {
            name: self._of_seed(values, seed) for name, values in self._columns_so_far().items()
        }
        step = int(columns["step"][is_bad].min())
        members = columns["step"] == step
        hard = float(columns["ce_student"][members].mean())
        soft = float(columns["soft"][members].mean()) if "soft" in columns else None
        return NonFiniteLoss(non_finite_message(epoch, step, hard, soft))

    def _of_seed(self, values: Tensor, seed: int) -> Tensor:
        return values[seed * self._num_images : (seed + 1) * self._num_images]

    def trace(
        self, epoch: int, step: int, indices: Tensor, result: StepResult, seed: int = 0
    ) -> StepTrace:
        """Return a seed's trace of the step just added; indices (B,). This stalls the device."""
        columns = {
            name: self._of_seed(values, seed) for name, values in self._columns_so_far().items()
        }

        def column(name: str) -> NDArray[Any] | None:
            values = columns.get(name)
            return None if values is None else values[indices].cpu().numpy()

        def on_cpu(values: Tensor | None) -> NDArray[Any] | None:
            return None if values is None else values.float().cpu().numpy()

        outer = None
        if result.outer_loss is not None and result.outer_loss_before is not None:
            outer = torch.stack([result.outer_loss_before, result.outer_loss]).cpu().numpy()
        return StepTrace(
            epoch=epoch,
            step=step,
            rows=indices.cpu().numpy().astype(np.int32),
            ce_student=columns["ce_student"][indices].cpu().numpy(),
            losses=result.losses.cpu().numpy(),
            weights_before=on_cpu(result.weights_before),
            weights_after=column("weights"),
            ce_teacher=column("ce_teacher"),
            soft=column("soft"),
            influence=column("influence"),
            outer_losses=outer,
            parts=on_cpu(result.parts),
            coefficients=on_cpu(result.coefficients),
        )

    def arrays(self, num_rows: int, seed: int = 0) -> dict[str, NDArray[Any]]:
        """Return a seed's columns by name, (N,) or (N, K), on the CPU, for the N images of D_tr."""
        return {
            name: self._of_seed(values, seed)[:num_rows].cpu().numpy()
            for name, values in self._columns_so_far().items()
        }


class EpochResults(NamedTuple):
    """What the events of an epoch are made from."""

    arrays: dict[str, NDArray[Any]]  # (N, …), of the images of D_tr
    test: NDArray[np.float32]  # scores (N_test, C)
    measured: NDArray[np.float32]  # scores (M, C), on D_val
    numbers: dict[str, Any]  # the method's own


def select_rows(result: StepResult, kept: Tensor) -> StepResult:
    """Return a step's result for only the images at the indices `kept` (K,)."""

    def pick(values: Tensor | None) -> Tensor | None:
        return None if values is None else values[kept]

    return result._replace(
        logits=result.logits[kept],
        losses=result.losses[kept],
        weights=pick(result.weights),
        influence=pick(result.influence),
        weights_before=pick(result.weights_before),
        raw_weights=pick(result.raw_weights),
        seen_by_net=pick(result.seen_by_net),
        parts=pick(result.parts),
        coefficients=pick(result.coefficients),
    )


def non_finite_message(epoch: int, step: int, hard: float, soft: float | None) -> str:
    """Return the error message of a run whose loss is not finite."""
    losses = f"hard loss {hard:g}" + ("" if soft is None else f", soft loss {soft:g}")
    return (
        f"{NOT_FINITE} in epoch {epoch}, step {step} ({losses}): "
        "a lower learning_rate is the usual cure."
    )


def guessing_warning(
    epoch: int, hard_loss: float, accuracy: float, num_classes: int
) -> Iterator[str]:
    """Yield a sentence if a student, after more than an epoch, does no better than guessing.

    Its balanced accuracy is then below twice that of guessing, and its mean cross-entropy on the
    training images above that of guessing: where labels are wrong, the second alone says nothing.
    """
    if epoch > 1 and hard_loss > math.log(num_classes) and accuracy < 2 / num_classes:
        yield (
            f"The student does no better than guessing: its cross-entropy is {hard_loss:.3g} nats, "
            f"that of guessing {math.log(num_classes):.3g}. A lower learning_rate is the usual "
            "cure."
        )


def weight_summary(
    arrays: dict[str, NDArray[Any]], labels: NDArray[Any], num_classes: int, method: MethodConfig
) -> dict[str, Any]:
    """Return the fields of `EpochDone` about weights; empty for a method without them.

    Args:
        arrays: From `EpochRecord.arrays`: "weights" is (N, 2).
        labels: (N,).
        num_classes: C.
        method: Whether it needs a teacher decides whether there is a soft loss to weight.
    """
    if "weights" not in arrays:
        return {}
    columns = 2 if method.facts.needs_teacher else 1
    weights, influence = arrays["weights"][:, :columns], arrays["influence"][:, :columns]
    raw = arrays["raw_weights"][:, :columns] if "raw_weights" in arrays else None
    share = saturated_share(weights) if raw is None else saturated_share_of_relative(raw)
    halves = tuple(half_weight_share(column) for column in weights.T)
    found: dict[str, Any] = {"saturated_share": share, "half_weight_share": halves}
    for kind, of_weights, of_influence in zip(KINDS, weights.T, influence.T, strict=False):
        found[f"w_{kind}_per_class"] = mean_per_class(of_weights, labels, num_classes)
        found[f"influence_{kind}_per_class"] = known_mean_per_class(
            of_influence, labels, num_classes
        )
    found["warnings"] = tuple(_warnings(share, None if raw is None else halves))
    return found


def _warnings(saturated: float, relative_halves: tuple[float, ...] | None) -> Iterator[str]:
    if saturated > SATURATED_FROM:
        yield (
            f"{saturated:.0%} of the weights are saturated: the weight net hardly tells images "
            "apart. A lower weight-net learning rate is the usual cure."
        )
    for kind, half in zip(KINDS, relative_halves or (), strict=False):
        if half < COLLAPSED_BELOW:
            yield (
                f"{half:.0%} of the images carry half of all {kind}-loss weight: the others hardly "
                "count. A lower weight-net learning rate is the usual cure."
            )


def frame_arrays(
    arrays: dict[str, NDArray[Any]],
    labels: NDArray[Any],
    num_classes: int,
    weight_net: WeightNet | None,
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a `Frame`, without the confusion matrix.

    Args:
        arrays: From `EpochRecord.arrays`: (N,) or (N, K) each.
        labels: (N,).
        num_classes: C.
        weight_net: None for a method without one.
    """
    frame: dict[str, NDArray[Any]] = {"ce_student": arrays["ce_student"].astype(np.float32)}
    frame |= {name: value for name, value in arrays.items() if name.endswith(("_top", "_belief"))}
    if "ce_teacher" in arrays:
        frame["ce_teacher"] = arrays["ce_teacher"].astype(np.float32)
    if weight_net is not None:
        weights = arrays["weights"]
        frame["weights"] = weights.astype(np.float16)
        frame["influence"] = arrays["influence"].astype(np.float32)
        frame["histograms"] = weight_histograms(weights, labels, num_classes, weight_net.scale)
        raw_mean = None
        if "raw_weights" in arrays:
            raw_mean = arrays["raw_weights"].mean(axis=0).astype(np.float32)
            frame["raw_mean"] = raw_mean
        if "seen_by_net" in arrays:
            frame["seen_by_net"] = arrays["seen_by_net"].astype(np.float32)
        frame["surface"] = surface(weight_net, raw_mean)
    return frame


def surface(
    weight_net: WeightNet, raw_mean: NDArray[np.float32] | None = None
) -> NDArray[np.float16]:
    """Return the weight net's output on the square of `SURFACE_AXIS`; (2, A, A).

    The second axis is the teacher's cross-entropy, the third the student's. The output for each
    loss is divided by `raw_mean` (2,), if given. Without a second loss its half is 0.
    """
    parameter = next(weight_net.parameters())
    axis = torch.tensor(SURFACE_AXIS, dtype=parameter.dtype, device=parameter.device)
    teacher, student = torch.meshgrid(axis, axis, indexing="ij")
    with torch.no_grad():
        weights = weight_net(torch.stack([student, teacher], dim=-1).flatten(0, 1))
    size, columns = len(SURFACE_AXIS), weights.shape[1]
    values = np.zeros((2, size, size), dtype=np.float32)
    values[:columns] = weights.T.reshape(columns, size, size).cpu().numpy()
    if raw_mean is not None:
        values[:columns] /= raw_mean[:columns, None, None]
    return values.astype(np.float16)
