"""The controls as command-line options; the config models give names, help, ranges, defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.help import DefaultFormatter, HelpEntry, HelpPanel
from rich.text import Text

from bikd_core.config import (
    SOURCE_FACTS,
    AllOptions,
    DataConfig,
    ModelConfig,
    ProtocolConfig,
    RunConfig,
    TrainingConfig,
    bounds,
    fields,
)
from bikd_core.config.presets import PRESETS, preset_named

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

Data = Annotated[DataConfig, Parameter(name="*", group="Data")]
Models = Annotated[ModelConfig, Parameter(name="*", group="Models")]
Method = Annotated[AllOptions, Parameter(name="*", group="Method")]
Training = Annotated[TrainingConfig, Parameter(name="*", group="Training")]
Protocol = Annotated[ProtocolConfig, Parameter(name="*", group="Protocol")]

PresetName = Annotated[
    str,
    Parameter(
        group="Preset",
        show_default=False,
        help=f"Controls to begin with, which options override: {', '.join(PRESETS)}.",
    ),
]


@dataclass(frozen=True)
class Controls:
    """All controls of a run, each as an option."""

    data: Data = field(default_factory=DataConfig)
    models: Models = field(default_factory=ModelConfig)
    method: Method = field(default_factory=AllOptions)
    training: Training = field(default_factory=TrainingConfig)
    protocol: Protocol = field(default_factory=ProtocolConfig)
    preset: PresetName = ""

    @property
    def given(self) -> dict[str, Any]:
        """The controls that were given as options, in the order of `fields`."""
        parts = (self.data, self.models, self.method, self.training, self.protocol)
        given = {name: getattr(part, name) for part in parts for name in part.model_fields_set}
        return {name: given[name] for name in fields() if name in given}

    def config(self) -> RunConfig:
        """Return the config; options not given take the preset's value or the data set's default.

        Raises:
            ConfigError: There is no such preset, or the controls do not go together.
        """
        preset = preset_named(self.preset).controls if self.preset else {}
        return RunConfig.from_flat(preset | self.given)


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
    for dataset, facts in SOURCE_FACTS.items():
        if name in facts.defaults and str(facts.defaults[name]) != default:
            own.setdefault(str(facts.defaults[name]), []).append(dataset)
        if name in facts.published_defaults:
            own.setdefault(str(facts.published_defaults[name]), []).append(
                f"{dataset} as published"
            )
    others = [f"{value} for {', '.join(datasets)}" for value, datasets in own.items()]
    return entry.copy(default="; ".join([default, *others]) if others else entry.default)


def _range(limits: dict[str, float]) -> str:
    words = {"ge": "{:.10g}", "gt": "above {:g}", "le": "to {:.10g}", "lt": "to below {:g}"}
    text = " ".join(words[key].format(limit) for key, limit in limits.items())
    return text if {"le", "lt"} & set(limits) else f"{text} and up"
