"""The controls, in the five parts of a config: each with its range, unit and one line of help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from pydantic import Field

from bikd_core.config.method_facts import METHOD_FACTS
from bikd_core.config.part import Part
from bikd_core.config.protocol import ProtocolConfig

Dataset = Literal["digits", "fashion_mnist", "kmnist", "svhn", "cifar10", "cifar100"]
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
# The files in `bikd_core/methods`: a type checker sees any name, pydantic only those.
if TYPE_CHECKING:
    Method: TypeAlias = str
else:
    Method = Literal[tuple(METHOD_FACTS)]
Estimator = Literal["forward", "finite_difference", "unrolled"]
Precision = Literal["float32", "bfloat16"]
MemoryFormat = Literal["contiguous", "channels_last"]
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


class ModelConfig(Part):
    """Who teaches and who learns."""

    teacher: str = Field(
        "auto",
        min_length=1,
        max_length=500,
        title="Teacher",
        description="'auto' (a stored teacher that fits the split, else one is trained first), "
        "a stored teacher's name, or the path of a .safetensors or .pth file.",
    )
    teacher_model: ModelName = Field(
        "digits_cnn_l", title="Teacher model", description="Architecture of the teacher."
    )
    student: ModelName = Field(
        "digits_cnn_s", title="Student model", description="Architecture of the student."
    )


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


class TrainingConfig(Part):
    """For how long, in which steps, from which seed, on what."""

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
        description="Of the student's SGD; ×0.1 at 2/3 and at 5/6 of the epochs.",
    )
    momentum: float = Field(0.9, ge=0, lt=1, title="Momentum", description="Of the student's SGD.")
    weight_decay: float = Field(
        5e-4, ge=0, le=1, title="Weight decay", description="Of the student's SGD."
    )
    augmentation: Literal["none", "crop", "crop_flip"] = Field(
        "none",
        title="Augmentation",
        description="Random crop after padding by an eighth of the width, and horizontal flip.",
    )
    compile_teacher: bool = Field(
        False,
        title="Compile the teacher",
        description="With torch.compile, which takes a while at Start; where it is not possible "
        "the run says why and goes on without.",
    )
    teacher_views: int = Field(
        0,
        ge=0,
        le=64,
        title="Kept teacher views",
        description="0: every epoch draws new views of the images. Else an approximation that is "
        "faster: so many fixed views of each, the teacher's logits of them kept on the disk.",
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
        description="Of the networks' layers. auto: bfloat16 where a short check at Start finds it "
        "faster here and close enough. Losses, weights and finite differences stay float32.",
    )
    memory_format: Literal["auto", "contiguous", "channels_last"] = Field(
        "auto",
        title="Memory format",
        description="Order of an image's values in memory. auto: channels_last for the ResNets, "
        "which is faster; it changes the last digits of their results.",
    )


PARTS: dict[str, type[Part]] = {
    "data": DataConfig,
    "models": ModelConfig,
    "method": MethodConfig,
    "training": TrainingConfig,
    "protocol": ProtocolConfig,
}
