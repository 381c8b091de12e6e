"""The config of one run: its five parts, and which of their defaults a data set changes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any, Self

from pydantic import (
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_serializer,
    model_serializer,
    model_validator,
)

from bikd_core.config.data import DataConfig
from bikd_core.config.describe import (
    ConfigError,
    explain,
    fields,
    part_of,
    unknown_control,
)
from bikd_core.config.method import MethodConfig, TeacherOptions, WeightNetOptions
from bikd_core.config.methods import METHOD_CONFIGS, AllOptions, AnyMethodConfig
from bikd_core.config.methods.bikd import AS_PUBLISHED, is_as_published
from bikd_core.config.models import ModelConfig
from bikd_core.config.own_data import known_facts
from bikd_core.config.own_loop import ELSEWHERE, OwnLoop, refusal
from bikd_core.config.part import Part
from bikd_core.config.parts import PARTS
from bikd_core.config.protocol import ProtocolConfig
from bikd_core.config.reading import read_by
from bikd_core.config.source_facts import DEFAULT_SOURCE
from bikd_core.config.training import TrainingConfig


class RunConfig(Part):
    """The config of one run. What is not given takes the default of its data set.

    `RunConfig(data={"dataset": "cifar10"})` therefore has CIFAR-10's batch size and models.
    `method` has the options of that method alone. Two configs are equal if their methods read the
    same values.
    """

    data: DataConfig = Field(default_factory=DataConfig)
    models: ModelConfig = Field(default_factory=ModelConfig)
    method: AnyMethodConfig = Field(default_factory=METHOD_CONFIGS["bikd"])
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    protocol: ProtocolConfig = Field(default_factory=ProtocolConfig)
    _given_options: dict[str, Any] = PrivateAttr(default_factory=dict)  # as given, of any method

    @model_validator(mode="before")
    @classmethod
    def _take_defaults_of_the_data_set(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        parts = {name: _given(values.get(name, {})) for name in PARTS}
        for name, default in _defaults_of_the_source(parts["data"], parts["method"]).items():
            part = parts[part_of(name)]
            if isinstance(part, dict):
                part.setdefault(name, default)
        return {**values, **parts, "method": _without_unread(parts["method"])}

    @model_validator(mode="after")
    def _check_where_it_was_recorded(self) -> Self:
        if (self.data.dataset == ELSEWHERE) != self.is_recorded_elsewhere:
            raise ValueError(
                f"dataset = {self.data.dataset!r} is not possible with method = "
                f"{self.method.method!r}: only runs of somebody's own loop have the data set "
                f"{ELSEWHERE}, and no other one."
            )
        return self

    @model_validator(mode="after")
    def _check_the_use_of_d_val(self) -> Self:
        num_val, halved = self.data.val_per_class, self.halved_by
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

    @model_validator(mode="after")
    def _check_that_out_of_fold_teachers_are_read(self) -> Self:
        method = self.method
        if (
            isinstance(method, TeacherOptions)
            and self.num_fold_teachers
            and method.out_of_fold == "inputs"
            and method.trust == 0
            and not method.facts.has_weight_net
        ):
            raise ValueError(
                f"out_of_fold = 'inputs' is not possible with trust = 0 and {method.facts.title}, "
                "which has no weight net, so that nothing would read them; it must be "
                "inputs_and_soft_loss, or trust more than 0."
            )
        return self

    @field_serializer("method")
    def _leave_out_unread(self, method: MethodConfig) -> dict[str, Any]:
        values = method.model_dump(mode="json")
        if isinstance(method, OwnLoop):
            return values
        read = read_by(values)
        return {name: value for name, value in values.items() if name in read}

    @model_serializer(mode="wrap")
    def _leave_out_what_nobody_knows(
        self, serialize: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        values: dict[str, Any] = serialize(self)
        if not self.is_recorded_elsewhere:
            return values
        return {
            "data": {"dataset": ELSEWHERE},
            "method": values["method"],
            "training": {"epochs": self.training.epochs},
        }

    @property
    def is_recorded_elsewhere(self) -> bool:
        """Whether somebody's own loop recorded the run: it can be shown, and not be trained."""
        return isinstance(self.method, OwnLoop)

    @property
    def cross_fits(self) -> bool:
        """Whether D_val's halves take turns in training and in guiding the weight net."""
        return isinstance(self.method, WeightNetOptions) and self.method.cross_fit

    @property
    def num_fold_teachers(self) -> int:
        """The number of teachers that have each not seen a fold of D_tr; 0 where there are none."""
        folds = self.method.teacher_folds if isinstance(self.method, TeacherOptions) else 1
        return folds if folds > 1 else 0

    @property
    def needs_whole_teacher(self) -> bool:
        """Whether a teacher that has seen all of D_tr is asked: for the soft loss."""
        method = self.method
        serves = isinstance(method, TeacherOptions) and method.out_of_fold == "inputs_and_soft_loss"
        return method.facts.needs_teacher and not (self.num_fold_teachers and serves)

    @property
    def fits_class_biases(self) -> bool:
        """Whether images of D_val are left that the student is not trained on, to fit biases to."""
        return self.protocol.train_on_val == "no" or self.protocol.hold_out_half

    @property
    def halved_by(self) -> tuple[str, ...]:
        """The controls that are on and halve D_val."""
        switches = {"hold_out_half": self.protocol.hold_out_half, "cross_fit": self.cross_fits}
        return tuple(name for name, is_on in switches.items() if is_on)

    @cached_property
    def _read(self) -> tuple[tuple[str, Any], ...]:
        """The controls that the method reads, as pairs: what makes two configs the same run."""
        values = self.flat()
        read = read_by(values)
        return tuple((name, value) for name, value in values.items() if name in read)

    def read_by_method(self) -> dict[str, Any]:
        """Return the controls that the method reads, by their own name."""
        return dict(self._read)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunConfig) and self._read == other._read

    def __hash__(self) -> int:
        return hash(self._read)

    def flat(self) -> dict[str, Any]:
        """Return all controls by their own name, in the order of `fields`: what a URL holds.

        What the method does not read is as it was given, else the data set's default.
        """
        defaults = {name: info.default for name, info in AllOptions.model_fields.items()}
        given, own = self._given_options, self.method.model_dump(mode="json")
        facts = known_facts(self.data.dataset)
        values = defaults | (facts.defaults if facts else {}) | given
        read = read_by(own)
        values |= {name: own[name] for name in own if name not in given or name in read}
        for part in PARTS:
            if part != "method":
                values |= getattr(self, part).model_dump(mode="json")
        return {name: values[name] for name in fields()}

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> Self:
        """Make a config from controls by their own name; strings are read as their field's type.

        Raises:
            ConfigError: A name is unknown or a value is out of range: one sentence for the first.
        """
        parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
        for name, value in values.items():
            if name not in fields():
                raise ConfigError(unknown_control(name))
            if why := refusal(name, value):
                raise ConfigError(why)
            parts[part_of(name)][name] = value
        try:
            config = cls.model_validate(parts)
            options = AllOptions.model_validate(parts["method"]).model_dump(mode="json")
        except ValidationError as error:
            raise ConfigError(explain(error)) from error
        config._given_options = {name: options[name] for name in parts["method"]}
        return config

    def changed(self, **values: Any) -> Self:
        """Return the same config with some controls changed, validated again.

        Where the form of the method changes, an option that has the default of the old form takes
        that of the new one, be it given or not.

        Raises:
            ConfigError: As `from_flat`.
        """
        return type(self).from_flat(with_change(self.flat(), values))


