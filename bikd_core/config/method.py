"""How the student learns: the method and its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import Field

from bikd_core.config.method_facts import METHOD_FACTS
from bikd_core.config.part import Part

# The files in `bikd_core/methods`: a type checker sees any name, pydantic only those.
if TYPE_CHECKING:
    Method: TypeAlias = str
else:
    Method = Literal[tuple(METHOD_FACTS)]
Estimator = Literal["forward", "finite_difference", "unrolled"]


class MethodConfig(Part):
    """How the student learns."""

    method: Method = Field(
        "bikd", title="Method", description="Training objective: BiKD or one of its rivals."
    )
    temperature: float = Field(
        4.0,
        ge=0.1,
        le=100,
        title="Temperature",
        description="Softens the distributions of teacher and student in the soft loss.",
    )
    kd_alpha: float = Field(
        0.5,
        ge=0,
        le=1,
        title="KD alpha",
        description="Weight of the hard loss where the two weights are fixed and sum to 1; the "
        "soft loss has the rest.",
    )
    weight_form: Literal["free", "scale", "convex"] = Field(
        "free",
        title="Weights of an image",
        description="free: one for each loss, as published; scale: one for both; convex: they "
        "sum to 1.",
    )
    prior: Literal["none", "hard", "both"] = Field(
        "none",
        title="Class prior",
        description="BiKD's losses that take the student's logits plus the log of the class "
        "frequencies: none as published, the hard one (Balanced Softmax), or both.",
    )
    inner_steps: int = Field(
        1,
        ge=1,
        le=100,
        title="Inner steps",
        description="Student steps whose hypergradients are averaged into one weight-net step.",
    )
    meta_loss: Literal["hard", "soft", "mix"] = Field(
        "hard",
        title="Meta loss",
        description="What the weight net minimises on D_val: hard loss, soft loss or their sum.",
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
        1e-3, gt=0, le=1, title="Weight-net learning rate", description="Of Adam."
    )
    weight_net_inputs: Literal["shifted", "plain"] = Field(
        "shifted",
        title="Weight-net inputs",
        description="The student's cross-entropy that the weight net sees: with the class prior "
        "where the hard loss has it, or always of the plain logits.",
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
