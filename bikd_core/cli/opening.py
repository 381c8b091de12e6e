"""Opens what options name before a command goes on: pictures by their path, and code by its name.

The progress of pictures goes to standard error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bikd_core.cli.controls import Controls
from bikd_core.config import FOLDER_PREFIX, ConfigError, DataConfig, allow_code, is_code

Code = Annotated[
    tuple[str, ...],
    Parameter(
        consume_multiple=True,
        negative=(),
        show_default=False,
        help="The networks module:function of the run, typed again: only then is their code "
        "imported.",
    ),
]
_NETWORKS = ("student", "teacher_model")
Given = TypeVar("Given", DataConfig, Controls)


def opened_dataset(dataset: str, data_dir: Path) -> str:
    """Return the name of the data set that `folder:PATH` names; any other name as it is.

    Raises:
        ConfigError: The size after @ is not possible.
        DatasetUnavailable: The pictures cannot be opened: one sentence.
    """
    if not dataset.startswith(FOLDER_PREFIX):
        return dataset
    from bikd_core.data.own.opening import opened  # imports Pillow

    with Progress(
        TextColumn("opening pictures"),
        MofNCompleteColumn(),
        BarColumn(bar_width=12),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True, highlight=False),
        transient=True,
    ) as line:
        task = line.add_task("", total=None)
        return opened(
            dataset,
            data_dir,
            lambda done, total: line.update(task, completed=done, total=total),
        )


def with_opened(given: Given, data_dir: Path) -> Given:
    """Return options as they are given, with pictures that they name by a path opened.

    Raises:
        ValueError: As `opened_dataset`.
    """
    data = given.data if isinstance(given, Controls) else given
    dataset = opened_dataset(data.dataset, data_dir)
    if dataset == data.dataset:
        return given
    values = {name: getattr(data, name) for name in data.model_fields_set}
    found = DataConfig.model_validate(values | {"dataset": dataset})
    return replace(given, data=found) if isinstance(given, Controls) else found


def allow_typed(given: Mapping[str, Any], code: Sequence[str] = ()) -> None:
    """Let this process import the code that the command line names; the current folder comes last.

    Args:
        given: Controls that were given as options.
        code: The names of an option `--code`.

    Raises:
        ConfigError: One of these is not module:function.
    """
    for name in code:
        if not is_code(name):
            raise ConfigError(f"code = {name[:80]!r} is not possible: it must be module:function.")
    allow_code([*(given[name] for name in _NETWORKS if given.get(name)), *code], Path.cwd())
