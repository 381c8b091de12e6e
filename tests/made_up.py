"""Made-up runs: their events, arrays and folders. Without a config a run has two classes."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from bikd_core.config import RunConfig
from bikd_core.data.counts import planned_counts
from bikd_core.data.label_noise import planned_labels
from bikd_core.data.sources import facts_of
from bikd_core.evaluation import (
    half_weight_share,
    mean_per_class,
    shot_groups,
    weight_histograms,
)
from bikd_core.events import (
    SURFACE_AXIS,
    WEIGHT_BINS,
    ClassBiasesFitted,
    EpochDone,
    Frame,
    Panel,
    RunStarted,
    StepTrace,
)
from bikd_core.runs import Snapshot
from bikd_core.store import RunFolder, create_run

NUM_IMAGES = 5  # of a run without a config


def started(config: RunConfig | None = None, **changes: Any) -> RunStarted:
    """Return the start of a run; a config gives it classes and a teacher."""
    values = {
        "class_names": ("a", "b"),
        "class_counts": (4, 1),
        "num_val": 2,
        "num_test": 4,
        "data_fingerprint": "f1",
        "teacher": "",
        "teacher_accuracy_per_class": (),
        "device": "cpu",
        "precision": "float32",
        "estimator": "",
        "num_threads": 1,
        "versions": {"torch": "none"},
    }
    if config is not None:
        facts, method = facts_of(config.data.dataset), config.method.facts
        values |= {
            "class_names": facts.class_names,
            "class_counts": planned_counts(config.data),
            "label_counts": planned_labels(config.data).counts if config.data.label_noise else (),
            "num_val": 10 * facts.num_classes,
            "num_test": 58 * facts.num_classes,
            "estimator": "forward" if method.has_weight_net else "",
        }
        if method.needs_teacher:
            values |= {
                "teacher": "digits-large",
                "teacher_accuracy_per_class": (0.9,) * facts.num_classes,
            }
    return RunStarted(**values | changes)


def epoch_done(epoch: int, config: RunConfig | None = None, **changes: Any) -> EpochDone:
    """Return an epoch; with a config, accuracy falls and weights rise from head to tail.

    They do so more at later epochs.
    """
    values = {
        "epoch": epoch,
        "step": 4 * epoch,
        "seconds": 2.0,
        "images_per_second": 5.0,
        "learning_rate": 0.1,
        "train_hard_loss": 1.0,
        "train_soft_loss": None,
        "train_weighted_loss": 1.0,
        "val_loss": 1.0,
        "val_accuracy": 0.5,
        "test_loss": 1.0,
        "accuracy": 0.5,
        "accuracy_many": 0.5,
        "accuracy_medium": 0.5,
        "accuracy_few": 0.5,
        "accuracy_per_class": (0.25, 0.75),
        "calibration_error": 0.1,
    }
    if config is not None:
        values |= _head_to_tail(epoch, config)
    return EpochDone(**values | changes)


def class_biases(config: RunConfig, **changes: Any) -> ClassBiasesFitted:
    """Return class biases that rise from head to tail, and lift the tail's accuracy by 0.2."""
    last = epoch_done(config.training.epochs, config)
    lift = np.linspace(0, 0.2, len(last.accuracy_per_class))
    accuracy = np.array(last.accuracy_per_class) + lift
    groups = shot_groups(planned_counts(config.data))
    values = {
        "epoch": last.epoch,
        "num_val": 10 * len(accuracy),
        "biases": tuple((10 * (lift - lift.mean())).tolist()),
        "temperature": 1.25,
        "val_loss": 0.5,
        "val_accuracy": 0.8,
        "test_loss": 0.5,
        "accuracy": float(accuracy.mean()),
        "accuracy_many": float(accuracy[list(groups.many)].mean()),
        "accuracy_medium": float(accuracy[list(groups.medium)].mean()),
        "accuracy_few": float(accuracy[list(groups.few)].mean()),
        "accuracy_per_class": tuple(accuracy.tolist()),
        "calibration_error": 0.05,
    }
    return ClassBiasesFitted(**values | changes)


