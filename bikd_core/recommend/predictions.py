"""Which test pictures a run's student classifies correctly. M test images, C classes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bikd_core.calibration import ClassBiases
from bikd_core.events import ClassBiasesFitted, RunStarted
from bikd_core.places import Places
from bikd_core.store import StoreError, open_run

_BATCH = 256  # images, which leaves memory to large ones


class Asked(NamedTuple):
    """A run of the store, and which of its predictions count."""

    run_id: str
    calibration: str  # none, or class_biases


class Correctness(NamedTuple):
    """The test set, and which of it one student classifies correctly."""

    is_correct: NDArray[np.bool_]  # (M,)
    labels: NDArray[np.int64]  # (M,)
    class_counts: tuple[int, ...]  # (C,), of D_tr


def correctness_of(asked: Asked, places: Places) -> Correctness:
    """Return what a run's student says of the test set; a worker's job, since it takes torch.

    Raises:
        StoreError: The run is not there, has no student, or has no class biases though they count.
        DatasetUnavailable: Its data set is not on this machine.
    """
    import torch

    from bikd_core.students.network import load_student

    folder = open_run(places.runs, asked.run_id)
    loaded = load_student(folder, places.data)
    test = loaded.split.test
    batches = (test.images[first : first + _BATCH] for first in range(0, len(test), _BATCH))
    with torch.no_grad():
        parts = [loaded.student(images.float() / 255) for images in batches]
    scores: NDArray[np.floating] = torch.cat(parts).numpy()
    events = folder.events()
    if asked.calibration == "class_biases":
        fitted = [event for event in events if isinstance(event, ClassBiasesFitted)]
        if not fitted:
            raise StoreError(f"The run {asked.run_id} has no class biases.")
        scores = ClassBiases(np.array(fitted[-1].biases), fitted[-1].temperature).apply(scores)
    started = next(event for event in events if isinstance(event, RunStarted))
    labels = test.labels.numpy()
    return Correctness(scores.argmax(axis=1) == labels, labels, started.class_counts)
