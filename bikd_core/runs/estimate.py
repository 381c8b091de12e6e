"""How long a run will take, judged by earlier runs or by a few steps that were timed."""

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
    "dataset student teacher_model method over inner_steps meta_loss estimator weight_net_layers "
    "unroll weights_used outer_from outer_every class_shifts "
    "batch_size augmentation train_on_val device precision memory_format teacher_views "
    "compile_teacher teacher_folds out_of_fold"
).split()


def speed_key(config: RunConfig) -> tuple[object, ...]:
    """Return a key that is equal for configs of equal speed."""
    values = config.read_by_method()
    return tuple(values.get(name) for name in _DECISIVE)


def seconds_of_run(
    config: RunConfig,
    runs: Sequence[Snapshot],
    teachers: Sequence[Path],
    measured: Callable[[], Speeds | None],
) -> float | None:
    """Return the seconds of all epochs, and of a teacher's where one will be trained first.

    Args:
        config: The config of a run that has not started.
        runs: Earlier runs, newest first; imported ones tell nothing about this machine, nor those
            that shared their steps about a run alone.
        teachers: Folders of stored teachers.
        measured: Returns measured speeds; called where the earlier runs do not suffice.

    Returns:
        None if nothing is known yet.
    """
    local_runs = (run for run in runs if not run.is_imported and not run.together)
    matching_runs = [run for run in local_runs if speed_key(run.config) == speed_key(config)]
    run_speed = next((_speed(run) for run in matching_runs if run.epochs and run.resolved), None)
    teacher_speed = next((_teacher_speed(run) for run in matching_runs if run.teacher_epochs), None)
    num_lacking = _num_lacking(config, teachers)
    if run_speed is None or (num_lacking and teacher_speed is None):
        speeds = measured()
        if speeds is None:
            return None
        run_speed, teacher_speed = run_speed or speeds.run, teacher_speed or speeds.teacher
    seconds = run_speed.seconds(config.data, config.training.epochs)
    if num_lacking and teacher_speed is not None:
        # A teacher takes the data set's own defaults: see `training.teacher_config`.
        epochs = RunConfig.from_flat({"dataset": config.data.dataset}).training.epochs
        seconds += num_lacking * teacher_speed.seconds(config.data, epochs)
    return seconds


def _speed(run: Snapshot) -> Speed:
    assert run.resolved is not None
    num_images = sum(run.resolved.class_counts)
    num_evaluated = run.resolved.num_val + run.resolved.num_test
    beside_steps = median(e.seconds - num_images / e.images_per_second for e in run.epochs)
    training = median(1 / epoch.images_per_second for epoch in run.epochs)
    return Speed(training, max(0.0, beside_steps) / num_evaluated)


def _teacher_speed(run: Snapshot) -> Speed:
    """Return a teacher's speed, all of it as training: its epochs do not tell evaluation apart."""
    num_images = Speed(1.0, 0.0).seconds(run.config.data, epochs=1)
    return Speed(median(epoch.seconds for epoch in run.teacher_epochs) / num_images, 0.0)


def _num_lacking(config: RunConfig, teachers: Sequence[Path]) -> float:
    """Return the teachers that have to be trained, judged by the cards alone.

    One that is trained on four folds of five counts 4/5.
    """
    if config.models.teacher != "auto":
        return 0
    stored = {
        card.without_fold
        for _, card in list_teachers(teachers)
        if not card.is_uploaded
        and card.model == config.models.teacher_model
        and card.data == config.data.with_plain_val
    }
    lacking = float(config.needs_whole_teacher and None not in stored)
    num_folds = config.num_fold_teachers
    for number in range(1, num_folds + 1):
        if (number, num_folds) not in stored:
            lacking += (num_folds - 1) / num_folds
    return lacking
