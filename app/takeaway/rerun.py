"""What the cells of an exported notebook call: train a config again, and draw its views."""

from __future__ import annotations

import html
from typing import Any

import plotly.graph_objects as go
from streamlit.logger import set_log_level

from app.figures.drawing import THEME_BACKGROUND, THEME_TEXT, Drawing
from app.lab.views import VIEWS, Moment, has_many_classes
from app.lab.views.one_step import walks_of
from bikd_core.cli.driver import drive
from bikd_core.config import ConfigError, RunConfig, listed
from bikd_core.places import Places
from bikd_core.runs import Snapshot
from bikd_core.runs.history import Histories

_COLOURS = {THEME_TEXT: "#222222", THEME_BACKGROUND: "#ffffff"}
_GRID = "#dddddd"


def train_again(config: RunConfig, name: str) -> Snapshot:
    """Train a config as `bikd run` does; the run is kept, and the Lab lists it.

    Args:
        config: The config.
        name: The run's name.

    Raises:
        ValueError: Config, data set or teacher cannot be used.
        RuntimeError: The run did not finish; the message says why.
    """
    places = Places.from_environment()
    folder = drive(config, places, name, as_json=False).folder
    run = Histories(places.runs, lambda _: False).snapshot(folder.run_id)
    if run.state != "finished":
        raise RuntimeError(f"The run {run.state}: {run.reason}")
    return run


def draw(run: Snapshot, view: str, epoch: int | None = None) -> None:
    """Show the figures of a view, each with its question and its sentence.

    Args:
        run: The run.
        view: The name of a view of the Lab.
        epoch: From 1; None for the last one.

    Raises:
        ConfigError: There is no such view or epoch.
    """
    names = [each.name for each in VIEWS if each.rows]
    if view not in names:
        raise ConfigError(f"view = {view!r} is not possible: it must be {listed(names, 'or')}.")
    chosen, last = len(run.epochs) if epoch is None else epoch, len(run.epochs)
    if not 1 <= chosen <= last:
        raise ConfigError(f"epoch = {epoch} is not possible: it must be from 1 to {last}.")
    [shown] = [each for each in VIEWS if each.name == view]
    by_class = not has_many_classes(run)
    moment = Moment(run, chosen, by_class=by_class, link=shown.link() if shown.link else None)
    for row in shown.rows:
        for figure in row:
            if figure.is_worth_drawing(moment):
                _display(figure.drawn_once(moment))


def draw_step(run: Snapshot) -> None:
    """Show the last recorded step of a run, phase by phase."""
    walks = walks_of(run)
    if not walks:
        raise ConfigError(f"The run {run.name!r} has no recorded step.")
    _, _, phases = walks[-1]
    for phase in phases:
        _say(f"<h3>{html.escape(phase.name)}</h3><p>{html.escape(phase.words)}</p>")
        for drawings in phase.rows:
            for drawing in drawings:
                _display(drawing)


def figure_of(drawing: Drawing) -> go.Figure:
    """Return a drawing as a figure of plotly.py, on a light page."""
    axis = {"gridcolor": _GRID, "linecolor": _GRID, "zerolinecolor": _GRID}
    template = {"layout": {"plot_bgcolor": "#ffffff", "xaxis": axis, "yaxis": axis}}
    coloured = _coloured({"data": drawing.data, "layout": drawing.layout})
    figure = go.Figure(coloured)
    figure.update_layout(height=drawing.height, template=template)
    return figure


def _display(drawing: Drawing) -> None:
    _say(f"<h4>{html.escape(drawing.title)}</h4>")
    if drawing.data:
        figure_of(drawing).show()
    _say(f"<p>{html.escape(drawing.sentence)}</p>")


def _say(words: str) -> None:
    from IPython.display import HTML, display  # a notebook's kernel has it, and nobody else

    display(HTML(words))  # type: ignore[no-untyped-call]


def _coloured(value: Any) -> Any:
    """Replace the theme's colours anywhere in a figure."""
    if isinstance(value, str):
        return _COLOURS.get(value, value)
    if isinstance(value, dict):
        return {name: _coloured(each) for name, each in value.items()}
    return [_coloured(each) for each in value] if isinstance(value, list) else value


set_log_level("ERROR")  # no page is drawn here