def _head_to_tail(epoch: int, config: RunConfig) -> dict[str, Any]:
    counts = planned_counts(config.data)
    rank = np.linspace(0, 1, len(counts))
    share = epoch / config.training.epochs
    accuracy = np.clip(0.3 + 0.6 * share - 0.3 * rank, 0, 1)
    groups = shot_groups(counts)
    values = {
        "step": 5 * epoch,
        "seconds": 0.1,
        "images_per_second": 3000.0,
        "learning_rate": 0.05,
        "accuracy": float(accuracy.mean()),
        "accuracy_many": float(accuracy[list(groups.many)].mean()),
        "accuracy_medium": float(accuracy[list(groups.medium)].mean()),
        "accuracy_few": float(accuracy[list(groups.few)].mean()),
        "accuracy_per_class": tuple(accuracy.tolist()),
    }
    if is_relative(config):
        values |= _relative(config, share)
    elif config.method.method == "bikd":
        values |= {
            "w_hard_per_class": tuple((0.5 + 0.4 * share * rank).tolist()),
            "w_soft_per_class": tuple((0.5 - 0.4 * share * (1 - rank)).tolist()),
            "saturated_share": 0.0,
        }
    return values


def is_relative(config: RunConfig) -> bool:
    return getattr(config.method, "weight_scale", "sigmoid") == "relative"


def _relative(config: RunConfig, share: float) -> dict[str, Any]:
    """Return the fields of relative weights: of the tail they rise, and D_val asks for that."""
    counts = np.array(planned_counts(config.data))
    labels, rank = labels_of(config), np.linspace(0, 1, len(counts))
    weights = relative_weights(config, share)
    means = [mean_per_class(column, labels, len(counts)) for column in weights.T]
    log_prior = np.log(counts / counts.sum())
    values = {
        "w_hard_per_class": means[0],
        "saturated_share": 0.0,
        "half_weight_share": tuple(half_weight_share(column) for column in weights.T),
        "influence_hard_per_class": tuple((0.5 - rank).tolist()),
    }
    has_teacher = config.method.facts.needs_teacher
    if has_teacher:
        values |= {
            "w_soft_per_class": means[1],
            "influence_soft_per_class": tuple((0.25 - 0.5 * rank).tolist()),
        }
    if config.method.meta_loss != "soft" or not has_teacher:
        values["pull_hard_per_class"] = tuple((0.1 - 0.2 * rank).tolist())
    if config.method.meta_loss != "hard" and has_teacher:
        values["pull_soft_per_class"] = tuple((0.3 * rank - 0.15).tolist())
    if config.method.class_shifts != "none":
        values["shift_hard_per_class"] = tuple((log_prior - share * rank).tolist())
        values["shift_soft_per_class"] = tuple((log_prior + share * rank).tolist())
    return values


def relative_weights(config: RunConfig, share: float) -> np.ndarray:
    """Return lognormal weights [N, K] with mean 1, which rise from head to tail; more so later.

    Wrong labels get a quarter of what right ones get.
    """
    labels = labels_of(config)
    rank = labels / labels.max()
    columns = 2 if config.method.facts.needs_teacher else 1
    noise = np.random.default_rng(0).normal(0, 0.2, (len(labels), columns))
    weights = np.exp(share * (2 * rank[:, None] + noise))
    weights[labels != true_labels_of(config)] /= 4
    return weights / weights.mean(axis=0)


def labels_of(config: RunConfig) -> np.ndarray:
    """Return the labels [N] of the training images as they are given, class by class."""
    return planned_labels(config.data).given.astype(np.int16)


def true_labels_of(config: RunConfig) -> np.ndarray:
    """Return the true labels [N] of the training images, class by class."""
    return planned_labels(config.data).true.astype(np.int16)


def panel(
    labels: np.ndarray | None = None,
    original_indices: np.ndarray | None = None,
    true_labels: np.ndarray | None = None,
) -> Panel:
    """Return a panel of images with these labels [N] and indices [N]; 0, 1, 2, … if none."""
    labels = np.zeros(NUM_IMAGES) if labels is None else labels
    indices = np.arange(len(labels)) if original_indices is None else original_indices
    return Panel(
        labels=labels.astype(np.int16),
        original_indices=indices.astype(np.int32),
        true_labels=None if true_labels is None else true_labels.astype(np.int16),
    )


def panel_of(config: RunConfig) -> Panel:
    """Return the panel of a run, with the true labels if there is label noise."""
    true = true_labels_of(config) if config.data.label_noise else None
    return panel(labels_of(config), true_labels=true)


def frame(epoch: int, loss: float | np.ndarray = 0.0, num_classes: int = 2, **arrays: Any) -> Frame:
    """Return a frame; its images have one loss, or theirs [N], and each is classified correctly."""
    losses = np.full(NUM_IMAGES, loss) if np.isscalar(loss) else loss
    confusion = np.eye(num_classes, dtype=np.int32)
    values = {"ce_student": losses.astype(np.float32), "confusion": confusion}
    return Frame(epoch=epoch, **values | arrays)


