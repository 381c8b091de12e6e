"""Numbers of recorded runs that several cards use, as texts by the names that the cards know."""

from __future__ import annotations

import numpy as np

from app.figures.classes import rows_of
from app.figures.step import Step
from app.shared.recorded import RecordedRun
from bikd_core.evaluation import shot_groups
from bikd_core.events import EpochDone


def class_ends(run: RecordedRun) -> dict[str, str]:
    """Return names and counts of the most frequent and the rarest class."""
    rows = rows_of(run.started.class_names, run.started.class_counts)
    return {
        "head_name": rows.names[0],
        "tail_name": rows.names[-1],
        "head_count": f"{rows.counts[0]:,}",
        "tail_count": f"{rows.counts[-1]:,}",
        "num_images": f"{sum(rows.counts):,}",
        "factor": f"{rows.counts[0] / rows.counts[-1]:.0f}",
        "epochs": str(len(run.epochs)),
    }


def mean_w_hard(run: RecordedRun, epoch: EpochDone, group: str) -> float:
    """Return the mean w_hard of a group of classes."""
    means = epoch.w_hard_per_class
    assert means is not None
    labels = shot_groups(run.started.class_counts)._asdict()[group]
    return float(np.mean([means[label] for label in labels]))


def mean_losses(epoch: EpochDone) -> dict[str, str]:
    """Return the mean losses of an epoch."""
    soft = epoch.train_soft_loss
    return {
        "loss": f"{epoch.train_weighted_loss:.3f}",
        "hard_loss": f"{epoch.train_hard_loss:.3f}",
        "soft_loss": "none" if soft is None else f"{soft:.3f}",
    }


def rare_picture(step: Step) -> dict[str, str]:
    """Return the losses and weights of a picture of the batch's rarest class, in its real step."""
    trace = step.trace
    assert trace.weights_after is not None
    assert trace.soft is not None
    counts = np.array(step.started.class_counts)[step.labels]
    row = int(np.argmin(counts))
    return {
        "loss_i": f"{trace.losses[row]:.2f}",
        "hard_i": f"{trace.ce_student[row]:.3f}",
        "soft_i": f"{trace.soft[row]:.3f}",
        "w_hard_i": f"{trace.weights_after[row, 0]:.3f}",
        "w_soft_i": f"{trace.weights_after[row, 1]:.3f}",
    }
