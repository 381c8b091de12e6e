"""One student's epochs: steps, evaluation, and the state that a resumed run needs.

B batch, C classes, N images.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bikd_core.config import RunConfig, TeacherOptions
from bikd_core.control import Control, StepLevel
from bikd_core.data.batches import DeviceSet
from bikd_core.data.image_set import to_device
from bikd_core.data.long_tail import LongTailSplit
from bikd_core.evaluation import accuracy_fields, evaluate
from bikd_core.events import ControlChanged, EpochDone, Frame, StepDone, StepTrace
from bikd_core.methods import METHODS, Method, Setting, StepResult
from bikd_core.methods.bilevel import BilevelMethod
from bikd_core.models import build
from bikd_core.models.network import Network, draw_anew
from bikd_core.optimizers import SGD
from bikd_core.training.compute import Compute, compile_for, prepare, prepare_teacher, resolve
from bikd_core.training.feed import Feed, generators_for, logits_on
from bikd_core.training.kept_step import kept_step
from bikd_core.training.record import (
    EpochRecord,
    EpochResults,
    NonFiniteLoss,
    frame_arrays,
    guessing_warning,
    non_finite_message,
    select_rows,
    weight_summary,
)
from bikd_core.training.val_roles import trained_counts

MILESTONES = (2 / 3, 5 / 6)  # shares of the epochs, like 80 and 100 of the published 120
DECAY, WEIGHT_NET_DECAY = 0.1, 0.8  # factors of the learning rates at each milestone
CHECK_EVERY = 20  # steps between checks for a non-finite loss on a CPU; a GPU would stall
EVALUATION_BATCH = 1000

_EPOCH: frozenset[StepLevel] = frozenset(("epoch",))


class State(NamedTuple):
    """A training at the end of an epoch: tensors by name, and values that JSON can hold."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class StepOutcome(NamedTuple):
    """The result of one step."""

    positions: Tensor  # (B,), on the CPU: in D_tr, or behind it in D_val
    shares: Tensor | None  # (B,), as in the batch
    result: StepResult

    @property
    def weighted_loss(self) -> Tensor:
        """What the student descended, (), including images of D_val."""
        losses = self.result.losses
        return losses.mean() if self.shares is None else (self.shares * losses).sum()


