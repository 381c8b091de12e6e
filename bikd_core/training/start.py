"""Starts a training from a config: loads data, finds or trains the teacher, runs the epochs."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress

import numpy as np
import torch
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from torch import nn

from bikd_core.config import ConfigError, RunConfig, WeightNetOptions
from bikd_core.control import Control
from bikd_core.data.long_tail import LongTailSplit, load_split
from bikd_core.evaluation import evaluate
from bikd_core.events import (
    ControlChanged,
    EpochDone,
    Event,
    Frame,
    Panel,
    RunStarted,
    StepTrace,
    TeacherEpochDone,
    TeacherViewsDone,
)
from bikd_core.places import Places
from bikd_core.store.versions import versions
from bikd_core.teachers.files import (
    Teacher,
    TeacherCard,
    find_teacher,
    load_teacher,
    make_card,
    save_teacher,
    teacher_name,
)
from bikd_core.teachers.imitation import imitation
from bikd_core.teachers.kept_views import TeacherViews
from bikd_core.training.class_biases import class_biases
from bikd_core.training.compute import compute_float32_exactly
from bikd_core.training.feed import generator_for
from bikd_core.training.loop import Loop, State

TEACHER_POLL_S = 0.5  # between checks whether another run has trained the teacher


def train(
    config: RunConfig, control: Control | None = None, places: Places | None = None
) -> Iterator[Event | Panel | Frame | StepTrace]:
    """Train a run and yield its events; nothing runs until the next event is pulled.

    ::

        TeacherEpochDone …                          no stored teacher fits: one is trained first
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
        device = resolve_device(self.config.training.device)
        split = load_split(self.config.data, self.places.data)
        teacher = None
        if self.config.method.facts.needs_teacher:
            teacher = yield from self._find_or_train_teacher(split, device)
            if teacher is None:
                return  # stopped while the teacher was trained
        loop = Loop(self.config, split, teacher.model if teacher else None, device)
        if self._resume_from is not None:
            loop.load_state(self._resume_from)
        if teacher is not None and self.config.training.teacher_views:
            loop.feed.views = yield from self._teacher_views(loop, teacher.model)
            if loop.feed.views is None:
                return  # stopped while they were filled
        self._loop = loop
        yield run_started(loop, teacher)
        yield Panel(
            labels=split.train.labels.numpy().astype(np.int16),
            original_indices=split.train.original_indices.numpy().astype(np.int32),
        )
        epochs = self.config.training.epochs
        while loop.epoch < epochs and not self.control.is_stopped:
            yield from loop.run_epoch(self.control)
        # A run that is stopped early has none: it can go on, and fits them at its real end.
        if loop.epoch >= epochs and (fitted := class_biases(loop)) is not None:
            yield fitted

    def _teacher_views(
        self, loop: Loop, teacher: nn.Module
    ) -> Generator[Event, None, TeacherViews | None]:
        """Load or compute the fixed views of the training images; return None if stopped."""
        if self.config.protocol.teacher_batch_statistics:
            raise ConfigError(
                f"teacher_views = {self.config.training.teacher_views} is not possible with "
                "teacher_batch_statistics, whose logits depend on the batch: turn one of them off."
            )
        draw = generator_for(self.config.data.split_seed, "teacher_views")
        views = TeacherViews(loop.feed.train_set, self.config.training.teacher_views, draw)
        path = self.places.teachers / "views" / f"{views.key(teacher)}.safetensors"
        if views.load(path, len(loop.split.class_names)):
            return views
        for filled in views.fill(teacher):
            yield TeacherViewsDone(done=filled.done, total=filled.total)
            if self.control.is_stopped:
                return None
        views.save(path)
        return views

    def _find_or_train_teacher(
        self, split: LongTailSplit, device: torch.device
    ) -> Generator[Event, None, Teacher | None]:
        """Return the run's teacher; None if stopped while it was trained."""
        models, folders = self.config.models, self.places.teacher_folders()
        if models.teacher != "auto":
            return load_teacher(models.teacher, models.teacher_model, split, folders)
        stored = find_teacher(split, models.teacher_model, folders)
        if stored is not None:
            return stored
        name = teacher_name(split, models.teacher_model)
        self.places.teachers.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.places.teachers / f".{name}.lock")
        if not self._wait_for(lock):
            return None
        try:  # another run may have trained it while this one waited
            stored = find_teacher(split, models.teacher_model, folders)
            if stored is not None:
                return stored
            made_by = "a run that found no stored teacher for its split"
            trained = yield from train_teacher(
                teacher_config(self.config), split, device, self.control, made_by
            )
            if trained is None:
                return None
            save_teacher(self.places.teachers, name, *trained)
        finally:
            lock.release()
        return load_teacher(name, models.teacher_model, split, folders)

    def _wait_for(self, lock: FileLock) -> bool:
        """Wait until no other run trains this teacher; return False if stopped before."""
        while not self.control.is_stopped:
            with suppress(Timeout):
                lock.acquire(timeout=TEACHER_POLL_S)
                return True
        return False


