"""Presets: whole experiments by name, and forms of a method by name.

An experiment is what the controls are set and reset to. A form is what comparisons offer beside
the methods themselves: it changes nothing but options of the method.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from bikd_core.config import ConfigError, RunConfig


class Preset(NamedTuple):
    """A named set of controls; what it leaves out takes the data set's default."""

    title: str
    words: str  # one sentence: what it is for; the machine decides how long it takes
    controls: dict[str, Any]
    #: Epochs per second at most, which the page sets for a new run; no part of the run's config.
    speed: float | None = None

    @property
    def config(self) -> RunConfig:
        """The run that the preset describes."""
        return RunConfig.from_flat(self.controls)


#: Forms of a method, by the name under which an entry of a comparison takes them.
#: "relative" is the strongest one found so far: BiKD's weights relative to prior-shifted KD's own.
#: A hypergradient in one step of ten lost nothing on digits, and adds a sixth of KD's time or less.
METHOD_PRESETS: dict[str, dict[str, Any]] = {
    "relative": {
        "method": "bikd",
        "over": "prior_kd",
        "weight_scale": "relative",
        "outer_every": 10,
        "estimator": "finite_difference",
    },
}

#: The published recipe (arXiv 2605.17839) without its faults: the teacher in eval mode, the last
#: epoch instead of the best on the test set, left-over windows carried on.
PRESETS: dict[str, Preset] = {
    "quick": Preset(
        "Quick (digits)", "Real digits, factor 50: a short run of BiKD, without a download.", {}
    ),
    "classroom": Preset(
        "Classroom (digits)",
        "Factor 100, so that the last class has one image; 200 epochs, slow enough to follow.",
        {"imbalance_factor": 100.0, "epochs": 200},
        speed=2.0,
    ),
    "relative": Preset(
        "Relative (digits)",
        "Relative weights over prior-shifted KD: who counts more than whom.",
        METHOD_PRESETS["relative"] | {"learning_rate": 0.2},
    ),
    "cifar10": Preset(
        "CIFAR-10-LT (paper)",
        "The published recipe: ResNet-32x4 teaches ResNet-8x4, factor 50. It wants a GPU.",
        {"dataset": "cifar10", "imbalance_factor": 50.0},
    ),
    "cifar100": Preset(
        "CIFAR-100-LT (paper)",
        "The published recipe: ResNet-32x4 teaches ResNet-8x4, factor 100. It wants a GPU.",
        {"dataset": "cifar100", "imbalance_factor": 100.0},
    ),
    "relative_cifar10": Preset(
        "Relative (CIFAR-10-LT)",
        "Relative weights over prior-shifted KD, else the published recipe. It wants a GPU.",
        METHOD_PRESETS["relative"] | {"dataset": "cifar10", "imbalance_factor": 50.0},
    ),
}


def preset_named(name: str) -> Preset:
    """Return the preset with this name.

    Raises:
        ConfigError: There is none.
    """
    if name not in PRESETS:
        raise ConfigError(
            f"preset = {name[:80]!r} is not possible: it must be one of {', '.join(PRESETS)}."
        )
    return PRESETS[name]


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