class Loop:
    """Trains one student, epoch by epoch, with its optimiser, its method and its batches.

    Args:
        config: The run.
        split: What it trains and is judged on.
        teacher: For the soft loss; None without a teacher, or if out-of-fold ones serve it.
        device: The device to train on.
        fold_teachers: The out-of-fold teachers by fold; (): there are none.
    """

    def __init__(
        self,
        config: RunConfig,
        split: LongTailSplit,
        teacher: nn.Module | None,
        device: torch.device,
        fold_teachers: Sequence[nn.Module] = (),
    ) -> None:
        config = resolve(config, device)
        training = config.training
        self.config, self.split, self.teacher, self.device = config, split, teacher, device
        self.fold_teachers = fold_teachers
        self.generators = generators_for(training.seed, *config.method.draws)
        self.compile_error = ""  # why the teacher could not be compiled
        self._make_networks()
        self.feed = Feed(config, split, teacher, device, self.compute.layout, fold_teachers)
        self.measured_set, self.test_set = (
            DeviceSet(part, split, device, memory_format=self.compute.layout)
            for part in (split.val[self.feed.roles.measure], split.test)
        )
        self.method = self._make_method()
        self.optimizer = SGD(
            self.student.parameters(),
            lr=training.learning_rate,
            momentum=training.momentum,
            weight_decay=training.weight_decay,
        )
        self.base_learning_rate = training.learning_rate
        self.speed: float | None = None  # at most this many epochs per second
        self.takes_settings = True  # else a changed learning rate or speed is left for another
        self.epoch = 0  # finished epochs
        self.num_steps = 0  # finished steps
        self.seconds = 0.0  # of work in this epoch, without pauses and slow readers
        self.step_began = 0.0  # by time.monotonic

    def _make_networks(self) -> None:
        """Build the student, and prepare it and the teacher for the device."""
        config, split, teacher = self.config, self.split, self.teacher
        if teacher is not None:
            teacher.train(config.protocol.teacher_batch_statistics)
        image_shape = split.train.images.shape[1:]
        self.student = build(
            config.models.student,
            len(split.class_names),
            image_shape[0],
            image_shape[1],
            self.generators["student"],
        ).to(self.device)
        self.compute = Compute.of(config.training)
        teachers = [net for net in (teacher, *self.fold_teachers) if net is not None]
        prepare(self.student, self.compute, self.device)
        for net in teachers:
            prepare_teacher(net, self.compute, self.device)
            if config.training.compile_teacher and isinstance(net, Network):
                error = compile_for(net, image_shape, self.compute)
                self.compile_error = self.compile_error or error

    def _make_method(self) -> Method:
        self.setting = Setting(
            options=self.config.method,
            student=self.student,
            next_val_batch=lambda: self.feed.next_guide(self.epoch),
            class_counts=trained_counts(self.config, self.split, self.feed.roles),
            device=self.device,
            generator=self.generators["weight_net"],
            num_epochs=self.config.training.epochs,
            weights_generator=self.generators.get("weights_used"),
        )
        return METHODS[self.config.method.method](self.setting)

    # One epoch ----------------------------------------------------------------------------------

    def run_epoch(
        self, control: Control
    ) -> Iterator[StepTrace | StepDone | ControlChanged | Frame | EpochDone]:
        """Train the next epoch and yield its events; when stopped, end without its `EpochDone`."""
        epoch, self.seconds = self.epoch + 1, 0.0
        self.student.train()
        record, batches = self.new_record(), self.feed.epoch_batches(self.epoch)
        kept = kept_step(self.config, self.method, epoch, len(batches))
        for number, positions in enumerate(batches, 1):
            is_last, is_watched = number == len(batches), control.is_stepping
            is_traced = is_watched or number == kept
            outcome = self.step(positions, record, epoch, under_lens=is_traced)
            if is_last or (number % CHECK_EVERY == 0 and self.device.type == "cpu"):
                record.check(epoch)
            if is_traced:
                yield self.trace(record, epoch, outcome)
            if is_watched:
                yield self.step_done(epoch, outcome)
            if not is_last:
                yield from self.apply_controls(
                    control, epoch, self.completed_by(outcome.result, is_watched), len(batches)
                )
                if control.is_stopped:
                    return
        training_seconds, start = self.seconds, time.perf_counter()
        results = EpochResults(
            record.arrays(len(self.split.train)),
            test=self.predicted(self.test_set),
            measured=self.predicted(self.measured_set),
            numbers=self.end_epoch_of(self.method, epoch),
        )
        self.seconds += time.perf_counter() - start
        yield from self.end_epoch(epoch, results, training_seconds)
        if epoch < self.config.training.epochs:
            levels = self.completed_by(outcome.result, is_watched) | _EPOCH
            yield from self.apply_controls(control, epoch, levels, len(batches))

    def new_record(self) -> EpochRecord:
        """Return an empty record of one epoch."""
        return EpochRecord(len(self.feed.train_set), self.temperature, self.device)

    @property
    def temperature(self) -> float:
        """The temperature of the soft loss that is recorded."""
        options = self.config.method
        return options.temperature if isinstance(options, TeacherOptions) else 1.0

    def step(
        self, positions: Tensor, record: EpochRecord, epoch: int, *, under_lens: bool
    ) -> StepOutcome:
        """Train the student for one step.

        Args:
            positions: (B,), in the training set, as `Feed.epoch_batches` gives them.
            record: Receives the values of each image.
            epoch: Counted from 1.
            under_lens: Whether the method also computes what only a viewer of the step needs.
        """
        self.step_began = time.monotonic()
        start = time.perf_counter()
        rate = self.learning_rate(epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        draw_anew((self.student, self.teacher), self.config.training.seed, self.num_steps)
        batch, positions = self.feed.training_batch(positions, self.epoch)
        result = self.method.step(batch, rate, under_lens=under_lens)
        self.optimizer.step()
        self.num_steps += 1
        record.add(to_device(positions, self.device), self.num_steps, batch, result)
        self.seconds += time.perf_counter() - start
        return StepOutcome(positions, batch.shares, result)

    def trace(
        self, record: EpochRecord, epoch: int, outcome: StepOutcome, seed: int = 0
    ) -> StepTrace:
        """Return the trace, of the images of D_tr, of the step just taken; `seed` in the record."""
        kept = self.feed.rows_among(outcome.positions)
        result = select_rows(outcome.result, to_device(kept, self.device))
        rows = to_device(outcome.positions[kept], self.device)
        return record.trace(epoch, self.num_steps, rows, result, seed)

    def learning_rate(self, epoch: int) -> float:
        """Return the student's learning rate in an epoch, counted from 1."""
        return self.base_learning_rate * DECAY ** self._milestones_before(epoch)

    def _milestones_before(self, epoch: int) -> int:
        return sum(epoch - 1 >= share * self.config.training.epochs for share in MILESTONES)

    def completed_by(self, result: StepResult, is_watched: bool) -> frozenset[StepLevel]:
        """Return the levels that a step completes; none if it began before somebody stepped.

        Otherwise a running training would pause after a step that has no trace.
        """
        if not is_watched:
            return frozenset()
        has_no_outer = self.method.weight_net is None
        return frozenset(("inner", "outer") if result.weight_step or has_no_outer else ("inner",))

    def apply_controls(
        self, control: Control, epoch: int, levels: frozenset[StepLevel], steps_per_epoch: int
    ) -> Iterator[ControlChanged]:
        due = self.step_began + 1 / (self.speed * steps_per_epoch) if self.speed else 0.0
        for change in control.between_steps(
            epoch=epoch,
            step=self.num_steps,
            ends=levels,
            not_before=due,
            takes_settings=self.takes_settings,
        ):
            self.take(change)
            yield change

    def take(self, change: ControlChanged) -> None:
        """Train on with a changed learning rate or speed."""
        if change.control == "learning_rate" and change.value is not None:
            self.base_learning_rate = change.value
        elif change.control == "speed":
            self.speed = change.value

    def step_done(self, epoch: int, outcome: StepOutcome) -> StepDone:
        outer = outcome.result.outer_loss
        return StepDone(
            epoch=epoch,
            step=self.num_steps,
            weighted_loss=float(outcome.weighted_loss),
            outer_loss=None if outer is None else float(outer),
            weight_step=outcome.result.weight_step,
        )

    # The end of an epoch ------------------------------------------------------------------------

    def end_epoch_of(self, method: Method, epoch: int) -> dict[str, Any]:
        """Let a method end an epoch, counted from 1; return its numbers."""
        steps_into_next = self._milestones_before(epoch + 1) - self._milestones_before(epoch)
        numbers = method.end_epoch(WEIGHT_NET_DECAY**steps_into_next)
        if self.config.protocol.drop_window and isinstance(method, BilevelMethod):
            method.drop_window()
        return numbers

    def end_epoch(
        self, epoch: int, results: EpochResults, training_seconds: float
    ) -> Iterator[Frame | EpochDone]:
        """Yield the events of an epoch, counted from 1, that has been trained.

        Raises:
            NonFiniteLoss: A loss on the test set or on D_val is infinite or not a number.
        """
        start = time.perf_counter()
        test = evaluate(results.test, self.split.test.labels.numpy())
        measured = self.split.val.labels[self.feed.roles.measure].numpy()
        val = evaluate(results.measured, measured)
        arrays = results.arrays
        with np.errstate(over="ignore"):  # finite losses may have an infinite mean
            hard, total = (float(arrays[name].mean()) for name in ("ce_student", "total"))
            soft = float(arrays["soft"].mean()) if "soft" in arrays else None
        if not math.isfinite(test.loss + val.loss + hard + total + (soft or 0.0)):
            raise NonFiniteLoss(non_finite_message(epoch, self.num_steps, hard, soft))
        labels, num_classes = self.split.train.labels.numpy(), len(self.split.class_names)
        frame = frame_arrays(arrays, labels, num_classes, self.method.weight_net)
        of_weights = weight_summary(arrays, labels, num_classes, self.config.method)
        guessing = guessing_warning(epoch, hard, test.accuracy, num_classes)
        warnings = (*guessing, *of_weights.pop("warnings", ()))
        self.epoch = epoch
        self.seconds += time.perf_counter() - start
        yield Frame(epoch=epoch, confusion=test.confusion, **frame)
        yield EpochDone(
            epoch=epoch,
            step=self.num_steps,
            seconds=self.seconds,
            images_per_second=len(labels) / training_seconds,
            learning_rate=self.learning_rate(epoch),
            train_hard_loss=hard,
            train_soft_loss=soft,
            train_weighted_loss=total,
            val_loss=val.loss,
            val_accuracy=val.accuracy,
            **accuracy_fields(test, self.split.class_counts),
            **of_weights,
            **results.numbers,
            warnings=warnings,
        )

    def predicted(self, images: DeviceSet) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the scores (N, C) that the student's predictions on a whole set are made from."""
        return self.method.predict(torch.from_numpy(self.logits(self.student, images))).numpy()

    def logits(self, net: nn.Module, images: DeviceSet) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return a network's logits (N, C) on a whole set, in eval mode and unaugmented."""
        was_training = net.training
        net.eval()
        logits = logits_on(images, net, EVALUATION_BATCH)
        net.train(was_training)
        values: np.ndarray[Any, np.dtype[np.float32]] = logits.float().cpu().numpy()
        return values

    # Resuming -----------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that the next epoch depends on."""
        tensors = {f"student.{name}": value for name, value in self.student.state_dict().items()}
        tensors |= {f"momentum.{number}": value for number, value in self.momentum().items()}
        tensors |= {f"method.{name}": value for name, value in self.method.state().items()}
        for name, generator in self.generators.items():
            tensors[f"generator.{name}"] = generator.get_state()
        tensors |= self.feed.state()
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
        """Restore the `state()` of a training of the same config."""
        parts: dict[str, dict[str, Tensor]] = {}
        for name, value in state.tensors.items():
            part, rest = name.split(".", 1)
            is_on_cpu = part == "generator" or part in self.feed.loaders
            parts.setdefault(part, {})[rest] = value if is_on_cpu else value.to(self.device)
        self.student.load_state_dict(parts["student"])
        self.load_momentum({int(n): value for n, value in parts.get("momentum", {}).items()})
        self.method.load_state(parts.get("method", {}))
        for name, generator in self.generators.items():
            generator.set_state(parts["generator"][name])
        self.feed.load_state(parts)
        self.epoch, self.num_steps = state.values["epoch"], state.values["step"]
        self.base_learning_rate = state.values["base_learning_rate"]
        self.speed = state.values.get("speed")  # missing in checkpoints of earlier versions

    def momentum(self) -> dict[int, Tensor]:
        """Return the optimiser's momentum of each parameter, by number, each in its shape (P, …).

        There is none before the first step.
        """
        state = self.optimizer.state_dict()["state"]
        return {number: slots["momentum_buffer"] for number, slots in state.items()}

    def load_momentum(self, momentum: Mapping[int, Tensor]) -> None:
        """Restore `momentum()`."""
        groups = self.optimizer.state_dict()["param_groups"]
        state = {number: {"momentum_buffer": value} for number, value in momentum.items()}
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