def teacher_config(config: RunConfig) -> RunConfig:
    """Return the config of the ordinary `ce` run whose student is a run's teacher.

    It takes the data set's defaults and seed 0. So all runs on a split share one teacher that saw
    only D_tr, whatever their method, seed, length and use of D_val.
    """
    own = RunConfig.from_flat({"dataset": config.data.dataset})
    defaults = own.training.model_dump() | own.protocol.model_dump()
    defaults["device"] = config.training.device
    return config.changed(student=config.models.teacher_model, method="ce", **defaults)


def train_teacher(
    config: RunConfig, split: LongTailSplit, device: torch.device, control: Control, made_by: str
) -> Generator[TeacherEpochDone | ControlChanged, None, tuple[nn.Module, TeacherCard] | None]:
    """Train the student of a `teacher_config` as a teacher, epoch by epoch.

    Args:
        config: Its method is `ce`, because a teacher must have seen only its training images.
        split: The images to train on; the test set only measures the teacher.
        device: The device to train on.
        control: Pauses and stops the training.
        made_by: What made the teacher, for its card.

    Returns:
        The trained model and its card, or None when it was stopped.
    """
    loop = Loop(config, split, None, device)
    epochs = config.training.epochs
    accuracies: tuple[float, ...] = ()
    confusion: NDArray[np.int32] | None = None
    while loop.epoch < epochs:
        for event in loop.run_epoch(control):
            if isinstance(event, Frame):
                confusion = event.confusion
            elif isinstance(event, EpochDone):
                accuracies = event.accuracy_per_class
                yield TeacherEpochDone(
                    epoch=event.epoch,
                    epochs=epochs,
                    seconds=event.seconds,
                    accuracy=event.accuracy,
                )
            elif isinstance(event, ControlChanged):
                yield event
        if control.is_stopped:
            return None
    card = make_card(
        config, split, accuracies, confusion=confusion, made_by=made_by, versions=versions()
    )
    return loop.student, card


def run_started(loop: Loop, teacher: Teacher | None) -> RunStarted:
    """Return the event that says what was resolved once for this run."""
    split, config, options = loop.split, loop.config, loop.config.method
    accuracy: tuple[float, ...] = ()
    if teacher is not None:
        logits = loop.logits(teacher.model, loop.test_set)
        accuracy = evaluate(logits, split.test.labels.numpy()).accuracy_per_class
    return RunStarted(
        class_names=split.class_names,
        class_counts=split.class_counts,
        num_val=len(split.val),
        num_test=len(split.test),
        data_fingerprint=split.fingerprint,
        teacher=teacher.name if teacher else "",
        teacher_accuracy_per_class=accuracy,
        device=str(loop.device),
        precision=loop.compute.precision,
        memory_format=loop.compute.memory_format,
        estimator=options.estimator if isinstance(options, WeightNetOptions) else "",
        num_threads=torch.get_num_threads(),
        versions=versions(),
        is_compiled=config.training.compile_teacher and not loop.compile_error,
        warnings=_warnings(loop, teacher),
    )


def _warnings(loop: Loop, teacher: Teacher | None) -> tuple[str, ...]:
    found = [teacher.caution] if teacher and teacher.caution else []
    if teacher and teacher.card and (words := imitation(loop.config, teacher.card)):
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
