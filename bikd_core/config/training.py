"""How long a run trains, in which steps, from which seed and on which device."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bikd_core.config.data import MAX_SEED
from bikd_core.config.part import OnlyWith, Part

Precision = Literal["float32", "bfloat16"]
MemoryFormat = Literal["contiguous", "channels_last"]


class TrainingConfig(Part):
    """The length of a run, its steps, its seed and its device."""

    epochs: int = Field(
        60, ge=1, le=10_000, title="Epochs", description="Passes over the training set."
    )
    batch_size: int = Field(
        64, ge=2, le=4096, title="Batch size", description="Images per step, of D_tr and of D_val."
    )
    learning_rate: float = Field(
        0.05,
        gt=0,
        le=10,
        title="Learning rate",
        description="Learning rate of the student's SGD; ×0.1 at 2/3 and at 5/6 of the epochs.",
    )
    momentum: float = Field(
        0.9, ge=0, lt=1, title="Momentum", description="Momentum of the student's SGD."
    )
    weight_decay: float = Field(
        5e-4, ge=0, le=1, title="Weight decay", description="Weight decay of the student's SGD."
    )
    augmentation: Literal["none", "crop", "crop_flip"] = Field(
        "none",
        title="Augmentation",
        description="Random crop after padding by an eighth of the width, and horizontal flip.",
    )
    compile_teacher: Annotated[bool, OnlyWith("needs_teacher")] = Field(
        False,
        title="Compile the teacher",
        description="Use torch.compile, which takes a while at Start; where it is not possible "
        "the run says why and goes on without it.",
    )
    teacher_views: Annotated[int, OnlyWith("needs_teacher")] = Field(
        0,
        ge=0,
        le=64,
        title="Kept teacher views",
        description="0: every epoch draws new views of the images. More: a faster approximation "
        "with this many fixed views of each image, whose teacher logits are kept on the disk.",
    )
    seed: int = Field(
        0,
        ge=0,
        le=MAX_SEED,
        title="Seed",
        description="Varies initialisation, order and augmentation; the split has its own.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", title="Device", description="auto: CUDA where there is a device, else the CPU."
    )
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        "float32",
        title="Precision",
        description="Precision of the networks' layers. auto: bfloat16 where a table of what "
        "was measured of each student says that it pays. Losses, weights and finite "
        "differences stay float32.",
    )
    memory_format: Literal["auto", "contiguous", "channels_last"] = Field(
        "auto",
        title="Memory format",
        description="Order of an image's values in memory. auto: channels_last, which is "
        "faster, or contiguous for networks that are not the product's own. It changes the last "
        "digits of the results.",
    )
