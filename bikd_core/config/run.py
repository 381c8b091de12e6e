"""One run, whole: the five parts, and what a data set changes of their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from bikd_core.config.data import DataConfig
from bikd_core.config.describe import ConfigError, explain, fields, no_control, part_of
from bikd_core.config.method import MethodConfig
from bikd_core.config.method_facts import METHOD_FACTS
from bikd_core.config.models import ModelConfig
from bikd_core.config.part import Part
from bikd_core.config.parts import PARTS
from bikd_core.config.protocol import ProtocolConfig
from bikd_core.config.source_facts import DEFAULT_SOURCE, SOURCE_FACTS
from bikd_core.config.training import TrainingConfig


class RunConfig(Part):
    """One run, whole. What is not given takes the default of its data set.

    `RunConfig(data={"dataset": "cifar10"})` therefore has CIFAR-10's batch size and models.
    """

    data: DataConfig = Field(default_factory=DataConfig)
    models: ModelConfig = Field(default_factory=ModelConfig)
    method: MethodConfig = Field(default_factory=MethodConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    protocol: ProtocolConfig = Field(default_factory=ProtocolConfig)

    @model_validator(mode="before")
    @classmethod
    def _take_defaults_of_the_data_set(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        parts = {name: _given(values.get(name, {})) for name in PARTS}
        for name, default in _defaults_of_the_source(parts["data"]).items():
            part = parts[part_of(name)]
            if isinstance(part, dict):
                part.setdefault(name, default)
        return {**values, **parts}

    @model_validator(mode="after")
    def _check_the_use_of_d_val(self) -> Self:
        num_val, halved = self.data.val_per_class, self._halved()
        if self.cross_fits and self.protocol.train_on_val == "no":
            raise ValueError(
                "cross_fit = True is not possible with train_on_val = 'no': one half of D_val is "
                "trained on, so train_on_val must be mixed or batch."
            )
        if num_val <= len(halved):
            raise ValueError(
                f"val_per_class = {num_val} is not possible with {' and '.join(halved)}: at least "
                f"{len(halved) + 1}, so that no part of D_val is without a class."
            )
        return self

    @property
    def cross_fits(self) -> bool:
        """D_val's halves take turns in training and in guiding the weight net."""
        return self.method.cross_fit and "cross_fit" in METHOD_FACTS[self.method.method].reads

    def _halved(self) -> tuple[str, ...]:
        """The controls by which D_val is halved."""
        asked = {"hold_out_half": self.protocol.hold_out_half, "cross_fit": self.cross_fits}
        return tuple(name for name, is_asked in asked.items() if is_asked)

    def flat(self) -> dict[str, Any]:
        """All controls by their own name, in the order of the parts: what a URL holds."""
        return {
            name: value
            for part in PARTS
            for name, value in getattr(self, part).model_dump(mode="json").items()
        }

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> Self:
        """A config from controls by their own name; strings are read as their field's type.

        Raises:
            ConfigError: A name is unknown or a value is out of range: one sentence for the first.
        """
        parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
        for name, value in values.items():
            if name not in fields():
                raise ConfigError(no_control(name))
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
    if isinstance(part, Part):
        return {name: getattr(part, name) for name in part.model_fields_set}
    return dict(part) if isinstance(part, Mapping) else part


def _defaults_of_the_source(data: Any) -> dict[str, Any]:
    """Return what a data part's source changes of the defaults; an invalid part changes nothing."""
    dataset = data.get("dataset", DEFAULT_SOURCE) if isinstance(data, dict) else None
    facts = SOURCE_FACTS.get(str(dataset))
    return facts.defaults if facts else {}