#: What decides an option's default besides the data set: the method and its form.
FORM = ("method", *AS_PUBLISHED)


def default_controls(controls: Mapping[str, Any]) -> dict[str, Any]:
    """Return all controls at their defaults for the data set and the form of these ones.

    Raises:
        ConfigError: The form is not possible.
    """
    form = tuple((name, controls[name]) for name in ("dataset", *FORM) if name in controls)
    return dict(_defaults(form, known_facts(str(controls.get("dataset"))) is not None))


@cache
def _defaults(form: tuple[tuple[str, Any], ...], is_met: bool) -> dict[str, Any]:
    return RunConfig.from_flat(dict(form)).flat()


def with_change(controls: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return all controls with some changed, not validated.

    Where the form of the method changes, an option that has the default of the old form takes
    that of the new one.

    Raises:
        ConfigError: The old form or the new one is not possible.
    """
    new = {**controls, **changed}
    if any(new[name] != controls[name] for name in FORM):
        before, after = default_controls(controls), default_controls(new)
        for name in AllOptions.model_fields.keys() - {*FORM, *changed}:
            if controls[name] == before[name]:
                new[name] = after[name]
    return new


def _given(part: Any) -> Any:
    """Return the values of a part that a caller gave; a built part knows which those are."""
    if isinstance(part, Part):
        names = part.model_fields_set | ({"method"} if isinstance(part, MethodConfig) else set())
        return {name: getattr(part, name) for name in names}
    return dict(part) if isinstance(part, Mapping) else part


def _without_unread(options: Any) -> Any:
    """Leave out the options that the method does not read; unknown names stay, to be refused."""
    if not isinstance(options, dict):
        return options
    method = options.setdefault("method", "bikd")
    if not isinstance(method, str) or method not in METHOD_CONFIGS:
        return options
    known = AllOptions.model_fields
    read = read_by(options)
    return {name: value for name, value in options.items() if name not in known or name in read}


def _defaults_of_the_source(data: Any, method: Any) -> dict[str, Any]:
    """Return the defaults that a data part's source changes; none if the part is invalid."""
    dataset = data.get("dataset", DEFAULT_SOURCE) if isinstance(data, dict) else None
    facts = known_facts(str(dataset))
    if facts is None:
        return {}
    is_published = isinstance(method, dict) and is_as_published(method)
    return facts.defaults | (facts.published_defaults if is_published else {})
