"""Starts a training from a config: loads data, finds or trains the teacher, runs the epochs."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from bikd_core.config import ConfigError, RunConfig, WeightNetOptions
from bikd_core.control import Control
from bikd_core.data.long_tail import load_split
from bikd_core.data.small_classes import small_class_warning
from bikd_core.evaluation import evaluate
from bikd_core.events import Event, Frame, Panel, RunStarted, StepTrace, TeacherViewsDone
from bikd_core.places import Places
from bikd_core.store.versions import versions
from bikd_core.teachers.files import teacher_name
from bikd_core.teachers.folds import single_image_warning
from bikd_core.teachers.imitation import imitation
from bikd_core.teachers.kept_views import TeacherViews
from bikd_core.training.class_biases import class_biases
from bikd_core.training.compute import compute_float32_exactly
from bikd_core.training.feed import generator_for
from bikd_core.training.loop import Loop, State
from bikd_core.training.teachers import RunTeachers, TeacherSearch


def train(
    config: RunConfig, control: Control | None = None, places: Places | None = None
) -> Iterator[Event | Panel | Frame | StepTrace]:
    """Train a run and yield its events; nothing runs until the next event is pulled.

    ::

        TeacherEpochDone …                          a teacher that is not stored is trained first
        TeacherViewsDone …                          only with teacher_views: logits are stored
        RunStarted, Panel
        for epoch in 1 … epochs:
            for batch in the epoch's order:
                teacher's logits (eval mode)
                method.step: gradient in the student        BiKD: virtual step, D_val, weight net
                optimiser's step
                StepTrace, StepDone                         only while a viewer steps
                ControlChanged …                            paused, resumed, learning rate
            evaluation on test and D_val
            Frame, EpochDone
        ClassBiasesFitted                           D_val has images that were not trained on

    Raises:
        ValueError: The config, the data set or the teacher cannot be used.
        NonFiniteLoss: The training diverged; the message names epoch, step and losses.
    """
    yield from Training(config, control or Control(), places or Places.from_environment())


class Training:
    """One run as an iterable of events, to be iterated once.

    With a `state`, it yields RunStarted and Panel again, then the epochs after that state.
    """

    def __init__(
        self, config: RunConfig, control: Control, places: Places, *, state: State | None = None
    ) -> None:
        self.config = config
        self.control = control
        self.places = places
        self._resume_from = state
        self._loop: Loop | None = None

    def state(self) -> State:
        """Return the state after the last `EpochDone`, from which a new `Training` can resume.

        Raises:
            RuntimeError: No epoch has begun.
        """
        if self._loop is None:
            raise RuntimeError("There is no state before the first epoch has begun.")
        return self._loop.state()

    def __iter__(self) -> Iterator[Event | Panel | Frame | StepTrace]:
        begun = yield from begin(self.config, self.control, self.places, self._resume_from)
        if begun is None:
            return  # stopped while a teacher was trained, or views were filled
        loop = self._loop = begun.loop
        yield from opening(begun)
        epochs = self.config.training.epochs
        while loop.epoch < epochs and not self.control.is_stopped:
            yield from loop.run_epoch(self.control)
        # A run that is stopped early has none: it can go on, and fits them at its real end.
        if loop.epoch >= epochs and (fitted := class_biases(loop)) is not None:
            yield fitted


class Begun(NamedTuple):
    """A run that is ready for its next epoch."""

    loop: Loop
    teachers: RunTeachers


def begin(
    config: RunConfig, control: Control, places: Places, state: State | None = None
) -> Generator[Event, None, Begun | None]:
    """Load a run's split, find or train its teachers, and make its loop, at `state` if given.

    Returns:
        The run, or None if it was stopped before it could begin.
    """
    device = resolve_device(config.training.device)
    split = load_split(config.data, places.data)
    teachers = yield from TeacherSearch(config, split, device, control, places).find_or_train()
    if teachers is None:
        return None
    whole = teachers.whole.model if teachers.whole else None
    loop = Loop(config, split, whole, device, [teacher.model for teacher in teachers.folds])
    if state is not None:
        loop.load_state(state)
    if whole is not None and config.training.teacher_views:
        loop.feed.views = yield from _teacher_views(loop, whole, control, places)
        if loop.feed.views is None:
            return None
    return Begun(loop, teachers)


def opening(begun: Begun) -> Iterator[RunStarted | Panel]:
    """Yield what a run says before its first epoch."""
    yield run_started(*begun)
    split = begun.loop.split
    true_labels = split.true_labels
    yield Panel(
        labels=split.train.labels.numpy().astype(np.int16),
        original_indices=split.train.original_indices.numpy().astype(np.int32),
        true_labels=None if true_labels is None else true_labels.numpy().astype(np.int16),
    )


def _teacher_views(
    loop: Loop, teacher: nn.Module, control: Control, places: Places
) -> Generator[Event, None, TeacherViews | None]:
    """Load or compute the fixed views of the training images; return None if stopped."""
    config = loop.config
    if config.protocol.teacher_batch_statistics:
        raise ConfigError(
            f"teacher_views = {config.training.teacher_views} is not possible with "
            "teacher_batch_statistics, whose logits depend on the batch: turn one of them off."
        )
    draw = generator_for(config.data.split_seed, "teacher_views")
    views = TeacherViews(loop.feed.train_set, config.training.teacher_views, draw)
    path = places.teachers / "views" / f"{views.key(teacher)}.safetensors"
    if views.load(path, len(loop.split.class_names)):
        return views
    for filled in views.fill(teacher):
        yield TeacherViewsDone(done=filled.done, total=filled.total)
        if control.is_stopped:
            return None
    views.save(path)
    return views


def run_started(loop: Loop, teachers: RunTeachers) -> RunStarted:
    """Return the event that says what was resolved once for this run."""
    split, config, options = loop.split, loop.config, loop.config.method
    return RunStarted(
        class_names=split.class_names,
        class_counts=split.class_counts,
        num_val=len(split.val),
        num_test=len(split.test),
        data_fingerprint=split.fingerprint,
        teacher=_teacher_name(loop, teachers),
        teacher_accuracy_per_class=_teacher_accuracy(loop, teachers),
        device=str(loop.device),
        precision=loop.compute.precision,
        memory_format=loop.compute.memory_format,
        estimator=options.estimator if isinstance(options, WeightNetOptions) else "",
        num_threads=torch.get_num_threads(),
        versions=versions(),
        label_counts=() if split.true_labels is None else split.label_counts,
        is_compiled=config.training.compile_teacher and not loop.compile_error,
        fold_teachers=tuple(teacher.name for teacher in teachers.folds),
        warnings=_warnings(loop, teachers),
    )


def _teacher_name(loop: Loop, teachers: RunTeachers) -> str:
    if teachers.whole is not None or not teachers.folds:
        return teachers.whole.name if teachers.whole else ""
    name = teacher_name(loop.split, loop.config.models.teacher_model)
    return f"{name}-{len(teachers.folds)}folds"


def _teacher_accuracy(loop: Loop, teachers: RunTeachers) -> tuple[float, ...]:
    """Return the accuracy of each class on the test set; without a whole teacher, the mean."""
    labels = loop.split.test.labels.numpy()
    of_each = [
        evaluate(loop.logits(teacher.model, loop.test_set), labels).accuracy_per_class
        for teacher in (teachers.folds if teachers.whole is None else (teachers.whole,))
    ]
    return tuple(fmean(accuracies) for accuracies in zip(*of_each, strict=True))


def _warnings(loop: Loop, teachers: RunTeachers) -> tuple[str, ...]:
    found = [teacher.caution for teacher in teachers.all if teacher.caution]
    if loop.split.is_val_from_train:
        seen_by = "The student and its teacher learn" if teachers.all else "The student learns"
        found.append(
            f"D_val is {len(loop.split.val)} copies of training images (val_from = train). "
            f"{seen_by} from them too, so the loss and accuracy on D_val say nothing about images "
            "that nobody was trained on."
        )
    if words := small_class_warning(loop.config.data):
        found.append(words)
    if (card := teachers.card) and (words := imitation(loop.config, card)):
        found.append(words)
    if teachers.folds and (words := single_image_warning(loop.split, len(teachers.folds))):
        found.append(words)
    if loop.compile_error:
        found.append(loop.compile_error)
    views = loop.feed.views
    if views is not None and views.images.augmentation != "none":
        found.append(
            f"An approximation: teacher_views = {views.num_views}, so the student sees only "
            "so many fixed views of each training image."
        )
    return tuple(found)


def resolve_device(name: str) -> torch.device:
    """Return the device with this name; "auto" is CUDA if there is one, else the CPU.

    From then on this process computes float32 convolutions in float32.

    Raises:
        ConfigError: `name` is "cuda" and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device = 'cuda' is not possible: this machine has no CUDA device.")
    compute_float32_exactly()
    return torch.device(name)
