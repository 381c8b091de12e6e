"""BiKD's options."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bikd_core.config.method import TeacherAndWeightNetOptions


class Options(TeacherAndWeightNetOptions):
    """BiKD's options: the form of an image's weights, and which losses have the class prior."""

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
    weight_net_inputs: Literal["shifted", "plain"] = Field(
        "shifted",
        title="Weight-net inputs",
        description="The student's cross-entropy that the weight net sees: with the class prior "
        "where the hard loss has it, or always of the plain logits.",
    )
