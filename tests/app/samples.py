"""Runs made by hand, as folders on the disk, and a run manager that trains nothing."""

import base64
from pathlib import Path

import numpy as np

from bikd_core.config import RunConfig
from bikd_core.data.counts import planned_counts
from bikd_core.data.sources import facts_of
from bikd_core.evaluation import shot_groups
from bikd_core.events import WEIGHT_BINS, EpochDone, Frame, RunStarted
from bikd_core.places import Places
from bikd_core.runs import RunFolder, Snapshot, UnknownRun
from bikd_core.runs.history import BrokenRun, Histories, History
from bikd_core.store import create_run, list_runs, open_run


def started(config: RunConfig) -> RunStarted:
    facts = facts_of(config.data.dataset)
    has_teacher = config.method.method != "ce"
    return RunStarted(
        class_names=facts.class_names,
        class_counts=planned_counts(config.data),
        num_val=10 * facts.num_classes,
        num_test=58 * facts.num_classes,
        data_fingerprint="f" * 16,
        teacher="digits-large" if has_teacher else "",
        teacher_accuracy_per_class=(0.9,) * facts.num_classes if has_teacher else (),
        device="cpu",
        precision="float32",
        estimator="forward" if config.method.method == "bikd" else "",
        num_threads=1,
        versions={},
    )


def epoch_done(config: RunConfig, epoch: int) -> EpochDone:
    """Accuracy falls and weights rise from head to tail, more so at later epochs."""
    counts = planned_counts(config.data)
    num_classes = len(counts)
    rank = np.linspace(0, 1, num_classes)
    share = epoch / config.training.epochs
    accuracy = np.clip(0.3 + 0.6 * share - 0.3 * rank, 0, 1)
    groups = shot_groups(counts)
    has_weights = config.method.method == "bikd"
    return EpochDone(
        epoch=epoch,
        step=5 * epoch,
        seconds=0.1,
        images_per_second=3000.0,
        learning_rate=0.05,
        train_hard_loss=1.0,
        train_soft_loss=None,
        train_weighted_loss=1.0,
        val_loss=1.0,
        test_loss=1.0,
        accuracy=float(accuracy.mean()),
        accuracy_many=float(accuracy[list(groups.many)].mean()),
        accuracy_medium=float(accuracy[list(groups.medium)].mean()),
        accuracy_few=float(accuracy[list(groups.few)].mean()),
        accuracy_per_class=tuple(accuracy.tolist()),
        calibration_error=0.1,
        w_hard_per_class=tuple((0.5 + 0.4 * share * rank).tolist()) if has_weights else None,
        w_soft_per_class=tuple((0.5 - 0.4 * share * (1 - rank)).tolist()) if has_weights else None,
        saturated_share=0.0 if has_weights else None,
    )


def histograms(config: RunConfig, epoch: EpochDone) -> np.ndarray:
    """[2, C, 64]: all images of a class in the bin of its mean weight and in the next one."""
    counts = planned_counts(config.data)
    made = np.zeros((2, len(counts), WEIGHT_BINS), dtype=np.int32)
    for kind, means in enumerate((epoch.w_hard_per_class, epoch.w_soft_per_class)):
        for label, (count, mean) in enumerate(zip(counts, means, strict=True)):
            centre = min(int(mean * WEIGHT_BINS), WEIGHT_BINS - 2)
            made[kind, label, centre] = count - count // 3
            made[kind, label, centre + 1] = count // 3
    return made


def frame(config: RunConfig, epoch: EpochDone) -> Frame:
    num_images, num_classes = sum(planned_counts(config.data)), len(planned_counts(config.data))
    has_weights = epoch.w_hard_per_class is not None
    return Frame(
        epoch=epoch.epoch,
        ce_student=np.ones(num_images, dtype=np.float32),
        confusion=np.eye(num_classes, dtype=np.int32),
        histograms=histograms(config, epoch) if has_weights else None,
    )


def make_run(
    runs: Path, *, done: int = 3, state: str = "finished", reason: str = "", **controls
) -> RunFolder:
    """A run that has done some epochs."""
    config = RunConfig.from_flat({"epochs": max(done, 1)} | controls)
    folder = create_run(runs, config)
    with folder.lock():
        folder.append(started(config))
        for number in range(1, done + 1):
            epoch = epoch_done(config, number)
            folder.append(frame(config, epoch))
            folder.append(epoch)
        folder.write_status(state, reason, epoch=done, epochs=config.training.epochs)
    return folder


def unpacked(z: dict[str, str]) -> np.ndarray:
    """The matrix that a figure holds as bytes."""
    values = np.frombuffer(base64.b64decode(z["bdata"]), np.dtype(z["dtype"]))
    return values.reshape([int(size) for size in z["shape"].split(",")])


class FakeManager:
    """Answers as a `RunManager` from the folders alone; notes what it is asked to do."""

    def __init__(self, home: Path) -> None:
        self.places = Places.at(home)
        self.asked: list[tuple] = []
        self.seconds: float | None = None  # its estimate
        self.error: Exception | None = None  # what it refuses with
        self._histories: dict[str, History] = {}

    def start(self, config: RunConfig, name: str = "") -> str:
        self._note("start", config)
        return make_run(self.places.runs, **config.flat() | {"epochs": 3}).run_id

    def snapshot(self, run_id: str) -> Snapshot:
        try:
            folder = open_run(self.places.runs, run_id)
        except UnknownRun:
            raise
        history = self._histories.setdefault(run_id, History(folder, is_ours=True))
        history.refresh(is_ours=True)
        return history.snapshot()

    def list(self) -> tuple[Snapshot, ...]:
        return tuple(self.snapshot(folder.run_id) for folder in list_runs(self.places.runs))

    def broken(self) -> tuple[BrokenRun, ...]:
        return Histories(self.places.runs, is_ours=lambda run_id: True).list()[1]

    def delete(self, run_id: str) -> None:
        self._note("delete", run_id)

    def estimate(self, config: RunConfig) -> float | None:
        return self.seconds

    def pause(self, run_id: str) -> None:
        self._note("pause", run_id)

    def resume(self, run_id: str) -> None:
        self._note("resume", run_id)

    def resume_from_checkpoint(self, run_id: str) -> None:
        self._note("resume_from_checkpoint", run_id)

    def step(self, run_id: str, level: str) -> None:
        self._note("step", run_id, level)

    def stop(self, run_id: str) -> None:
        self._note("stop", run_id)

    def _note(self, *what) -> None:
        if self.error is not None:
            raise self.error
        self.asked.append(what)
