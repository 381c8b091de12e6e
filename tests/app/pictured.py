"""A run whose frames know every image, made by hand."""

import numpy as np

from app.lab.views.images.values import COLUMNS
from bikd_core.config import RunConfig
from bikd_core.events import Frame
from tests import made_up
from tests.made_up import epoch_done, labels_of, make_run

CONFIG = RunConfig.from_flat({"epochs": 3})
LABELS = labels_of(CONFIG)  # 106 to 2 images of a class: 293 in all


def weights_at(epoch: int) -> np.ndarray:
    """[N, 2]: w_hard rises with the row, w_soft falls, and both with the epoch."""
    share = np.linspace(0, 1, len(LABELS))
    return (0.1 * epoch + 0.6 * np.stack([share, 1 - share], axis=1)).astype(np.float16)


def frame(epoch: int, *, has_weights: bool = True) -> Frame:
    rows = np.arange(len(LABELS), dtype=np.float32)
    losses = rows / 100 / epoch
    if not has_weights:
        return made_up.frame(epoch, losses, 10)
    return made_up.frame_of(
        CONFIG,
        epoch_done(epoch, CONFIG),
        ce_student=losses,
        ce_teacher=rows / 200,
        weights=weights_at(epoch),
        influence=np.stack([-rows, rows], axis=1) * epoch,
    )


def make_pictured_run(runs, **controls):
    """A run whose frames know every image; the picture of row r is number 2r of the digits."""
    folder = make_run(runs, done=3, **controls)
    with folder.lock():
        folder.append(made_up.panel(LABELS, 2 * np.arange(len(LABELS))))
        for epoch in (1, 2, 3):
            folder.append(frame(epoch, has_weights=controls.get("method") != "ce"))
    return folder


def values(**columns) -> np.ndarray:
    """[N, 7], the named columns only."""
    made = np.full((len(next(iter(columns.values()))), len(COLUMNS)), np.nan, dtype=np.float16)
    for name, column in columns.items():
        made[:, COLUMNS.index(name)] = column
    return made
