"""BiKD's options."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from bikd_core.config.method import TeacherAndWeightNetOptions, WeightScale
from bikd_core.config.method_facts import METHOD_FACTS
from bikd_core.config.part import OnlyWith, ReadIf

# A type checker accepts any name, pydantic only the methods without a weight net.
if TYPE_CHECKING:
    Objective: TypeAlias = str
else:
    Objective = Literal[tuple(n for n, facts in METHOD_FACTS.items() if not facts.has_weight_net)]

#: The form of arXiv:2605.17839; a data set's `published_defaults` are for it alone.
AS_PUBLISHED = {"over": "ce_kd", "weight_scale": "sigmoid", "weight_form": "free", "prior": "none"}
RELATIVE_LEARNING_RATE = 0.01  # of the weight net: at 0.001 relative weights hardly move


class Options(TeacherAndWeightNetOptions):
    """BiKD's options: the objective that it stands over, and the form of an image's weights."""

    over: Objective = Field(
        "ce_kd",
        title="Over",
        description="The objective whose losses are weighted: CE + KD as published, or that of any "
        "other method.",
    )
    weight_scale: WeightScale = Field(
        "sigmoid",
        title="Scale of the weights",
        description="sigmoid: in (0, 1), as published; relative: multiples of the objective's own "
        "weight, with mean 1 over a batch.",
    )
    weight_form: Annotated[Literal["free", "scale", "convex"], OnlyWith("needs_teacher")] = Field(
        "free",
        title="Weights of an image",
        description="free: one for each loss, as published; scale: one for both; convex: they "
        "sum to 1.",
    )
    prior: Annotated[Literal["none", "hard", "both"], ReadIf("over", ("ce_kd",))] = Field(
        "none",
        title="Class prior",
        description="BiKD's losses that take the student's logits plus the log of the class "
        "frequencies: none as published, the hard one (Balanced Softmax), or both.",
    )
    weight_net_inputs: Literal["shifted", "plain"] = Field(
        "shifted",
        title="Weight-net inputs",
        description="The student's cross-entropy that the weight net sees: with the class prior "
        "where the hard loss has it, or always of the plain logits.",
    )
    class_shifts: Annotated[
        Literal["none", "one", "each"], ReadIf("weight_scale", ("relative",))
    ] = Field(
        "none",
        title="Learned class shifts",
        description="A number for each class, learned on D_val, is added to the student's logits "
        "inside the losses: the same in both (one), or others in each.",
    )
    class_shift_learning_rate: Annotated[float, ReadIf("class_shifts", ("one", "each"))] = Field(
        0.03,
        gt=0,
        le=1,
        title="Class-shift learning rate",
        description="Learning rate of Adam, which trains the class shifts.",
    )
    outer_from: Annotated[float, ReadIf("weight_scale", ("relative",))] = Field(
        0.0,
        ge=0,
        lt=1,
        title="Weights begin after",
        description="Share of the epochs after which the weight net begins; until then the run is "
        "that of the objective alone, at its cost.",
    )

    @model_validator(mode="before")
    @classmethod
    def _take_the_default_of_relative_weights(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("weight_scale") == "relative":
            return {"weight_net_learning_rate": RELATIVE_LEARNING_RATE, **values}
        return values

    @model_validator(mode="after")
    def _check_the_form(self) -> Self:
        if self.weight_scale == "relative" and self.weight_form == "convex":
            raise ValueError(
                "weight_form = 'convex' is not possible with weight_scale = 'relative': relative "
                "weights have mean 1, so they cannot sum to 1; it must be free or scale."
            )
        return self

    def epochs_without_learning(self, num_epochs: int) -> int:
        """Return the epochs of a run, of so many, after which the weight net begins to learn."""
        if self.weight_scale == "sigmoid":
            return super().epochs_without_learning(num_epochs)
        # The product of a decimal share and a count may lie just below a whole number.
        return math.floor(self.outer_from * num_epochs + 1e-9)


def is_as_published(options: Mapping[str, Any]) -> bool:
    """Return whether options, as given, describe BiKD's published form."""
    return all(options.get(name, value) == value for name, value in AS_PUBLISHED.items())
