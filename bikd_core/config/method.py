"""The option groups that methods share: a teacher's, a weight net's, or those of both.

A method without options of its own has exactly one of these groups, chosen by its facts. One with
options extends its group in `bikd_core/config/methods/NAME.py`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bikd_core.config.part import Part

Estimator = Literal["forward", "finite_difference", "unrolled"]


class MethodConfig(Part):
    """The method by which the student learns; the models that extend this one add its options."""

    method: str = Field(
        "bikd", title="Method", description="Training objective: BiKD or one of its rivals."
    )


class TeacherOptions(MethodConfig):
    """The options of every method with a teacher."""

    temperature: float = Field(
        4.0,
        ge=0.1,
        le=100,
        title="Temperature",
        description="Softens the distributions of teacher and student in the soft loss.",
    )


class WeightNetOptions(MethodConfig):
    """The options of every method with a weight net."""

    inner_steps: int = Field(
        1,
        ge=1,
        le=100,
        title="Inner steps",
        description="Student steps whose hypergradients are averaged into one weight-net step.",
    )
    estimator: Estimator = Field(
        "forward",
        title="Hypergradient",
        description="forward-mode derivative (exact), one extra forward (finite_difference), "
        "or double backward as published (unrolled).",
    )
    weight_net_layers: Literal[1, 2] = Field(
        1, title="Weight-net layers", description="Hidden layers of 64 units in the weight net."
    )
    weight_net_learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        title="Weight-net learning rate",
        description="Learning rate of Adam, which trains the weight net.",
    )
    warm_up: int = Field(
        0,
        ge=0,
        le=10_000,
        title="Warm-up",
        description="Epochs in which every weight is 1/2 and the weight net does not learn yet.",
    )
    cross_fit: bool = Field(
        False,
        title="Cross-fitted halves",
        description="D_val used twice: one half is trained on, the other guides the weight net; "
        "they swap each epoch.",
    )


class TeacherAndWeightNetOptions(TeacherOptions, WeightNetOptions):
    """The options of every method with a teacher and a weight net."""

    meta_loss: Literal["hard", "soft", "mix"] = Field(
        "hard",
        title="Meta loss",
        description="What the weight net minimises on D_val: hard loss, soft loss or their sum.",
    )


#: The group of a method by whether it needs a teacher and whether it has a weight net.
GROUPS: dict[tuple[bool, bool], type[MethodConfig]] = {
    (False, False): MethodConfig,
    (True, False): TeacherOptions,
    (False, True): WeightNetOptions,
    (True, True): TeacherAndWeightNetOptions,
}
