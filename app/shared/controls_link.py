"""The controls in a page's address, each by its own name; the same on every page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bikd_core.config import (
    FORM,
    ConfigError,
    DataConfig,
    RunConfig,
    as_text,
    choices,
    default_controls,
    fields,
    known_facts,
)
from bikd_core.data.possible import check_possible


def has_controls(parameters: Mapping[str, str]) -> bool:
    """Return whether query parameters say anything about a control."""
    return any(name in fields() for name in parameters)


def read_controls(
    parameters: Mapping[str, str], others: Collection[str] = ()
) -> tuple[RunConfig, list[str]]:
    """Return the config that query parameters ask for, and a sentence for each one refused.

    What they leave out takes the default of their data set. Of controls that contradict each
    other, as few as possible are refused.

    Args:
        parameters: The query parameters.
        others: Names of parameters that are not controls.
    """
    given = {name: text for name, text in parameters.items() if name not in others}
    complaints: list[str] = []
    for name in [name for name in given if name not in fields()]:
        complaints.append(str(_problem({name: given.pop(name)})))
    while problem := _problem(given):
        name = _to_drop(given, problem)
        del given[name]
        default = default_controls({"dataset": _dataset(given)})[name]
        words = "none" if default is None else as_text(default)
        complaints.append(f"{problem} The default of {name} is used: {words}.")
    return RunConfig.from_flat(given), complaints


def write_controls(controls: Mapping[str, Any]) -> dict[str, str]:
    """Return the query parameters that `read_controls` needs: what differs from the defaults.

    The defaults are those of the controls' data set and of the form of their method, which is
    written where it differs from the data set's.
    """
    dataset = {"dataset": controls["dataset"]}
    plain = default_controls({})["dataset"]
    own = default_controls(dataset)
    defaults = default_controls(controls) | {name: own[name] for name in FORM} | {"dataset": plain}
    return {
        name: as_text(value)
        for name, value in controls.items()
        if value is not None and value != defaults[name]
    }


def _problem(given: Mapping[str, str]) -> ConfigError | None:
    """Return why these controls, with defaults for the others, make no run; None if they do."""
    try:
        check_possible(RunConfig.from_flat(given))
    except ConfigError as error:
        return error
    return None


def _to_drop(given: Mapping[str, str], problem: ConfigError) -> str:
    """Return the control to drop: the one that is blamed, if that is enough."""
    blamed = str(problem).split(" ", 1)[0]
    if not given:  # the defaults are at fault: that is ours to say, not the address's
        raise problem

    def rank(name: str) -> tuple[bool, bool, bool]:
        return name != blamed, name == "dataset", name not in DataConfig.model_fields

    names = sorted(given, key=rank)
    enough = [name for name in names if not _problem(_without(given, name))]
    return (enough or names)[0]


def _without(given: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: text for key, text in given.items() if key != name}


def _dataset(given: Mapping[str, str]) -> str:
    dataset = given.get("dataset", "")
    return dataset if known_facts(dataset) else str(choices("dataset")[0])
