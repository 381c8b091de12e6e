"""What D_val is used for, and the faults of the published comparison, each by name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bikd_core.config.part import OnlyWith, Part, ReadIf


class ProtocolConfig(Part):
    """The uses of D_val besides the weight net, and the published faults that are restored."""

    train_on_val: Literal["no", "mixed", "batch"] = Field(
        "no",
        title="D_val in training",
        description="no; mixed evenly among the training images; or as a batch of equal weight in "
        "every step. The teacher never sees D_val.",
    )
    hold_out_half: bool = Field(
        False,
        title="Hold half of D_val out",
        description="Use one fixed half of D_val and measure D_val's loss and accuracy on the "
        "other: to choose configurations by.",
    )
    measured_half: Annotated[Literal["second", "first"], ReadIf("hold_out_half", (True,))] = Field(
        "second",
        title="Half that measures",
        description="Which half of D_val is held out. Two runs, one with each, measure all of it.",
    )
    teacher_batch_statistics: Annotated[bool, OnlyWith("needs_teacher")] = Field(
        False,
        title="Teacher in train mode",
        description="A published fault: the teacher normalises by the batch's statistics.",
    )
    drop_window: Annotated[bool, OnlyWith("has_weight_net")] = Field(
        False,
        title="Drop left-over windows",
        description="A published fault: hypergradients of a window that the epoch leaves "
        "unfinished are thrown away.",
    )
