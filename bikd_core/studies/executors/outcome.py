"""What a run that an executor trained came to: numbers alone, small enough to be sent around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from bikd_core.events import ClassBiasesFitted, EpochDone

#: Measures of the student at the last epoch, as `EpochDone` names them.
OF_LAST_EPOCH = (
    "accuracy",
    "accuracy_many",
    "accuracy_medium",
    "accuracy_few",
    "calibration_error",
    "val_accuracy",
    "val_loss",
    "test_loss",
    "saturated_share",
)
#: The mean of these over the epochs that have them.
OF_ALL_EPOCHS = ("hypergradient_norm", "hypergradient_cosine")
#: Balanced accuracy on the test set at another epoch: that of the lowest D_val loss, or the best
#: one on the test set itself; and at the last one with class biases.
OF_OTHER_STUDENTS = ("accuracy_by_val", "accuracy_by_test", "accuracy_with_biases")
MEASURES = (*OF_LAST_EPOCH, *OF_ALL_EPOCHS, *OF_OTHER_STUDENTS)

Measures = Mapping[str, float | None]


class Outcome(NamedTuple):
    """The end of a run. Accuracies are balanced fractions, losses are in nats."""

    measures: Measures  # by the names in `MEASURES`; empty if the run failed
    biased: Measures  # what `ClassBiasesFitted` says, by its names; empty where there is none
    seconds: float  # of all epochs, beside whatever else ran; a teacher's training not counted
    failure: str = ""  # in one sentence; "" if it finished
    diverged: bool = False  # it would fail again

    @classmethod
    def failed(cls, reason: str, *, diverged: bool = False) -> Outcome:
        """Return the end of a run that has no numbers."""
        return cls({}, {}, 0.0, reason, diverged)


def outcome_of(epochs: Sequence[EpochDone], biases: ClassBiasesFitted | None) -> Outcome:
    """Return the end of a run that finished, from its events."""
    last = epochs[-1]
    measures: dict[str, float | None] = {name: getattr(last, name) for name in OF_LAST_EPOCH}
    for name in OF_ALL_EPOCHS:
        known = [value for epoch in epochs if (value := getattr(epoch, name)) is not None]
        measures[name] = fmean(known) if known else None
    measures["accuracy_by_val"] = min(epochs, key=lambda epoch: epoch.rank_by_val).accuracy
    measures["accuracy_by_test"] = max(epoch.accuracy for epoch in epochs)
    measures["accuracy_with_biases"] = None if biases is None else biases.accuracy
    names = [name for name in OF_LAST_EPOCH if hasattr(biases, name)]
    return Outcome(
        measures,
        {} if biases is None else {name: getattr(biases, name) for name in names},
        sum(epoch.seconds for epoch in epochs),
    )
