"""Who teaches and who learns: the architectures, and which images each of them takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import PydanticCustomError

from bikd_core.config.own_networks import IN_WORDS, MAX_LENGTH, OWN_NETWORK
from bikd_core.config.part import OnlyWith, Part

#: Channels and size (height and width in pixels) of the images that each model takes.
MODEL_IMAGES: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("digits_mlp", "digits_cnn_s", "digits_cnn_l"), (1, 8)),
    **dict.fromkeys(("grey_cnn_s", "grey_cnn_l"), (1, 28)),
    **dict.fromkeys(("colour_cnn_s", "colour_cnn_l"), (3, 32)),
    **dict.fromkeys((f"resnet{depth}" for depth in (8, 14, 20, 32, 44, 56, 110)), (3, 32)),
    **dict.fromkeys(("resnet8x4", "resnet32x4"), (3, 32)),
    **dict.fromkeys((f"resnet{depth}_a" for depth in (20, 32, 44, 56, 110)), (3, 32)),
    **dict.fromkeys(("wrn_16_1", "wrn_16_2", "wrn_40_1", "wrn_40_2"), (3, 32)),
    **dict.fromkeys(("vgg8", "vgg13", "shufflenet_v2", "mobilenet_v2_half"), (3, 32)),
}
#: They halve the image so often that of smaller ones a single pixel would be left.
_FROM_SIZE = {"vgg8": 16, "vgg13": 16, "shufflenet_v2": 16, "mobilenet_v2_half": 17}
#: Other sizes that a model takes too: it ends in a mean over the image. Own pictures have them.
_OTHER_SIZES: dict[str, range] = {
    **{
        name: range(_FROM_SIZE.get(name, 8), 65)
        for name, (channels, _) in MODEL_IMAGES.items()
        if channels == 3
    },
    **dict.fromkeys(("digits_cnn_s", "digits_cnn_l"), range(8, 17)),
    **dict.fromkeys(("grey_cnn_s", "grey_cnn_l"), range(17, 65)),
}
OwnNetwork: TypeAlias = Annotated[
    str, StringConstraints(pattern=OWN_NETWORK, max_length=MAX_LENGTH)
]
# A type checker accepts any name, pydantic only those and networks of somebody's own.
if TYPE_CHECKING:
    ModelName: TypeAlias = str
else:
    ModelName = Literal[tuple(MODEL_IMAGES)] | OwnNetwork


def models_taking(channels: int, size: int) -> tuple[str, ...]:
    """Return the names of the models that take images of this shape: channels × size × size."""
    return tuple(
        name
        for name, (own_channels, own_size) in MODEL_IMAGES.items()
        if own_channels == channels and (size == own_size or size in _OTHER_SIZES.get(name, ()))
    )


class ModelConfig(Part):
    """The teacher and the student, with their architectures."""

    teacher: Annotated[str, OnlyWith("needs_teacher")] = Field(
        "auto",
        min_length=1,
        max_length=500,
        title="Teacher",
        description="'auto' (a stored teacher that fits the split, else one is trained first), "
        "a stored teacher's name, or the path of a file of parameters.",
    )
    teacher_model: Annotated[ModelName, OnlyWith("needs_teacher")] = Field(
        "digits_cnn_l",
        title="Teacher model",
        description=f"Architecture of the teacher; {IN_WORDS} names one of your own.",
    )
    student: ModelName = Field(
        "digits_cnn_s",
        title="Student model",
        description=f"Architecture of the student; {IN_WORDS} names one of your own.",
    )

    @field_validator("teacher_model", "student", mode="wrap")
    @classmethod
    def _explain_as_one(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> str:
        """Refuse in one sentence what is of neither type; pydantic would say one of each type."""
        try:
            found: str = handler(value)
        except ValidationError as error:
            raise PydanticCustomError("network", "There is no such network") from error
        return found
