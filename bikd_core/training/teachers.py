"""The teachers of a run: found among the stored ones, else trained first and stored."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import torch
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from torch import nn

from bikd_core.config import ConfigError, RunConfig
from bikd_core.control import Control
from bikd_core.data.long_tail import LongTailSplit
from bikd_core.events import ControlChanged, EpochDone, Event, Frame, TeacherEpochDone
from bikd_core.places import Places
from bikd_core.store.versions import versions
from bikd_core.teachers.card import mean_card
from bikd_core.teachers.files import (
    Teacher,
    TeacherCard,
    find_teacher,
    load_teacher,
    make_card,
    save_teacher,
    teacher_name,
)
from bikd_core.teachers.folds import split_without
from bikd_core.training.loop import Loop

TEACHER_POLL_S = 0.5  # between checks whether another run has trained the teacher

Fold = tuple[int, int]  # (2, 5): the second of five


class RunTeachers(NamedTuple):
    """The teachers of a run; a method without a teacher has none."""

    whole: Teacher | None = None  # has seen all of D_tr
    folds: tuple[Teacher, ...] = ()  # has each seen all of D_tr but its fold

    @property
    def all(self) -> tuple[Teacher, ...]:
        """Every teacher, the one that has seen all of D_tr first."""
        return self.folds if self.whole is None else (self.whole, *self.folds)

    @property
    def card(self) -> TeacherCard | None:
        """The card of the teacher of the soft loss, for out-of-fold ones their mean, if any."""
        if self.whole is not None:
            return self.whole.card
        cards = [teacher.card for teacher in self.folds if teacher.card]
        return mean_card(cards) if cards else None


class TeacherSearch:
    """Finds the teachers that a run asks, and trains those that are not stored.

    Args:
        config: The run.
        split: What it trains and is judged on.
        device: The device to train on.
        control: Pauses and stops the training of a teacher.
        places: Where teachers are stored.
    """

    def __init__(
        self,
        config: RunConfig,
        split: LongTailSplit,
        device: torch.device,
        control: Control,
        places: Places,
    ) -> None:
        self._config, self._split, self._device = config, split, device
        self._control, self._places = control, places

    def find_or_train(self) -> Generator[Event, None, RunTeachers | None]:
        """Return the run's teachers; None if stopped while one was trained.

        Raises:
            ConfigError: Options contradict each other.
            TeacherError: A teacher does not fit, or is damaged.
        """
        _check_folds(self._config)
        whole: Teacher | None = None
        if self._config.needs_whole_teacher:
            whole = yield from self._whole_teacher()
            if whole is None:
                return None
        folds: list[Teacher] = []
        num_folds, seed = self._config.num_fold_teachers, self._config.data.split_seed
        for fold in range(num_folds):
            kept = split_without(self._split, num_folds, fold, seed)
            teacher = yield from self._find_or_train(kept, (fold + 1, num_folds))
            if teacher is None:
                return None
            folds.append(teacher)
        return RunTeachers(whole, tuple(folds))

    def _whole_teacher(self) -> Generator[Event, None, Teacher | None]:
        models = self._config.models
        if models.teacher != "auto":
            folders = self._places.teacher_folders()
            return load_teacher(models.teacher, models.teacher_model, self._split, folders)
        return (yield from self._find_or_train(self._split, None))

    def _find_or_train(
        self, split: LongTailSplit, without_fold: Fold | None
    ) -> Generator[Event, None, Teacher | None]:
        """Return the teacher of exactly this split; None if stopped while it was trained."""
        model, folders = self._config.models.teacher_model, self._places.teacher_folders()
        stored = find_teacher(split, model, folders)
        if stored is not None:
            return stored
        name = teacher_name(split, model, without_fold)
        self._places.teachers.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._places.teachers / f".{name}.lock")
        if not self._wait_for(lock):
            return None
        try:  # another run may have trained it while this one waited
            stored = find_teacher(split, model, folders)
            if stored is not None:
                return stored
            trained = yield from train_teacher(
                teacher_config(self._config),
                split,
                self._device,
                self._control,
                "a run that found no stored teacher for its split",
                without_fold=without_fold,
            )
            if trained is None:
                return None
            save_teacher(self._places.teachers, name, *trained)
        finally:
            lock.release()
        return load_teacher(name, model, split, folders)

    def _wait_for(self, lock: FileLock) -> bool:
        """Wait until no other run trains this teacher; return False if stopped before."""
        while not self._control.is_stopped:
            with suppress(Timeout):
                lock.acquire(timeout=TEACHER_POLL_S)
                return True
        return False


def _check_folds(config: RunConfig) -> None:
    num_folds, controls = config.num_fold_teachers, config.flat()
    if not num_folds:
        return
    if controls["teacher_batch_statistics"]:
        raise ConfigError(
            f"teacher_folds = {num_folds} is not possible with teacher_batch_statistics: each "
            "teacher sees only a part of a batch, so one of the two must be off."
        )
    if controls["teacher_views"]:
        raise ConfigError(
            f"teacher_views = {controls['teacher_views']} is not possible with teacher_folds = "
            f"{num_folds}: the kept logits are those of one teacher, so one of the two must be off."
        )
    if controls["teacher"] != "auto" and not config.needs_whole_teacher:
        raise ConfigError(
            f"teacher = {controls['teacher']!r} is not possible with teacher_folds = {num_folds} "
            "and out_of_fold = inputs_and_soft_loss, which ask it nothing: it must be 'auto'."
        )


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
    config: RunConfig,
    split: LongTailSplit,
    device: torch.device,
    control: Control,
    made_by: str,
    *,
    without_fold: Fold | None = None,
) -> Generator[TeacherEpochDone | ControlChanged, None, tuple[nn.Module, TeacherCard] | None]:
    """Train the student of a `teacher_config` as a teacher, epoch by epoch.

    Args:
        config: Its method is `ce`, because a teacher must have seen only its training images.
        split: The images to train on; the test set only measures the teacher.
        device: The device to train on.
        control: Pauses and stops the training.
        made_by: What made the teacher, for its card.
        without_fold: The number of the fold that the split leaves out, and how many there are.

    Returns:
        The trained model and its card, or None when it was stopped.
    """
    loop = Loop(config, split, None, device)
    loop.takes_settings = False  # they are for the run that waits for this teacher
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
                    fold=without_fold,
                )
            elif isinstance(event, ControlChanged):
                yield event
        if control.is_stopped:
            return None
    card = make_card(
        config,
        split,
        accuracies,
        confusion=confusion,
        without_fold=without_fold,
        made_by=made_by,
        versions=versions(),
    )
    return loop.student, card
