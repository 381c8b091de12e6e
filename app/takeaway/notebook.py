"""A run as a Jupyter notebook that trains its config again and draws the same figures."""

from __future__ import annotations

import json
import pprint
from typing import Any

from app.lab.views import VIEWS, Moment, one_step
from app.shared import status
from app.shared.markdown import plain
from bikd_core.config import ConfigError, RunConfig
from bikd_core.config.own_loop import OWN_LOOP_REFUSAL
from bikd_core.runs import Snapshot

NEEDS = "pip install ipykernel nbformat"
_BEGIN = """\
import sys

from bikd_core.config import RunConfig
from bikd_core.places import ROOT

sys.path.insert(0, str(ROOT))  # the page's drawing functions lie beside the engine
from app.takeaway.rerun import draw, draw_step, train_again"""
_TRAIN = """\
run = train_again(config, {name!r})
last = run.epochs[-1]
print(f"Balanced accuracy: recorded {recorded:.2%}, now {{last.accuracy:.2%}}.")"""

Cell = tuple[str, str]  # "markdown" or "code", and its text


def as_notebook(run: Snapshot) -> str:
    """Return the content of an .ipynb file.

    Raises:
        ConfigError: The run has no epoch: there are no figures to draw again. Or only the loop of
            somebody's own can train it again.
    """
    if run.config.is_recorded_elsewhere:
        raise ConfigError(f"{OWN_LOOP_REFUSAL} A notebook could not train it again.")
    if not run.epochs or run.resolved is None:
        raise ConfigError(f"The run {run.name!r} has no epoch: there is nothing to export.")
    cells = [
        ("markdown", _introduction(run)),
        ("code", f"{_BEGIN}\n\nconfig = RunConfig.from_flat(\n{_controls(run.config)}\n)"),
        ("code", _TRAIN.format(name=run.name, recorded=run.epochs[-1].accuracy)),
        *_views(run),
    ]
    return json.dumps(_notebook(cells), indent=1, ensure_ascii=False) + "\n"


def _introduction(run: Snapshot) -> str:
    assert run.resolved is not None
    versions = ", ".join(f"{name} {version}" for name, version in run.resolved.versions.items())
    lines = [
        f"# {plain(run.name)}",
        plain(status.summary(run)),
        "The cells below train this run again and draw the figures of its views. With the same "
        f"versions ({plain(versions)}), device and number of threads the numbers are the same.",
        "It needs the project in this kernel's environment, and what shows figures there: "
        f"`{NEEDS}`.",
    ]
    teacher = run.config.models.teacher
    if teacher != "auto":
        lines.append(f"It also needs the stored teacher {plain(teacher)}.")
    if run.together:
        lines.append(
            "It shared its steps with other runs: alone, the last digits of its numbers differ."
        )
    return "\n\n".join(lines)


def _controls(config: RunConfig) -> str:
    """Return the controls that differ from the defaults, as a Python expression."""
    whole = config.flat()
    given = {name: whole[name] for name in ("dataset", "method")}
    while (found := RunConfig.from_flat(given).flat()) != whole:
        # One control may bring other defaults of the next, so the first differing one is added.
        name = next(name for name, value in whole.items() if found.get(name) != value)
        given[name] = whole[name]
    return "\n".join(f"    {line}" for line in pprint.pformat(given, sort_dicts=False).splitlines())


def _views(run: Snapshot) -> list[Cell]:
    """Return a heading and a cell for each view that has a figure of this run."""
    cells: list[Cell] = []
    moment = Moment(run, len(run.epochs))
    for view in VIEWS:
        heading = ("markdown", f"## {view.name}\n\n{view.question}")
        figures = (figure for row in view.rows for figure in row)
        if any(figure.is_worth_drawing(moment) for figure in figures):
            cells += [heading, ("code", f"draw(run, {view.name!r})  # or epoch=1, 2, …")]
        elif view is one_step.VIEW and one_step.walks_of(run):
            cells += [heading, ("code", "draw_step(run)")]
    return cells


def _notebook(cells: list[Cell]) -> dict[str, Any]:
    """Return the form of nbformat 4.5."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "cells": [
            {"id": f"cell-{number}", "cell_type": kind, "metadata": {}, "source": text}
            | ({"execution_count": None, "outputs": []} if kind == "code" else {})
            for number, (kind, text) in enumerate(cells, start=1)
        ],
    }
