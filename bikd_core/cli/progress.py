"""The progress of a run on the command line."""

from __future__ import annotations

import sys
from statistics import fmean
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from bikd_core.evaluation import ShotGroups, shot_groups
from bikd_core.events import (
    ClassBiasesFitted,
    EpochDone,
    Event,
    RunStarted,
    TeacherEpochDone,
    TeacherViewsDone,
    to_json,
)
from bikd_core.teachers.card import fold_words


class Reporter:
    """Shows a run as a progress line on standard error, and its epochs as JSON on demand."""

    def __init__(self, epochs: int, *, as_json: bool) -> None:
        self.last: EpochDone | None = None
        self._epochs = epochs
        self._as_json = as_json
        self._groups = ShotGroups((), (), ())  # known once the run has started
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._line = Progress(
            TextColumn("{task.description}"),
            MofNCompleteColumn(),
            BarColumn(bar_width=12),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[numbers]}", table_column=Column()),  # may wrap
            console=self._console,
            redirect_stdout=False,
            disable=as_json and sys.stdout.isatty(),  # both on one screen would mix
        )
        self._task = self._line.add_task("loading", total=None, numbers="")

    def __enter__(self) -> Self:
        self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._line.tasks[self._task].total is None:  # refused before the first event
            self._line.update(self._task, visible=False)
        self._line.stop()

    def download(self, done: int, total: int) -> None:
        """Show how many bytes of a data set are downloaded."""
        megabytes = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
        self._show("download, %", 100 * done // total, 100, megabytes)

    def show(self, event: Event) -> None:
        """Show an event of the run."""
        match event:
            case TeacherEpochDone():
                fold = fold_words(event.fold)
                if event.epoch == 1:
                    part = f" without {fold}" if fold else ""
                    self._say(f"No stored teacher fits this split{part}, so one is trained first.")
                what = f"teacher, {fold}" if fold else "teacher"
                numbers = f"{event.accuracy:.1%} balanced"
                self._show(what, event.epoch, event.epochs, numbers)
            case TeacherViewsDone():
                self._show("teacher's views", event.done, event.total, "")
            case RunStarted():
                self._line.reset(self._task)
                self._show("epoch", 0, self._epochs, "")
                self._introduce(event)
            case EpochDone():
                self.last = event
                self._show("epoch", event.epoch, self._epochs, self._numbers(event))
                if self._as_json:
                    print(to_json(event), flush=True)
            case ClassBiasesFitted():
                self._conclude(event)

    def _show(self, what: str, done: int, total: int, numbers: str) -> None:
        values: dict[str, Any] = {"description": what, "completed": done, "total": total}
        self._line.update(self._task, numbers=numbers, **values)

    def _say(self, sentence: str) -> None:
        self._console.print(sentence, markup=False)

    def _introduce(self, event: RunStarted) -> None:
        self._groups = shot_groups(event.class_counts)
        counts = event.class_counts
        self._say(
            f"{sum(counts)} training images, {max(counts)} to {min(counts)} a class; "
            f"{event.num_val} in D_val, {event.num_test} in the test set; on {event.device}."
        )
        if event.teacher:
            accuracy = fmean(event.teacher_accuracy_per_class)
            self._say(f"Teacher: {event.teacher}, {accuracy:.1%} balanced.")
        if event.fold_teachers:
            self._say(
                f"Each training image is judged by the one of {len(event.fold_teachers)} teachers "
                "that has not seen it."
            )
        for warning in event.warnings:
            self._say(warning)

    def _conclude(self, event: ClassBiasesFitted) -> None:
        self._say(
            f"With class biases fitted to {event.num_val} images of D_val: "
            f"{event.accuracy:.1%} balanced, {event.accuracy_few:.1%} few."
        )
        for warning in event.warnings:
            self._say(warning)

    def _numbers(self, event: EpochDone) -> str:
        """Return accuracies, mean weights of head → tail classes, and speed in words."""
        parts = [f"{event.accuracy:.1%} balanced", f"{event.accuracy_few:.1%} few"]
        per_class = {"w_hard": event.w_hard_per_class, "w_soft": event.w_soft_per_class}
        for name, weights in per_class.items():
            if weights is not None:
                head = fmean(weights[label] for label in self._groups.many)
                tail = fmean(weights[label] for label in self._groups.few)
                parts.append(f"{name} {head:.2f}→{tail:.2f}")
        return ", ".join([*parts, f"{event.images_per_second:,.0f} images/s"])
