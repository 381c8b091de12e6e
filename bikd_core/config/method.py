"""The option groups that methods share: a teacher's, a weight net's, or those of both.

A method without options of its own has exactly one of these groups, chosen by its facts. One with
options extends its group in `bikd_core/config/methods/NAME.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from bikd_core.config.method_facts import MethodFacts, facts_with
from bikd_core.config.part import OnlyWith, Part, ReadIf

WeightScale = Literal["sigmoid", "relative"]
Estimator = Literal["forward", "finite_difference", "unrolled"]
AnyEstimator = Literal["auto", "forward", "finite_difference", "unrolled"]
WeightsUsed = Literal["learned", "random", "shuffled", "class_means"]
NumFolds = Literal[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
SEVERAL = get_args(NumFolds)[1:]


class MethodConfig(Part):
    """The method by which the student learns; the models that extend this one add its options."""

    method: str = Field(
        "bikd", title="Method", description="Training objective: BiKD or one of its rivals."
    )

    @property
    def facts(self) -> MethodFacts:
        """The facts of the method as it is configured."""
        return facts_with(self.method, getattr(self, "over", None))

    @property
    def draws(self) -> tuple[str, ...]:
        """What a run of this method draws besides its batches, each from a generator of its own."""
        return ("student", "weight_net")


class TeacherOptions(MethodConfig):
    """The options of every method with a teacher."""

    temperature: Annotated[float, OnlyWith("needs_teacher")] = Field(
        4.0,
        ge=0.1,
        le=100,
        title="Temperature",
        description="Softens the distributions of teacher and student in the soft loss.",
    )
    teacher_folds: Annotated[NumFolds, OnlyWith("needs_teacher")] = Field(
        1,
        title="Teacher folds",
        description="1 as published: one teacher, which has seen every training image. More: as "
        "many teachers, each trained without its own part of D_tr; an image is judged by the one "
        "that has not seen it.",
    )
    out_of_fold: Annotated[
        Literal["inputs", "inputs_and_soft_loss"],
        OnlyWith("needs_teacher"),
        ReadIf("teacher_folds", SEVERAL),
    ] = Field(
        "inputs_and_soft_loss",
        title="Out-of-fold teachers give",
        description="What the teacher that has not seen an image gives: only the inputs, which "
        "are the weight net's and what trust goes by, or the soft loss as well.",
    )
    trust: Annotated[float, OnlyWith("needs_teacher"), ReadIf("teacher_folds", SEVERAL)] = Field(
        0.0,
        ge=0,
        le=2,
        title="Trust in labels",
        description="Both losses of an image count in proportion to this power of the probability "
        "that its out-of-fold teacher gives to its label, with mean 1 in each class of a batch; 0: "
        "all count alike.",
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
    estimator: AnyEstimator = Field(
        "auto",
        title="Hypergradient",
        description="exact directional derivative (forward), one extra forward pass "
        "(finite_difference), or double backward as published (unrolled). auto: one of the first "
        "two, by a table of what was measured of each student.",
    )
    unroll: int = Field(
        1,
        ge=1,
        le=20,
        title="Unrolled steps",
        description="Virtual steps, all on the step's own batch and each with the net's weights "
        "at the student it has reached, that the hypergradient goes back through: 1 as published. "
        "More need estimator = unrolled; each costs as much time and memory as the first.",
    )
    weight_net_layers: Literal[1, 2] = Field(
        1, title="Weight-net layers", description="Hidden layers of 64 units in the weight net."
    )
    weight_net_learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        title="Weight-net learning rate",
        description="Learning rate of Adam, which trains the weight net: 0.001 as published, 0.01 "
        "for relative weights.",
    )
    virtual_step: float = Field(
        1.0,
        ge=0,
        le=100,
        title="Look-ahead",
        description="Length of the virtual step in steps of the student: 1 as published; 0 asks "
        "D_val at the student's own parameters.",
    )
    outer_every: int = Field(
        1,
        ge=1,
        le=1000,
        title="Hypergradient every",
        description="One student step in this many has a hypergradient; the others cost as much as "
        "without a weight net.",
    )
    warm_up: Annotated[int, ReadIf("weight_scale", ("sigmoid",))] = Field(
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

    weights_used: WeightsUsed = Field(
        "learned",
        title="Weights used",
        description="What takes the place of the learned weights in the student's own step, while "
        "the net goes on learning from its own: random draws; the learned ones, shuffled among "
        "the batch's images; or of each image the mean of its class in the batch.",
    )

    @model_validator(mode="after")
    def _check_the_unroll(self) -> Self:
        if self.unroll > 1 and self.estimator != "unrolled":
            raise ValueError(
                f"unroll = {self.unroll} is not possible with estimator = {self.estimator!r}, "
                "which looks one step ahead; estimator must be 'unrolled', or unroll 1."
            )
        if self.unroll > 1 and self.virtual_step == 0:
            raise ValueError(
                f"unroll = {self.unroll} is not possible with virtual_step = 0, which takes no "
                "step to go back through; virtual_step must be more than 0, or unroll 1."
            )
        return self

    @property
    def draws(self) -> tuple[str, ...]:
        """What a run of this method draws besides its batches, each from a generator of its own."""
        own = ("weights_used",) if self.weights_used in ("random", "shuffled") else ()
        return super().draws + own

    def epochs_without_learning(self, num_epochs: int) -> int:
        """Return the epochs of a run, of so many, after which the weight net begins to learn."""
        return min(self.warm_up, num_epochs)


class TeacherAndWeightNetOptions(TeacherOptions, WeightNetOptions):
    """The options of every method with a teacher and a weight net."""

    meta_loss: Annotated[Literal["hard", "soft", "mix"], OnlyWith("needs_teacher")] = Field(
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
