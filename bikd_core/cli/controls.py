"""The controls as command-line options; the config models give names, help, ranges, defaults."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.help import DefaultFormatter, HelpEntry, HelpPanel
from rich.text import Text

from bikd_core.config import (
    DATASET_DEFAULTS,
    MODELS_FOR,
    ConfigError,
    DataConfig,
    MethodConfig,
    ModelConfig,
    ProtocolConfig,
    RunConfig,
    TrainingConfig,
    bounds,
    fields,
)
from bikd_core.data.facts import planned_counts

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

Data = Annotated[DataConfig, Parameter(name="*", group="Data")]
Models = Annotated[ModelConfig, Parameter(name="*", group="Models")]
Method = Annotated[MethodConfig, Parameter(name="*", group="Method")]
Training = Annotated[TrainingConfig, Parameter(name="*", group="Training")]
Protocol = Annotated[ProtocolConfig, Parameter(name="*", group="Protocol")]


@dataclass(frozen=True)
class Controls:
    """All controls of a run, each as an option."""

    data: Data = field(default_factory=DataConfig)
    models: Models = field(default_factory=ModelConfig)
    method: Method = field(default_factory=MethodConfig)
    training: Training = field(default_factory=TrainingConfig)
    protocol: Protocol = field(default_factory=ProtocolConfig)

    def config(self) -> RunConfig:
        """Return the config; options not given take the data set's default.

        Raises:
            ConfigError: The controls do not go together.
        """
        return RunConfig(
            **{part.name: getattr(self, part.name) for part in dataclasses.fields(self)}
        )


AllControls = Annotated[Controls, Parameter(name="*")]


class ControlsHelp(DefaultFormatter):
    """Formats cyclopts' help with the range of each number and the defaults of each data set."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        super().__call__(console, options, panel.copy(entries=[*map(_completed, panel.entries)]))


def _completed(entry: HelpEntry) -> HelpEntry:
    name = entry.names[0].removeprefix("--").replace("-", "_") if entry.names else ""
    if name not in fields():
        return entry
    if limits := bounds(name):
        entry.description.append(Text(f"[range: {_range(limits)}]", "cyclopts.choices"))
    default, own = str(fields()[name].default), dict[str, list[str]]()
    for dataset, defaults in DATASET_DEFAULTS.items():
        if name in defaults and str(defaults[name]) != default:
            own.setdefault(str(defaults[name]), []).append(dataset)
    others = [f"{value} for {', '.join(datasets)}" for value, datasets in own.items()]
    return entry.copy(default="; ".join([default, *others]) if others else entry.default)


def _range(limits: dict[str, float]) -> str:
    words = {"ge": "{:.10g}", "gt": "above {:g}", "le": "to {:.10g}", "lt": "to below {:g}"}
    text = " ".join(words[key].format(limit) for key, limit in limits.items())
    return text if {"le", "lt"} & set(limits) else f"{text} and up"


def check(config: RunConfig) -> None:
    """Refuse what can be refused before torch is loaded and a picture is read.

    Raises:
        ConfigError: The data set cannot be cut so, or its images do not fit a model.
    """
    planned_counts(config.data)
    fitting = MODELS_FOR[config.data.dataset]
    for name in ("teacher_model", "student"):
        model = getattr(config.models, name)
        if model not in fitting:
            raise ConfigError(
                f"{name} = {model!r} is not possible with {config.data.dataset}: "
                f"it must be one of {', '.join(fitting)}."
            )
