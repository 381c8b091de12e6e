"""The recorder: somebody's own training loop as a run of the Lab, while it trains.

B batch, C classes, N training images, J losses that are weighed, 1 or 2.
"""

from __future__ import annotations

import hashlib
import platform
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from filelock import BaseFileLock

from bikd_core import __version__
from bikd_core.config import RunConfig, WeightScale
from bikd_core.config.own_loop import ELSEWHERE, OWN_LOOP
from bikd_core.evaluation import Evaluation, accuracy_fields, evaluate
from bikd_core.events import EpochDone, Frame, Panel, RunFailed, RunStarted
from bikd_core.places import Places
from bikd_core.recorder.arguments import (
    checked_names,
    checked_pictures,
    checked_title,
    finite,
    labels_of_all_classes,
    number_in,
    torch_version,
    whole_numbers,
)
from bikd_core.recorder.batches import ImageValues
from bikd_core.recorder.epoch import (
    WeightFunction,
    frame_arrays,
    mean_losses,
    surface_of,
    unseen_warning,
    weight_fields,
)
from bikd_core.store import RunFolder, RunState, create_run
from bikd_core.store.own_pictures import save_pictures
from bikd_core.worker.recording import reason_for, write_failure

_LOCK_TIMEOUT_S = 2.0


class Recorder:
    """Writes what a loop tells it into a run's folder, which the Lab follows live.

    Use it as a context: the run begins with the block, and its end says how it went. Arrays may
    be torch tensors of any device, which are detached, or numpy arrays.

    Args:
        labels: (N,), of the training images as the loop trains on them, 0 to C - 1.
        class_names: C, at least 3.
        test_labels: Of the test set, in the order of the logits given to `end_epoch`.
        epochs: How many the loop plans.
        name: The run's name in the list; else its id.
        method: What the method is called in the figures' sentences.
        data: What the data are called.
        weight_scale: "sigmoid": weights from 0 to 1. "relative": multiples of what an image counts
            without weights, on a log axis around 1.
        val_labels: Of D_val, in the order of the logits given to `end_epoch`.
        pictures: (N, H, W), (N, H, W, 1) or (N, H, W, 3), uint8: kept beside the run, for the view
            Pictures on this machine. No zip holds them.
        runs_dir: The folder of runs; else where the page looks.

    Raises:
        ValueError: An argument is not possible; one sentence names it, its value and what would be.
    """

    def __init__(
        self,
        labels: Any,
        class_names: Sequence[str],
        test_labels: Any,
        *,
        epochs: int,
        name: str = "",
        method: str = "Own loop",
        data: str = "Own data",
        weight_scale: WeightScale = "sigmoid",
        val_labels: Any = None,
        pictures: Any = None,
        runs_dir: Path | str | None = None,
    ) -> None:
        self._names = checked_names(class_names)
        self._labels = labels_of_all_classes("labels", labels, self._names)
        self._test_labels = labels_of_all_classes("test_labels", test_labels, self._names)
        self._val_labels = None
        if val_labels is not None:
            self._val_labels = labels_of_all_classes("val_labels", val_labels, self._names)
        self._pictures = None
        if pictures is not None:
            self._pictures = checked_pictures(pictures, len(self._labels))
        if weight_scale not in ("sigmoid", "relative"):
            raise ValueError(
                f"weight_scale = {weight_scale!r} is not possible: it must be sigmoid or relative."
            )
        if isinstance(epochs, bool) or not isinstance(epochs, int) or not 1 <= epochs <= 10_000:
            raise ValueError(
                f"epochs = {epochs!r} is not possible: it must be a whole number, 1 to 10000."
            )
        self._scale: WeightScale = weight_scale
        self._epochs = epochs
        self._config = RunConfig.model_validate(
            {
                "data": {"dataset": ELSEWHERE},
                "method": {
                    "method": OWN_LOOP,
                    "loop": checked_title("method", method),
                    "data": checked_title("data", data),
                    "num_classes": len(self._names),
                    "num_images": len(self._labels),
                    "weight_scale": weight_scale,
                },
                "training": {"epochs": epochs},
            }
        )
        self._name = name
        self._runs_dir = Path(runs_dir) if runs_dir else Places.from_environment().runs
        self._values = ImageValues(self._labels, len(self._names))
        self._counts = tuple(np.bincount(self._labels, minlength=len(self._names)).tolist())
        self._folder: RunFolder | None = None
        self._lock: BaseFileLock | None = None
        self._epoch = 0  # done
        self._num_batches = 0
        self._num_trained = 0  # images of this epoch's batches
        self._began = 0.0  # of this epoch, by time.perf_counter

    # The run as a whole -------------------------------------------------------------------------

    @property
    def run_id(self) -> str:
        """The run's id: `/lab?run=ID` opens it on the page."""
        return self._open_folder.run_id

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._open_folder.path

    @property
    def _open_folder(self) -> RunFolder:
        if self._folder is None:
            raise RuntimeError("The run begins with the block: `with Recorder(…) as recorder:`.")
        return self._folder

    def __enter__(self) -> Self:
        """Begin the run.

        Raises:
            StoreError: The run's folder cannot be written.
        """
        if self._folder is not None:
            raise RuntimeError("This recorder has a run already: make another for another run.")
        folder = self._folder = create_run(self._runs_dir, self._config, self._name)
        self._lock = folder.hold(_LOCK_TIMEOUT_S).lock
        try:
            self._begin(folder)
        except BaseException:  # half a beginning is no run
            self._lock.release()
            folder.delete()
            raise
        self._began = time.perf_counter()
        return self

    def _begin(self, folder: RunFolder) -> None:
        started = self._started()
        folder.append(started)
        folder.write_resolved(started)
        folder.append(
            Panel(
                labels=self._labels.astype(np.int16),
                original_indices=np.arange(len(self._labels), dtype=np.int32),
            )
        )
        if self._pictures is not None:
            save_pictures(folder, self._pictures)
            self._pictures = None
        folder.write_status("running", epoch=0, epochs=self._epochs)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write how the loop ended, and pass on what it raised."""
        folder, done = self._open_folder, self._epoch
        try:
            if isinstance(error, Exception):
                details = "".join(traceback.format_exception(error))
                write_failure(folder, RunFailed(reason=reason_for(error)), done, details)
            elif kind is not None:
                by = "Ctrl-C" if kind is KeyboardInterrupt else kind.__name__
                why = f"{by} interrupted the loop after epoch {done} of {self._epochs}."
                folder.write_status("interrupted", why, epoch=done, epochs=self._epochs)
            else:
                state: RunState = "finished" if done == self._epochs else "stopped"
                folder.write_status(state, epoch=done, epochs=self._epochs)
        finally:
            if self._lock is not None:
                self._lock.release()

    def _started(self) -> RunStarted:
        digest = hashlib.sha256(repr(self._names).encode())
        for labels in (self._labels, self._test_labels):
            digest.update(labels.tobytes())
        versions = {
            "bikd": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
        }
        return RunStarted(
            class_names=self._names,
            class_counts=self._counts,
            num_val=0 if self._val_labels is None else len(self._val_labels),
            num_test=len(self._test_labels),
            data_fingerprint=digest.hexdigest()[:16],
            teacher="",
            teacher_accuracy_per_class=(),
            device="",
            precision="",
            estimator="",
            num_threads=1,
            versions=versions | torch_version(),
        )

    # Batches ------------------------------------------------------------------------------------

    def batch(
        self,
        rows: Any,
        *,
        logits: Any = None,
        losses: Any = None,
        weights: Any = None,
        teacher_logits: Any = None,
        influence: Any = None,
    ) -> None:
        """Record a training batch; an image's values are those of its last step in the epoch.

        The first batch decides what each batch has. Reading tensors of a GPU waits for it.

        Args:
            rows: (B,), of the images in `labels`.
            logits: (B, C) of the student. They give its cross-entropy, by which images are drawn,
                and what it takes each picture for.
            losses: (B,) or (B, 2), what is weighed, without the weights; else the cross-entropy.
                The first column stands for the cross-entropy where there are no logits.
            weights: (B,) or (B, 2), what the loss of each image is multiplied by.
            teacher_logits: (B, C).
            influence: (B,) or (B, 2), B/η times D_val's gradient with respect to the weights: what
                `bikd_core.hypergradients` returns.

        Raises:
            ValueError: An argument has another shape than the others, holds NaN or what cannot be.
        """
        _ = self._open_folder  # there is a run
        if self._epoch >= self._epochs:
            raise ValueError(f"epoch {self._epoch + 1} is not possible: epochs = {self._epochs}.")
        where = f"in batch {self._num_batches + 1}, in epoch {self._epoch + 1}"
        images = whole_numbers("rows", rows, len(self._labels), "the images of labels")
        given = {
            "logits": logits,
            "losses": losses,
            "weights": weights,
            "teacher_logits": teacher_logits,
            "influence": influence,
        }
        self._values.put(images, given, self._scale, where)
        self._num_batches += 1
        self._num_trained += len(images)

    # Epochs -------------------------------------------------------------------------------------

    def end_epoch(
        self,
        test_logits: Any,
        *,
        epoch: int | None = None,
        val_logits: Any = None,
        val_loss: float | None = None,
        weight_function: WeightFunction | None = None,
        learning_rate: float | None = None,
        hypergradient_norm: float | None = None,
        hypergradient_cosine: float | None = None,
    ) -> EpochDone:
        """Write an epoch, which the page then draws; return it.

        Args:
            test_logits: (N_test, C), of the student in eval mode on the whole test set.
            epoch: Its number, from 1 on, to be checked.
            val_logits: (M, C) on D_val, in the order of `val_labels`.
            val_loss: D_val's loss instead, in nats.
            weight_function: Cross-entropies of the student (n,), and of the teacher (n,) if batches
                have its logits, to weights (n,) or (n, 2): for the view Surface. It is called once,
                with tensors on the CPU.
            learning_rate: Of the student in this epoch.
            hypergradient_norm: Of D_val's gradient at the weight net, mean of the epoch.
            hypergradient_cosine: Between successive ones, mean of the epoch.

        Raises:
            ValueError: An argument has another shape, holds NaN or what cannot be; the epoch is not
                the next one, is beyond `epochs`, or has no batch. Nothing of it is written.
            StoreError: It cannot be written.
        """
        folder, number = self._open_folder, self._epoch + 1
        self._check_epoch(number, epoch)
        where = f"in epoch {number}"
        test = self._evaluated("test_logits", test_logits, self._test_labels, where)
        val = self._on_val(val_logits, val_loss, where)
        ranges = {
            "learning_rate": (learning_rate, 0, 1e6),
            "hypergradient_norm": (hypergradient_norm, 0, 1e30),
            "hypergradient_cosine": (hypergradient_cosine, -1, 1),
        }
        rates: dict[str, Any] = {
            name: number_in(name, value, low, high, where)
            for name, (value, low, high) in ranges.items()
        }
        surface = self._surface(weight_function)
        arrays, is_new = self._values.end_epoch()
        about = (arrays, is_new, self._labels, len(self._names), self._scale)
        seconds = max(time.perf_counter() - self._began, 1e-9)
        done = EpochDone(
            epoch=number,
            step=self._num_batches,
            seconds=seconds,
            images_per_second=self._num_trained / seconds,
            **mean_losses(arrays, is_new),
            **val,
            **accuracy_fields(test, self._counts),
            **weight_fields(*about),
            **rates,
            warnings=unseen_warning(number, is_new),
        )
        frame = frame_arrays(*about) | surface
        folder.append(Frame(epoch=number, confusion=test.confusion, **frame))
        folder.append(done)
        self._epoch = number
        folder.write_status("running", epoch=number, epochs=self._epochs)
        self._num_trained, self._began = 0, time.perf_counter()
        return done

    def _check_epoch(self, number: int, given: int | None) -> None:
        if number > self._epochs:
            raise ValueError(f"epoch {number} is not possible: epochs = {self._epochs}.")
        if given is not None and given != number:
            raise ValueError(f"epoch = {given} is not possible here: epoch {number} is the next.")
        if not self._values.has_new:
            raise ValueError(f"epoch {number} has no batch: call batch before end_epoch.")

    def _evaluated(self, name: str, logits: Any, labels: Any, where: str) -> Evaluation:
        return evaluate(finite(name, logits, (len(labels), len(self._names)), where), labels)

    def _on_val(self, logits: Any, loss: float | None, where: str) -> dict[str, Any]:
        if logits is None:
            return {"val_loss": number_in("val_loss", loss, 0, 1e30, where), "val_accuracy": None}
        if loss is not None:
            raise ValueError("val_loss is not possible beside val_logits, which give it.")
        if self._val_labels is None:
            raise ValueError("val_logits needs the labels of D_val: Recorder(…, val_labels=…).")
        val = self._evaluated("val_logits", logits, self._val_labels, where)
        return {"val_loss": val.loss, "val_accuracy": val.accuracy}

    def _surface(self, weight_function: WeightFunction | None) -> dict[str, Any]:
        if weight_function is None:
            return {}
        if "weights" not in self._values.names:
            raise ValueError("weight_function is not possible without weights in the batches.")
        has_teacher = "teacher_logits" in self._values.names
        count = self._values.num_columns or 1
        found = surface_of(weight_function, count, self._scale, has_teacher=has_teacher)
        return {"surface": found}
