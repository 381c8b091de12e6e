"""What a run is asked to do: every control once, with its name, range, unit and one line of help.

The command line's options, the page's widgets, the URL's parameters and the stored `run.json`
are all made from these models. Plain values only: no torch, no open files, no callables.

The names of all fields are unique across the parts, so that a config also has a flat form
(`RunConfig.flat`, `RunConfig.from_flat`): that is what a URL or a command line holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

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
Method = Literal["bikd", "ce", "kd"]
Estimator = Literal["forward", "finite_difference", "unrolled"]
MAX_SEED = 2**31 - 1


class ConfigError(ValueError):
    """A control has a value it cannot take; the message names field, value and range."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _read_choice(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic reads a string as a number where a number is due, but not where a Literal is.
        options = _options(cls.model_fields[str(info.field_name)])
        return next((option for option in options if str(option) == value), value)


class DataConfig(_Part):
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


class ModelConfig(_Part):
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


class MethodConfig(_Part):
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
        description="Weight of the hard loss in plain KD; the soft loss has the rest.",
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


class TrainingConfig(_Part):
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


# What differs from the field defaults, per data set; a caller's own values come on top.
_CIFAR = {
    "teacher_model": "resnet32x4",
    "student": "resnet8x4",
    "inner_steps": 1,
    "batch_size": 100,
    "learning_rate": 0.1,
    "augmentation": "crop_flip",
    "epochs": 120,
    "val_per_class": 100,
}
_GREY = {
    "teacher_model": "grey_cnn_l",
    "student": "grey_cnn_s",
    "batch_size": 100,
    "val_per_class": 100,
    "epochs": 20,
}
DATASET_DEFAULTS: dict[str, dict[str, Any]] = {
    "digits": {},
    "fashion_mnist": _GREY,
    "kmnist": _GREY,
    "svhn": _CIFAR | {"augmentation": "crop"},
    "cifar10": _CIFAR | {"meta_loss": "mix"},
    "cifar100": _CIFAR | {"val_per_class": 10, "inner_steps": 5, "weight_net_layers": 2},
}


class RunConfig(_Part):
    """One run, whole. What is not given takes the default of its data set.

    `RunConfig(data={"dataset": "cifar10"})` therefore has CIFAR-10's batch size and models.
    """

    data: DataConfig = Field(default_factory=DataConfig)
    models: ModelConfig = Field(default_factory=ModelConfig)
    method: MethodConfig = Field(default_factory=MethodConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)

    PARTS: ClassVar[dict[str, type[_Part]]] = {
        "data": DataConfig,
        "models": ModelConfig,
        "method": MethodConfig,
        "training": TrainingConfig,
    }

    @model_validator(mode="before")
    @classmethod
    def _take_defaults_of_the_data_set(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        parts = {name: _given(values.get(name, {})) for name in cls.PARTS}
        dataset = parts["data"].get("dataset", "digits") if isinstance(parts["data"], dict) else ""
        for name, default in DATASET_DEFAULTS.get(str(dataset), {}).items():
            part = parts[part_of(name)]
            if isinstance(part, dict):
                part.setdefault(name, default)
        return {**values, **parts}

    def flat(self) -> dict[str, Any]:
        """All controls by their own name, in the order of the parts: what a URL holds."""
        return {
            name: value
            for part in self.PARTS
            for name, value in getattr(self, part).model_dump(mode="json").items()
        }

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> Self:
        """A config from controls by their own name; strings are read as their field's type.

        Raises:
            ConfigError: A name is unknown or a value is out of range: one sentence for the first.
        """
        parts: dict[str, dict[str, Any]] = {part: {} for part in cls.PARTS}
        for name, value in values.items():
            if name not in fields():
                raise ConfigError(_no_control(name))
            parts[part_of(name)][name] = value
        try:
            return cls.model_validate(parts)
        except ValidationError as error:
            raise ConfigError(explain(error)) from error

    def changed(self, **values: Any) -> Self:
        """The same config with some controls changed, validated again.

        Raises:
            ConfigError: As `from_flat`.
        """
        return type(self).from_flat(self.flat() | values)


def _given(part: Any) -> Any:
    """The values of a part that a caller gave; a part built elsewhere knows which those are."""
    if isinstance(part, _Part):
        return {name: getattr(part, name) for name in part.model_fields_set}
    return dict(part) if isinstance(part, Mapping) else part


def fields() -> dict[str, FieldInfo]:
    """Every control by name, in the order of the parts."""
    return {
        name: info for part in RunConfig.PARTS.values() for name, info in part.model_fields.items()
    }


def part_of(name: str) -> str:
    """The part of `RunConfig` that holds a control.

    Raises:
        KeyError: No part has it.
    """
    for part, model in RunConfig.PARTS.items():
        if name in model.model_fields:
            return part
    raise KeyError(name)


def choices(name: str) -> tuple[Any, ...]:
    """What a control with a fixed set of values can be; empty for the others."""
    return _options(fields()[name])


def _options(info: FieldInfo) -> tuple[Any, ...]:
    return get_args(info.annotation) if get_origin(info.annotation) is Literal else ()


def bounds(name: str) -> dict[str, float]:
    """The limits of a numeric control, by pydantic's names: some of ge, gt, le, lt."""
    return _limits(name, ("ge", "gt", "le", "lt"))


def _limits(name: str, keys: Iterable[str]) -> dict[str, float]:
    return {
        key: float(getattr(limit, key))
        for limit in fields()[name].metadata
        for key in keys
        if hasattr(limit, key)
    }


def explain(error: ValidationError) -> str:
    """The first complaint of a failed validation as one sentence: field, value, what is right."""
    first = error.errors()[0]
    name = str(first["loc"][-1]) if first["loc"] else "config"
    if first["type"] == "extra_forbidden":
        return _no_control(name)
    if name not in fields():
        return f"{name}: {first['msg']}."
    return f"{name} = {_shown(first['input'])} is not possible: {allowed(name)}."


def allowed(name: str) -> str:
    """What a control accepts, in words."""
    if options := choices(name):
        return f"it must be one of {', '.join(map(str, options))}"
    words = {
        "ge": "at least {:.10g}",
        "gt": "more than {:.10g}",
        "le": "at most {:.10g}",
        "lt": "less than {:.10g}",
        "min_length": "at least {:g}",
        "max_length": "at most {:g} characters",
    }
    limits = " and ".join(words[key].format(value) for key, value in _limits(name, words).items())
    kinds = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}
    annotation = fields()[name].annotation
    options = get_args(annotation) or (annotation,)
    kind = kinds.get(getattr(options[0], "__name__", ""), "a value")
    empty = "or nothing" if type(None) in options else ""
    return ", ".join(part for part in (f"it must be {kind}", limits, empty) if part)


def _no_control(name: object) -> str:
    return f"There is no control {_shown(name)}; the controls are {', '.join(fields())}."


def _shown(value: object) -> str:
    """A value in a message: it may come from a URL, and be of any length."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
