"""Presets: whole experiments by name, which the controls are set and reset to."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from bikd_core.config import RunConfig


class Preset(NamedTuple):
    """A named set of controls; what it leaves out takes the data set's default."""

    title: str
    words: str  # one sentence: what it is for, and how long it takes on two cores
    controls: dict[str, Any]

    @property
    def config(self) -> RunConfig:
        """The run that the preset describes."""
        return RunConfig.from_flat(self.controls)


#: The published recipe (arXiv 2605.17839) without its faults: the teacher in eval mode, the last
#: epoch instead of the best on the test set, left-over windows carried on.
PRESETS: dict[str, Preset] = {
    "quick": Preset(
        "Quick (digits)", "Real digits, factor 50: a whole BiKD run in about 7 seconds.", {}
    ),
    "classroom": Preset(
        "Classroom (digits)",
        "Factor 100, so that the last class has one image; 200 epochs, about half a minute.",
        {"imbalance_factor": 100.0, "epochs": 200},
    ),
    "cifar10": Preset(
        "CIFAR-10-LT (paper)",
        "The published recipe: ResNet-32x4 teaches ResNet-8x4, factor 50. A day on two cores.",
        {"dataset": "cifar10", "imbalance_factor": 50.0},
    ),
    "cifar100": Preset(
        "CIFAR-100-LT (paper)",
        "The published recipe: ResNet-32x4 teaches ResNet-8x4, factor 100. A day on two cores.",
        {"dataset": "cifar100", "imbalance_factor": 100.0},
    ),
}


def nearest(config: RunConfig) -> str:
    """Return the preset nearest to a config: one of its data set, with the fewest changes."""
    values = config.flat()

    def distance(name: str) -> tuple[bool, int]:
        wanted = _controls_of(name)
        changed = sum(values[key] != wanted[key] for key in values)
        return wanted["dataset"] != values["dataset"], changed

    return min(PRESETS, key=distance)


@cache
def _controls_of(name: str) -> dict[str, Any]:
    return PRESETS[name].config.flat()
