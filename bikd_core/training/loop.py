"""One student's epochs: steps, evaluation, and the state that a resumed run needs."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bikd_core.config import RunConfig
from bikd_core.control import Control, StepLevel
from bikd_core.data.batches import DeviceSet, Endless, epoch_order
from bikd_core.data.long_tail import LongTailSplit
from bikd_core.evaluation import Evaluation, evaluate, shot_groups
from bikd_core.events import ControlChanged, EpochDone, Frame, StepDone, StepTrace
from bikd_core.methods import METHODS, Batch, Setting, StepResult
from bikd_core.models import build
from bikd_core.teacher_views import TeacherViews
from bikd_core.training.compute import prepare, resolve
from bikd_core.training.record import (
    EpochRecord,
    NonFiniteLoss,
    frame_arrays,
    not_finite,
    weight_summary,
)

MILESTONES = (2 / 3, 5 / 6)  # of the epochs, as 80 and 100 of the published 120
DECAY, WEIGHT_NET_DECAY = 0.1, 0.8  # of the learning rates at each milestone
CHECK_EVERY = 20  # steps between looks for a non-finite loss, each of which stalls a GPU
EVALUATION_BATCH = 1000

_EPOCH: frozenset[StepLevel] = frozenset(("epoch",))


class State(NamedTuple):
    """A training at the end of an epoch: tensors by name, and numbers that JSON can hold."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def generator_for(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator of its own for each purpose, so that none disturbs another."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class Loop:
    """The student, its optimiser, its method and its batches."""

    def __init__(
        self,
        config: RunConfig,
        split: LongTailSplit,
        teacher: nn.Module | None,
        device: torch.device,
    ) -> None:
        training = config.training
        self.config, self.split, self.teacher, self.device = config, split, teacher, device
        names = ("student", "weight_net", "order", "augmentation", "val_order", "val_augmentation")
        self.generators = {name: generator_for(training.seed, name) for name in names}
        channels, size = split.train.images.shape[1:3]
        self.student = build(
            config.models.student,
            len(split.class_names),
            channels,
            size,
            self.generators["student"],
        ).to(device)
        self.compute = resolve(training, self.student, split.train.images.shape[1:])
        for net in (self.student, teacher):
            if net is not None:
                prepare(net, self.compute, device)
        self.train_set, self.val_set, self.test_set = (
            DeviceSet(part, split, device, training.augmentation, memory_format=self.compute.layout)
            for part in (split.train, split.val, split.test)
        )
        self.views: TeacherViews | None = None  # set once they are filled
        self.val_batches = Endless(
            len(split.val), training.batch_size, self.generators["val_order"]
        )
        self.method = METHODS[config.method.method](
            Setting(
                config=config.method,
                student=self.student,
                next_val_batch=self.next_val_batch,
                class_counts=split.class_counts,
                device=device,
                generator=self.generators["weight_net"],
            )
        )
        self.optimizer = torch.optim.SGD(
            self.student.parameters(),
            lr=training.learning_rate,
            momentum=training.momentum,
            weight_decay=training.weight_decay,
        )
        self.base_learning_rate = training.learning_rate
        self.speed: float | None = None  # the most epochs per second
        self.epoch = 0  # done
        self.num_steps = 0  # done
        self._seconds = 0.0  # of work in this epoch: pauses and readers do not count
        self._step_began = 0.0  # by time.monotonic

    # Batches ------------------------------------------------------------------------------------

    def _batch(self, of: DeviceSet, indices: Tensor, augmentation: torch.Generator) -> Batch:
        images = of.batch(indices, augmentation)
        teacher_logits = None
        if self.teacher is not None:
            with torch.no_grad():
                teacher_logits = self.teacher(images)
        return Batch(images, of.labels[indices], teacher_logits)

    def train_batch(self, indices: Tensor) -> Batch:
        """The training images at these positions, augmented; teacher logits if there is one."""
        if self.views is not None:
            images, logits = self.views.draw(indices, self.generators["augmentation"])
            return Batch(images, self.train_set.labels[indices], logits)
        return self._batch(self.train_set, indices, self.generators["augmentation"])

    def next_val_batch(self) -> Batch:
        """The next images of D_val, endlessly; teacher logits if the meta loss reads them."""
        indices = self.val_batches.next_batch().to(self.device)
        if self.config.method.meta_loss == "hard":  # which needs no teacher
            images = self.val_set.batch(indices, self.generators["val_augmentation"])
            return Batch(images, self.val_set.labels[indices], None)
        return self._batch(self.val_set, indices, self.generators["val_augmentation"])

    # One epoch ----------------------------------------------------------------------------------

    def run_epoch(
        self, control: Control
    ) -> Iterator[StepTrace | StepDone | ControlChanged | Frame | EpochDone]:
        """The next epoch's events. Ends early, without its `EpochDone`, when asked to stop."""
        epoch = self.epoch + 1
        self._seconds = 0.0
        self.student.train()
        record = EpochRecord(len(self.train_set), self.config.method.temperature, self.device)
        batches = epoch_order(
            len(self.train_set), self.config.training.batch_size, self.generators["order"]
        )
        for number, indices in enumerate(batches, 1):
            is_last = number == len(batches)
            is_watched = control.is_stepping
            rows = indices.to(self.device)
            result = self.step(rows, record, epoch, under_lens=is_watched)
            if number % CHECK_EVERY == 0 or is_last:
                record.check(epoch)
            if is_watched:
                yield record.trace(epoch, rows, result)
                yield self._step_done(epoch, result)
            if not is_last:
                yield from self._obey(
                    control, epoch, self._ended_by(result, is_watched), len(batches)
                )
                if control.is_stopped:
                    return
        training_seconds = self._seconds
        yield from self._end_epoch(epoch, record, training_seconds)
        if epoch < self.config.training.epochs:
            ends = self._ended_by(result, is_watched)
            yield from self._obey(control, epoch, ends | _EPOCH, len(batches))

    def step(
        self, indices: Tensor, record: EpochRecord, epoch: int, *, under_lens: bool
    ) -> StepResult:
        """One step of the student on the training images at these positions, on the device."""
        self._step_began = time.monotonic()
        start = time.perf_counter()
        rate = self.learning_rate(epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = self.train_batch(indices)
        result = self.method.step(batch, rate, under_lens=under_lens)
        self.optimizer.step()
        self.num_steps += 1
        record.add(indices, self.num_steps, batch, result)
        self._seconds += time.perf_counter() - start
        return result

    def learning_rate(self, epoch: int) -> float:
        """Of the student in an epoch, counted from 1."""
        return self.base_learning_rate * DECAY ** self._milestones_before(epoch)

    def _milestones_before(self, epoch: int) -> int:
        return sum(epoch - 1 >= share * self.config.training.epochs for share in MILESTONES)

    def _ended_by(self, result: StepResult, is_watched: bool) -> frozenset[StepLevel]:
        """What a step completes; nothing if it was under way already when somebody asked for one.

        Else a running training would pause after a step of which there is no trace.
        """
        if not is_watched:
            return frozenset()
        has_no_outer = self.method.weight_net is None
        return frozenset(("inner", "outer") if result.weight_step or has_no_outer else ("inner",))

    def _obey(
        self, control: Control, epoch: int, ends: frozenset[StepLevel], steps_per_epoch: int
    ) -> Iterator[ControlChanged]:
        due = self._step_began + 1 / (self.speed * steps_per_epoch) if self.speed else 0.0
        for change in control.between_steps(
            epoch=epoch, step=self.num_steps, ends=ends, not_before=due
        ):
            if change.control == "learning_rate" and change.value is not None:
                self.base_learning_rate = change.value
            elif change.control == "speed":
                self.speed = change.value
            yield change

    def _step_done(self, epoch: int, result: StepResult) -> StepDone:
        outer = result.outer_loss
        return StepDone(
            epoch=epoch,
            step=self.num_steps,
            weighted_loss=float(result.losses.mean()),
            outer_loss=None if outer is None else float(outer),
            weight_step=result.weight_step,
        )

    # Its end ------------------------------------------------------------------------------------

    def _end_epoch(
        self, epoch: int, record: EpochRecord, training_seconds: float
    ) -> Iterator[Frame | EpochDone]:
        start = time.perf_counter()
        test = evaluate(self._predicted(self.test_set), self.split.test.labels.numpy())
        val = evaluate(self._predicted(self.val_set), self.split.val.labels.numpy())
        arrays = record.arrays()
        soft = float(arrays["soft"].mean()) if "soft" in arrays else None
        if not math.isfinite(test.loss + val.loss):
            hard = float(arrays["ce_student"].mean())
            raise NonFiniteLoss(not_finite(epoch, self.num_steps, hard, soft))
        labels, num_classes = self.split.train.labels.numpy(), len(self.split.class_names)
        steps_into_next = self._milestones_before(epoch + 1) - self._milestones_before(epoch)
        numbers = self.method.end_epoch(WEIGHT_NET_DECAY**steps_into_next)
        frame = frame_arrays(arrays, labels, num_classes, self.method.weight_net)
        self.epoch = epoch
        self._seconds += time.perf_counter() - start
        yield Frame(epoch=epoch, confusion=test.confusion, **frame)
        yield EpochDone(
            epoch=epoch,
            step=self.num_steps,
            seconds=self._seconds,
            images_per_second=len(labels) / training_seconds,
            learning_rate=self.learning_rate(epoch),
            train_hard_loss=float(arrays["ce_student"].mean()),
            train_soft_loss=soft,
            train_weighted_loss=float(arrays["total"].mean()),
            val_loss=val.loss,
            **self._accuracies(test),
            **weight_summary(arrays, labels, num_classes),
            **numbers,
        )

    def _accuracies(self, test: Evaluation) -> dict[str, Any]:
        groups = shot_groups(self.split.class_counts)
        return {
            "test_loss": test.loss,
            "accuracy": test.accuracy,
            "accuracy_many": test.accuracy_of(groups.many),
            "accuracy_medium": test.accuracy_of(groups.medium),
            "accuracy_few": test.accuracy_of(groups.few),
            "accuracy_per_class": test.accuracy_per_class,
            "calibration_error": test.calibration_error,
        }

    def _predicted(self, of: DeviceSet) -> np.ndarray[Any, np.dtype[np.float32]]:
        """What the student's predictions on a whole set are made from; [N, C]."""
        return self.method.predict(torch.from_numpy(self.logits(self.student, of))).numpy()

    def logits(self, net: nn.Module, of: DeviceSet) -> np.ndarray[Any, np.dtype[np.float32]]:
        """A network's logits on a whole set, in eval mode, without augmentation; [N, C]."""
        was_training = net.training
        net.eval()
        with torch.no_grad():
            parts = [
                net(of.batch(indices, None))
                for indices in torch.split(torch.arange(len(of)), EVALUATION_BATCH)
            ]
        net.train(was_training)
        logits: np.ndarray[Any, np.dtype[np.float32]] = torch.cat(parts).float().cpu().numpy()
        return logits

    # Resuming -----------------------------------------------------------------------------------

    def state(self) -> State:
        """Everything that the next epoch depends on."""
        tensors = {f"student.{name}": value for name, value in self.student.state_dict().items()}
        for number, slots in self.optimizer.state_dict()["state"].items():
            tensors[f"momentum.{number}"] = slots["momentum_buffer"]
        tensors |= {f"method.{name}": value for name, value in self.method.state().items()}
        for name, generator in self.generators.items():
            tensors[f"generator.{name}"] = generator.get_state()
        tensors |= {
            f"val.{name}": torch.as_tensor(v) for name, v in self.val_batches.state().items()
        }
        values = {
            "epoch": self.epoch,
            "step": self.num_steps,
            "base_learning_rate": self.base_learning_rate,
            "speed": self.speed,
        }
        return State(
            {name: value.detach().cpu().clone() for name, value in tensors.items()}, values
        )

    def load_state(self, state: State) -> None:
        """Go on from `state()` of the same config."""
        parts: dict[str, dict[str, Tensor]] = {}
        for name, value in state.tensors.items():
            part, rest = name.split(".", 1)
            moved = value if part in ("generator", "val") else value.to(self.device)
            parts.setdefault(part, {})[rest] = moved
        self.student.load_state_dict(parts["student"])
        groups = self.optimizer.state_dict()["param_groups"]
        momentum = {int(n): {"momentum_buffer": v} for n, v in parts.get("momentum", {}).items()}
        self.optimizer.load_state_dict({"state": momentum, "param_groups": groups})
        self.method.load_state(parts.get("method", {}))
        for name, value in parts["generator"].items():
            self.generators[name].set_state(value)
        self.val_batches.load_state({**parts["val"]})
        self.epoch, self.num_steps = state.values["epoch"], state.values["step"]
        self.base_learning_rate = state.values["base_learning_rate"]
        self.speed = state.values.get("speed")  # checkpoints of earlier versions have none
