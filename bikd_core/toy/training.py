"""One toy in training: a teacher and a student on the points of a plane, by the engine's methods.

N training points, M points of D_val, C classes, G×G points of the ground.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bikd_core.config import METHOD_CONFIGS
from bikd_core.config.method import MethodConfig
from bikd_core.methods import METHODS, Batch, Objective, Setting, StepResult
from bikd_core.methods.objective import two_columns
from bikd_core.models.initialisation import initialised
from bikd_core.models.network import Network
from bikd_core.optimizers import SGD
from bikd_core.toy.pipe import GRID, NO_WEIGHT, Frame, Phase, packed, packed_points
from bikd_core.toy.plane import CLASSES, TEST_PER_CLASS, Method, Point, Task, draw
from bikd_core.training.feed import generators_for

SCALE = 3.0  # the plane's [-1, 1] as the networks see it
BATCH_SIZE = 80
LEARNING_RATE = 0.1
TEACHER_EPOCHS = 60  # before the student begins
FOLLOWING_EPOCHS = 40  # of the teacher, beside the student's, after its points have changed
RESTS_AFTER = 300  # epochs without an edit
TEACHER_TURN = 5  # epochs of the teacher in one turn, which cost about as much as a student's
_HIDDEN = {"student": 12, "teacher": 24}
OPTIONS: dict[Method, MethodConfig] = {
    "bikd": METHOD_CONFIGS["bikd"](temperature=2.0, weight_net_learning_rate=0.003),  # type: ignore[call-arg]
    "kd": METHOD_CONFIGS["kd"](temperature=2.0),  # type: ignore[call-arg]
    "ce": METHOD_CONFIGS["ce"](),
}


class PlaneMLP(Network):
    """Two hidden layers over the coordinates of a point; (B, 2) -> (B, C)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(2, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.fc = nn.Linear(hidden, len(CLASSES))

    def layers_forward(self, images: Tensor) -> Tensor:
        """Return logits; (B, 2) -> (B, C)."""
        logits: Tensor = self.fc(torch.tanh(self.second(torch.tanh(self.first(images)))))
        return logits


class Points:
    """Points as a network takes them: `places` (N, 2), `labels` (N,)."""

    def __init__(self, points: tuple[Point, ...]) -> None:
        table = torch.tensor(points, dtype=torch.float64).reshape(-1, 4)
        self.places = SCALE * table[:, 2:].float()
        self.labels = table[:, 1].long()

    def __len__(self) -> int:
        return len(self.labels)


class Pupil:
    """A network, the method that trains it, and its optimiser.

    Args:
        role: "student" or "teacher".
        options: Of the method.
        toy: Whose D_val guides the weights.
    """

    def __init__(self, role: str, options: MethodConfig, toy: Toy) -> None:
        draws = generators_for(0, role, f"{role}_weight_net", f"{role}_order")
        self.net = initialised(lambda: PlaneMLP(_HIDDEN[role]), draws[role])
        self.order = draws[f"{role}_order"]
        counts = torch.bincount(toy.train.labels, minlength=len(CLASSES)).tolist()
        setting = Setting(
            options=options,
            student=self.net,
            next_val_batch=toy.val_batch,
            class_counts=tuple(map(float, counts)),
            device=torch.device("cpu"),
            generator=draws[f"{role}_weight_net"],
            num_epochs=RESTS_AFTER,
        )
        self.method = METHODS[options.method](setting)
        self.optimizer = SGD(
            self.net.parameters(), lr=LEARNING_RATE, momentum=0.9, weight_decay=1e-4
        )
        self.epoch = 0

    def run_epoch(self, points: Points, teacher_logits: Tensor | None) -> Tensor:
        """Train for an epoch; return the weights (N, 2) that each point had in it.

        Args:
            points: N of them.
            teacher_logits: (N, C), or None without a teacher.
        """
        weights = torch.full((len(points), 2), math.nan)
        order = torch.randperm(len(points), generator=self.order)
        for rows in torch.split(order, BATCH_SIZE):
            logits = None if teacher_logits is None else teacher_logits[rows]
            batch = Batch(points.places[rows], points.labels[rows], logits)
            result = self.method.step(batch, LEARNING_RATE)
            self.optimizer.step()
            weights[rows] = self._weights_in(result)
        self.method.end_epoch(1.0)
        self.epoch += 1
        return weights

    def _weights_in(self, result: StepResult) -> Tensor:
        """Return the weights of a batch, (B, 2); (1, 2) where they are the same for all."""
        if result.weights is not None:
            return result.weights
        assert isinstance(self.method, Objective)  # it has no weight net
        return two_columns(self.method.fixed[None].float())

    @property
    def is_finite(self) -> bool:
        return all(bool(value.isfinite().all()) for value in self.net.parameters())

    @torch.no_grad()
    def logits(self, places: Tensor) -> Tensor:
        """Return logits; (N, 2) -> (N, C)."""
        logits: Tensor = self.net(places)
        return logits


class Toy:
    """The training of one visitor's toy, epoch by epoch.

    The teacher learns first, by cross-entropy. When training points change, student and teacher go
    on from where they are, the teacher for `FOLLOWING_EPOCHS`.
    """

    def __init__(self, toy_id: str, task: Task) -> None:
        self.toy_id, self.task = toy_id, task
        self.is_changed = True  # since the last frame
        self.problem = ""
        self._ground = _ground()
        self._test = Points(tuple(_test_points()))
        self._begin()

    def _begin(self) -> None:
        self.train, self.val = Points(self.task.train), Points(self.task.val)
        self.teacher = Pupil("teacher", OPTIONS["ce"], self)
        self.teacher_epochs_left = TEACHER_EPOCHS
        self._begin_student()

    def _begin_student(self) -> None:
        self.student = Pupil("student", OPTIONS[self.task.method], self)
        self.weights = torch.full((len(self.train), 2), math.nan)
        self._edited_at = 0  # the student's epoch
        self._asked_before = self.task.num_epochs_asked

    def take(self, task: Task) -> None:
        """Train by another task from now on."""
        before, self.task = self.task, task
        if task == before:
            return
        self.is_changed = True
        if task.beginning != before.beginning:
            self.problem = ""
            self._begin()
            return
        if task.val != before.val:
            self.val = Points(task.val)
        if task.train != before.train:
            self._take_points(before)
        if task.model_copy(update={"is_paused": before.is_paused}) != before:
            self._edited_at = self.student.epoch

    def _take_points(self, before: Task) -> None:
        """Take new training points; those that stay keep their weights until the next epoch."""
        rows = {point[0]: row for row, point in enumerate(before.train)}
        kept = [rows.get(point[0]) for point in self.task.train]
        self.train, old = Points(self.task.train), self.weights
        self.weights = torch.full((len(kept), 2), math.nan)
        for row, former in enumerate(kept):
            if former is not None:
                self.weights[row] = old[former]
        self.teacher_epochs_left = max(self.teacher_epochs_left, FOLLOWING_EPOCHS)

    def val_batch(self) -> Batch:
        """Return all of D_val."""
        return Batch(self.val.places, self.val.labels, None)

    # Training -----------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """What the next turn would do."""
        if not len(self.train):
            return "empty"
        if self.teacher.epoch < TEACHER_EPOCHS:
            return "teacher"
        if self.task.is_paused:
            is_asked = self.task.num_epochs_asked > self._asked_before
            return "student" if is_asked else "paused"
        return "resting" if self.student.epoch >= self._edited_at + RESTS_AFTER else "student"

    @property
    def trains(self) -> bool:
        return self.phase in ("teacher", "student")

    def turn(self) -> None:
        """Train for one epoch of the student, or some of the teacher that comes before it."""
        phase, self.is_changed = self.phase, True
        if phase == "teacher":
            for _ in range(TEACHER_TURN):
                self._run_teacher()
        elif phase == "student":
            if self.teacher_epochs_left:
                self._run_teacher()
            if self.task.is_paused:
                self._asked_before += 1
            logits = self.teacher.logits(self.train.places)
            self.weights = self.student.run_epoch(self.train, logits)
        if not (self.student.is_finite and self.teacher.is_finite):
            self._begin()
            self.problem = "The losses grew beyond all bounds, so teacher and student begin again."

    def _run_teacher(self) -> None:
        self.teacher.run_epoch(self.train, None)
        self.teacher_epochs_left = max(0, self.teacher_epochs_left - 1)

    # Frames -------------------------------------------------------------------------------------

    def frame(self) -> Frame:
        """Return the toy as it stands."""
        self.is_changed = False
        return Frame(
            toy=self.toy_id,
            phase=self.phase,
            epoch=self.student.epoch,
            student=self._packed_ground(self.student),
            teacher=self._packed_ground(self.teacher),
            weights=packed(_in_254ths(self.weights), "u1"),
            student_accuracy=self._accuracy(self.student),
            teacher_accuracy=self._accuracy(self.teacher),
            problem=self.problem,
            **packed_points(self.task),
        )

    def _packed_ground(self, pupil: Pupil) -> str:
        shares = torch.softmax(pupil.logits(self._ground), dim=1)[:, :-1]
        return packed((255 * shares.T).round().numpy(), "u1")

    def _accuracy(self, pupil: Pupil) -> tuple[float, ...]:
        """Return the share of each class's new points that a network is right about, (C,)."""
        is_right = pupil.logits(self._test.places).argmax(dim=1) == self._test.labels
        shares: list[float] = is_right.view(len(CLASSES), -1).float().mean(dim=1).tolist()
        return tuple(shares)


def _in_254ths(weights: Tensor) -> NDArray[Any]:
    values = (254 * weights.clamp(0, 1)).round().numpy()
    return np.where(np.isnan(values), NO_WEIGHT, values)


def _ground() -> Tensor:
    """Return the centres of the ground's cells, (G·G, 2), row by row from the top."""
    along = (torch.arange(GRID) + 0.5) / GRID * 2 - 1
    y, x = torch.meshgrid(-along, along, indexing="ij")
    return SCALE * torch.stack([x, y], dim=-1).view(-1, 2)


def _test_points() -> list[Point]:
    return [
        (0, label, float(x), float(y))
        for label in range(len(CLASSES))
        for x, y in draw("test", label, TEST_PER_CLASS)
    ]
