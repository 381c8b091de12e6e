"""Which pictures a run trains on, and how long the tail is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from bikd_core.config.part import Part, ReadIfAbove
from bikd_core.config.source_facts import DEFAULT_SOURCE, SOURCE_FACTS

# The files in `bikd_core/data/sources`: a type checker accepts any name, pydantic only those.
if TYPE_CHECKING:
    Dataset: TypeAlias = str
else:
    Dataset = Literal[tuple(SOURCE_FACTS)]
LabelNoise: TypeAlias = Literal["uniform", "by_count", "pairs"]
MAX_SEED = 2**31 - 1


class DataConfig(Part):
    """The pictures that a run trains on, and the length of their tail."""

    dataset: Dataset = Field(
        DEFAULT_SOURCE, title="Data set", description="Where the pictures come from."
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
    label_noise: float = Field(
        0.0,
        ge=0,
        le=0.9,
        title="Label noise",
        description="Share of the training images whose label is drawn anew, so that some are "
        "wrong; the split seed draws them. One image of each class keeps its label, and D_val and "
        "the test set stay clean.",
    )
    label_noise_kind: Annotated[LabelNoise, ReadIfAbove("label_noise")] = Field(
        "uniform",
        title="Kind of label noise",
        description="What a label noise of 0.3 does to 100 images: it draws 30 labels anew, from "
        "all classes alike (uniform) or by the sizes of the classes (by_count), where a new label "
        "can be the old one; or it gives 30 images the label of the next class, all wrong (pairs).",
    )