def histograms(config: RunConfig, epoch: EpochDone) -> np.ndarray:
    """Return counts [2, C, 64]: a class lies in the bin of its mean weight and in the next one."""
    counts = planned_labels(config.data).counts
    made = np.zeros((2, len(counts), WEIGHT_BINS), dtype=np.int32)
    for kind, means in enumerate((epoch.w_hard_per_class, epoch.w_soft_per_class)):
        for label, (count, mean) in enumerate(zip(counts, means, strict=True)):
            centre = min(int(mean * WEIGHT_BINS), WEIGHT_BINS - 2)
            made[kind, label, centre] = count - count // 3
            made[kind, label, centre + 1] = count // 3
    return made


def relative_arrays(config: RunConfig, epoch: int) -> dict[str, Any]:
    """Return what a frame of a run with relative weights holds, but its losses of the student.

    Without a hypergradient in each step, the images of every other step have no influence.
    """
    labels = labels_of(config)
    weights = np.zeros((len(labels), 2))
    chosen = relative_weights(config, epoch / config.training.epochs)
    weights[:, : chosen.shape[1]] = chosen
    influence = np.where(weights > 0, 0.5 - labels[:, None] / labels.max(), 0.0)
    if config.method.outer_every > 1:
        influence[::2] = np.nan
    student = np.broadcast_to(np.sqrt(SURFACE_AXIS), (len(SURFACE_AXIS),) * 2)
    arrays = {
        "weights": weights.astype(np.float16),
        "influence": influence.astype(np.float32),
        "raw_mean": np.array([1.5, 0.5], np.float32),
        "histograms": weight_histograms(weights, labels, labels.max() + 1, "relative"),
        "surface": np.stack([student, student[::-1]]).astype(np.float16),
    }
    if config.method.over == "prior_kd":
        arrays["seen_by_net"] = np.linspace(0.01, 4, len(labels), dtype=np.float32)
    if config.method.facts.needs_teacher:
        arrays["ce_teacher"] = np.full(len(labels), 0.5, np.float32)
    return arrays


def frame_of(config: RunConfig, epoch: EpochDone, **arrays: Any) -> Frame:
    """Return the frame of an epoch, with its histograms if the method has weights."""
    counts = planned_counts(config.data)
    if is_relative(config):
        arrays = relative_arrays(config, epoch.epoch) | arrays
    elif epoch.w_hard_per_class is not None:
        arrays = {"histograms": histograms(config, epoch)} | arrays
    return frame(epoch.epoch, np.ones(sum(counts)), len(counts), **arrays)


def trace(epoch: int, step: int, rows: np.ndarray | None = None, **arrays: Any) -> StepTrace:
    """Return the trace of a step; each image of the batch has the number of the step as its loss.

    Args:
        epoch: The epoch of the step.
        step: The number of the step.
        rows: Rows [B] of the batch in the panel; the first three if none.
        arrays: Other arrays of the trace.
    """
    rows = np.arange(3) if rows is None else rows
    losses = arrays.get("ce_student", np.full(len(rows), step)).astype(np.float32)
    values = {"rows": rows.astype(np.int32), "ce_student": losses, "losses": losses}
    return StepTrace(epoch=epoch, step=step, **values | arrays)


def make_run(
    runs: Path,
    *,
    done: int = 3,
    state: str = "finished",
    reason: str = "",
    has_biases: bool = False,
    warned: int = 0,
    **controls: Any,
) -> RunFolder:
    """Write a run that has done some epochs, and fitted class biases or not; return its folder.

    The epoch `warned` has a warning.
    """
    config = RunConfig.from_flat({"epochs": max(done, 1)} | controls)
    folder = create_run(runs, config)
    with folder.lock():
        folder.append(started(config))
        if is_relative(config):
            folder.append(panel_of(config))
        for number in range(1, done + 1):
            epoch = epoch_done(number, config)
            if number == warned:
                epoch = dataclasses.replace(epoch, warnings=("nothing moves.",))
            folder.append(frame_of(config, epoch))
            folder.append(epoch)
        if has_biases:
            folder.append(class_biases(config))
        folder.write_status(state, reason, epoch=done, epochs=config.training.epochs)
    return folder


def with_log(snapshot: Snapshot, **changes) -> Snapshot:
    """A snapshot whose log says something else."""
    changed = snapshot.log()._replace(**changes)
    return dataclasses.replace(snapshot, log=lambda: changed)
