"""How long a run will take: at the speed of earlier ones, or of a few steps that were timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from bikd_core.config import RunConfig
from bikd_core.runs.history import Snapshot
from bikd_core.speed import Speed, Speeds
from bikd_core.teachers.card import list_teachers

#: The controls that decide how long one image takes, besides the machine.
_DECISIVE = (
    "dataset student teacher_model method inner_steps meta_loss estimator weight_net_layers "
    "batch_size augmentation train_on_val device precision memory_format teacher_views "
    "compile_teacher"
).split()


def decisive(config: RunConfig) -> tuple[object, ...]:
    """Equal for configs of equal speed."""
    values = config.read_by_method()
    return tuple(values.get(name) for name in _DECISIVE)


def seconds_of_run(
    config: RunConfig,
    runs: Sequence[Snapshot],
    teachers: Sequence[Path],
    measured: Callable[[], Speeds | None],
) -> float | None:
    """Of all epochs, and of its teacher's where one will be trained first.

    Args:
        config: Of a run that is not there yet.
        runs: Earlier ones, newest first; those that came as a zip tell nothing of this machine.
        teachers: Folders of stored teachers.
        measured: Asked where the earlier runs leave something open.

    Returns:
        None if nothing is known yet.
    """
    here = (run for run in runs if not run.is_imported)
    like_it = [run for run in here if decisive(run.config) == decisive(config)]
    of_run = next((_speed(run) for run in like_it if run.epochs and run.resolved), None)
    of_teacher = next((_teacher_speed(run) for run in like_it if run.teacher_epochs), None)
    lacks_teacher = not _has_teacher(config, teachers)
    if of_run is None or (lacks_teacher and of_teacher is None):
        speeds = measured()
        if speeds is None:
            return None
        of_run, of_teacher = of_run or speeds.run, of_teacher or speeds.teacher
    seconds = of_run.seconds(config.data, config.training.epochs)
    if lacks_teacher and of_teacher is not None:
        # A teacher takes the data set's own defaults: see `training.teacher_config`.
        epochs = RunConfig.from_flat({"dataset": config.data.dataset}).training.epochs
        seconds += of_teacher.seconds(config.data, epochs)
    return seconds


def _speed(run: Snapshot) -> Speed:
    assert run.resolved is not None
    num_images = sum(run.resolved.class_counts)
    num_evaluated = run.resolved.num_val + run.resolved.num_test
    beside_steps = median(e.seconds - num_images / e.images_per_second for e in run.epochs)
    training = median(1 / epoch.images_per_second for epoch in run.epochs)
    return Speed(training, max(0.0, beside_steps) / num_evaluated)


def _teacher_speed(run: Snapshot) -> Speed:
    """All of it told as training: a teacher's epochs do not say what part was evaluation."""
    one = Speed(1.0, 0.0).seconds(run.config.data, epochs=1)
    return Speed(median(epoch.seconds for epoch in run.teacher_epochs) / one, 0.0)


def _has_teacher(config: RunConfig, teachers: Sequence[Path]) -> bool:
    """Whether no teacher has to be trained, judged by the cards alone."""
    return config.models.teacher != "auto" or any(
        not card.is_uploaded
        and card.model == config.models.teacher_model
        and card.data == config.data
        for _, card in list_teachers(teachers)
    )
