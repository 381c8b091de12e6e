"""Which pictures a run trains on, and how long the tail is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import PydanticCustomError

from bikd_core.config.own_data import FOLDER_PREFIX, OWN_NAME
from bikd_core.config.own_loop import ELSEWHERE
from bikd_core.config.part import Part, ReadIf, ReadIfAbove
from bikd_core.config.source_facts import DEFAULT_SOURCE, SOURCE_FACTS

OwnPictures: TypeAlias = Annotated[
    str, StringConstraints(pattern=rf"^({FOLDER_PREFIX}[^\x00]+|{OWN_NAME})$", max_length=1000)
]
# The files in `bikd_core/data/sources`, and pictures of somebody's own: a type checker accepts any
# name, pydantic only those.
if TYPE_CHECKING:
    Dataset: TypeAlias = str
else:
    Dataset = Literal[tuple(SOURCE_FACTS)] | OwnPictures
Imbalance: TypeAlias = Literal["exponential", "step", "natural"]
LabelNoise: TypeAlias = Literal["uniform", "by_count", "pairs"]
Corruption: TypeAlias = Literal["none", "noise", "blur"]
MAX_SEED = 2**31 - 1


class DataConfig(Part):
    """The pictures that a run trains on, and the length of their tail."""

    dataset: Dataset = Field(
        DEFAULT_SOURCE,
        title="Data set",
        description="Where the pictures come from; folder:PATH opens a folder, zip, table or .npz "
        "of your own, resized to 32 pixels, or to 48 by folder:PATH@48.",
    )
    imbalance: Imbalance = Field(
        "exponential",
        title="Imbalance",
        description="Counts fall exponentially from head to tail, or half of all classes are rare "
        "(step), or each class keeps what it has (natural): D_val and the test set then take at "
        "most a third of a class each.",
    )
    imbalance_factor: Annotated[float, ReadIf("imbalance", ("exponential", "step"))] = Field(
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
        description="Images of each class in the balanced validation set D_val; with an imbalance "
        "of its own, of its largest class.",
    )
    test_per_class: int | None = Field(
        None,
        ge=1,
        title="Test per class",
        description="Images of each class in the balanced test set; none: as many as there are.",
    )
    shuffle_classes: Annotated[bool, ReadIf("imbalance", ("exponential", "step"))] = Field(
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
    val_imbalance_factor: float = Field(
        1.0,
        ge=1,
        le=200,
        title="Imbalance of D_val",
        description="Images of D_val's largest class divided by images of its smallest, which "
        "keeps one: it falls as D_tr does, from the same head; 1: balanced. The loss and accuracy "
        "on D_val, and the class biases, are those of the set as it then is.",
    )
    val_from: Literal["pool", "train"] = Field(
        "pool",
        title="D_val comes from",
        description="pool: images that are not trained on. train: copies of training images with "
        "their labels as given, up to D_val per class of each label; the loss and accuracy on "
        "D_val, and the class biases, are then those of images that were trained on.",
    )
    val_label_noise: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Label noise of D_val",
        description="Share of D_val's images whose label is drawn anew from all classes alike; "
        "the split seed draws them, whatever the label noise of D_tr. The loss and accuracy on "
        "D_val, and the class biases, go by these labels.",
    )
    val_corruption: Corruption = Field(
        "none",
        title="Corruption of D_val",
        description="What is done to D_val's images alone: Gaussian noise on each pixel, or "
        "Gaussian blur. The loss and accuracy on D_val, and the class biases, are those of the "
        "images as they then are.",
    )
    val_corruption_strength: Annotated[float, ReadIf("val_corruption", ("noise", "blur"))] = Field(
        0.5,
        ge=0,
        le=1,
        title="Strength of the corruption",
        description="Standard deviation of the noise, where pixels lie in 0 … 1 and are cut off "
        "there; or that of the blur in eighths of the image's height.",
    )
    val_reserve: int = Field(
        0,
        ge=0,
        le=1000,
        title="Reserved for D_val",
        description="Images of each class that D_tr leaves to D_val at least, be they used or "
        "not: so D_tr stays the same while D_val per class changes below it.",
    )

    @field_validator("dataset", mode="wrap")
    @classmethod
    def _explain_as_one(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> str:
        """Refuse in one sentence what is of neither type; pydantic would say one of each type.

        The data of a run that was recorded elsewhere pass: they are no choice of anybody's.
        """
        if value == ELSEWHERE:
            return ELSEWHERE
        try:
            found: str = handler(value)
        except ValidationError as error:
            raise PydanticCustomError("dataset", "There is no such data set") from error
        return found

    @property
    def num_reserved(self) -> int:
        """Images of each class that lie before D_tr in the pool: D_val's, and what is set aside."""
        return max(self.val_per_class, self.val_reserve)

    @property
    def with_plain_val(self) -> Self:
        """The same split with a balanced, unaltered D_val: equal where D_tr and test are equal."""
        changes = {name: type(self).model_fields[name].default for name in OF_VAL_ALONE}
        return self.model_copy(update=changes)


#: Controls that alter D_val, and neither D_tr nor the test set.
OF_VAL_ALONE = (
    "val_imbalance_factor",
    "val_from",
    "val_label_noise",
    "val_corruption",
    "val_corruption_strength",
)
