"""Which accuracy of a run counts: the student's own, or that with class biases.

Every run fits its class biases, so this choice never trains anything.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

from bikd_core.config import ConfigError, RunConfig
from bikd_core.events import ClassBiasesFitted, EpochDone
from bikd_core.runs import Snapshot

Calibration = Literal["none", "class_biases"]
#: Each choice in the label of an entry that makes it by itself.
LABELS: dict[str, str] = {"none": "no class biases", "class_biases": "class biases"}
#: The fields of `EpochDone` that class biases change.
_CHANGED = tuple(
    field.name
    for field in dataclasses.fields(ClassBiasesFitted)
    if field.name.startswith(("accuracy", "test_", "calibration_"))
)


def read_calibration(text: str) -> Calibration:
    """Return the choice that a text names.

    Raises:
        ConfigError: There is no such choice.
    """
    for choice in get_args(Calibration):
        if text == choice:
            return choice  # type: ignore[no-any-return]
    raise ConfigError(
        f"calibration = {text[:80]!r} is not possible: it must be one of "
        f"{', '.join(get_args(Calibration))}."
    )


def check_fitted(config: RunConfig) -> None:
    """Check that a run fits class biases.

    Raises:
        ConfigError: It trains on all of D_val.
    """
    if not config.fits_class_biases:
        raise ConfigError(
            "calibration = 'class_biases' is not possible where all of D_val is trained on: it "
            "must be none, or hold_out_half must be on."
        )


def with_class_biases(run: Snapshot) -> EpochDone:
    """Return the last epoch of a finished run, its numbers of the test set with class biases.

    The numbers of D_val stay the student's own: the cross-fitted ones are in `run.class_biases`.

    Raises:
        ValueError: The run has no class biases.
    """
    if run.class_biases is None:
        raise ValueError(f"The run {run.run_id} has no class biases.")
    fitted = run.class_biases
    return dataclasses.replace(run.epochs[-1], **{name: getattr(fitted, name) for name in _CHANGED})
