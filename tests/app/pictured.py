"""A run whose frames know every image, made by hand."""

import numpy as np

from app.lab.views.images.values import COLUMNS
from bikd_core.config import RunConfig
from bikd_core.data.counts import planned_counts
from bikd_core.events import Frame, Panel
from tests.app.samples import epoch_done, histograms, make_run

CONFIG = RunConfig.from_flat({"epochs": 3})
COUNTS = planned_counts(CONFIG.data)  # 106 to 2: 293 in all
LABELS = np.repeat(np.arange(10, dtype=np.int16), COUNTS)


def weights_at(epoch: int) -> np.ndarray:
    """[N, 2]: w_hard rises with the row, w_soft falls, and both with the epoch."""
    share = np.linspace(0, 1, len(LABELS))
    return (0.1 * epoch + 0.6 * np.stack([share, 1 - share], axis=1)).astype(np.float16)


def frame(epoch: int, *, has_weights: bool = True) -> Frame:
    rows = np.arange(len(LABELS), dtype=np.float32)
    made = epoch_done(CONFIG, epoch)
    return Frame(
        epoch=epoch,
        ce_student=rows / 100 / epoch,
        confusion=np.eye(10, dtype=np.int32),
        ce_teacher=rows / 200 if has_weights else None,
        weights=weights_at(epoch) if has_weights else None,
        influence=np.stack([-rows, rows], axis=1) * epoch if has_weights else None,
        histograms=histograms(CONFIG, made) if has_weights else None,
    )


def make_pictured_run(runs, **controls):
    """A run whose frames know every image; the picture of row r is number 2r of the digits."""
    folder = make_run(runs, done=3, **controls)
    with folder.lock():
        indices = 2 * np.arange(len(LABELS), dtype=np.int32)
        folder.append(Panel(labels=LABELS, original_indices=indices))
        for epoch in (1, 2, 3):
            folder.append(frame(epoch, has_weights=controls.get("method") != "ce"))
    return folder


def values(**columns) -> np.ndarray:
    """[N, 7], the named columns only."""
    made = np.full((len(next(iter(columns.values()))), len(COLUMNS)), np.nan, dtype=np.float16)
    for name, column in columns.items():
        made[:, COLUMNS.index(name)] = column
    return made
