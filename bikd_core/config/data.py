"""Which pictures a run trains on, and how long the tail is."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bikd_core.config.part import Part

Dataset = Literal["digits", "fashion_mnist", "kmnist", "svhn", "cifar10", "cifar100"]
MAX_SEED = 2**31 - 1


class DataConfig(Part):
    """Which pictures, and how long the tail is."""

    dataset: Dataset = Field(
        "digits", title="Data set", description="Where the pictures come from."
    )
    imbalance: Literal["exponential", "step"] = Field(
        "exponential",
        title="Imbalance",
        description="Counts fall exponentially from head to tail, or half of all classes are rare.",
    )
    imbalance_factor: float = Field(
        50.0,
        ge=1,
        le=200,
        title="Imbalance factor",
        description="Images in the largest class divided by images in the smallest.",
    )
    head_count: int | None = Field(
        None,
        ge=1,
        title="Head count",
        description="Images in the largest class; none: all that D_val and the test set leave.",
    )
    val_per_class: int = Field(
        10,
        ge=1,
        le=1000,
        title="D_val per class",
        description="Images of each class in the balanced validation set D_val.",
    )
    test_per_class: int | None = Field(
        None,
        ge=1,
        title="Test per class",
        description="Images of each class in the balanced test set; none: as many as there are.",
    )
    shuffle_classes: bool = Field(
        False,
        title="Shuffle the head",
        description="Let the split seed draw which classes are frequent, instead of label order.",
    )
    split_seed: int = Field(
        0,
        ge=0,
        le=MAX_SEED,
        title="Split seed",
        description="Fixes the test set, D_val and the order of the pool.",
    )
