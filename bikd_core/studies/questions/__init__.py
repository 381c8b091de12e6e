"""The questions, one file each; a new file is a new study, and its name the file's."""

from __future__ import annotations

from importlib import import_module

from bikd_core.config import ConfigError
from bikd_core.studies.study import Study

#: In the order of a list.
NAMES = (
    "falsification",
    "val_size",
    "val_shift",
    "ablation",
    "stability",
    "faults",
    "val_as_training_data",
    "search_budget",
    "learned_weights",
)


def study_named(name: str) -> Study:
    """Return the study with this name.

    Raises:
        ConfigError: There is none.
    """
    if name not in NAMES:
        raise ConfigError(
            f"study = {name[:80]!r} is not possible: it must be one of {', '.join(NAMES)}."
        )
    study: Study = import_module(f"{__name__}.{name}").STUDY
    return study
