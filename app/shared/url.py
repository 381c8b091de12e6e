"""What a link says: the controls by their own name, the run, the epoch and the view.

A link is user input. Each parameter is judged by itself; what cannot be is replaced by the
default, and a sentence says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bikd_core.config import (
    ConfigError,
    DataConfig,
    RunConfig,
    as_text,
    choices,
    fields,
)
from bikd_core.data.possible import check_possible

#: What a viewer chooses of how figures are drawn, and what it can be: the default first.
DRAWN_BY: dict[str, tuple[str, ...]] = {
    "axes": ("log", "linear"),  # of the response surface
    "by": ("groups", "classes"),  # of the weights, where there are many classes
    "order": ("hard", "soft"),  # of the pictures
}
#: Those that are no control. `over`: whose weights are drawn over time; `phase`, `step`: of the
#: step under the lens.
VIEWER_PARAMETERS = (
    *("run", "key", "with", "epoch", "view", "picture"),
    *DRAWN_BY,
    *("over", "phase", "step"),
    *("methods", "seeds", "reference", "counts", "faults"),  # of a comparison
    "shown",  # a stored teacher
)
#: Controls that are right or wrong only beside the data set and each other.
_JUDGED_TOGETHER = tuple(
    name for name in (*DataConfig.model_fields, "student", "teacher_model") if name != "dataset"
)


class Link(NamedTuple):
    """The controls that a link asks for, complete, and what was wrong with it."""

    controls: dict[str, Any]
    complaints: list[str]


def read_controls(parameters: Mapping[str, str]) -> Link:
    """The controls of a link: its data set's defaults with the link's own values on top."""
    given: dict[str, Any] = {}
    complaints: list[str] = []
    for name in sorted(parameters, key=lambda name: name != "dataset"):  # that one first
        if name in VIEWER_PARAMETERS:
            continue
        try:
            given[name] = _checked(name, parameters[name], given.get("dataset", "digits"))
        except ConfigError as error:
            complaints.append(_with_default(str(error), name, given.get("dataset", "digits")))
    return Link(_that_fit_together(given, complaints), complaints)


def _checked(name: str, text: str, dataset: str) -> Any:
    return RunConfig.from_flat({"dataset": dataset} | {name: text}).flat()[name]


def _that_fit_together(given: dict[str, Any], complaints: list[str]) -> dict[str, Any]:
    """All controls; those that contradict each other or the data set are dropped."""
    given = dict(given)
    while error := _contradiction(given):
        blamed = str(error).split(" ", 1)[0]
        candidates = [name for name in given if name in _JUDGED_TOGETHER]
        candidates.sort(key=lambda name: (name != blamed, _JUDGED_TOGETHER.index(name)))
        if not candidates:  # the defaults are at fault: that is ours to say, not the link's
            raise error
        enough = [name for name in candidates if not _contradiction(_without(given, name))]
        name = (enough or candidates)[0]
        given = _without(given, name)
        complaints.append(_with_default(str(error), name, given.get("dataset", "digits")))
    return RunConfig.from_flat(given).flat()


def _contradiction(given: Mapping[str, Any]) -> ConfigError | None:
    try:
        check_possible(RunConfig.from_flat(given))
    except ConfigError as error:
        return error
    return None


def _without(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != name}


def _with_default(sentence: str, name: str, dataset: str) -> str:
    if name not in fields():
        return sentence
    default = RunConfig.from_flat({"dataset": dataset}).flat()[name]
    shown = "none" if default is None else as_text(default)
    return f"{sentence} The default of {name} is used: {shown}."


def write_controls(controls: Mapping[str, Any]) -> dict[str, str]:
    """The parameters that `read_controls` needs: what differs from the data set's defaults."""
    dataset = controls["dataset"]
    defaults = RunConfig.from_flat({"dataset": dataset}).flat()
    changed = {
        name: value
        for name, value in controls.items()
        if value is not None and value != defaults[name]
    }
    if dataset != choices("dataset")[0]:
        changed["dataset"] = dataset
    return {name: as_text(value) for name, value in changed.items()}


def read_epoch(text: str | None, planned: int) -> int | None:
    """The epoch that a link asks for.

    Raises:
        ConfigError: It is not one of the run's.
    """
    if text is None:
        return None
    if _is_whole(text) and 1 <= int(text) <= planned:
        return int(text)
    raise ConfigError(
        f"epoch = {text[:40]!r} is not possible: it must be a whole number from 1 to {planned}. "
        "The newest epoch is shown."
    )


def read_picture(text: str | None) -> int | None:
    """The original index of the picture that a link asks for.

    Raises:
        ConfigError: It is no index.
    """
    if text is None or _is_whole(text):
        return None if text is None else int(text)
    raise ConfigError(
        f"picture = {text[:40]!r} is not possible: it must be a whole number, the picture's "
        "original index. None is shown."
    )


def read_choice(name: str, text: str | None) -> str:
    """How a link asks for figures to be drawn; the default if it does not.

    Raises:
        ConfigError: It is not one of `DRAWN_BY`.
    """
    options = DRAWN_BY[name]
    if text is None or text in options:
        return text or options[0]
    raise ConfigError(
        f"{name} = {text[:40]!r} is not possible: it must be one of {', '.join(options)}. "
        f"{options[0]} is used."
    )


def read_over(text: str | None) -> str:
    """Whose weights a link asks for over time: a group, or a class by its label from 0.

    Raises:
        ConfigError: It is neither.
    """
    if text is None or text in {"few", "medium", "many"} or _is_whole(text):
        return text or "few"
    raise ConfigError(
        f"over = {text[:40]!r} is not possible: it must be few, medium, many or the number of a "
        "class. few is used."
    )


def read_count(name: str, text: str | None) -> int | None:
    """A phase or a step that a link asks for, from 1.

    Raises:
        ConfigError: It is no whole number from 1 on.
    """
    if text is None or (_is_whole(text) and int(text) >= 1):
        return None if text is None else int(text)
    raise ConfigError(
        f"{name} = {text[:40]!r} is not possible: it must be a whole number from 1 on. It is left "
        "out."
    )


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= len(text) <= 9
