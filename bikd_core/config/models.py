"""Who teaches and who learns: the architectures, and which of them take a data set's images."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from bikd_core.config.part import OnlyWith, Part

ModelName = Literal[
    "digits_mlp", "digits_cnn_s", "digits_cnn_l",
    "grey_cnn_s", "grey_cnn_l",
    "resnet8", "resnet14", "resnet20", "resnet32", "resnet44", "resnet56", "resnet110",
    "resnet8x4", "resnet32x4",
]  # fmt: skip
#: The models that take a data set's images: 8×8 grey, 28×28 grey, 32×32 in colour.
_DIGITS_MODELS, _GREY_MODELS, _COLOUR_MODELS = (
    tuple(name for name in get_args(ModelName) if name.startswith(family))
    for family in ("digits_", "grey_", "resnet")
)
MODELS_FOR: dict[str, tuple[str, ...]] = {
    "digits": _DIGITS_MODELS,
    "fashion_mnist": _GREY_MODELS,
    "kmnist": _GREY_MODELS,
    "svhn": _COLOUR_MODELS,
    "cifar10": _COLOUR_MODELS,
    "cifar100": _COLOUR_MODELS,
}


class ModelConfig(Part):
    """Who teaches and who learns."""

    teacher: Annotated[str, OnlyWith("needs_teacher")] = Field(
        "auto",
        min_length=1,
        max_length=500,
        title="Teacher",
        description="'auto' (a stored teacher that fits the split, else one is trained first), "
        "a stored teacher's name, or the path of a .safetensors or .pth file.",
    )
    teacher_model: Annotated[ModelName, OnlyWith("needs_teacher")] = Field(
        "digits_cnn_l", title="Teacher model", description="Architecture of the teacher."
    )
    student: ModelName = Field(
        "digits_cnn_s", title="Student model", description="Architecture of the student."
    )
